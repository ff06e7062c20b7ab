import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { TrinoSQL } from 'dt-sql-parser';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { evaluate } from './evaluate.js';
import { type ProductFacts, type QualityRow, readQualityRows } from './quality-rows.js';
import { type QualityQueryName, type QualitySqlOptions, qualitySql } from './quality-sql.js';

const nowMs = Date.UTC(2025, 11, 10, 12);
const base: QualitySqlOptions = { dialect: 'duckdb', full: true, nowMs };
const btc: ProductFacts = {
  exchange: 'COINBASE',
  symbol: 'BTC-USD',
  present: 3,
  wanted: 3,
  missing: 0,
  void: 0,
  quarantined: 0,
  active: true,
};
const filesAgainstCommit = { count: 0, sample: [] };

let connection: DuckDBConnection;

beforeAll(async () => {
  connection = await (await DuckDBInstance.create(':memory:')).connect();
  await connection.run("SET TimeZone = 'UTC'");
});

afterAll(() => connection.closeSync());

beforeEach(async () => {
  await connection.run(
    'CREATE OR REPLACE TABLE trades_unified (exchange VARCHAR, symbol VARCHAR, trade_id VARCHAR, side VARCHAR, price DOUBLE, quantity DOUBLE, trade_ts TIMESTAMPTZ, ingest_ts TIMESTAMPTZ)',
  );
  await insert({ trade_id: "'1'", trade_ts: "'2025-12-01T00:00:00Z'", ingest_ts: "'2025-12-01T00:00:01Z'" });
  await insert({ trade_id: "'2'" });
  await insert({ trade_id: "'3'", side: "'SELL'" });
});

async function insert(change: Readonly<Record<string, string>>): Promise<void> {
  const row = {
    exchange: "'COINBASE'",
    symbol: "'BTC-USD'",
    trade_id: "'9'",
    side: "'BUY'",
    price: '100.5',
    quantity: '0.25',
    trade_ts: "'2025-12-10T11:00:00.123456Z'",
    ingest_ts: "'2025-12-10T11:30:00Z'",
    ...change,
  };
  await connection.run(`INSERT INTO trades_unified VALUES (${Object.values(row).join(', ')})`);
}

async function ask(options: Partial<QualitySqlOptions> = {}): Promise<Record<QualityQueryName, QualityRow[]>> {
  const rows: Partial<Record<QualityQueryName, QualityRow[]>> = {};
  for (const { name, sql } of qualitySql({ ...base, ...options })) {
    rows[name] = (await connection.runAndReadAll(sql)).getRowObjectsJS();
  }
  return rows as Record<QualityQueryName, QualityRow[]>;
}

const judge = async (products: readonly ProductFacts[] = [btc], options: Partial<QualitySqlOptions> = {}) =>
  evaluate(readQualityRows({ rows: await ask(options), products, nowMs, filesAgainstCommit }));

const faults: [string, Readonly<Record<string, string>>, string][] = [
  ['a repeated key', { trade_id: "'2'" }, 'primary key unique'],
  ['a null', { price: 'NULL' }, 'nulls'],
  ['a null key', { trade_id: 'NULL' }, 'nulls'],
  ['price 0', { price: '0' }, 'price and quantity finite and > 0'],
  ['a negative quantity', { quantity: '-1' }, 'price and quantity finite and > 0'],
  ['NaN', { price: "'NaN'" }, 'price and quantity finite and > 0'],
  ['infinity', { quantity: "'Infinity'" }, 'price and quantity finite and > 0'],
  ['a lower-case side', { side: "'buy'" }, 'side known'],
  ['a time in 1970', { trade_ts: "'1970-01-21T10:00:00Z'" }, 'trade_ts plausible'],
  [
    'a time in the future',
    { trade_ts: "'2025-12-10T12:06:00Z'", ingest_ts: "'2025-12-10T12:06:00Z'" },
    'trade_ts plausible',
  ],
  ['a trade after its record', { ingest_ts: "'2025-12-10T10:54:00Z'" }, 'trade_ts plausible'],
];

