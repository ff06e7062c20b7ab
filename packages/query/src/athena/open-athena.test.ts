import { describe, expect, it } from 'vitest';
import type { QueryResult, QueryRow } from '../engine.js';
import type { QueryError } from '../errors.js';
import { athenaDollars, openAthena } from './open-athena.js';
import type { AthenaPage, AthenaPort, AthenaState } from './port.js';

interface Script {
  readonly states?: readonly AthenaState[];
  readonly pages?: readonly AthenaPage[];
}

const succeeded: AthenaState = { state: 'succeeded', bytesScanned: 25_000_000, engineMs: 400 };
const page = (
  columns: readonly [string, string][],
  rows: readonly (readonly (string | null)[])[],
  next?: string,
): AthenaPage => ({
  columns: columns.map(([name, type]) => ({ name, type })),
  rows,
  next,
});
const one = page([['n', 'bigint']], [['n'], ['42']]);

/** Athena that plays a script and writes down what it was asked. */
function fakeAthena({ states = [succeeded], pages = [one] }: Script = {}) {
  const calls: string[] = [];
  const waits: number[] = [];
  let looks = 0;
  const athena: AthenaPort = {
    start: async ({ sql, database, workgroup, token }) => {
      calls.push(`start ${database}/${workgroup} ${token}: ${sql}`);
      looks = 0;
      return 'q1';
    },
    look: async () => states[Math.min(looks++, states.length - 1)]!,
    page: async (_id, next) => {
      calls.push(`page ${next ?? 'first'}`);
      return pages[next === undefined ? 0 : Number(next)]!;
    },
    stop: async (id) => {
      calls.push(`stop ${id}`);
    },
  };
  let tokens = 0;
  const engine = openAthena({
    athena,
    database: 'schemahub',
    workgroup: 'primary',
    createToken: () => `token-${tokens++}`,
    sleep: async (ms, signal) => {
      waits.push(ms);
      signal?.throwIfAborted();
    },
  });
  return { engine, calls, waits };
}

async function all(result: QueryResult): Promise<QueryRow[]> {
  const rows: QueryRow[] = [];
  for await (const batch of result.rows) rows.push(...batch);
  return rows;
}

const failure = async (promise: Promise<unknown>): Promise<QueryError> =>
  await promise.then(
    () => expect.unreachable('it must fail'),
    (error: unknown) => error as QueryError,
  );

