import type { Certificate } from '@schemahub/audit/certificate';
import type { QualityResult } from '@schemahub/data-quality';
import { type MetricName, PRODUCTS_WITH_METRICS } from '@schemahub/observability';
import type { Certificates } from './certificates.js';

/** One number of a metric; without a product it is about the whole table. */
export interface QualityMetric {
  readonly name: MetricName;
  readonly value: number;
  /** Exchange in lower case and its product. */
  readonly product?: { readonly exchange: string; readonly id: string } | undefined;
}

/** Share of the existing wanted ids that are in the table, percent; undefined where none is wanted. */
function completeness({ totals }: Certificate): number | undefined {
  const existing = totals.wanted - totals.void;
  return existing <= 0 ? undefined : (100 * totals.in_table) / existing;
}

const bytesOf = ({ products }: Certificate): number => products.reduce((sum, { table }) => sum + table.bytes, 0);

/** The metrics of one judgement. What was not measured is not said. */
export function qualityMetrics(result: QualityResult, { newest, dayBefore }: Certificates): QualityMetric[] {
  const { summary } = result;
  const whole: Partial<Record<MetricName, number | undefined>> = {
    OverallHealthScore: result.score,
    DuplicateTrades: summary.duplicates.count,
    MissingTrades: summary.missing.count,
    VoidTrades: summary.void,
    DataCompleteness: completeness(newest),
    StaleProducts: result.staleProducts,
    TotalRecords: summary.totalRecords,
    DailyRecords: summary.dailyRecords,
    DailyGrowth: dayBefore === undefined ? undefined : newest.totals.in_table - dayBefore.totals.in_table,
    HistoryYears: summary.historyYears,
    ParquetBytes: bytesOf(newest),
  };
  const largest = [...newest.products].sort((a, b) => b.wanted.count - a.wanted.count).slice(0, PRODUCTS_WITH_METRICS);
  return [
    ...Object.entries(whole).flatMap(([name, value]) =>
      value === undefined ? [] : [{ name: name as MetricName, value }],
    ),
    ...largest.map(({ exchange, product_id, account }) => ({
      name: 'MissingTrades' as const,
      value: account.missing.count,
      product: { exchange: exchange.toLowerCase(), id: product_id },
    })),
  ];
}
