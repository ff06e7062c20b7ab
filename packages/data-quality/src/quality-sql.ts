import { QualityError } from './errors.js';

/** SQL engines that the checks are written for. Another engine is one more entry in `dialects`. */
export type QualityDialect = 'duckdb' | 'athena';

/** What differs between engines; everything else is one text. */
interface Dialect {
  /** A UTC instant, from `2025-12-01T00:00:00.000Z`. */
  readonly timestamp: (iso: string) => string;
  /** Whole µs since 1970 of a timestamp expression. */
  readonly epochMicros: (expression: string) => string;
  readonly isFinite: (expression: string) => string;
  /** `expression` + 5 minutes. */
  readonly plusFiveMinutes: (expression: string) => string;
}

const dialects: Readonly<Record<QualityDialect, Dialect>> = {
  duckdb: {
    timestamp: (iso) => `TIMESTAMPTZ '${iso}'`,
    epochMicros: (expression) => `epoch_us(${expression})`,
    isFinite: (expression) => `isfinite(${expression})`,
    plusFiveMinutes: (expression) => `${expression} + INTERVAL '5' MINUTE`,
  },
  // Engine 3 (Trino). to_unixtime gives seconds as a double: exact to a quarter of a µs, so that rounding gives them back.
  athena: {
    timestamp: (iso) => `TIMESTAMP '${iso.replace('T', ' ').replace('Z', '')} UTC'`,
    epochMicros: (expression) => `CAST(round(to_unixtime(${expression}) * 1000000) AS bigint)`,
    isFinite: (expression) => `is_finite(${expression})`,
    plusFiveMinutes: (expression) => `${expression} + INTERVAL '5' MINUTE`,
  },
};

export interface QualitySqlOptions {
  readonly dialect: QualityDialect;
  /**
   * true: every row of the table is looked at. false: rows are checked one by one only where their trade_ts lies in the
   * seven days before `now`, and `rows = present` compares totals; minutes become seconds on a large table.
   */
  readonly full: boolean;
  /** The moment of the check, ms since 1970. */
  readonly nowMs: number;
  /** Table or view to read. Default `trades_unified`. Letters, digits, `_` and `.` only. */
  readonly table?: string | undefined;
  /**
   * One product only. The duplicate check must hold every id of what it looks at: on a large table, run the queries
   * once a product and hand all rows to `readQualityRows` together, which adds them up.
   */
  readonly product?: { readonly exchange: string; readonly symbol: string } | undefined;
}

export type QualityQueryName =
  | 'totals'
  | 'daily'
  | 'history'
  | 'duplicates'
  | 'row_checks'
  | 'rows_per_product'
  | 'freshness';

/** One question. Every query but `rows_per_product` and `freshness` (a row a product) answers exactly one row. */
export interface QualityQuery {
  readonly name: QualityQueryName;
  readonly sql: string;
}

/** Before Bitcoin's first block there was no trade. */
const firstPossibleTrade = '2009-01-03T00:00:00.000Z';
const dayMs = 86_400_000;
const recentDays = 7;

const key = `exchange || '/' || symbol || '/' || trade_id`;
const columns = ['exchange', 'symbol', 'trade_id', 'side', 'price', 'quantity', 'trade_ts', 'ingest_ts'];

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function where(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : `\nWHERE ${conditions.join('\n  AND ')}`;
}

function check(options: QualitySqlOptions): void {
  const refuse = (option: string, expected: string, got: unknown): never => {
    throw new QualityError('invalid-options', `qualitySql: ${option} must be ${expected}, got ${String(got)}.`);
  };
  if (!Object.hasOwn(dialects, options.dialect)) refuse('dialect', Object.keys(dialects).join(' or '), options.dialect);
  if (typeof options.full !== 'boolean') refuse('full', 'true or false', options.full);
  if (!Number.isSafeInteger(options.nowMs) || Math.abs(options.nowMs) > 8.64e15 - recentDays * dayMs) {
    refuse('nowMs', 'whole milliseconds since 1970', options.nowMs);
  }
  const table = options.table ?? 'trades_unified';
  if (!/^[A-Za-z_]\w*(\.[A-Za-z_]\w*){0,2}$/.test(table)) {
    refuse('table', 'a plain name, perhaps with its schema', table);
  }
}

