-- Generated from packages/query/src/questions.ts, the source of the DuckDB macros. Edit that instead.
-- Runs of ids absent between two trades of the table. Void ids are among them: `schemahub verify` says which are which.
-- Change: the symbol.
SELECT g.exchange, g.symbol, g.id + 1 AS first_absent, g.next_id - 1 AS last_absent, g.next_id - g.id - 1 AS ids,
  g.trade_ts AS ts_before, g.next_ts AS ts_after
FROM (
  SELECT t.exchange, t.symbol, t.trade_ts, TRY_CAST(t.trade_id AS bigint) AS id,
    lead(TRY_CAST(t.trade_id AS bigint)) OVER (PARTITION BY t.exchange, t.symbol ORDER BY TRY_CAST(t.trade_id AS bigint)) AS next_id, lead(t.trade_ts) OVER (PARTITION BY t.exchange, t.symbol ORDER BY TRY_CAST(t.trade_id AS bigint)) AS next_ts
  FROM trades_unified AS t
  WHERE t.symbol = 'BTC-USD'
) AS g
WHERE g.next_id > g.id + 1
ORDER BY g.exchange, g.symbol, g.id
