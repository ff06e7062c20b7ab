import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { QueryEngine } from '../engine.js';
import { QueryError } from '../errors.js';
import { allRows, columns, createSnapshotFixture, type SnapshotFixture } from '../testing/snapshot-fixture.js';
import { openDuckdb } from './open-duckdb.js';
import type { OpenDuckdbOptions } from './options.js';

let fixture: SnapshotFixture;
let files: string[];
const engines: QueryEngine[] = [];

beforeAll(async () => {
  fixture = await createSnapshotFixture();
  files = [
    await fixture.writeTrades("o'dd,%2C=1.parquet", [
      { id: 9, price: 100.5, quantity: 2, ts: '2025-12-01T00:00:00.123456Z' },
      { id: 10, price: 101, quantity: 1, ts: '2025-12-01T00:00:30Z' },
      { id: 11, price: 99, quantity: 1, ts: '2025-12-01T00:00:30Z' },
      { id: 15, price: 200, quantity: 4, ts: '2025-12-01T00:02:00Z' },
    ]),
    await fixture.writeTrades('b.parquet', [
      { id: 1, symbol: 'BTC-PERP-USD', ts: '2025-12-01T00:00:00Z' },
      { id: 12, exchange: 'KRAKEN', ts: '2025-12-02T00:00:00Z' },
    ]),
  ];
});

afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close();
});

afterAll(() => fixture.remove());

async function open(options: Partial<OpenDuckdbOptions> = {}): Promise<QueryEngine> {
  const engine = await openDuckdb({ table: { files, columns }, threads: 2, ...options });
  engines.push(engine);
  return engine;
}

const ask = async (engine: QueryEngine, sql: string) => allRows(await engine.run(sql));
const failure = (promise: Promise<unknown>): Promise<QueryError> =>
  promise.then(
    () => expect.unreachable('it must fail'),
    (cause: unknown) => cause as QueryError,
  );

