import type { Deduction, QualityResult } from './evaluate.js';

/** What the data-quality Lambda answers, as JSON text, in `body`. */
export interface LambdaBody {
  readonly health_score: number;
  readonly total_records: number;
  readonly details: {
    readonly duplicates: number;
    readonly missing: number;
    readonly void: number;
    readonly stale_products: number;
    readonly daily_records: number;
    readonly deductions: readonly Deduction[];
  };
}

/** The Lambda's answer for a result. */
export function lambdaBody(result: QualityResult): LambdaBody {
  const { summary } = result;
  return {
    health_score: result.score,
    total_records: summary.totalRecords,
    details: {
      duplicates: summary.duplicates.count,
      missing: summary.missing.count,
      void: summary.void,
      stale_products: result.staleProducts,
      daily_records: summary.dailyRecords,
      deductions: result.deductions,
    },
  };
}
