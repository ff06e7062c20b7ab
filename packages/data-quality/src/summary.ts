import { QualityError } from './errors.js';

/** How often something was seen, and where to look first. */
export interface Measured {
  readonly count: number;
  /** A few places, as people can search for them: `COINBASE/BTC-USD/12345`, a file's path. */
  readonly sample: readonly string[];
}

/** Says that nobody looked, and why. The check is then reported as not measured, never as passed. */
export interface NotMeasured {
  readonly notMeasured: string;
}

/** How old the newest trade of a product is. */
export interface ProductAge {
  readonly exchange: string;
  readonly symbol: string;
  /** Minutes since its newest trade in the table; null when the table holds none. */
  readonly ageMinutes: number | null;
  /** False for a product that the venue closed: it cannot be stale. */
  readonly active: boolean;
}

/** Everything that the score and the checks are computed from. Counts are whole numbers from 0 to 2^53−1. */
export interface QualitySummary {
  /** Rows in the table. */
  readonly totalRecords: number;
  /** Rows whose trade_ts lies in the last 24 hours. */
  readonly dailyRecords: number;
  /** Years from the first to the last trade; undefined where nobody asked or the table is empty. */
  readonly historyYears?: number | undefined;
  /** Rows too many: two rows with one primary key count 1. */
  readonly duplicates: Measured;
  /** Ids that the lake is asked for, the void ones included. */
  readonly wanted: number;
  /** Wanted ids that are nowhere. */
  readonly missing: Measured;
  /** Ids that the exchange attested not to exist. */
  readonly void: number;
  /** Rows with a null in a required column. */
  readonly nulls: Measured;
  /** Rows whose price or quantity is not finite or not above 0. */
  readonly badNumbers: Measured;
  /** Rows whose side is neither BUY nor SELL. */
  readonly unknownSides: Measured;
  /** Rows whose trade_ts cannot be true. */
  readonly implausibleTimes: Measured;
  /** Rows that fail at least one of the four row checks. */
  readonly badRows: number;
  /** Records that the mapping refused: kept outside the table. */
  readonly quarantined: number;
  /** Products whose number of rows is not the number of their present ids; the count is the sum of the differences. */
  readonly rowsAgainstPresent: Measured | NotMeasured;
  /** Files of the commit that are absent or differ in size or hash. */
  readonly filesAgainstCommit: Measured | NotMeasured;
  readonly products: readonly ProductAge[];
}

const counts = ['totalRecords', 'dailyRecords', 'wanted', 'void', 'badRows', 'quarantined'] as const;
const measured = ['duplicates', 'missing', 'nulls', 'badNumbers', 'unknownSides', 'implausibleTimes'] as const;
const optional = ['rowsAgainstPresent', 'filesAgainstCommit'] as const;

function refuse(what: string, expected: string, got: unknown): never {
  const shown = typeof got === 'number' || typeof got === 'bigint' ? String(got) : JSON.stringify(got);
  throw new QualityError(
    'invalid-summary',
    `Quality summary: ${what} must be ${expected}, got ${shown ?? 'nothing'}. A number that was not measured is a failure of the query, not a zero: look at the query that delivers it.`,
  );
}

function checkCount(what: string, value: unknown): void {
  if (!Number.isSafeInteger(value) || (value as number) < 0) refuse(what, 'a whole number from 0 to 2^53−1', value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkMeasured(what: string, value: unknown): void {
  if (!isRecord(value)) refuse(what, '{count, sample}', value);
  checkCount(`${what}.count`, value.count);
  const { sample } = value;
  if (!Array.isArray(sample) || sample.some((place) => typeof place !== 'string')) {
    refuse(`${what}.sample`, 'a list of strings', sample);
  }
}

function checkProducts(value: unknown): void {
  if (!Array.isArray(value)) refuse('products', 'a list', value);
  for (const [index, product] of value.entries()) {
    const what = `products[${index}]`;
    if (!isRecord(product)) refuse(what, '{exchange, symbol, ageMinutes, active}', product);
    for (const name of ['exchange', 'symbol'] as const) {
      if (typeof product[name] !== 'string' || product[name] === '') refuse(`${what}.${name}`, 'a name', product[name]);
    }
    if (product.ageMinutes !== null && !Number.isFinite(product.ageMinutes)) {
      refuse(`${what}.ageMinutes`, 'a finite number or null', product.ageMinutes);
    }
    if (typeof product.active !== 'boolean') refuse(`${what}.active`, 'true or false', product.active);
  }
}

/** Throws `QualityError` (`invalid-summary`) at the first number that is absent, not a number, or contradicts another. */
export function checkSummary(summary: QualitySummary): void {
  if (!isRecord(summary)) refuse('it', 'an object', summary);
  for (const name of counts) checkCount(name, summary[name]);
  for (const name of measured) checkMeasured(name, summary[name]);
  for (const name of optional) {
    const value: unknown = summary[name];
    const isSkipped = isRecord(value) && typeof value.notMeasured === 'string' && value.notMeasured !== '';
    if (!isSkipped) checkMeasured(name, value);
  }
  checkProducts(summary.products);
  const { wanted, totalRecords, dailyRecords, badRows } = summary;
  if (summary.missing.count + summary.void > wanted) {
    refuse('missing + void', `at most wanted (${wanted})`, summary.missing.count + summary.void);
  }
  if (dailyRecords > totalRecords) refuse('dailyRecords', `at most totalRecords (${totalRecords})`, dailyRecords);
  if (badRows > totalRecords) refuse('badRows', `at most totalRecords (${totalRecords})`, badRows);
}