describe('openAthena', () => {
  it('waits, longer each time, and gives typed rows without the header', async () => {
    const columns: [string, string][] = [
      ['n', 'bigint'],
      ['n', 'integer'],
      ['p', 'double'],
      ['ok', 'boolean'],
      ['at', 'timestamp with time zone'],
      ['local', 'timestamp'],
      ['d', 'decimal(38,18)'],
      ['bytes', 'varbinary'],
      ['none', 'varchar'],
    ];
    const row = [
      '9007199254740993',
      '7',
      'NaN',
      'true',
      '2025-12-01 00:00:00.123456 UTC',
      '2025-12-01 00:00:00.000',
      '1.50',
      '00 ff',
      null,
    ];
    const { engine, waits } = fakeAthena({
      states: [{ state: 'running' }, { state: 'running' }, succeeded],
      pages: [page(columns, [columns.map(([name]) => name), row])],
    });
    const result = await engine.run('SELECT 1');
    expect(result.columns.map(({ name, type }) => `${name} ${type}`).slice(0, 5)).toEqual([
      'n BIGINT',
      'n:1 INTEGER',
      'p DOUBLE',
      'ok BOOLEAN',
      'at TIMESTAMP WITH TIME ZONE',
    ]);
    expect(await all(result)).toEqual([
      [
        9007199254740993n,
        7,
        Number.NaN,
        true,
        '2025-12-01T00:00:00.123456Z',
        '2025-12-01T00:00:00.000',
        '1.50',
        Uint8Array.of(0, 255),
        null,
      ],
    ]);
    expect(waits).toEqual([200, 300]);
  });

  it('goes through every page, and stops at maxRows', async () => {
    const pages = [
      page([['n', 'bigint']], [['n'], ['1'], ['2']], '1'),
      page([['n', 'bigint']], [['3'], ['n']], '2'),
      page([['n', 'bigint']], [['5']]),
    ];
    const whole = await fakeAthena({ pages }).engine.run('SELECT n FROM t');
    expect(await all(whole)).toEqual([[1n], [2n], [3n], ['n'], [5n]]);
    expect([whole.rowCount, whole.truncated]).toEqual([5, false]);
    const { engine, calls } = fakeAthena({ pages });
    const few = await engine.run('SELECT n FROM t', { maxRows: 2 });
    expect(await all(few)).toEqual([[1n], [2n]]);
    expect([few.rowCount, few.truncated]).toEqual([2, true]);
    expect(calls.filter((call) => call.startsWith('page'))).toEqual(['page first']);
  });

  it('says what was scanned and what it cost', async () => {
    expect((await fakeAthena().engine.run('SELECT 1')).cost).toEqual({
      bytesScanned: 25_000_000,
      engineMs: 400,
      dollars: 0.000125,
    });
    expect([athenaDollars(0), athenaDollars(1), athenaDollars(1e12)]).toEqual([0, 0.00005, 5]);
  });

  it('an abort stops the query that is paid for', async () => {
    const controller = new AbortController();
    const { engine, calls } = fakeAthena({ states: [{ state: 'running' }] });
    const running = engine.run('SELECT 1', { signal: controller.signal });
    controller.abort(new Error('Ctrl-C'));
    await expect(running).rejects.toThrow('Ctrl-C');
    expect(calls.at(-1)).toBe('stop q1');
  });

  it.each([
    ["SYNTAX_ERROR: line 1:8: Column 'x' cannot be resolved", 'invalid-query'],
    ["line 1:1: mismatched input 'SELEKT'", 'syntax'],
    ['Access Denied (Service: Amazon S3)', 'not-allowed'],
    ['Query exhausted resources at this scale factor', 'out-of-memory'],
    ['ICEBERG_BAD_DATA: x', 'unreadable-file'],
    ['GENERIC_INTERNAL_ERROR', 'failed'],
  ])('tells %j as %s', async (reason, code) => {
    const { engine, calls } = fakeAthena({ states: [{ state: 'failed', reason, bytesScanned: 0 }] });
    const error = await failure(engine.run('SELECT 1'));
    expect([error.name, error.code]).toEqual(['QueryError', code]);
    expect(error.message).toContain(reason);
    expect(calls.some((call) => call.startsWith('stop'))).toBe(false);
  });

  it('a scan limit comes with its remedy', async () => {
    const { engine } = fakeAthena({
      states: [{ state: 'cancelled', reason: 'Bytes scanned limit was exceeded', bytesScanned: 1 }],
    });
    expect((await failure(engine.run('SELECT 1'))).message).toContain('athena_scan_limit_gb');
  });

  it.each([
    'DELETE FROM trades_unified',
    '-- x\ninsert into t values (1)',
    'SELECT 1; DROP TABLE t',
    'OPTIMIZE t REWRITE DATA',
  ])('refuses %j before it costs or changes anything', async (sql) => {
    const { engine, calls } = fakeAthena();
    expect((await failure(engine.run(sql))).code).toBe('not-allowed');
    expect(calls.filter((call) => !call.includes('SELECT 1'))).toEqual([]);
  });

  it('runs several statements, gives the last one’s rows, and no token twice', async () => {
    const { engine, calls } = fakeAthena();
    expect(await all(await engine.run("SELECT ';'; (SELECT 2);"))).toEqual([[42n]]);
    expect(calls).toEqual([
      "start schemahub/primary token-0: SELECT ';'",
      'start schemahub/primary token-1: (SELECT 2)',
      'page first',
    ]);
  });

  it('lists tables with their columns', async () => {
    const columns: [string, string][] = [
      ['table_name', 'varchar'],
      ['column_name', 'varchar'],
      ['data_type', 'varchar'],
    ];
    const rows = [
      ['table_name', 'column_name', 'data_type'],
      ['trades_unified', 'price', 'double'],
      ['trades_unified', 'side', 'varchar'],
    ];
    const { tables } = await fakeAthena({ pages: [page(columns, rows)] }).engine.catalog();
    expect(tables).toEqual([
      {
        name: 'trades_unified',
        columns: [
          { name: 'price', type: 'DOUBLE' },
          { name: 'side', type: 'VARCHAR' },
        ],
      },
    ]);
  });

  it('refuses names that could end the quotes, an empty text, and work after its end', async () => {
    const options = {
      athena: {} as AthenaPort,
      database: "x'y",
      workgroup: 'primary',
      sleep: async () => {},
      createToken: () => 'x',
    };
    expect(() => openAthena(options)).toThrow(/database must be a plain name/);
    expect(() => openAthena({ ...options, database: 'x', workgroup: '' })).toThrow(/workgroup must be a plain name/);
    const { engine } = fakeAthena();
    expect((await failure(engine.run(' ; '))).code).toBe('syntax');
    await engine.close();
    expect((await failure(engine.run('SELECT 1'))).code).toBe('closed');
  });
});
