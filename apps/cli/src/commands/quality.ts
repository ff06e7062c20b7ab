import type { QualityResult } from '@schemahub/data-quality';
import type { MetricName } from '@schemahub/observability';
import { openLake, requireLake } from '@schemahub/runtime/lake';
import { runQuality } from '@schemahub/runtime/quality';
import { type CommandRun, type Invocation, isSet } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { grouped, textTable } from '../text-table.js';

/** The numbers that dashboards and alarms look at; the Lambda tells the same in AWS. */
function tellMetrics({ telemetry, config }: Invocation, result: QualityResult): void {
  const subject = { source: config.text('exchange') };
  const { summary } = result;
  const values: Partial<Record<MetricName, number | undefined>> = {
    OverallHealthScore: result.score,
    DuplicateTrades: summary.duplicates.count,
    MissingTrades: summary.missing.count,
    VoidTrades: summary.void,
    StaleProducts: result.staleProducts,
    TotalRecords: summary.totalRecords,
    DailyRecords: summary.dailyRecords,
    HistoryYears: summary.historyYears,
  };
  for (const [name, value] of Object.entries(values))
    if (value !== undefined) telemetry.recorder?.set(name as MetricName, value, subject);
}

/** `quality`: named checks, a score, and the remedy of every deduction. */
export const run: CommandRun = async (invocation) => {
  const { config, io } = invocation;
  const lake = await openLake({ config, clock: io.clock });
  await requireLake(lake);
  const result = await runQuality({ lake, config, full: isSet(invocation, 'full-scan') });
  tellMetrics(invocation, result);
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
  for (const { check, fix } of failed) io.out(`${check}: ${fix}\n`);
  for (const { points, reason, remedy } of result.deductions)
    io.out(`−${Math.round(points * 10) / 10} ${reason}. ${remedy}\n`);
  io.out(
    `health score ${Math.round(result.score * 10) / 10} of 100: ${result.grade}, ${grouped(result.summary.totalRecords)} records\n`,
  );
  return code;
};
