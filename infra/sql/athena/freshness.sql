-- Generated from packages/query/src/questions.ts, the source of the DuckDB macros. Edit that instead.
-- Minutes since the newest trade of every product, the oldest first.
SELECT t.exchange, t.symbol, max(t.trade_ts) AS last_trade, date_diff('minute', max(t.trade_ts), now()) AS age_minutes
FROM trades_unified AS t
GROUP BY 1, 2
ORDER BY 4 DESC, 1, 2