describe('trades_unified', () => {
  it('reads the listed files with the types of the schema; columns that no file has are null', async () => {
    const engine = await open();
    const result = await engine.run('SELECT * FROM trades_unified ORDER BY trade_ts, trade_id');
    expect(result.columns).toEqual([
      { name: 'exchange', type: 'VARCHAR' },
      { name: 'symbol', type: 'VARCHAR' },
      { name: 'trade_id', type: 'VARCHAR' },
      { name: 'side', type: 'VARCHAR' },
      { name: 'price', type: 'DOUBLE' },
      { name: 'quantity', type: 'DOUBLE' },
      { name: 'trade_ts', type: 'TIMESTAMP WITH TIME ZONE' },
      { name: 'ingest_ts', type: 'TIMESTAMP WITH TIME ZONE' },
      { name: 'price_dec', type: 'DECIMAL(38,18)' },
      { name: 'quantity_dec', type: 'DECIMAL(38,18)' },
    ]);
    const rows = await allRows(result);
    expect(rows).toHaveLength(6);
    expect(rows[1]).toEqual([
      ...['COINBASE', 'BTC-USD', '9', 'BUY', 100.5, 2],
      ...['2025-12-01T00:00:00.123456Z', '2025-12-31T00:00:00.000000Z', null, null],
    ]);
    expect(result).toMatchObject({ rowCount: 6, truncated: false });
  });

  it('is empty, with the same types, without any file', async () => {
    const full = await (await open()).run('SELECT * FROM curated_trades LIMIT 0');
    const empty = await open({ table: { files: [], columns } });
    expect((await empty.run('SELECT * FROM curated_trades')).columns).toEqual(full.columns);
    expect(
      await ask(empty, "SELECT count(*), (SELECT count(*) FROM ohlcv('BTC-USD', '1m')) FROM trades_unified"),
    ).toEqual([[0n, 0n]]);
  });

  it('mixes files of different age by field id: a renamed and an added column', async () => {
    const old = await fixture.copy(
      'renamed.parquet',
      "SELECT 'COINBASE' AS venue, 'ETH-USD' AS symbol, '1' AS trade_id, 1.5::DECIMAL(38,18) AS exact",
      'FIELD_IDS {venue: 1, symbol: 2, trade_id: 3, exact: 9}',
    );
    const engine = await open({ table: { files: [...files, old], columns } });
    expect(await ask(engine, "SELECT exchange, price, price_dec FROM trades_unified WHERE symbol = 'ETH-USD'")).toEqual(
      [['COINBASE', null, '1.500000000000000000']],
    );
  });

  it('refuses files without field ids: they would read as nulls', async () => {
    const foreign = await fixture.copy('foreign.parquet', 'SELECT 1 AS price', '');
    expect(await failure(open({ table: { files: [foreign], columns } }))).toMatchObject({
      code: 'unreadable-file',
      message: expect.stringContaining('has no field ids'),
    });
  });

  it('ignores key=value folders and files that are not listed', async () => {
    await fixture.writeTrades('uncommitted.parquet', [{ id: 99, ts: '2025-12-01T00:00:00Z' }]);
    expect(await ask(await open(), "SELECT count(*) FROM trades_unified WHERE trade_id = '99'")).toEqual([[0n]]);
  });

  it('reads names relative to lakeRoot', async () => {
    const engine = await open({ table: { files: ['b.parquet'], columns }, lakeRoot: `${fixture.folder}/` });
    expect(await ask(engine, 'SELECT count(*) FROM trades_unified')).toEqual([[2n]]);
  });

  it('says which file is gone', async () => {
    const gone = `${fixture.folder}/gone.parquet`;
    const cause = await failure(open({ table: { files: [gone], columns } }));
    expect(cause).toMatchObject({ name: 'QueryError', code: 'unreadable-file' });
    expect(cause.message).toContain('gone.parquet');
    expect(cause.message).toContain('verify --deep');
  });

  it('pushes time and symbol into the scan, through the view and the macros', async () => {
    const engine = await open();
    const where = "symbol = 'BTC-USD' AND trade_ts >= '2025-12-01' AND trade_ts < '2025-12-02'";
    for (const sql of [
      `SELECT price FROM trades_unified WHERE ${where}`,
      `SELECT price FROM curated_trades WHERE ${where}`,
      "SELECT * FROM ohlcv('BTC-USD', '1m', since := '2025-12-01', until := '2025-12-02')",
      "SELECT * FROM vwap('BTC-USD', '1m', since := '2025-12-01', until := '2025-12-02')",
    ]) {
      const plan = ((await engine.explain?.(sql)) ?? '').replace(/[\s│]+/g, ' ');
      expect(plan).toContain('PARQUET');
      const scan = plan.slice(plan.indexOf('PARQUET'));
      expect(scan, sql).toMatch(/Filters:.*symbol='BTC-USD'/);
      expect(scan, sql).toMatch(/trade_ts>=/);
      expect(scan, sql).toMatch(/trade_ts</);
      expect(plan, sql).not.toMatch(/─ ?FILTER/);
    }
  });
});

