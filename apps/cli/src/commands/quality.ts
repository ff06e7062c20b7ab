import { openLake, requireLake } from '@schemahub/runtime/lake';
import { runQuality } from '@schemahub/runtime/quality';
import { qualityMetrics, WHOLE_TABLE } from '@schemahub/runtime/quality-metrics';
import { type CommandRun, isSet } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { grouped, say, textTable } from '../text-table.js';

/** `quality`: named checks, a score, and the remedy of every deduction. */
export const run: CommandRun = async (invocation) => {
  const { config, io } = invocation;
  const lake = await openLake({ config, clock: io.clock });
  await requireLake(lake);
  const { result, facts } = await runQuality({ lake, config, full: isSet(invocation, 'full-scan') });
  // The numbers that dashboards and alarms look at: as the Lambda tells them in AWS.
  for (const { name, value, product } of qualityMetrics(result, facts)) {
    const subject = product === undefined ? { source: WHOLE_TABLE } : { source: product.exchange, product: product.id };
    invocation.telemetry.recorder?.set(name, value, subject);
  }
  const failed = result.findings.filter(({ ok }) => ok === false);
  const code = failed.length > 0 ? exitCodes.damage : exitCodes.complete;
  if (invocation.json) {
    const { score, grade, deductions, findings, staleProducts, activeProducts, summary } = result;
    io.out(
      `${JSON.stringify({ health_score: score, grade, total_records: summary.totalRecords, daily_records: summary.dailyRecords, stale_products: staleProducts, active_products: activeProducts, deductions, findings })}\n`,
    );
    return code;
  }
  const columns = [
    { title: 'check' },
    { title: 'result' },
    { title: 'count', align: 'right' },
    { title: 'first seen' },
  ] as const;
  const rows = result.findings.map(({ check, ok, count, sample }) => [
    check,
    ok === null ? 'not measured' : ok ? 'ok' : 'FAILED',
    grouped(count),
    sample[0] ?? '',
  ]);
  io.out(textTable(columns, rows, io.isTerminal ? io.columns : 160));
  for (const { check, fix } of failed) say(io, `${check}: ${fix}\n`);
  for (const { points, reason, remedy } of result.deductions)
    say(io, `−${Math.round(points * 10) / 10} ${reason}. ${remedy}\n`);
  say(
    io,
    `health score ${Math.round(result.score * 10) / 10} of 100: ${result.grade}, ${grouped(result.summary.totalRecords)} records\n`,
  );
  return code;
};