describe('qualitySql on DuckDB', () => {
  it('finds nothing in a sound table', async () => {
    const result = await judge();
    expect(result).toMatchObject({ score: 100, deductions: [] });
    expect(result.findings.filter((finding) => finding.ok !== true)).toEqual([]);
    expect(result.summary).toMatchObject({ totalRecords: 3, dailyRecords: 2 });
    expect(result.summary.products[0]?.ageMinutes).toBeCloseTo(59.99794, 4);
  });

  it.each(faults)('finds %s and nothing else', async (_, change, check) => {
    await insert(change);
    for (const full of [true, false]) {
      const result = await judge([{ ...btc, present: 4 }], { full });
      const failed = result.findings.filter((finding) => finding.ok === false);
      // A time in 1970 lies outside the seven days that the short check reads.
      const isSeen = full || !change.trade_ts?.includes('1970');
      expect(failed.map((finding) => finding.check)).toEqual(isSeen ? [check] : []);
      if (isSeen)
        expect(failed[0]).toMatchObject({ count: 1, sample: [expect.stringMatching(/^COINBASE\/BTC-USD|a row/)] });
    }
  });

  it('counts a row with several faults as one bad row', async () => {
    await insert({ price: '-1', side: "'?'", ingest_ts: 'NULL' });
    const { summary } = await judge([{ ...btc, present: 4 }]);
    expect(summary).toMatchObject({
      badRows: 1,
      badNumbers: { count: 1 },
      unknownSides: { count: 1 },
      nulls: { count: 1 },
    });
  });

  it('measures the history, of several runs the whole one, of an empty table none', async () => {
    await insert({ symbol: "'ETH-USD'", trade_ts: "'2024-12-10T11:00:00.123456Z'" });
    const rows = await ask();
    expect((await judge()).summary.historyYears).toBeCloseTo(365 / 365.25, 9);
    const early = { first_us: '0', last_us: '1' };
    const joined = readQualityRows({
      rows: { ...rows, history: [...rows.history, early] },
      products: [btc],
      nowMs,
      filesAgainstCommit,
    });
    expect(joined.historyYears).toBeGreaterThan(55);
    await connection.run('DELETE FROM trades_unified');
    expect((await judge()).summary.historyYears).toBeUndefined();
  });

  it('counts surplus rows, not keys', async () => {
    await insert({ trade_id: "'2'" });
    await insert({ trade_id: "'2'" });
    expect((await judge()).summary.duplicates).toEqual({ count: 2, sample: ['COINBASE/BTC-USD/2'] });
  });

  it('does not take equal ids of two products for duplicates', async () => {
    await insert({ trade_id: "'2'", symbol: "'ETH-USD'" });
    await insert({ trade_id: "'2'", exchange: "'KRAKEN'" });
    expect((await judge()).summary.duplicates.count).toBe(0);
  });

  it('compares rows with present ids a product; errors of two products do not cancel out', async () => {
    await insert({ symbol: "'ETH-USD'" });
    const eth = { ...btc, symbol: 'ETH-USD', present: 0 };
    const finding = (await judge([{ ...btc, present: 4 }, eth])).findings.find(
      ({ check }) => check === 'rows = present',
    );
    expect(finding).toMatchObject({ ok: false, count: 2 });
    expect(finding?.sample).toEqual([
      'COINBASE/BTC-USD: 3 rows in the table, 4 ids present in the commit',
      'COINBASE/ETH-USD: 1 rows in the table, 0 ids present in the commit',
    ]);
  });

  it('notices a product of the table that the commit does not know', async () => {
    await insert({ symbol: "'GHOST-USD'" });
    expect((await judge()).summary.rowsAgainstPresent).toMatchObject({ count: 1 });
  });

  it('compares totals in the short check', async () => {
    expect((await judge([{ ...btc, present: 5 }], { full: false })).summary.rowsAgainstPresent).toMatchObject({
      count: 2,
    });
  });

  it('adds up runs that looked at one product each', async () => {
    await insert({ symbol: "'ETH-USD'" });
    await insert({ symbol: "'ETH-USD'" });
    const products = [btc, { ...btc, symbol: 'ETH-USD', present: 2 }];
    const parts = await Promise.all(products.map(({ exchange, symbol }) => ask({ product: { exchange, symbol } })));
    const rows = Object.fromEntries(
      Object.keys(parts[0] ?? {}).map((name) => [name, parts.flatMap((part) => part[name as QualityQueryName])]),
    );
    const together = readQualityRows({ rows, products, nowMs, filesAgainstCommit });
    expect(together).toEqual((await judge(products)).summary);
    expect(together).toMatchObject({ totalRecords: 5, duplicates: { count: 1 } });
  });

  it('quotes names and refuses what is no name', async () => {
    const odd = { exchange: "O'NEILL", symbol: "A'; DROP TABLE trades_unified; --" };
    expect((await ask({ product: odd })).totals).toEqual([{ total_records: 0n }]);
    for (const change of [
      { table: 'a; DROP TABLE b' },
      { table: '' },
      { nowMs: Number.NaN },
      { dialect: 'x' },
      { full: 1 },
    ]) {
      const options = { ...base, ...change } as QualitySqlOptions;
      expect(() => qualitySql(options)).toThrowError(expect.objectContaining({ code: 'invalid-options' }));
    }
  });

  it('judges an empty table without NaN', async () => {
    await connection.run('DELETE FROM trades_unified');
    const result = await judge([{ ...btc, present: 0, wanted: 0 }]);
    expect(result.summary).toMatchObject({ totalRecords: 0, products: [{ ageMinutes: null }] });
    expect(result.score).toBe(50);
  });
});

