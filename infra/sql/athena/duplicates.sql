-- Generated from packages/query/src/questions.ts, the source of the DuckDB macros. Edit that instead.
-- Keys that stand more than once in the table: there must be none. It holds every id while it runs.
SELECT t.exchange, t.symbol, t.trade_id, count(*) AS copies
FROM trades_unified AS t
GROUP BY 1, 2, 3
HAVING count(*) > 1
ORDER BY 1, 2, 3
