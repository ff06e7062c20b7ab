import { openLake, requireLake } from '@schemahub/runtime/lake';
import { openTable } from '@schemahub/runtime/table';
import type { TransformResult } from '@schemahub/table';
import { type CommandRun, type Invocation, isSet, textFlag } from '../command.js';
import { combineExitCodes, exitCodes } from '../exit-codes.js';
import { createFetchLog } from '../fetch-log.js';
import { writeReport } from '../fetch-report.js';
import { withJobLease } from '../job-lease.js';
import { peakMemoryBytes } from '../peak-memory.js';
import { publishCommits } from '../publish.js';
import { createTableLog } from '../table-log.js';
import { bytesText, grouped, textTable } from '../text-table.js';
import { threadEntry } from '../thread-entry.js';

function transformCode(result: TransformResult): number {
  const { totals, unreadable, left, isPartial } = result;
  const isDamaged = totals.refused > 0 || totals.conflicts > 0 || unreadable.length > 0 || left.length > 0;
  return combineExitCodes([
    isDamaged ? exitCodes.damage : exitCodes.complete,
    isPartial ? exitCodes.incomplete : exitCodes.complete,
  ]);
}

const columns = [
  { title: 'product' },
  { title: 'new ids', align: 'right' },
  { title: 'rows added', align: 'right' },
  { title: 'dropped', align: 'right' },
  { title: 'quarantined', align: 'right' },
  { title: 'files', align: 'right' },
  { title: 'bytes', align: 'right' },
] as const;

function printTransform(invocation: Invocation, result: TransformResult): void {
  const { io } = invocation;
  const busy = result.products.filter(({ newIds }) => !newIds.isEmpty);
  const rows = busy.map((product) => [
    product.productId,
    grouped(product.newIds.count),
    grouped(product.rows),
    grouped(product.dropped + product.duplicates),
    grouped(product.quarantined.count),
    grouped(product.files),
    bytesText(product.bytes),
  ]);
  if (rows.length > 0) io.err(textTable(columns, rows, io.columns));
  for (const { object, line, id, reason } of result.refusedSamples)
    io.err(`${io.style('yellow', 'quarantined')} ${object} line ${line}, id ${id}: ${reason}\n`);
  for (const { productId, key, reason } of result.unreadable)
    io.err(
      `${io.style('red', 'damaged')} ${productId} ${key}: ${reason}. Heal it with: schemahub repair ${productId}\n`,
    );
  for (const sample of result.conflictSamples) io.err(`${io.style('red', 'conflict')} ${JSON.stringify(sample)}\n`);
  for (const { symbol, month, reason } of result.left)
    io.err(`${io.style('yellow', 'left')} ${symbol} ${month}: ${reason}\n`);
  for (const { source, newFields, vanishedFields, inexactDecimals, slowLines } of result.fields) {
    if (newFields.length > 0)
      io.err(`${source}: new raw fields ${newFields.join(', ')}; to use them: schemahub mapping suggest\n`);
    if (vanishedFields.length > 0) io.err(`${source}: raw fields ${vanishedFields.join(', ')} have vanished\n`);
    if (inexactDecimals > 0)
      io.err(`${source}: ${grouped(inexactDecimals)} decimals are not exact as DOUBLE; exact columns: --decimals\n`);
    if (slowLines > 0 && invocation.verbose) io.err(`${source}: ${grouped(slowLines)} lines took the slow way\n`);
  }
}

function transformJson(invocation: Invocation, result: TransformResult, code: number): Record<string, unknown> {
  return {
    command: invocation.command,
    exit_code: code,
    dry_run: invocation.dryRun,
    commit: result.commit ?? null,
    snapshot: result.snapshot?.number ?? null,
    totals: result.totals,
    products: result.products.map(({ newIds, added, quarantined, ...product }) => ({
      ...product,
      newIds: newIds.toString(),
      added: added.toString(),
      quarantined: quarantined.toString(),
    })),
    unreadable: result.unreadable,
    conflicts: result.conflictSamples,
    fields: result.fields,
    stages: result.stages,
    peak_memory_bytes: peakMemoryBytes(),
  };
}

function lastLine(invocation: Invocation, result: TransformResult, code: number): string {
  const rows = result.snapshot?.commit.products.reduce((sum, product) => sum + product.rows, 0) ?? 0;
  const { io, dryRun } = invocation;
  const { totals } = result;
  const what = dryRun
    ? `dry run: ${grouped(result.products.reduce((sum, { newIds }) => sum + newIds.count, 0))} new ids would be transformed`
    : result.commit === undefined
      ? 'nothing new'
      : `commit ${result.commit}: ${grouped(totals.rows)} rows added`;
  const verdict = code === exitCodes.complete ? io.style('green', what) : io.style('yellow', what);
  return `${verdict}; the table has ${grouped(rows)} rows (${grouped(totals.refused)} quarantined, ${grouped(totals.conflicts)} conflicts in this run). Next: schemahub verify\n`;
}

/** `transform`, with `--rebuild` too. */
export const run: CommandRun = async (invocation) => {
  const { config, io } = invocation;
  const lake = await openLake({ config, clock: io.clock, dryRun: invocation.dryRun });
  await requireLake(lake);
  const log = createFetchLog(invocation);
  const isRebuild = isSet(invocation, 'rebuild');
  return await withJobLease(
    invocation,
    lake,
    async () => {
      const begun = lake.clock.now();
      const opened = await openTable({
        lake,
        config,
        stop: invocation.stop,
        threadEntry,
        exchanges: invocation.exchanges,
        onEvent: createTableLog(invocation),
        onRawEvent: log.onEvent,
        ...(invocation.args.length > 0 && !isRebuild ? { products: invocation.args } : {}),
      });
      const options = { products: opened.products, maxBad: config.number('max-bad'), dryRun: invocation.dryRun };
      const result = isRebuild
        ? await opened.table.rebuild({
            ...options,
            acceptLoss: isSet(invocation, 'accept-loss'),
            ...(invocation.args.length > 0 ? { sources: invocation.args } : {}),
          })
        : await opened.table.transform(options);
      await opened.condemn(result.unreadable.filter(({ code }) => code === 'damaged-raw'));
      let code = transformCode(result);
      const { recorder } = invocation.telemetry;
      const subject = { source: config.text('exchange') };
      recorder?.add('TransformRecords', result.totals.rows, subject);
      if (result.commit !== undefined) recorder?.set('CommitSeconds', (lake.clock.now() - begun) / 1000, subject);
      if (isSet(invocation, 'full-scan')) {
        const { run: quality } = await import('./quality.js');
        code = combineExitCodes([code, await quality({ ...invocation, json: false })]);
      }
      const published = await publishCommits(invocation, lake);
      code = combineExitCodes([code, published.code]);
      const json = { ...transformJson(invocation, result, code), iceberg: published.json, aws: lake.traffic ?? null };
      await writeReport(textFlag(invocation, 'report'), json);
      if (invocation.json) io.out(`${JSON.stringify(json)}\n`);
      if (!invocation.quiet) {
        printTransform(invocation, result);
        io.err(lastLine(invocation, result, code));
      }
      return code;
    },
    invocation.waitMs,
  );
};
