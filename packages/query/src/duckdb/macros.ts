import type { MacroInfo } from '../engine.js';

/** A table macro: its SQL reads `trades_unified` alone and filters on its columns, so that files and row groups are pruned. */
export interface Macro extends MacroInfo {
  readonly parameters: string;
  readonly sql: string;
}

/** Ids are text; they order as numbers. Ids that are no number order by time alone. */
const idNumber = 'TRY_CAST(t.trade_id AS UBIGINT)';
const moment = `{ts: t.trade_ts, id: ${idNumber}}`;
const bounds = `(since IS NULL OR t.trade_ts >= CAST(since AS TIMESTAMPTZ))
  AND (until IS NULL OR t.trade_ts < CAST(until AS TIMESTAMPTZ))`;
const bucketed = 'time_bucket(CAST(bucket AS INTERVAL), t.trade_ts)';
const boundedDoc = '`since` is included, `until` is not; give them: they prune';

/**
 * `bucket` is an INTERVAL or its text ('1 minute', '5m', '1h', '1d'); buckets are aligned in UTC, a bucket without trades has
 * no row. A symbol traded at several exchanges gives rows for each.
 */
export const macros: readonly Macro[] = [
  {
    name: 'ohlcv',
    parameters: 'symbol, bucket, since := NULL, until := NULL',
    signature:
      "ohlcv(symbol, bucket, since := NULL, until := NULL), e.g. ohlcv('BTC-USD', '1m', since := '2025-12-01')",
    doc: `Candles: open, high, low, close, volume, trades a bucket; ${boundedDoc}.`,
    sql: `SELECT t.exchange, t.symbol, ${bucketed} AS bucket,
  arg_min(t.price, ${moment}) AS open, max(t.price) AS high, min(t.price) AS low, arg_max(t.price, ${moment}) AS close,
  sum(t.quantity) AS volume, count(*) AS trades
FROM trades_unified AS t
WHERE t.symbol = symbol AND ${bounds}
GROUP BY ALL
ORDER BY 1, 2, 3`,
  },
  {
    name: 'vwap',
    parameters: 'symbol, bucket, since := NULL, until := NULL',
    signature: "vwap(symbol, bucket, since := NULL, until := NULL), e.g. vwap('BTC-USD', '1h', since := '2025-12-01')",
    doc: `Price weighted by quantity, volume and turnover a bucket; ${boundedDoc}.`,
    sql: `SELECT t.exchange, t.symbol, ${bucketed} AS bucket,
  sum(t.price * t.quantity) / sum(t.quantity) AS vwap,
  sum(t.quantity) AS volume, sum(t.price * t.quantity) AS turnover, count(*) AS trades
FROM trades_unified AS t
WHERE t.symbol = symbol AND ${bounds}
GROUP BY ALL
ORDER BY 1, 2, 3`,
  },
  {
    name: 'last_trades',
    parameters: 'symbol, n := 20',
    signature: "last_trades(symbol, n := 20), e.g. last_trades('BTC-USD', 100)",
    doc: 'The newest n trades, newest first.',
    sql: `SELECT t.*
FROM trades_unified AS t
WHERE t.symbol = symbol
ORDER BY t.trade_ts DESC, ${idNumber} DESC
LIMIT n`,
  },
  {
    name: 'gaps',
    parameters: 'symbol',
    signature: "gaps(symbol), e.g. gaps('BTC-USD')",
    doc: 'Runs of ids absent between two trades of the table. Void ids are among them: `schemahub verify` says which are which.',
    sql: `SELECT g.exchange, g.symbol, g.id + 1 AS first_absent, g.next_id - 1 AS last_absent, g.next_id - g.id - 1 AS ids,
  g.trade_ts AS ts_before, g.next_ts AS ts_after
FROM (
  SELECT t.exchange, t.symbol, t.trade_ts, ${idNumber} AS id,
    lead(${idNumber}) OVER by_id AS next_id, lead(t.trade_ts) OVER by_id AS next_ts
  FROM trades_unified AS t
  WHERE t.symbol = symbol
  WINDOW by_id AS (PARTITION BY t.exchange, t.symbol ORDER BY ${idNumber})
) AS g
WHERE g.next_id > g.id + 1
ORDER BY g.exchange, g.symbol, g.id`,
  },
];

/** The statement that makes a macro. */
export function createMacro({ name, parameters, sql }: Macro): string {
  return `CREATE MACRO ${name}(${parameters}) AS TABLE ${sql}`;
}
