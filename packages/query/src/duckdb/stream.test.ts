import { mkdir, open as openFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { QueryEngine, QueryResult } from '../engine.js';
import type { QueryError } from '../errors.js';
import { questions } from '../questions.js';
import {
  allRows,
  columns,
  createSnapshotFixture,
  fieldIds,
  type SnapshotFixture,
} from '../testing/snapshot-fixture.js';
import { crossVenueMacros } from './cross-venue.js';
import { openDuckdb } from './open-duckdb.js';

let fixture: SnapshotFixture;
let engine: QueryEngine;

beforeAll(async () => {
  fixture = await createSnapshotFixture();
});
afterAll(() => fixture.remove());
beforeEach(async () => {
  engine = await openDuckdb({ table: { files: [], columns }, threads: 2 });
});
afterEach(() => engine.close());

const failure = (work: Promise<unknown>): Promise<QueryError> =>
  work.then(
    () => expect.unreachable('it must fail'),
    (cause: unknown) => cause as QueryError,
  );

async function count(result: QueryResult): Promise<number> {
  let rows = 0;
  for await (const batch of result.rows) rows += batch.length;
  return rows;
}

describe('results', () => {
  it('arrive in order, in batches, whole', async () => {
    const result = await engine.run('SELECT range AS i FROM range(300000)');
    let next = 0n;
    let largest = 0;
    for await (const batch of result.rows) {
      largest = Math.max(largest, batch.length);
      for (const [value] of batch) if (value === next) next += 1n;
    }
    expect(next).toBe(300_000n);
    expect(largest).toBeLessThanOrEqual(2048);
    expect(result.rowCount).toBe(300_000);
  });

  const late: [string, string, string][] = [
    ['an error', "SELECT i, CASE WHEN i = 500000 THEN error('boom') END FROM range(1000000) AS t(i)", 'boom'],
    ['a cast', "SELECT CAST(CASE WHEN i = 500000 THEN 'x' ELSE '1' END AS INTEGER) FROM range(1000000) AS t(i)", "'x'"],
    ['an overflow', 'SELECT i + 9223372036854000000 FROM range(1000000) AS t(i)', 'Overflow'],
    ['the last row', "SELECT i, CASE WHEN i = 999999 THEN error('boom') END FROM range(1000000) AS t(i)", 'boom'],
  ];
  it.each(late)('that fail half-way throw DuckDB’s own words: %s', async (_, sql, words) => {
    const cause = await failure(engine.run(sql).then(count));
    expect(cause).toMatchObject({ name: 'QueryError', code: 'failed', retryable: false });
    expect(cause.message).toContain(words);
    expect(cause.message).not.toMatch(/\n\s+at /);
    expect(await allRows(await engine.run('SELECT 1'))).toEqual([[1]]);
  });

  it('of a file that is damaged in the middle throw', async () => {
    const select =
      "SELECT 'COINBASE' AS exchange, 'X-USD' AS symbol, hash(i)::VARCHAR AS trade_id, 'BUY' AS side, i::DOUBLE AS price, 1.0::DOUBLE AS quantity, TIMESTAMPTZ '2025-12-01' AS trade_ts, TIMESTAMPTZ '2025-12-01' AS ingest_ts FROM range(500000) AS t(i)";
    const path = await fixture.copy('damaged.parquet', select, `FIELD_IDS ${fieldIds}, ROW_GROUP_SIZE 20000`);
    const file = await openFile(path, 'r+');
    const { size } = await file.stat();
    await file.write(Buffer.alloc(50_000, 0xff), 0, 50_000, Math.floor(size * 0.7));
    await file.close();
    const damaged = await openDuckdb({ table: { files: [path], columns }, threads: 2 });
    const cause = await failure(damaged.run('SELECT trade_id, price FROM trades_unified').then(count));
    expect(cause.code).toBe('unreadable-file');
    expect(cause.message).toContain('damaged.parquet');
    expect(cause.message).toContain('verify --deep');
    await damaged.close();
  });

  it('stop at maxRows and say so only when there was more', async () => {
    for (const [maxRows, truncated] of [
      [0, true],
      [1, true],
      [4999, true],
      [5000, false],
      [5001, false],
    ] as const) {
      const result = await engine.run('SELECT * FROM range(5000)', { maxRows });
      expect(await count(result)).toBe(Math.min(maxRows, 5000));
      expect(result).toMatchObject({ rowCount: Math.min(maxRows, 5000), truncated });
    }
    for (const maxRows of [-1, 1.5, Number.NaN]) {
      expect(await failure(engine.run('SELECT 1', { maxRows }))).toMatchObject({ code: 'invalid-options' });
    }
  });

  it('are ended by the next query, loudly', async () => {
    const first = await engine.run('SELECT * FROM range(100000)');
    const rows = first.rows[Symbol.asyncIterator]();
    await rows.next();
    const unread = engine.run('SELECT * FROM range(100000)');
    await unread;
    expect(await allRows(await engine.run('SELECT 1'))).toEqual([[1]]);
    expect(await failure(rows.next())).toMatchObject({ code: 'superseded' });
    expect(await failure((await unread).rows[Symbol.asyncIterator]().next())).toMatchObject({ code: 'superseded' });
  });

  it('can be left early and are read once', async () => {
    const result = await engine.run('SELECT * FROM range(100000)');
    for await (const _ of result.rows) break;
    expect(await failure(count(result))).toMatchObject({ message: expect.stringContaining('read once') });
    expect(await allRows(await engine.run('SELECT 1'))).toEqual([[1]]);
  });

  it('take turns when asked for at the same time', async () => {
    const results = await Promise.allSettled([1, 2, 3].map(async (n) => allRows(await engine.run(`SELECT ${n}`))));
    expect(results.at(-1)).toEqual({ status: 'fulfilled', value: [[3]] });
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'superseded' });
    }
  });

  it('are refused after close; close ends what is being read', async () => {
    const result = await engine.run('SELECT * FROM range(10000000)');
    const rows = result.rows[Symbol.asyncIterator]();
    await rows.next();
    await engine.close();
    await engine.close();
    expect(await failure(rows.next())).toMatchObject({ code: 'closed' });
    expect(await failure(engine.run('SELECT 1'))).toMatchObject({ code: 'closed' });
  });
});

