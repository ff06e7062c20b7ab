import type { Certificate } from '@schemahub/audit/certificate';
import type { QualityResult } from '@schemahub/data-quality';
import { type MetricName, PRODUCTS_WITH_METRICS } from '@schemahub/observability';
import type { Certificates } from './certificates.js';

/** Source of the numbers about the whole table. */
export const WHOLE_TABLE = 'all';

/** One number of a metric; without a product it is about the whole table. */
export interface TableMetric {
  readonly name: MetricName;
  readonly value: number;
  /** Exchange in lower case and its product. */
  readonly product?: { readonly exchange: string; readonly id: string } | undefined;
}

/** What the metrics say beside the judgement, in trades unless it says otherwise. */
export interface TableFacts {
  readonly wanted: number;
  readonly void: number;
  readonly inTable: number;
  /** A day ago or more; undefined in a young lake. */
  readonly inTableDayBefore: number | undefined;
  /** Of the table's live files. */
  readonly bytes: number;
  readonly products: readonly {
    readonly exchange: string;
    readonly id: string;
    readonly wanted: number;
    readonly missing: number;
  }[];
}

/** As the newest certificate says. */
export function certifiedFacts({ newest, dayBefore }: Pick<Certificates, 'newest' | 'dayBefore'>): TableFacts {
  const bytesOf = ({ products }: Certificate): number => products.reduce((sum, { table }) => sum + table.bytes, 0);
  return {
    wanted: newest.totals.wanted,
    void: newest.totals.void,
    inTable: newest.totals.in_table,
    inTableDayBefore: dayBefore?.totals.in_table,
    bytes: bytesOf(newest),
    products: newest.products.map(({ exchange, product_id, wanted, account }) => ({
      exchange: exchange.toLowerCase(),
      id: product_id,
      wanted: wanted.count,
      missing: account.missing.count,
    })),
  };
}

/** The metrics of one judgement, the same from the command line and from the Lambda. What was not measured is not said. */
export function qualityMetrics(result: QualityResult, facts: TableFacts): TableMetric[] {
  const { summary } = result;
  // Ids that exist; where none is wanted there is no share of them.
  const existing = facts.wanted - facts.void;
  const whole: Partial<Record<MetricName, number | undefined>> = {
    OverallHealthScore: result.score,
    DuplicateTrades: summary.duplicates.count,
    MissingTrades: summary.missing.count,
    VoidTrades: summary.void,
    DataCompleteness: existing <= 0 ? undefined : (100 * facts.inTable) / existing,
    StaleProducts: result.staleProducts,
    TotalRecords: summary.totalRecords,
    DailyRecords: summary.dailyRecords,
    DailyGrowth: facts.inTableDayBefore === undefined ? undefined : facts.inTable - facts.inTableDayBefore,
    HistoryYears: summary.historyYears,
    ParquetBytes: facts.bytes,
  };
  const largest = [...facts.products].sort((a, b) => b.wanted - a.wanted).slice(0, PRODUCTS_WITH_METRICS);
  return [
    ...Object.entries(whole).flatMap(([name, value]) =>
      value === undefined ? [] : [{ name: name as MetricName, value }],
    ),
    ...largest.map(({ exchange, id, missing }) => ({
      name: 'MissingTrades' as const,
      value: missing,
      product: { exchange, id },
    })),
  ];
}
