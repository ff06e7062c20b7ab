import type { MacroInfo } from '../engine.js';

/** A table macro: a question whose values are its parameters. */
export interface Macro extends MacroInfo {
  readonly parameters: string;
  readonly sql: string;
}

/** A symbol, or a base asset (`BTC`): then all of its dollar books, whatever each venue calls the dollar. */
const ofBook = `(t.symbol = symbol
    OR (NOT contains(symbol, '-') AND t.symbol IN (symbol || '-USD', symbol || '-USDT', symbol || '-USDC')))`;
const idNumber = 'TRY_CAST(t.trade_id AS UBIGINT)';
const bounds = `(since IS NULL OR t.trade_ts >= CAST(since AS TIMESTAMPTZ))
    AND (until IS NULL OR t.trade_ts < CAST(until AS TIMESTAMPTZ))`;

/** Questions across venues. They need DuckDB's ASOF join and struct order, so they are macros only, no files for Athena. */
export const crossVenueMacros: readonly Macro[] = [
  {
    name: 'spread',
    parameters: 'symbol, bucket, since := NULL, until := NULL',
    signature: "spread(symbol, bucket, since := NULL, until := NULL), e.g. spread('BTC', '1m', since := '2025-12-01')",
    doc: 'How far the venues are apart: their last prices in each bucket; `BTC` takes its USD, USDT and USDC books together. A bucket in which only one venue traded has no row.',
    sql: `SELECT b.bucket, count(*) AS venues, min(b.price) AS low, max(b.price) AS high,
  max(b.price) - min(b.price) AS spread, 10000 * (max(b.price) - min(b.price)) / min(b.price) AS spread_bps,
  arg_min(b.exchange, b.price) AS cheapest, arg_max(b.exchange, b.price) AS dearest
FROM (
  SELECT t.exchange, t.symbol, time_bucket(CAST(bucket AS INTERVAL), t.trade_ts) AS bucket,
    arg_max(t.price, {ts: t.trade_ts, id: ${idNumber}}) AS price
  FROM trades_unified AS t
  WHERE ${ofBook} AND ${bounds}
  GROUP BY 1, 2, 3
) AS b
GROUP BY 1
HAVING count(*) > 1
ORDER BY 1`,
  },
  {
    name: 'asof_prices',
    parameters: 'symbol, since := NULL, until := NULL',
    signature: "asof_prices(symbol, since := NULL, until := NULL), e.g. asof_prices('BTC', since := '2025-12-01')",
    doc: 'Each trade beside the newest price of every other venue at or before its time, and how old that price was.',
    // Inside a macro a bare symbol is the parameter: the column goes by another name.
    sql: `WITH book AS (
  SELECT t.exchange, t.symbol AS pair, t.trade_id, t.trade_ts, t.side, t.price, ${idNumber} AS id
  FROM trades_unified AS t
  WHERE ${ofBook} AND ${bounds}
), prices AS (
  SELECT b.exchange, b.pair, b.trade_ts, arg_max(b.price, b.id) AS price FROM book AS b GROUP BY 1, 2, 3
), pairs AS (
  SELECT b.*, v.exchange AS other_exchange, v.pair AS other_pair
  FROM book AS b
  JOIN (SELECT DISTINCT k.exchange, k.pair FROM book AS k) AS v ON v.exchange <> b.exchange OR v.pair <> b.pair
)
SELECT p.trade_ts, p.exchange, p.pair AS symbol, p.trade_id, p.side, p.price,
  p.other_exchange, p.other_pair AS other_symbol, o.price AS other_price, p.trade_ts - o.trade_ts AS other_age
FROM pairs AS p
ASOF LEFT JOIN prices AS o
  ON o.exchange = p.other_exchange AND o.pair = p.other_pair AND p.trade_ts >= o.trade_ts
ORDER BY p.trade_ts, p.exchange, p.pair, p.id, p.other_exchange, p.other_pair`,
  },
];