describe('abort', () => {
  const endless = 'SELECT count(*) FROM range(1000000000) AS a, range(100000) AS b WHERE a.range * b.range % 7 = 3';

  it('stops a query that computes and throws the reason itself', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const running = engine.run(endless, { signal: controller.signal });
    // DuckDB computes in threads of its own; a few turns of the event loop let it begin.
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    controller.abort(reason);
    expect(await failure(running)).toBe(reason);
    expect(await allRows(await engine.run('SELECT 1'))).toEqual([[1]]);
  });

  it('stops a result between two batches', async () => {
    const controller = new AbortController();
    const result = await engine.run('SELECT * FROM range(100000000)', { signal: controller.signal });
    const rows = result.rows[Symbol.asyncIterator]();
    await rows.next();
    controller.abort();
    expect(await failure(rows.next())).toMatchObject({ name: 'AbortError' });
    expect(await allRows(await engine.run('SELECT 1'))).toEqual([[1]]);
  });

  it('does not start what was aborted before', async () => {
    expect(await failure(engine.run('CREATE TABLE x (i INTEGER)', { signal: AbortSignal.abort() }))).toMatchObject({
      name: 'AbortError',
    });
    expect(await failure(engine.run('FROM x'))).toMatchObject({ code: 'invalid-query' });
  });
});

describe('values', () => {
  const cases: [string, unknown][] = [
    ["TIMESTAMPTZ '2025-12-01 00:00:00.123456Z'", '2025-12-01T00:00:00.123456Z'],
    ["TIMESTAMPTZ '2025-12-01 02:00:00+02'", '2025-12-01T00:00:00.000000Z'],
    ["TIMESTAMPTZ '1969-12-31 23:59:59.999999Z'", '1969-12-31T23:59:59.999999Z'],
    ["TIMESTAMP '2025-12-01 00:00:00.1'", '2025-12-01T00:00:00.100000'],
    ["TIMESTAMP_NS '2025-12-01 00:00:00.123456789'", '2025-12-01T00:00:00.123456789'],
    ["CAST('infinity' AS TIMESTAMPTZ)", 'infinity'],
    ["DATE '2025-12-01'", '2025-12-01'],
    ["TIME '01:02:03.5'", '01:02:03.5'],
    ['9007199254740993', 9_007_199_254_740_993n],
    ['CAST(1 AS INTEGER)', 1],
    ['CAST(0.1 AS FLOAT)', 0.1],
    ['CAST(0.1 AS DOUBLE)', 0.1],
    ["CAST('NaN' AS DOUBLE)", Number.NaN],
    ['CAST(1.5 AS DECIMAL(38,18))', '1.500000000000000000'],
    ["CAST('abc' AS BLOB)", new Uint8Array([97, 98, 99])],
    ['[1, NULL, 3]', [1, null, 3]],
    ["{'a': 1, 'ts': TIMESTAMPTZ '2025-12-01'}", { a: 1, ts: '2025-12-01T00:00:00.000000Z' }],
    ["MAP {'k': 1}", [{ key: 'k', value: 1 }]],
    ['true', true],
    ['NULL', null],
    ["''", ''],
  ];
  it.each(cases)('%s', async (sql, value) => {
    expect(await allRows(await engine.run(`SELECT ${sql}`))).toEqual([[value]]);
  });

  it('get unique column names', async () => {
    const { columns: named } = await engine.run('SELECT 1 AS a, 2 AS a');
    expect(named.map((column) => column.name)).toEqual(['a', 'a:1']);
  });
});

