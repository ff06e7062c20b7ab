-- Generated from packages/query/src/questions.ts, the source of the DuckDB macros. Edit that instead.
-- Each product and UTC day of the last days: trades, volume, turnover, lowest and highest price, first and last trade.
-- Change: the number of days.
SELECT date_trunc('day', t.trade_ts) AS day, t.exchange, t.symbol, count(*) AS trades,
  sum(t.quantity) AS volume, sum(t.price * t.quantity) AS turnover, min(t.price) AS low, max(t.price) AS high,
  min(t.trade_ts) AS first_trade, max(t.trade_ts) AS last_trade
FROM trades_unified AS t
WHERE t.trade_ts >= date_add('day', -30, now())
GROUP BY 1, 2, 3
ORDER BY 1 DESC, 2, 3