describe('qualitySql for Athena', () => {
  it('asks the same: its texts on DuckDB, with Trino’s function names taught, find the same faults', async () => {
    await connection.run('CREATE OR REPLACE TEMP MACRO to_unixtime(t) AS epoch(t)');
    await connection.run('CREATE OR REPLACE TEMP MACRO is_finite(x) AS isfinite(x)');
    for (const change of [{ trade_id: "'2'" }, ...faults.map(([, fault]) => fault)]) await insert(change);
    for (const full of [true, false]) {
      const athena = await ask({ full, dialect: 'athena' });
      expect(athena).toEqual(await ask({ full }));
      expect(athena.row_checks[0]?.bad_rows).toBe(full ? 10n : 9n);
    }
  });

  const product = { exchange: 'COINBASE', symbol: "O'X-USD" };
  it.each([{ full: true }, { full: false }, { full: true, product }])('is SQL to Trino’s grammar: %j', (options) => {
    for (const { name, sql } of qualitySql({ ...base, ...options, dialect: 'athena' })) {
      expect(new TrinoSQL().validate(sql), `${name}: ${sql}`).toEqual([]);
      expect(sql).not.toMatch(/TIMESTAMPTZ|epoch_us|isfinite/);
    }
  });
});

describe('readQualityRows', () => {
  const facts = { products: [btc], nowMs, filesAgainstCommit };

  it('refuses every query that delivered nothing or something else', async () => {
    const rows = await ask();
    for (const name of ['totals', 'daily', 'duplicates', 'row_checks'] as const) {
      for (const bad of [[], undefined, [{}], [{ [`${name}`]: null }]]) {
        const broken = { ...rows, [name]: bad } as Record<QualityQueryName, QualityRow[]>;
        expect(() => readQualityRows({ ...facts, rows: broken })).toThrowError(
          expect.objectContaining({ code: 'no-rows' }),
        );
      }
    }
    const { freshness: _, ...unasked } = rows;
    expect(() => readQualityRows({ ...facts, rows: unasked })).toThrowError(/freshness was not run/);
  });

  it('refuses NaN, fractions, nulls and products that come twice', async () => {
    const rows = await ask();
    for (const total_records of [Number.NaN, 1.5, null, '', 'NaN', 2n ** 60n]) {
      const broken = { ...rows, totals: [{ total_records }] };
      expect(() => readQualityRows({ ...facts, rows: broken })).toThrowError(
        expect.objectContaining({ code: 'no-rows' }),
      );
    }
    const twice = { ...rows, freshness: [...rows.freshness, ...rows.freshness] };
    expect(() => readQualityRows({ ...facts, rows: twice })).toThrowError(/BTC-USD twice/);
    const unnamed = { ...rows, freshness: [{ exchange: null, symbol: 'BTC-USD', newest_us: 1 }] };
    expect(() => readQualityRows({ ...facts, rows: unnamed })).toThrowError(/exchange must be a name/);
  });

  it('reads numbers as text, as some engines deliver them', async () => {
    const rows = { ...(await ask()), totals: [{ total_records: '3' }] };
    expect(readQualityRows({ ...facts, rows }).totalRecords).toBe(3);
  });

  it('names the products with holes', async () => {
    const products = [{ ...btc, wanted: 10, missing: 2, void: 5, quarantined: 1 }];
    const summary = readQualityRows({ rows: await ask(), nowMs, filesAgainstCommit, products });
    expect(summary).toMatchObject({
      wanted: 10,
      void: 5,
      quarantined: 1,
      missing: { count: 2, sample: ['COINBASE/BTC-USD: 2 of 10 ids'] },
    });
  });
});
