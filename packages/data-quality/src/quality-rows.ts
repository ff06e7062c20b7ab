import { QualityError } from './errors.js';
import type { QualityQueryName } from './quality-sql.js';
import type { Measured, NotMeasured, ProductAge, QualitySummary } from './summary.js';

/** A row by column name. Numbers may be numbers, bigints or decimal text: engines differ. */
export type QualityRow = Readonly<Record<string, unknown>>;

/** What the lake knows of a product without asking the table. */
export interface ProductFacts {
  readonly exchange: string;
  readonly symbol: string;
  /** Ids present in the table according to the commit. */
  readonly present: number;
  readonly wanted: number;
  readonly missing: number;
  readonly void: number;
  readonly quarantined: number;
  /** False for a product that the venue closed. */
  readonly active: boolean;
}

export interface QualityRowsOptions {
  /** Rows of every query of `qualitySql`, by name; of several runs (one a product), all rows together. */
  readonly rows: Partial<Readonly<Record<QualityQueryName, readonly QualityRow[]>>>;
  readonly products: readonly ProductFacts[];
  /** The `nowMs` of the queries. */
  readonly nowMs: number;
  readonly filesAgainstCommit: Measured | NotMeasured;
}

function noRows(what: string): never {
  throw new QualityError(
    'no-rows',
    `${what}. A failed or empty query is an error, never a zero: look at the engine's own message and run the check again.`,
  );
}

function numberOf(query: string, row: QualityRow, column: string): number {
  const value = row[column];
  const number =
    typeof value === 'bigint' || (typeof value === 'string' && /^-?\d+$/.test(value)) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) {
    noRows(`Query ${query}: column ${column} must be a whole number, got ${String(value)}`);
  }
  return number;
}

function nameOf(query: string, row: QualityRow, column: string): string {
  const value = row[column];
  return typeof value === 'string' && value !== ''
    ? value
    : noRows(`Query ${query}: column ${column} must be a name, got ${String(value)}`);
}

function sampleOf(row: QualityRow, column: string): string[] {
  const value = row[column];
  return typeof value === 'string' ? [value] : [];
}

type RowsByQuery = QualityRowsOptions['rows'];

/** At least one row: these queries aggregate, so that an engine that worked always answers. */
function aggregates(rows: RowsByQuery, query: QualityQueryName): readonly QualityRow[] {
  const answered = rows[query];
  if (answered === undefined || answered.length === 0) noRows(`Query ${query} delivered no row`);
  return answered;
}

function sum(rows: RowsByQuery, query: QualityQueryName, column: string): number {
  return aggregates(rows, query).reduce((total, row) => total + numberOf(query, row, column), 0);
}

function measured(rows: RowsByQuery, query: QualityQueryName, column: string): Measured {
  const sample = aggregates(rows, query).flatMap((row) => sampleOf(row, `${column}_sample`));
  return { count: sum(rows, query, column), sample };
}

const keyOf = (product: { exchange: string; symbol: string }): string => `${product.exchange}/${product.symbol}`;

/** Numbers by product: none where the table is empty. A product twice would hide a wrong scope and is refused. */
function byProduct(rows: RowsByQuery, query: QualityQueryName, column: string): Map<string, number> {
  const numbers = new Map<string, number>();
  for (const row of rows[query] ?? noRows(`Query ${query} was not run`)) {
    const key = keyOf({ exchange: nameOf(query, row, 'exchange'), symbol: nameOf(query, row, 'symbol') });
    if (numbers.has(key)) noRows(`Query ${query} delivered ${key} twice`);
    numbers.set(key, numberOf(query, row, column));
  }
  return numbers;
}

function againstPresent({ rows, ...options }: QualityRowsOptions, totalRecords: number): Measured {
  if (rows.rows_per_product === undefined) {
    const present = options.products.reduce((sum, product) => sum + product.present, 0);
    const difference = Math.abs(present - totalRecords);
    return {
      count: difference,
      sample: difference === 0 ? [] : [`${totalRecords} rows in the table, ${present} ids present in the commit`],
    };
  }
  const records = byProduct(rows, 'rows_per_product', 'records');
  const present = new Map(options.products.map((product) => [keyOf(product), product.present]));
  const sample: string[] = [];
  let count = 0;
  for (const key of new Set([...records.keys(), ...present.keys()])) {
    const [inTable, inCommit] = [records.get(key) ?? 0, present.get(key) ?? 0];
    if (inTable === inCommit) continue;
    count += Math.abs(inTable - inCommit);
    sample.push(`${key}: ${inTable} rows in the table, ${inCommit} ids present in the commit`);
  }
  return { count, sample };
}

function ages(options: QualityRowsOptions): ProductAge[] {
  const newest = byProduct(options.rows, 'freshness', 'newest_us');
  return options.products.map(({ exchange, symbol, active }) => {
    const newestUs = newest.get(keyOf({ exchange, symbol }));
    return {
      exchange,
      symbol,
      active,
      ageMinutes: newestUs === undefined ? null : (options.nowMs - newestUs / 1000) / 60_000,
    };
  });
}

const YEAR_US = 365.25 * 86_400_000_000;

/** Years from the first to the last trade; undefined where nobody asked or the table is empty. */
function historyYears(rows: RowsByQuery): number | undefined {
  const filled = (rows.history ?? []).filter(({ first_us }) => first_us !== null);
  if (filled.length === 0) return undefined;
  const first = Math.min(...filled.map((row) => numberOf('history', row, 'first_us')));
  const last = Math.max(...filled.map((row) => numberOf('history', row, 'last_us')));
  return (last - first) / YEAR_US;
}

/**
 * Puts the rows of the queries and the facts of the lake together into what `evaluate` judges.
 * Throws `QualityError` (`no-rows`) for a query that was not run, delivered nothing, or delivered something else.
 */
export function readQualityRows(options: QualityRowsOptions): QualitySummary {
  const { rows } = options;
  const total = (column: 'wanted' | 'missing' | 'void' | 'quarantined'): number =>
    options.products.reduce((sum, product) => sum + product[column], 0);
  const holed = options.products.filter((product) => product.missing > 0);
  const totalRecords = sum(rows, 'totals', 'total_records');
  return {
    totalRecords,
    dailyRecords: sum(rows, 'daily', 'daily_records'),
    historyYears: historyYears(rows),
    duplicates: measured(rows, 'duplicates', 'duplicates'),
    wanted: total('wanted'),
    missing: {
      count: total('missing'),
      sample: holed.map((product) => `${keyOf(product)}: ${product.missing} of ${product.wanted} ids`),
    },
    void: total('void'),
    nulls: measured(rows, 'row_checks', 'nulls'),
    badNumbers: measured(rows, 'row_checks', 'bad_numbers'),
    unknownSides: measured(rows, 'row_checks', 'unknown_sides'),
    implausibleTimes: measured(rows, 'row_checks', 'implausible_times'),
    badRows: sum(rows, 'row_checks', 'bad_rows'),
    quarantined: total('quarantined'),
    rowsAgainstPresent: againstPresent(options, totalRecords),
    filesAgainstCommit: options.filesAgainstCommit,
    products: ages(options),
  };
}
