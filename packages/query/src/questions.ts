import type { MacroInfo } from './engine.js';

/** What differs between SQL engines; everything else of a question is one text. */
export interface QuestionDialect {
  /** A trade id's text as a number; null where it is none. */
  readonly idNumber: (id: string) => string;
  /** The value of the row that is first (last) by time, then by id. */
  readonly first: (value: string, time: string, id: string) => string;
  readonly last: (value: string, time: string, id: string) => string;
  /** The beginning of the bucket that holds a time, aligned in UTC. */
  readonly bucket: (bucket: string, time: string) => string;
  /** Conditions that keep times from `since` on and before `until`; each may be absent. */
  readonly bounds: (time: string, since: string | undefined, until: string | undefined) => readonly string[];
  /** An instant so many days ago. */
  readonly daysAgo: (days: string) => string;
}

/** A question's values, as SQL: a macro's parameter names, or literals. */
export interface QuestionValues {
  readonly symbol: string;
  /** DuckDB: an INTERVAL or its text; Athena: seconds. */
  readonly bucket: string;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly n: string;
  readonly days: string;
}

/** One question about the table, for every engine. It reads `trades_unified` alone and filters on its columns, so that files and row groups are pruned. */
export interface Question extends MacroInfo {
  /** Parameters of the DuckDB macro. */
  readonly parameters: string;
  /** The values that a file of infra/sql asks for and its reader changes. */
  readonly uses: readonly (keyof QuestionValues)[];
  readonly sql: (dialect: QuestionDialect, values: QuestionValues) => string;
}

const boundedDoc = '`since` is included, `until` is not; give them: they prune';

function ofSymbol(dialect: QuestionDialect, values: QuestionValues): string {
  return [`t.symbol = ${values.symbol}`, ...dialect.bounds('t.trade_ts', values.since, values.until)].join('\n  AND ');
}

/**
 * Buckets are aligned in UTC, a bucket without trades has no row. A symbol traded at several exchanges gives rows for each.
 * Source of the DuckDB macros and of infra/sql.
 */