/** Four conditions that a sound row fails. Nulls are counted as nulls only. */
function rowFaults(dialect: Dialect, nowMs: number): Readonly<Record<string, string>> {
  const { timestamp, plusFiveMinutes } = dialect;
  const bad = (column: string): string => `NOT ${dialect.isFinite(column)} OR ${column} <= 0`;
  const now = timestamp(new Date(nowMs).toISOString());
  return {
    nulls: columns.map((column) => `${column} IS NULL`).join(' OR '),
    bad_numbers: `${bad('price')} OR ${bad('quantity')}`,
    unknown_sides: `side NOT IN ('BUY', 'SELL')`,
    implausible_times: `trade_ts < ${timestamp(firstPossibleTrade)} OR trade_ts > ${plusFiveMinutes(now)} OR trade_ts > ${plusFiveMinutes('ingest_ts')}`,
  };
}

function rowChecks(dialect: Dialect, nowMs: number): string {
  const faults = Object.entries(rowFaults(dialect, nowMs));
  const counted = faults.map(([name, fault]) => `  count(CASE WHEN ${fault} THEN 1 END) AS ${name}`);
  const sampled = faults.map(
    ([name, fault]) => `  min(CASE WHEN ${fault} THEN coalesce(${key}, 'a row without key') END) AS ${name}_sample`,
  );
  const any = faults.map(([, fault]) => `(${fault})`).join(' OR ');
  return ['SELECT', [...counted, ...sampled, `  count(CASE WHEN ${any} THEN 1 END) AS bad_rows`].join(',\n')].join(
    '\n',
  );
}

/**
 * The queries behind the checks, one source for the laptop and the cloud. Run them all, collect their rows by name and
 * give them to `readQualityRows`. Throws `QualityError` (`invalid-options`).
 */
export function qualitySql(options: QualitySqlOptions): readonly QualityQuery[] {
  check(options);
  const { full, nowMs, product } = options;
  const dialect = dialects[options.dialect];
  const from = `\nFROM ${options.table ?? 'trades_unified'}`;
  const instant = (ms: number): string => dialect.timestamp(new Date(ms).toISOString());
  const scope = product ? [`exchange = ${literal(product.exchange)}`, `symbol = ${literal(product.symbol)}`] : [];
  const looked = full ? scope : [...scope, `trade_ts > ${instant(nowMs - recentDays * dayMs)}`];
  const lastDay = [...scope, `trade_ts > ${instant(nowMs - dayMs)}`, `trade_ts <= ${instant(nowMs)}`];
  const keys = 'exchange, symbol, trade_id';
  const copies = `SELECT ${keys}, count(*) AS copies${from}${where(looked)}\nGROUP BY ${keys}\nHAVING count(*) > 1`;
  const queries: QualityQuery[] = [
    { name: 'totals', sql: `SELECT count(*) AS total_records${from}${where(scope)}` },
    { name: 'daily', sql: `SELECT count(*) AS daily_records${from}${where(lastDay)}` },
    {
      name: 'history',
      sql: `SELECT ${dialect.epochMicros('min(trade_ts)')} AS first_us, ${dialect.epochMicros('max(trade_ts)')} AS last_us${from}${where(scope)}`,
    },
    {
      name: 'duplicates',
      sql: `SELECT coalesce(sum(copies - 1), 0) AS duplicates, min(${key}) AS duplicates_sample\nFROM (\n${copies}\n) AS repeated`,
    },
    { name: 'row_checks', sql: `${rowChecks(dialect, nowMs)}${from}${where(looked)}` },
    {
      name: 'freshness',
      sql: `SELECT exchange, symbol, ${dialect.epochMicros('max(trade_ts)')} AS newest_us${from}${where(looked)}\nGROUP BY exchange, symbol`,
    },
  ];
  if (full) {
    const sql = `SELECT exchange, symbol, count(*) AS records${from}${where(scope)}\nGROUP BY exchange, symbol`;
    queries.push({ name: 'rows_per_product', sql });
  }
  return queries;
}
