-- Generated from packages/query/src/questions.ts, the source of the DuckDB macros. Edit that instead.
-- Candles: open, high, low, close, volume, trades a bucket; `since` is included, `until` is not; give them: they prune.
-- Change: the symbol, the bucket (seconds), since, until.
SELECT t.exchange, t.symbol, from_unixtime(floor(to_unixtime(t.trade_ts) / 3600) * 3600) AS bucket,
  min_by(t.price, ROW(t.trade_ts, coalesce(TRY_CAST(t.trade_id AS bigint), -1))) AS open, max(t.price) AS high, min(t.price) AS low, max_by(t.price, ROW(t.trade_ts, coalesce(TRY_CAST(t.trade_id AS bigint), -1))) AS close,
  sum(t.quantity) AS volume, count(*) AS trades
FROM trades_unified AS t
WHERE t.symbol = 'BTC-USD'
  AND t.trade_ts >= TIMESTAMP '2026-01-01 00:00:00 UTC'
  AND t.trade_ts < TIMESTAMP '2026-02-01 00:00:00 UTC'
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
