import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDuckdb } from '../duckdb/index.js';
import type { QueryEngine } from '../engine.js';
import { questions } from '../questions.js';
import { allRows, columns, createSnapshotFixture, type SnapshotFixture } from '../testing/snapshot-fixture.js';
import { athenaDialect } from './sql-files.js';

// Athena is not here. What its statements mean is checked on DuckDB, which is taught the names of Trino's functions.
const trino = ['CREATE MACRO to_unixtime(t) AS epoch(t)', 'CREATE MACRO from_unixtime(s) AS to_timestamp(s)'];

let fixture: SnapshotFixture;
let engine: QueryEngine;

beforeAll(async () => {
  fixture = await createSnapshotFixture();
  const ts = '2025-12-01T00:00:30.123456Z';
  const file = await fixture.writeTrades('a.parquet', [
    ...[9, 100, 10, 99].map((id) => ({ id, price: id, quantity: id / 8, ts })),
    { id: 104, price: 7, quantity: 1, ts: '2025-12-01T00:59:59.999999Z' },
    { id: 105, price: 8, quantity: 2, ts: '2025-12-01T01:00:00Z' },
    { id: 12, exchange: 'KRAKEN', price: 3, ts: '2025-12-02T00:00:00Z' },
    { id: 12, exchange: 'KRAKEN', price: 3, ts: '2025-12-02T00:00:00Z' },
  ]);
  engine = await openDuckdb({ table: { files: [file], columns }, threads: 2, setupSql: trino });
});
afterAll(async () => {
  await engine.close();
  await fixture.remove();
});

const calls: Readonly<Record<string, string>> = {
  ohlcv: "ohlcv('BTC-USD', '1h', since := '2025-12-01', until := '2025-12-03')",
  vwap: "vwap('BTC-USD', '1h', since := '2025-12-01', until := '2025-12-03')",
  last_trades: "last_trades('BTC-USD', 3)",
  gaps: "gaps('BTC-USD')",
  overview: 'overview()',
  freshness: 'freshness()',
  duplicates: 'duplicates()',
  daily_monitoring: 'daily_monitoring(days := 100000)',
};
const values = {
  symbol: "'BTC-USD'",
  bucket: '3600',
  since: "TIMESTAMP '2025-12-01 00:00:00 UTC'",
  until: "TIMESTAMP '2025-12-03 00:00:00 UTC'",
  n: '3',
  days: '100000',
};
// DuckDB has a date_add of its own, with other arguments.
const taught = { ...athenaDialect, daysAgo: (days: string) => `now() - to_days(${days})` };

describe('the statements for Athena answer as the macros do', () => {
  it.each(questions)('$name', async (question) => {
    const theirs = await allRows(await engine.run(question.sql(taught, values)));
    const ours = await allRows(await engine.run(`SELECT * FROM ${calls[question.name]}`));
    expect(ours.length).toBeGreaterThan(0);
    expect(theirs).toEqual(ours);
  });
});