describe('errors', () => {
  const cases: [string, string, RegExp][] = [
    ['SELEC 1', 'syntax', /^Parser Error: syntax error at or near "SELEC"/],
    ['SELECT nope FROM trades_unified', 'invalid-query', /^Binder Error: Referenced column "nope" not found/],
    ['SELECT * FROM nowhere', 'invalid-query', /^Catalog Error: Table with name nowhere does not exist/],
    ["SELECT CAST('x' AS INTEGER)", 'failed', /^Conversion Error/],
    ['   -- only a comment', 'syntax', /There is no SQL/],
  ];
  it.each(cases)('%s', async (sql, code, words) => {
    expect(await failure(engine.run(sql))).toMatchObject({ code, message: expect.stringMatching(words) });
  });

  it.each(['SELECT * FROM nowhere', "FROM nowhere('x')", 'FROM trades_unifed', "FROM ohlc('BTC-USD', '1h')"])(
    'a name that nothing has is answered with all names, each of which is one, and none of DuckDB’s own: %s',
    async (sql) => {
      const { message } = await failure(engine.run(sql));
      const [, list] = /\nThere are (.*)\.$/.exec(message)!;
      const names = list!.split(', ');
      const { tables, macros } = await engine.catalog();
      expect(names.toSorted()).toEqual(
        [...tables.map(({ name }) => name), ...macros.map(({ name }) => `${name}()`)].toSorted(),
      );
      const suggested = /Did you mean "(.*)"/.exec(message)?.[1];
      expect(suggested).toBe({ 'FROM trades_unifed': 'trades_unified', "FROM ohlc('BTC-USD', '1h')": 'ohlcv' }[sql]);
    },
  );

  it('out of memory has a code', async () => {
    const small = await openDuckdb({ table: { files: [], columns }, memoryLimit: '20MB', threads: 1 });
    const sql = 'SELECT i, list(i) OVER (ORDER BY hash(i)) FROM range(1000000) AS t(i)';
    expect(await failure(small.run(sql).then(count))).toMatchObject({ code: 'out-of-memory' });
    await small.close();
  });

  it('tempDirectory lets large sorts go on', async () => {
    const tempDirectory = join(fixture.folder, 'spill');
    await mkdir(tempDirectory);
    const small = await openDuckdb({ table: { files: [], columns }, memoryLimit: '60MB', threads: 1, tempDirectory });
    const sql = 'SELECT count(*) FROM (SELECT row_number() OVER (ORDER BY hash(i)) FROM range(3000000) AS t(i))';
    expect(await allRows(await small.run(sql))).toEqual([[3_000_000n]]);
    await small.close();
    expect(await readdir(tempDirectory)).toEqual([]);
  });
});

describe('exportParquet', () => {
  it('writes the one file it was opened for, with types', async () => {
    const exportFile = join(fixture.folder, "ex'port.parquet");
    const data = await fixture.writeTrades('e.parquet', [{ id: 1, ts: '2025-12-01T00:00:00.000001Z' }]);
    const exporting = await openDuckdb({ table: { files: [data], columns }, exportFile });
    expect(await exporting.exportParquet?.('SELECT * FROM trades_unified -- all')).toEqual({ rows: 1 });
    await exporting.close();
    const back = await openDuckdb({ table: { files: [], columns }, allowOutside: true });
    const read = await back.run(`SELECT trade_id, trade_ts FROM '${exportFile.replaceAll("'", "''")}'`);
    expect(await allRows(read)).toEqual([['1', '2025-12-01T00:00:00.000001Z']]);
    await back.close();
  });

  it('refuses anything else', async () => {
    expect(await failure(engine.exportParquet?.('SELECT 1') ?? Promise.resolve())).toMatchObject({
      code: 'not-allowed',
    });
    const exportFile = join(fixture.folder, 'never.parquet');
    const exporting = await openDuckdb({ table: { files: [], columns }, exportFile });
    for (const sql of [
      'SELECT 1; SELECT 2',
      'CREATE TABLE x (i INTEGER)',
      "SELECT 1) TO '/tmp/x'; --",
      "COPY (SELECT 1) TO 'x'",
      '',
    ]) {
      const cause = await failure(exporting.exportParquet?.(sql) ?? Promise.resolve());
      expect(cause.name, sql).toBe('QueryError');
    }
    await exporting.close();
    await expect(stat(exportFile)).rejects.toThrow();
  });
});

describe('catalog', () => {
  it('lists tables, columns and macros', async () => {
    const { tables, macros } = await engine.catalog();
    expect(tables.map((table) => table.name).sort()).toEqual([
      'curated_trades',
      'quarantine',
      'schemahub_watermarks',
      'trades_unified',
    ]);
    expect(tables.find((table) => table.name === 'trades_unified')?.columns[6]).toEqual({
      name: 'trade_ts',
      type: 'TIMESTAMP WITH TIME ZONE',
    });
    expect(macros.map((macro) => macro.name)).toEqual([...questions, ...crossVenueMacros].map(({ name }) => name));
  });
});