export const questions: readonly Question[] = [
  {
    name: 'ohlcv',
    parameters: 'symbol, bucket, since := NULL, until := NULL',
    signature:
      "ohlcv(symbol, bucket, since := NULL, until := NULL), e.g. ohlcv('BTC-USD', '1m', since := '2025-12-01')",
    doc: `Candles: open, high, low, close, volume, trades a bucket; ${boundedDoc}.`,
    uses: ['symbol', 'bucket', 'since', 'until'],
    sql: (dialect, values) => {
      const id = dialect.idNumber('t.trade_id');
      return `SELECT t.exchange, t.symbol, ${dialect.bucket(values.bucket, 't.trade_ts')} AS bucket,
  ${dialect.first('t.price', 't.trade_ts', id)} AS open, max(t.price) AS high, min(t.price) AS low, ${dialect.last('t.price', 't.trade_ts', id)} AS close,
  sum(t.quantity) AS volume, count(*) AS trades
FROM trades_unified AS t
WHERE ${ofSymbol(dialect, values)}
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3`;
    },
  },
  {
    name: 'vwap',
    parameters: 'symbol, bucket, since := NULL, until := NULL',
    signature: "vwap(symbol, bucket, since := NULL, until := NULL), e.g. vwap('BTC-USD', '1h', since := '2025-12-01')",
    doc: `Price weighted by quantity, volume and turnover a bucket; ${boundedDoc}.`,
    uses: ['symbol', 'bucket', 'since', 'until'],
    sql: (dialect, values) => `SELECT t.exchange, t.symbol, ${dialect.bucket(values.bucket, 't.trade_ts')} AS bucket,
  sum(t.price * t.quantity) / sum(t.quantity) AS vwap,
  sum(t.quantity) AS volume, sum(t.price * t.quantity) AS turnover, count(*) AS trades
FROM trades_unified AS t
WHERE ${ofSymbol(dialect, values)}
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3`,
  },
  {
    name: 'last_trades',
    parameters: 'symbol, n := 20',
    signature: "last_trades(symbol, n := 20), e.g. last_trades('BTC-USD', 100)",
    doc: 'The newest n trades, newest first.',
    uses: ['symbol', 'n'],
    // The time of the n-th is looked for in one column alone; then all columns of what is as new: 4.8 MB of a file of 24.
    sql: (dialect, { symbol, n }) => `WITH newest AS (
  SELECT u.trade_ts
  FROM trades_unified AS u
  WHERE u.symbol = ${symbol}
  ORDER BY u.trade_ts DESC
  LIMIT ${n}
)
SELECT t.*
FROM trades_unified AS t
WHERE t.symbol = ${symbol} AND t.trade_ts >= (SELECT min(newest.trade_ts) FROM newest)
ORDER BY t.trade_ts DESC, ${dialect.idNumber('t.trade_id')} DESC
LIMIT ${n}`,
  },
  {
    name: 'gaps',
    parameters: 'symbol',
    signature: "gaps(symbol), e.g. gaps('BTC-USD')",
    doc: 'Runs of ids absent between two trades of the table. Void ids are among them: `schemahub verify` says which are which.',
    uses: ['symbol'],
    sql: (dialect, { symbol }) => {
      const id = dialect.idNumber('t.trade_id');
      const byId = `OVER (PARTITION BY t.exchange, t.symbol ORDER BY ${id})`;
      return `SELECT g.exchange, g.symbol, g.id + 1 AS first_absent, g.next_id - 1 AS last_absent, g.next_id - g.id - 1 AS ids,
  g.trade_ts AS ts_before, g.next_ts AS ts_after
FROM (
  SELECT t.exchange, t.symbol, t.trade_ts, ${id} AS id,
    lead(${id}) ${byId} AS next_id, lead(t.trade_ts) ${byId} AS next_ts
  FROM trades_unified AS t
  WHERE t.symbol = ${symbol}
) AS g
WHERE g.next_id > g.id + 1
ORDER BY g.exchange, g.symbol, g.id`;
    },
  },
  {
    name: 'overview',
    parameters: '',
    signature: 'overview()',
    doc: 'Every product: trades, first and last trade, volume and turnover.',
    uses: [],
    sql: () => `SELECT t.exchange, t.symbol, count(*) AS trades, min(t.trade_ts) AS first_trade, max(t.trade_ts) AS last_trade,
  sum(t.quantity) AS volume, sum(t.price * t.quantity) AS turnover
FROM trades_unified AS t
GROUP BY 1, 2
ORDER BY 1, 2`,
  },
  {
    name: 'freshness',
    parameters: '',
    signature: 'freshness()',
    doc: 'Minutes since the newest trade of every product, the oldest first.',
    uses: [],
    sql: () => `SELECT t.exchange, t.symbol, max(t.trade_ts) AS last_trade, date_diff('minute', max(t.trade_ts), now()) AS age_minutes
FROM trades_unified AS t
GROUP BY 1, 2
ORDER BY 4 DESC, 1, 2`,
  },
  {
    name: 'duplicates',
    parameters: '',
    signature: 'duplicates()',
    doc: 'Keys that stand more than once in the table: there must be none. It holds every id while it runs.',
    uses: [],
    sql: () => `SELECT t.exchange, t.symbol, t.trade_id, count(*) AS copies
FROM trades_unified AS t
GROUP BY 1, 2, 3
HAVING count(*) > 1
ORDER BY 1, 2, 3`,
  },
  {
    name: 'daily_monitoring',
    parameters: 'days := 30',
    signature: 'daily_monitoring(days := 30), e.g. daily_monitoring(days := 7)',
    doc: 'Each product and UTC day of the last days: trades, volume, turnover, lowest and highest price, first and last trade.',
    uses: ['days'],
    sql: (dialect, { days }) => `SELECT date_trunc('day', t.trade_ts) AS day, t.exchange, t.symbol, count(*) AS trades,
  sum(t.quantity) AS volume, sum(t.price * t.quantity) AS turnover, min(t.price) AS low, max(t.price) AS high,
  min(t.trade_ts) AS first_trade, max(t.trade_ts) AS last_trade
FROM trades_unified AS t
WHERE t.trade_ts >= ${dialect.daysAgo(days)}
GROUP BY 1, 2, 3
ORDER BY 1 DESC, 2, 3`,
  },
];

/** The assets of a symbol; the quote follows the last dash, since a base may hold one (BTC-PERP-USD). One text for every engine. */
export const assetColumns = `regexp_replace(symbol, '-[^-]*$', '') AS base_asset, regexp_extract(symbol, '[^-]*$') AS quote_asset`;
