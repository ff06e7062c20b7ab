import { QualityError } from './errors.js';
import { type Finding, findings } from './findings.js';
import { checkSummary, type QualitySummary } from './summary.js';

/** `degraded` below 80, `critical` below 50. */
export type Grade = 'healthy' | 'degraded' | 'critical';

export type DeductionName = 'duplicates' | 'missing' | 'stale_products' | 'no_daily_records' | 'bad_records';

/** Points that were taken off, why, and what gives them back. */
export interface Deduction {
  readonly name: DeductionName;
  readonly points: number;
  readonly reason: string;
  readonly remedy: string;
}

export interface EvaluateOptions {
  /** Minutes without a trade after which an active product is stale. Default 360. Must be above 0. */
  readonly staleMinutes?: number | undefined;
}

export interface QualityResult {
  /** 0 to 100. */
  readonly score: number;
  readonly grade: Grade;
  /** In the order of the rules; empty at 100 points. */
  readonly deductions: readonly Deduction[];
  /** One per named check, always all of them. */
  readonly findings: readonly Finding[];
  /** Active products that are stale, and all active ones. */
  readonly staleProducts: number;
  readonly activeProducts: number;
  /** What was judged. */
  readonly summary: QualitySummary;
}

/** Below this share of the wanted ids a hole costs 10 points instead of 30. */
export const smallHoleShare = 0.0001;
/** Above this share of all records the bad ones cost points. */
export const badRecordShare = 0.001;

const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`;

function deductionsOf(summary: QualitySummary, stale: number, active: number, staleMinutes: number): Deduction[] {
  const { duplicates, missing, wanted, dailyRecords, badRows, quarantined, totalRecords } = summary;
  const list: Deduction[] = [];
  const deduct = (name: DeductionName, points: number, reason: string, remedy: string): void => {
    list.push({ name, points, reason, remedy });
  };
  if (duplicates.count > 0) {
    deduct(
      'duplicates',
      40,
      `${plural(duplicates.count, 'row')} more than there are trades`,
      'schemahub transform --rebuild',
    );
  }
  if (missing.count > 0) {
    const small = missing.count / wanted < smallHoleShare;
    const share = `${small ? 'below' : 'at least'} 0.01 % of ${wanted.toLocaleString('en-US')}`;
    deduct('missing', small ? 10 : 30, `${plural(missing.count, 'id')} missing (${share})`, 'schemahub repair');
  }
  if (stale > 0) {
    deduct(
      'stale_products',
      (30 * stale) / active,
      `${stale} of ${plural(active, 'active product')} without a trade for more than ${staleMinutes} minutes`,
      'schemahub run pipeline, then schemahub status',
    );
  }
  if (dailyRecords === 0) {
    deduct('no_daily_records', 20, 'no record in the last 24 hours', 'schemahub run pipeline');
  }
  const bad = badRows + quarantined;
  if (bad > badRecordShare * (totalRecords + quarantined)) {
    const of = (totalRecords + quarantined).toLocaleString('en-US');
    deduct(
      'bad_records',
      10,
      `${plural(bad, 'bad record')} of ${of} (more than 0.1 %)`,
      'schemahub query "SELECT * FROM quarantine", then schemahub mapping lint',
    );
  }
  return list;
}

/**
 * Judges a table by its numbers. Pure: the same summary gives the same result.
 * Throws `QualityError` when a number is absent or impossible; a score is never made from what was not measured.
 */
export function evaluate(summary: QualitySummary, options: EvaluateOptions = {}): QualityResult {
  const staleMinutes = options.staleMinutes ?? 360;
  if (!Number.isFinite(staleMinutes) || staleMinutes <= 0) {
    throw new QualityError('invalid-options', `staleMinutes must be a number above 0, got ${staleMinutes}.`);
  }
  checkSummary(summary);
  const active = summary.products.filter((product) => product.active);
  const stale = active.filter((product) => product.ageMinutes === null || product.ageMinutes > staleMinutes);
  const deductions = deductionsOf(summary, stale.length, active.length, staleMinutes);
  const lost = deductions.reduce((sum, deduction) => sum + deduction.points, 0);
  const score = Math.max(0, 100 - lost);
  return {
    score,
    grade: score < 50 ? 'critical' : score < 80 ? 'degraded' : 'healthy',
    deductions,
    findings: findings(summary, stale, staleMinutes),
    staleProducts: stale.length,
    activeProducts: active.length,
    summary,
  };
}
