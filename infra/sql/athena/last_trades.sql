-- Generated from packages/query/src/questions.ts, the source of the DuckDB macros. Edit that instead.
-- The newest n trades, newest first.
-- Change: the symbol, the number of rows.
WITH newest AS (
  SELECT u.trade_ts
  FROM trades_unified AS u
  WHERE u.symbol = 'BTC-USD'
  ORDER BY u.trade_ts DESC
  LIMIT 20
)
SELECT t.*
FROM trades_unified AS t
WHERE t.symbol = 'BTC-USD' AND t.trade_ts >= (SELECT min(newest.trade_ts) FROM newest)
ORDER BY t.trade_ts DESC, TRY_CAST(t.trade_id AS bigint) DESC
LIMIT 20
