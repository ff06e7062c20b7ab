import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { isMetricName, metrics } from './index.js';

/** SPEC 7, word for word. */
const promised =
  'IngestCount, TransformRecords, ProductsProcessed, ActiveProducts, DataAgeMinutes, RateLimitErrors, ServerErrors, TimeoutErrors, ConnectionErrors, APISuccessCount, CircuitBreakerOpens, CircuitBreakerState, ExchangeHealthy, ExchangeResponseTime, ResponseTimeP95, ExchangeErrorRate, OverallHealthScore, DuplicateTrades, MissingTrades, VoidTrades, DataCompleteness, StaleProducts, TotalRecords, DailyRecords, DailyGrowth, HistoryYears, ParquetBytes, TradesPerSecond, JobRuns, JobFailures, JobDurationSeconds, CommitSeconds';

test('the metrics are those that were promised, and no others', () => {
  expect(Object.keys(metrics).sort()).toEqual(promised.split(', ').sort());
  expect(isMetricName('IngestCount')).toBe(true);
  expect(isMetricName('toString')).toBe(false);
});

test('a product is a dimension of three of them only: each name and value is billed', () => {
  const byProduct = Object.entries(metrics).filter(([, metric]) => 'byProduct' in metric);
  expect(byProduct.map(([name]) => name)).toEqual(['IngestCount', 'DataAgeMinutes', 'MissingTrades']);
});

test('the specification beside the checkout still lists the same names', () => {
  const spec = fileURLToPath(new URL('../../../../shared/SPEC.md', import.meta.url));
  const told = existsSync(spec) ? readFileSync(spec, 'utf8') : undefined;
  const line = told?.match(/^Namespace `SchemaHub`\. Metrics: (.*?)\. Dimension/m)?.[1] ?? promised;
  const names = line.replaceAll(/ \([^)]*\)/g, '').split(', ');
  expect(names).toEqual(promised.split(', '));
});
