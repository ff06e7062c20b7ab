import { UsageError } from '@schemahub/runtime/config';
import { expireFace, faceStatus, isPublishing, publish, publishRaw } from '@schemahub/runtime/iceberg';
import { type OpenLake, openLake, requireLake, storeNow } from '@schemahub/runtime/lake';
import { type CommandRun, type Invocation, isSet, textFlag } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { withJobLease } from '../job-lease.js';
import { printPublished, publishJson } from '../publish.js';
import { bytesText, grouped, say, textTable } from '../text-table.js';
import { parseAge } from './maintain.js';

async function publishNow(invocation: Invocation, lake: OpenLake): Promise<number> {
  const { config, io, quiet, dryRun } = invocation;
  if (!isPublishing(config))
    throw new UsageError(
      'iceberg publish: publishing is switched off (iceberg = none). Name a catalog: --iceberg folder or --iceberg glue.',
    );
  if (isSet(invocation, 'raw')) return await publishRawNow(invocation, lake);
  const result = await publish({ lake, config, replace: isSet(invocation, 'replace'), dryRun });
  if (invocation.json)
    io.out(
      `${JSON.stringify({ command: 'iceberg publish', exit_code: 0, dry_run: dryRun, ...publishJson(result) })}\n`,
    );
  if (quiet) return exitCodes.complete;
  if (dryRun && result.published.length > 0)
    io.err(`dry run: commit ${result.published.join(', ')} would be published in ${result.location}\n`);
  else printPublished(invocation, result);
  if (result.published.length === 0 && !result.relocated)
    io.err(
      result.commit === undefined
        ? 'the lake has no commit yet; nothing to publish. Next: schemahub transform\n'
        : `nothing to publish: ${result.location} shows all that is committed\n`,
    );
  return exitCodes.complete;
}

async function publishRawNow({ config, io, quiet, json, dryRun }: Invocation, lake: OpenLake): Promise<number> {
  const tables = await publishRaw({ lake, config, dryRun });
  const code = tables.some(({ unreadable }) => unreadable.length > 0) ? exitCodes.damage : exitCodes.complete;
  if (json)
    io.out(`${JSON.stringify({ command: 'iceberg publish', exit_code: code, dry_run: dryRun, raw: tables })}\n`);
  if (quiet) return code;
  for (const { table, location, objects, rows, refused, unreadable } of tables) {
    const what = objects === 0 ? 'nothing new' : `${grouped(objects)} raw objects, ${grouped(rows)} records`;
    const left = refused === 0 ? '' : `, ${grouped(refused)} records could not be typed and stay in raw only`;
    io.err(`${dryRun ? 'dry run: ' : ''}${table}: ${what} in ${location}${left}\n`);
    for (const key of unreadable)
      io.err(`${io.style('red', 'unreadable')} ${key}. Name what is damaged with: schemahub verify --deep\n`);
  }
  return code;
}

const STATES = {
  none: 'nothing is published yet. Next: schemahub iceberg publish',
  current: 'shows all that is committed',
  behind: 'does not show the newest commit. Next: schemahub iceberg publish',
  moved: 'the lake was moved, the metadata still names the old place. Next: schemahub iceberg publish',
  foreign:
    'its current snapshot was not published by schemahub. To put the newest commit in its place: schemahub iceberg publish --replace',
} as const;

async function status(invocation: Invocation, lake: OpenLake): Promise<number> {
  const { config, io } = invocation;
  const face = await faceStatus({ lake, config });
  const code =
    face.state === 'foreign'
      ? exitCodes.damage
      : face.state === 'current' || (face.state === 'none' && face.newestCommit === 0)
        ? exitCodes.complete
        : exitCodes.incomplete;
  if (invocation.json) {
    const { newestCommit, ...rest } = face;
    io.out(
      `${JSON.stringify({ command: 'iceberg status', exit_code: code, newest_commit: newestCommit, ...rest, commit: face.commit ?? null, metadata: face.metadata ?? null })}\n`,
    );
    return code;
  }
  const columns = [
    { title: 'snapshot' },
    { title: 'commit', align: 'right' },
    { title: 'time' },
    { title: 'operation' },
    { title: 'files', align: 'right' },
    { title: 'rows', align: 'right' },
  ] as const;
  const rows = face.snapshots.map(({ id, commit, time, operation, files, rows: count }) => [
    id,
    commit === undefined ? '-' : String(commit),
    time,
    operation,
    Number.isNaN(files) ? '-' : grouped(files),
    Number.isNaN(count) ? '-' : grouped(count),
  ]);
  if (rows.length > 0) io.out(textTable(columns, rows, io.isTerminal ? io.columns : 200));
  say(io, `${face.catalog}\n`);
  if (face.metadata !== undefined) say(io, `metadata ${face.metadata}\n`);
  io.err(`${io.style(code === exitCodes.complete ? 'green' : 'yellow', face.state)}: ${STATES[face.state]}\n`);
  return code;
}

async function expire(invocation: Invocation, lake: OpenLake): Promise<number> {
  const { config, io, dryRun } = invocation;
  const keep = textFlag(invocation, 'keep');
  const keepMs = keep === undefined ? undefined : parseAge('keep', keep);
  // A dry run takes no lease and deletes nothing.
  const now = dryRun ? lake.clock.now() : await storeNow(lake, 'job:iceberg');
  const { expired, deleted, deletedBytes } = await expireFace({ lake, config, now, keepMs, dryRun });
  if (invocation.json)
    io.out(
      `${JSON.stringify({ command: 'iceberg expire', exit_code: 0, dry_run: dryRun, expired, deleted, deleted_bytes: deletedBytes })}\n`,
    );
  if (!invocation.quiet)
    io.err(
      `${dryRun ? 'dry run, would have: ' : ''}${grouped(expired.length)} snapshots forgotten, ${grouped(deleted.length)} metadata objects deleted (${bytesText(deletedBytes)}). Data files are vacuum's: schemahub vacuum\n`,
    );
  return exitCodes.complete;
}

/** `iceberg publish|status|expire`. */
export const run: CommandRun = async (invocation) => {
  const [action, ...rest] = invocation.args;
  const actions: Readonly<Record<string, typeof publishNow>> = { publish: publishNow, status, expire };
  const work = Object.hasOwn(actions, action ?? '') ? actions[action!] : undefined;
  if (work === undefined || rest.length > 0)
    throw new UsageError(
      `iceberg: expected publish, status or expire, got ${JSON.stringify(invocation.args.join(' '))}.`,
    );
  const lake = await openLake({ config: invocation.config, clock: invocation.io.clock, dryRun: invocation.dryRun });
  await requireLake(lake);
  if (work === status) return await status(invocation, lake);
  return await withJobLease({ ...invocation, command: 'iceberg' }, lake, () => work(invocation, lake));
};
