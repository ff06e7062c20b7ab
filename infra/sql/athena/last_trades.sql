-- Generated from packages/query/src/questions.ts, the source of the DuckDB macros. Edit that instead.
-- The newest n trades, newest first.
-- Change: the symbol, the number of rows.
SELECT t.*
FROM trades_unified AS t
WHERE t.symbol = 'BTC-USD'
ORDER BY t.trade_ts DESC, TRY_CAST(t.trade_id AS bigint) DESC
LIMIT 20
