import { UsageError } from '@schemahub/runtime/config';
import { expireFace, isPublishing, publishedPaths } from '@schemahub/runtime/iceberg';
import { type OpenLake, openLake, requireLake, storeNow } from '@schemahub/runtime/lake';
import { countRequests, createRequestCounts } from '@schemahub/runtime/request-counts';
import { openTable } from '@schemahub/runtime/table';
import { type CommandRun, type Invocation, textFlag } from '../command.js';
import { costText, figuresText, type TableFigures, tableFigures } from '../compact-figures.js';
import { combineExitCodes, exitCodes } from '../exit-codes.js';
import { createFetchLog } from '../fetch-log.js';
import { withJobLease } from '../job-lease.js';
import { publishCommits } from '../publish.js';
import { createTableLog } from '../table-log.js';
import { bytesText, grouped } from '../text-table.js';
import { threadEntry } from '../thread-entry.js';

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `7d`, `12h`, `30m` in ms. */
export function parseAge(option: string, text: string): number {
  const match = /^(\d{1,6})([mhd])$/.exec(text);
  if (match === null)
    throw new UsageError(`--${option}: expected an age such as 7d, 12h or 30m, got ${JSON.stringify(text)}.`);
  return Number(match[1]) * UNITS[match[2]!]!;
}

async function compact(invocation: Invocation, lake: OpenLake): Promise<number> {
  const { config, io } = invocation;
  const log = createFetchLog(invocation);
  const requests = createRequestCounts();
  const opened = await openTable({
    lake: { ...lake, store: countRequests(lake.store, requests) },
    requests,
    threadEntry,
    config,
    stop: invocation.stop,
    onEvent: createTableLog(invocation),
    onRawEvent: log.onEvent,
  });
  const result = await opened.table.compact({ products: opened.products, dryRun: invocation.dryRun });
  await opened.condemn(result.unreadable.filter(({ code }) => code === 'damaged-raw'));
  const { user, system } = process.cpuUsage();
  const cost = { cpuSeconds: (user + system) / 1e6, requests: { ...requests } };
  const figures = await bothFigures(lake, result.commit);
  const published = await publishCommits(invocation, lake);
  const isDamaged = result.left.length > 0 || result.unreadable.length > 0 || result.conflicts > 0;
  const code = combineExitCodes([isDamaged ? exitCodes.damage : exitCodes.complete, published.code]);
  if (invocation.json) {
    const { snapshot, left, ...facts } = result;
    io.out(
      `${JSON.stringify({ command: 'compact', exit_code: code, snapshot: snapshot?.number ?? null, left: left.map((cell) => ({ ...cell, missing: cell.missing.toString() })), ...facts, ...cost, ...figures, iceberg: published.json })}\n`,
    );
  }
  if (invocation.quiet) return code;
  for (const { symbol, month, reason } of result.left)
    io.err(`${io.style('yellow', 'left')} ${symbol} ${month}: ${reason}\n`);
  if (figures.before !== null && figures.after !== null)
    io.err(
      figuresText('before', figures.before) +
        figuresText('after', figures.after) +
        costText(cost.cpuSeconds, cost.requests),
    );
  const done = invocation.dryRun
    ? 'dry run'
    : result.commit === undefined
      ? 'nothing to compact'
      : `commit ${result.commit}`;
  io.err(
    `${done}: ${grouped(result.cells)} cells were not canonical, ${grouped(result.filesRemoved)} files became ${grouped(result.filesAdded)} (${grouped(result.rows)} rows, ${bytesText(result.bytes)}). Next: schemahub vacuum\n`,
  );
  return code;
}

/** The snapshots around a commit; null where there was none. What was compacted away lies there until `vacuum`. */
async function bothFigures(
  lake: OpenLake,
  commit: number | undefined,
): Promise<{ readonly before: TableFigures | null; readonly after: TableFigures | null }> {
  if (commit === undefined) return { before: null, after: null };
  return { before: await tableFigures(lake, commit - 1), after: await tableFigures(lake, commit) };
}

async function vacuum(invocation: Invocation, lake: OpenLake, keepMs: number | undefined): Promise<number> {
  const { config, io } = invocation;
  const opened = await openTable({ lake, config, stop: invocation.stop, withoutMappings: true });
  // A dry run takes no lease and deletes nothing.
  const now = invocation.dryRun ? lake.clock.now() : await storeNow(lake, 'job:vacuum');
  // First the published snapshots of that age go, then what they alone held.
  if (isPublishing(config)) await expireFace({ lake, config, now, keepMs, dryRun: invocation.dryRun });
  const result = await opened.table.vacuum({
    publishedPaths: await publishedPaths(lake, config),
    dryRun: invocation.dryRun,
    now,
    ...(keepMs === undefined ? {} : { keepMs }),
  });
  if (now !== undefined) await lake.sweep?.(now);
  if (invocation.json) {
    const { snapshot, ...facts } = result;
    io.out(
      `${JSON.stringify({ command: 'vacuum', exit_code: 0, dry_run: invocation.dryRun, snapshot: snapshot?.number ?? null, ...facts })}\n`,
    );
  }
  if (!invocation.quiet) {
    const mode = invocation.dryRun ? 'dry run, would have' : 'vacuum';
    io.err(
      `${mode}: ${grouped(result.deleted.length)} objects deleted (${bytesText(result.deletedBytes)}), ${grouped(result.retired.length)} retired (deleted by a run 24 h later), ${grouped(result.buried.length)} old commits forgotten\n`,
    );
  }
  return exitCodes.complete;
}

/** `compact` and `vacuum`. */
export const run: CommandRun = async (invocation) => {
  const keep = textFlag(invocation, 'keep');
  const keepMs = keep === undefined ? undefined : parseAge('keep', keep);
  const lake = await openLake({ config: invocation.config, clock: invocation.io.clock, dryRun: invocation.dryRun });
  await requireLake(lake);
  return await withJobLease(invocation, lake, () =>
    invocation.command === 'compact' ? compact(invocation, lake) : vacuum(invocation, lake, keepMs),
  );
};