describe('views and macros', () => {
  it('curated_trades splits the symbol at its last dash', async () => {
    const rows = await ask(
      await open(),
      'SELECT DISTINCT symbol, base_asset, quote_asset FROM curated_trades ORDER BY symbol',
    );
    expect(rows).toEqual([
      ['BTC-PERP-USD', 'BTC-PERP', 'USD'],
      ['BTC-USD', 'BTC', 'USD'],
    ]);
  });

  it('ohlcv orders equal times by id as a number', async () => {
    const rows = await ask(await open(), "SELECT * FROM ohlcv('BTC-USD', '1m', until := '2025-12-02')");
    expect(rows).toEqual([
      ['COINBASE', 'BTC-USD', '2025-12-01T00:00:00.000000Z', 100.5, 101, 99, 99, 4, 3n],
      ['COINBASE', 'BTC-USD', '2025-12-01T00:02:00.000000Z', 200, 200, 200, 200, 4, 1n],
    ]);
  });

  it('last_trades and ohlcv know that 10 comes after 9', async () => {
    const ts = '2025-12-01T00:00:00Z';
    const prices = [9, 100, 10, 99].map((id) => ({ id, price: id, ts }));
    const engine = await open({ table: { files: [await fixture.writeTrades('tie.parquet', prices)], columns } });
    expect(await ask(engine, "SELECT open, close FROM ohlcv('BTC-USD', '1m')")).toEqual([[9, 100]]);
    expect(await ask(engine, "SELECT trade_id FROM last_trades('BTC-USD')")).toEqual([['100'], ['99'], ['10'], ['9']]);
  });

  it('ohlcv takes an INTERVAL and keeps exchanges apart', async () => {
    const rows = await ask(await open(), "SELECT exchange, bucket, trades FROM ohlcv('BTC-USD', INTERVAL 1 MONTH)");
    expect(rows).toEqual([
      ['COINBASE', '2025-12-01T00:00:00.000000Z', 4n],
      ['KRAKEN', '2025-12-01T00:00:00.000000Z', 1n],
    ]);
  });

  it('vwap weighs prices; since is included and until is not', async () => {
    const rows = await ask(
      await open(),
      "SELECT vwap, volume, turnover, trades FROM vwap('BTC-USD', '1d', since := '2025-12-01T00:00:30Z', until := '2025-12-01T00:02:00Z')",
    );
    expect(rows).toEqual([[100, 2, 200, 2n]]);
  });

  it('last_trades gives the newest first', async () => {
    const engine = await open();
    expect(await ask(engine, "SELECT trade_id FROM last_trades('BTC-USD', 4)")).toEqual([
      ['12'],
      ['15'],
      ['11'],
      ['10'],
    ]);
    expect(await ask(engine, "SELECT count(*) FROM last_trades('BTC-USD')")).toEqual([[5n]]);
  });

  it('last_trades gives the same as sorting everything, wherever ties are cut', async () => {
    const trades = Array.from({ length: 40 }, (_, at) => ({
      id: 90 + ((at * 7) % 40),
      price: at,
      // Five at a time share theirs; some are another symbol's.
      ts: `2025-12-01T00:00:${String((at * 3) % 8).padStart(2, '0')}Z`,
      ...(at % 4 === 0 ? { symbol: 'ETH-USD' } : {}),
    }));
    const engine = await open({ table: { files: [await fixture.writeTrades('ties.parquet', trades)], columns } });
    for (let n = 0; n <= 32; n++) {
      const sorted = `SELECT trade_id FROM trades_unified WHERE symbol = 'BTC-USD' ORDER BY trade_ts DESC, trade_id::INT DESC LIMIT ${n}`;
      expect(await ask(engine, `SELECT trade_id FROM last_trades('BTC-USD', ${n})`)).toEqual(await ask(engine, sorted));
    }
  });

  it('spread and asof_prices set venues side by side, each at its own last price', async () => {
    const at = (seconds: number): string => `2025-12-01T00:00:${String(seconds).padStart(2, '0')}Z`;
    const rows = [
      { id: 9, price: 100, ts: at(1) },
      { id: 10, price: 101, ts: at(1) },
      { id: 5, exchange: 'KRAKEN', price: 103, ts: at(2) },
      { id: 7, exchange: 'BINANCE', symbol: 'BTC-USDT', price: 99, ts: at(3) },
      { id: 11, price: 102, ts: at(4) },
      { id: 1, exchange: 'BINANCE', symbol: 'BTC-EUR', price: 5, ts: at(3) },
      { id: 6, exchange: 'KRAKEN', price: 104, ts: '2025-12-01T00:07:00Z' },
    ];
    const engine = await open({ table: { files: [await fixture.writeTrades('venues.parquet', rows)], columns } });
    expect(await ask(engine, "SELECT venues, low, high, spread, cheapest, dearest FROM spread('BTC', '1m')")).toEqual([
      [3n, 99, 103, 4, 'BINANCE', 'KRAKEN'],
    ]);
    expect(await ask(engine, "SELECT venues, spread FROM spread('BTC-USD', '1m')")).toEqual([[2n, 1]]);
    const asof =
      "SELECT exchange, price, other_exchange, other_price FROM asof_prices('BTC') WHERE exchange = 'COINBASE'";
    expect(await ask(engine, asof)).toEqual([
      ['COINBASE', 100, 'BINANCE', null],
      ['COINBASE', 100, 'KRAKEN', null],
      ['COINBASE', 101, 'BINANCE', null],
      ['COINBASE', 101, 'KRAKEN', null],
      ['COINBASE', 102, 'BINANCE', 99],
      ['COINBASE', 102, 'KRAKEN', 103],
    ]);
    // 10 comes after 9, also within one instant.
    const other =
      "SELECT other_price FROM asof_prices('BTC') WHERE exchange = 'BINANCE' AND other_exchange = 'COINBASE'";
    expect(await ask(engine, other)).toEqual([[101]]);
  });

  it('overview, freshness, duplicates and daily_monitoring look at every product', async () => {
    const engine = await open();
    expect(
      await ask(
        engine,
        "SELECT exchange, trades, first_trade, volume, turnover FROM overview() WHERE symbol = 'BTC-USD'",
      ),
    ).toEqual([
      ['COINBASE', 4n, '2025-12-01T00:00:00.123456Z', 8, 1201],
      ['KRAKEN', 1n, '2025-12-02T00:00:00.000000Z', expect.any(Number), expect.any(Number)],
    ]);
    const [first, ...rest] = await ask(engine, 'SELECT symbol, age_minutes FROM freshness()');
    expect(first?.[0]).toBe('BTC-PERP-USD');
    expect(rest).toHaveLength(2);
    expect(await ask(engine, 'SELECT * FROM duplicates()')).toEqual([]);
    const twice = await open({ table: { files: [files[0]!, files[0]!], columns } });
    expect(await ask(twice, 'SELECT trade_id, copies FROM duplicates() LIMIT 1')).toEqual([['10', 2n]]);
    expect(
      await ask(
        engine,
        'SELECT day, exchange, symbol, trades, low, high FROM daily_monitoring(days := 100000) LIMIT 1',
      ),
    ).toEqual([['2025-12-02T00:00:00.000000Z', 'KRAKEN', 'BTC-USD', 1n, expect.any(Number), expect.any(Number)]]);
    expect(await ask(engine, 'SELECT * FROM daily_monitoring(days := 0)')).toEqual([]);
  });

  it('gaps names the absent ids', async () => {
    const rows = await ask(await open(), "SELECT * FROM gaps('BTC-USD')");
    expect(rows).toEqual([
      ['COINBASE', 'BTC-USD', 12n, 14n, 3n, '2025-12-01T00:00:30.000000Z', '2025-12-01T00:02:00.000000Z'],
    ]);
  });

  it('schemahub_watermarks shows the given rows, typed', async () => {
    const engine = await open({
      watermarks: [
        {
          exchange: 'coinbase',
          product_id: "O'X-USD",
          cursor: 9_007_199_254_740_991,
          head: 12,
          head_seen_at: '2025-12-01T00:00:00.5Z',
          fetched: '1-5000,5046-12350000',
          void: null,
        },
      ],
    });
    const sql = 'SELECT product_id, cursor, head_seen_at, fetched, void, anchor FROM schemahub_watermarks';
    expect(await ask(engine, sql)).toEqual([
      ["O'X-USD", 9_007_199_254_740_991n, '2025-12-01T00:00:00.500000Z', '1-5000,5046-12350000', null, null],
    ]);
    const empty = await (await open()).run('SELECT * FROM schemahub_watermarks');
    expect(empty.columns).toHaveLength(15);
    expect(await allRows(empty)).toEqual([]);
  });
});

