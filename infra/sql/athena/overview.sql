-- Generated from packages/query/src/questions.ts, the source of the DuckDB macros. Edit that instead.
-- Every product: trades, first and last trade, volume and turnover.
SELECT t.exchange, t.symbol, count(*) AS trades, min(t.trade_ts) AS first_trade, max(t.trade_ts) AS last_trade,
  sum(t.quantity) AS volume, sum(t.price * t.quantity) AS turnover
FROM trades_unified AS t
GROUP BY 1, 2
ORDER BY 1, 2
