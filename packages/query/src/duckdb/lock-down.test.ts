import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { QueryEngine } from '../engine.js';
import type { QueryError } from '../errors.js';
import { allRows, columns, createSnapshotFixture, type SnapshotFixture } from '../testing/snapshot-fixture.js';
import { openDuckdb } from './open-duckdb.js';

let fixture: SnapshotFixture;
let engine: QueryEngine;
let data: string;
let raw: string;

beforeAll(async () => {
  fixture = await createSnapshotFixture();
  data = await fixture.writeTrades('data.parquet', [{ id: 1, ts: '2025-12-01T00:00:00Z' }]);
  raw = await fixture.writeJsonLines('raw.jsonl.gz', ['{"a":1}']);
  engine = await openDuckdb({
    table: { files: [data], columns },
    raw: { coinbase: { files: async () => [raw], directory: fixture.folder }, kraken: [raw] },
    threads: 2,
  });
});

afterAll(async () => {
  await engine.close();
  await fixture.remove();
});

const failure = (sql: string, on: QueryEngine = engine): Promise<QueryError> =>
  on
    .run(sql)
    .then(allRows)
    .then(
      (rows) => expect.unreachable(`${sql} must fail, gave ${String(rows)}`),
      (cause: unknown) => cause as QueryError,
    );

/** Names, sizes and contents of the lake. */
async function fingerprint(): Promise<string> {
  const names = (await readdir(fixture.folder)).sort();
  const hash = createHash('sha256').update(names.join('\n'));
  for (const name of names) hash.update(await readFile(join(fixture.folder, name)));
  return hash.digest('hex');
}

describe('SQL cannot leave the lake', () => {
  const outside = [
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/proc/self/environ')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM read_parquet('http://127.0.0.1:1/x.parquet')",
    "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
    "SELECT * FROM read_text('FOLDER/../../etc/passwd')",
    "SELECT * FROM read_text('FOLDER/../../../../../../etc/passwd')",
    "CREATE TABLE stolen AS SELECT * FROM read_text('/etc/passwd')",
    "CREATE VIEW stolen AS SELECT * FROM read_text('/etc/passwd')",
    "IMPORT DATABASE '/etc'",
    "ATTACH '/etc/passwd' AS other",
    "ATTACH ':memory:' AS other",
    "ATTACH 'DATA' AS other",
    'DETACH memory',
    'INSTALL httpfs',
    'FORCE INSTALL httpfs',
    'LOAD httpfs',
    'LOAD json',
    "LOAD '/tmp/x.duckdb_extension'",
    'UPDATE EXTENSIONS',
  ];
  const settings = [
    'SET enable_external_access = true',
    'SET GLOBAL lock_configuration = false',
    "SET allowed_paths = ['/etc/passwd']",
    "SET allowed_directories = ['/']",
    'SET threads = 1',
    "SET TimeZone = 'Asia/Tokyo'",
    'RESET TimeZone',
    'PRAGMA threads = 1',
    'PRAGMA enable_profiling',
    "PRAGMA profile_output = 'FOLDER/profile.json'",
    "CALL enable_logging('QueryLog', storage = 'file', storage_config = {'path': 'FOLDER/log'})",
    "SELECT * FROM enable_logging('QueryLog', storage = 'file', storage_config = {'path': 'FOLDER/log'})",
    `SELECT * FROM "enable_profiling" (format = 'json', save_location = 'FOLDER/profile.json')`,
    "SELECT * FROM query('SELECT * FROM enable_' || 'logging()')",
    "SELECT * FROM/**/query/**/('SELECT 1')",
    'SELECT * FROM enable_peg_parser()',
    "CREATE PERSISTENT SECRET s (TYPE http, BEARER_TOKEN 'x')",
  ];
  const writes = [
    "COPY (SELECT 1) TO 'DATA'",
    "COPY (SELECT 1) TO 'DATA' (USE_TMP_FILE false)",
    "COPY trades_unified TO 'FOLDER/new.parquet'",
    "COPY trades_unified TO '/tmp/new.csv'",
    "COPY (SELECT 1) TO '/dev/stdout'",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO 'DATA' (USE_TMP_FILE false)",
    "EXPLAIN COPY (SELECT 1) TO 'DATA' (USE_TMP_FILE false)",
    "EXPLAIN (ANALYZE, FORMAT json) COPY (SELECT 1) TO 'DATA' (USE_TMP_FILE false)",
    "/* EXPLAIN SELECT 1 */ EXPLAIN -- SELECT 1\n ANALYZE COPY (SELECT 1) TO 'DATA' (USE_TMP_FILE false)",
    "SELECT 1; EXPLAIN ANALYZE COPY (SELECT 1) TO 'DATA' (USE_TMP_FILE false)",
    "SELECT $$;$$; COPY (SELECT 1) TO 'DATA' (USE_TMP_FILE false)",
    "SELECT 'it''s;'; COPY (SELECT 1) TO 'DATA' (USE_TMP_FILE false)",
    "SELECT E'\\';'; COPY (SELECT 1) TO 'DATA' (USE_TMP_FILE false)",
    "PREPARE p AS COPY (SELECT 1) TO 'DATA' (USE_TMP_FILE false); EXECUTE p",
    "EXPORT DATABASE 'FOLDER/export'",
    'CHECKPOINT',
    'VACUUM',
    'BEGIN TRANSACTION',
    'COMMIT',
  ];
  it.each([...outside, ...settings, ...writes])('%s', async (template) => {
    const before = await fingerprint();
    const sql = template.replaceAll('FOLDER', fixture.folder).replaceAll('DATA', data);
    const cause = await failure(sql);
    expect(cause.name).toBe('QueryError');
    expect(['not-allowed', 'invalid-query', 'failed', 'unreadable-file', 'syntax'], cause.message).toContain(
      cause.code,
    );
    expect(await fingerprint()).toBe(before);
    // The engine is none the worse for it.
    expect(await allRows(await engine.run('SELECT count(*) FROM trades_unified'))).toEqual([[1n]]);
  });

  it('keeps its settings', async () => {
    const rows = await allRows(
      await engine.run(
        "SELECT current_setting('enable_external_access'), current_setting('lock_configuration'), current_setting('TimeZone'), current_setting('autoinstall_known_extensions'), current_setting('autoload_known_extensions')",
      ),
    );
    expect(rows).toEqual([[false, true, 'UTC', false, false]]);
  });

  it('creates nothing in the home folder', async () => {
    await expect(stat(join(homedir(), '.duckdb', 'stored_secrets'))).rejects.toThrow();
  });

  it('says why, and what to do', async () => {
    expect((await failure('DETACH memory')).message).toBe(
      'DETACH is not allowed here: this session reads the committed snapshot and keeps tables in memory only. Ask for access outside when it is opened.',
    );
    expect((await failure("FROM read_text('/etc/passwd')")).message).toMatch(
      /^Permission Error: Cannot access file "\/etc\/passwd"[\s\S]*snapshot only/,
    );
  });
});