describe('raw and quarantine views', () => {
  const line =
    '{"trade_id":1,"price":"00.10","time":"2026-09-27T15:57:28.610277Z","day":"2026-09-27","product_id":"BTC-USD"}';

  it('keep text as it was written', async () => {
    const raw = { coinbase: [await fixture.writeJsonLines('r1.jsonl.gz', [line])] };
    const rows = await ask(await open({ raw }), 'SELECT * FROM raw_coinbase_trades');
    expect(rows).toEqual([[1n, '00.10', '2026-09-27T15:57:28.610277Z', '2026-09-27', 'BTC-USD']]);
  });

  it('have given columns, whatever the files hold', async () => {
    const files = [await fixture.writeJsonLines('r2.jsonl.gz', [line, '{"trade_id":"x"}'])];
    const typed = ['trade_id', 'size'].map((name) => ({ name, type: 'VARCHAR' }));
    const rows = await ask(await open({ raw: { coinbase: { files, columns: typed } } }), 'FROM RAW_coinbase_trades');
    expect(rows).toEqual([
      ['1', null],
      ['x', null],
    ]);
  });

  it('are listed when a query names them, once', async () => {
    const file = await fixture.writeJsonLines('r3.jsonl.gz', [line]);
    let listings = 0;
    const list = async () => {
      listings += 1;
      return [file];
    };
    const engine = await open({ raw: { coinbase: { files: list, directory: fixture.folder } } });
    await ask(engine, "SELECT 'raw_coinbase_trades' FROM trades_unified -- raw_coinbase_trades");
    expect(listings).toBe(0);
    expect((await engine.catalog()).tables.map((table) => table.name)).toContain('raw_coinbase_trades');
    for (let round = 0; round < 2; round += 1) {
      expect(await ask(engine, 'SELECT count(*) FROM "Raw_Coinbase_Trades"')).toEqual([[1n]]);
    }
    expect(listings).toBe(1);
  });

  it('are empty and typed without files', async () => {
    const engine = await open({ raw: { kraken: [] } });
    const raw = await engine.run('SELECT * FROM raw_kraken_trades');
    expect(raw.columns.map((column) => column.name)).toEqual(['product_id', '_source', '_symbol', '_source_ingest_ts']);
    expect(await allRows(raw)).toEqual([]);
    expect(await ask(engine, 'SELECT count(reason) FROM quarantine')).toEqual([[0n]]);
  });

  it('keep the reason when listing fails', async () => {
    const cause = new Error('bucket is gone');
    const files = async () => {
      throw cause;
    };
    const engine = await open({ raw: { coinbase: { files, directory: fixture.folder } } });
    expect(await failure(engine.run('FROM raw_coinbase_trades'))).toMatchObject({ message: 'bucket is gone', cause });
  });
});

describe('large snapshots', () => {
  it('answers over 10,000 files', async () => {
    // One file under 10,000 names costs what 10,000 files cost: each is opened.
    const { symlink, mkdir } = await import('node:fs/promises');
    const many: string[] = [];
    await mkdir(`${fixture.folder}/many`);
    for (let index = 0; index < 10_000; index += 1) {
      many.push(`${fixture.folder}/many/unified_trades_${index}.parquet`);
      await symlink(files[1] as string, many[index] as string);
    }
    const engine = await open({ table: { files: many, columns } });
    expect(await ask(engine, "SELECT count(*) FROM trades_unified WHERE exchange = 'KRAKEN'")).toEqual([[10_000n]]);
  });
});

describe('options', () => {
  const bad: [string, Record<string, unknown>][] = [
    ['table', { table: undefined }],
    ['table.files', { table: { files: 'a.parquet', columns } }],
    ['table.columns', { table: { files: [], columns: [] } }],
    ['fieldId', { table: { files: [], columns: [...columns, ...columns] } }],
    ['absolute path', { table: { files: ['a.parquet'], columns } }],
    ['patterns', { table: { files: ['/lake/*.parquet'], columns } }],
    ['lakeRoot', { lakeRoot: 'lake' }],
    ['exportFile', { exportFile: 'x.parquet' }],
    ['tempDirectory', { tempDirectory: 'tmp' }],
    ['threads', { threads: 0 }],
    ['memoryLimit', { memoryLimit: 'much' }],
    ['raw', { raw: { 'x; DROP': [] } }],
    ['directory', { raw: { coinbase: { files: async () => [] } } }],
    ['quarantine', { quarantine: { files: 3 } }],
  ];
  it.each(bad)('refuses a wrong %s with a sentence', async (what, options) => {
    const cause = await failure(open(options as Partial<OpenDuckdbOptions>));
    expect(cause).toBeInstanceOf(QueryError);
    expect(cause.code).toBe('invalid-options');
    expect(cause.message).toContain(what);
  });
});