describe('what stays allowed', () => {
  const cases: [string, unknown][] = [
    ['SELECT a FROM raw_coinbase_trades', [[1n]]],
    ['SELECT a FROM raw_kraken_trades', [[1n]]],
    ['CREATE TEMP TABLE mine AS SELECT 1 AS x; INSERT INTO mine VALUES (2); SELECT sum(x) FROM mine', [[3n]]],
    ['CREATE VIEW v AS SELECT symbol FROM trades_unified; SELECT * FROM v', [['BTC-USD']]],
    ['CREATE MACRO twice(x) AS 2 * x; SELECT twice(4)', [[8]]],
    ['CREATE TABLE r (x INTEGER); INSERT INTO r VALUES (7) RETURNING x', [[7]]],
    ['CREATE TABLE nothing (x INTEGER)', []],
    ['SELECT query FROM (SELECT 1 AS query)', [[1]]],
    ['PIVOT (SELECT 1 AS a, 2 AS b) ON a USING sum(b)', [[2n]]],
    ['WITH t AS (SELECT 5 AS x) FROM t; ; -- the end', [[5]]],
    ['SHOW TABLES; VALUES (3)', [[3]]],
  ];
  it.each(cases)('%s', async (sql, rows) => {
    expect(await allRows(await engine.run(sql))).toEqual(rows);
  });

  it('EXPLAIN and EXPLAIN ANALYZE of a SELECT', async () => {
    expect(await engine.explain?.('SELECT count(*) FROM trades_unified')).toContain('PARQUET');
    const [row] = await allRows(await engine.run('EXPLAIN ANALYZE SELECT count(*) FROM trades_unified'));
    expect(row?.[1]).toContain('Total Time');
  });
});

describe('allowOutside', () => {
  it('opens the doors', async () => {
    const open = await openDuckdb({ table: { files: [data], columns }, allowOutside: true, threads: 1 });
    try {
      const target = join(fixture.folder, 'copied.csv');
      await allRows(await open.run(`SET threads = 2; COPY trades_unified TO '${target}'`));
      expect(await allRows(await open.run(`SELECT count(*) FROM '${target}'`))).toEqual([[1n]]);
      expect((await failure('BEGIN', open)).code).toBe('not-allowed');
    } finally {
      await open.close();
    }
  });
});

describe('setupSql', () => {
  it('runs before the doors close', async () => {
    const open = await openDuckdb({
      table: { files: [], columns },
      setupSql: [`CREATE TABLE before AS SELECT filename FROM read_text('${data}')`],
    });
    expect(await allRows(await open.run('SELECT * FROM before'))).toEqual([[data]]);
    await open.close();
  });
});
