import { tradesUnified, tradesUnifiedWithDecimals } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import { BLOCK_IDS, digestOfRawNames } from '@schemahub/lake';
import type { ObjectStore } from '@schemahub/object-store';
import { openParquet } from '@schemahub/parquet-sink/read';
import { describe, expect, test } from 'vitest';
import type { TableEvent } from './context.js';
import {
  createTestLake,
  DAY,
  DECEMBER,
  lineOf,
  rowOf,
  rowsOf,
  SOURCE,
  sortRows,
  type TestLake,
  testMapping,
  tradeOf,
  tradesOf,
  truthOf,
} from './test-lake.js';
import type { TransformResult } from './transform-result.js';

async function transform(lake: TestLake, maxBad?: number): Promise<TransformResult> {
  return await lake.table().transform({ products: [await lake.product()], maxBad });
}

describe('transform', () => {
  test('raw becomes rows, sorted, with the taker side, and the commit says how far', async () => {
    const lake = createTestLake();
    const first = await lake.put(tradesOf(1, 500));
    const second = await lake.put(tradesOf(501, 800));
    const result = await transform(lake);
    expect(result.commit).toBe(1);
    expect(result.totals).toEqual({ rows: 800, dropped: 0, duplicates: 0, conflicts: 0, refused: 0 });
    expect(await lake.rows()).toEqual(truthOf(tradesOf(1, 800)));
    const head = await lake.head();
    const [list] = head!.products;
    expect(list?.present.toString()).toBe('1-800');
    expect(list?.files).toHaveLength(1);
    expect(list?.files[0]).toMatchObject({
      month: '2025-12',
      block: 0,
      rawDigest: digestOfRawNames([first, second]),
      minTs: tradeOf(1).ts,
      maxTs: tradeOf(800).ts,
      columns: tradesUnified.columns.map(({ name }) => name),
    });
    expect(list?.files[0]?.path).toMatch(
      /^unified_trades\/v1\/exchange=COINBASE\/symbol=BTC-USD\/month=2025-12\/unified_trades_0_run-\d+_0\.parquet$/,
    );
    expect(head?.commit.sources).toEqual({ [SOURCE]: { state: 'complete', wanted_end: { 'BTC-USD': 800 } } });
  });

  test('files say that they are sorted by trade_ts, and bound trade_id only where text order is that of numbers', async () => {
    const lake = createTestLake();
    const put = async (first: number, last: number, productId: string) => {
      await lake.put(tradesOf(first, last), { productId });
      await lake.table().transform({ products: [await lake.product(productId)] });
      const { path } = (await lake.head())!.products.find((list) => list.productId === productId)!.files[0]!;
      const { bytes } = (await lake.store.get(path))!;
      const [group] = (
        await openParquet({ size: bytes.length, read: async (start, end) => bytes.subarray(start, end) })
      ).rowGroups;
      const ids = group?.columns.find(({ name }) => name === 'trade_id');
      return [group?.sortingColumns, ids?.min, ids?.max];
    };
    expect(await put(10, 99, 'BTC-USD')).toEqual([['trade_ts'], '10', '99']);
    expect(await put(9, 10, 'ETH-USD')).toEqual([['trade_ts'], undefined, undefined]);
  });

  test('of some products of a source keeps how far the others were carried', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 5));
    await lake.put(tradesOf(1, 4), { productId: 'ETH-USD' });
    const [btc, eth] = [await lake.product(), await lake.product('ETH-USD')];
    await lake.table().transform({ products: [btc, { ...eth, state: 'partial' }] });
    await lake.put(tradesOf(6, 9));
    await lake.table().transform({ products: [await lake.product()] });
    const sourceNow = async () => (await lake.head())?.commit.sources[SOURCE];
    expect(await sourceNow()).toEqual({ state: 'partial', wanted_end: { 'BTC-USD': 9, 'ETH-USD': 4 } });
    await lake.put(tradesOf(10, 11));
    await lake.table().transform({ products: [await lake.product(), eth] });
    expect(await sourceNow()).toEqual({ state: 'complete', wanted_end: { 'BTC-USD': 11, 'ETH-USD': 4 } });
    // A complete one beside complete ones leaves it so; an old snapshot says what it said.
    await lake.put(tradesOf(5, 6), { productId: 'ETH-USD' });
    await lake.table().transform({ products: [await lake.product('ETH-USD')] });
    expect(await sourceNow()).toEqual({ state: 'complete', wanted_end: { 'BTC-USD': 11, 'ETH-USD': 6 } });
    await lake.table().rollback(1);
    expect(await sourceNow()).toEqual({ state: 'partial', wanted_end: { 'BTC-USD': 5, 'ETH-USD': 4 } });
    await lake.table().release();
    expect(await sourceNow()).toEqual({ state: 'partial', wanted_end: { 'BTC-USD': 5, 'ETH-USD': 4 } });
  });

  test('a source of which nothing was fetched is absent in the commit', async () => {
    const lake = createTestLake();
    const other = 'raw_binance_trades';
    const binance = await testMapping((text) => text.replace(SOURCE, other).replace('COINBASE', 'BINANCE'));
    await lake.put(tradesOf(1, 5));
    const coinbase = await lake.product();
    const absent = { exchange: 'binance', source: other, names: [], fetched: RangeSet.empty, state: 'absent' } as const;
    const products = [coinbase, { ...coinbase, ...absent, wantedEnd: 7 }];
    await lake.table({ mappings: { [SOURCE]: await testMapping(), [other]: binance } }).transform({ products });
    expect((await lake.head())?.commit.sources).toEqual({
      [SOURCE]: { state: 'complete', wanted_end: { 'BTC-USD': 5 } },
      [other]: { state: 'absent', wanted_end: { 'BTC-USD': 7 } },
    });
  });

  test('a second run makes no commit and writes nothing', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 50));
    await transform(lake);
    const before = await lake.hashes();
    expect((await transform(lake)).commit).toBeUndefined();
    expect(await lake.hashes()).toEqual(before);
  });

  test('an object that overlaps the table adds only its new ids and counts the others', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 50));
    await transform(lake);
    await lake.put(tradesOf(41, 70));
    const result = await transform(lake);
    expect(result.totals).toMatchObject({ rows: 20, dropped: 10 });
    expect(sortRows(await lake.rows())).toEqual(truthOf(tradesOf(1, 70)));
  });

  test('ids of the table between new ones are dropped, too', async () => {
    const lake = createTestLake();
    await lake.put([...tradesOf(1, 10), ...tradesOf(12, 20)]);
    await transform(lake);
    await lake.put(tradesOf(5, 25));
    const result = await transform(lake);
    expect(result.products[0]?.added.toString()).toBe('11,21-25');
    // 15 of the new object; and the old one is read again, as its name says that it may hold 11.
    expect(result.totals).toMatchObject({ rows: 6, dropped: 15 + 19 });
    expect(sortRows(await lake.rows())).toEqual(truthOf(tradesOf(1, 25)));
  });

  test('ids on both sides of a block border, and a month border within a block, go to their own cells', async () => {
    const lake = createTestLake();
    expect(BLOCK_IDS).toBe(2_097_152); // stored names and lists are made with it
    const trades = [
      ...tradesOf(BLOCK_IDS - 40, BLOCK_IDS - 21, { ts: DECEMBER - 1 }),
      ...tradesOf(BLOCK_IDS - 20, BLOCK_IDS + 19, { ts: DECEMBER }),
      ...tradesOf(BLOCK_IDS + 20, BLOCK_IDS + 25, { ts: DECEMBER + 31 * DAY }),
    ];
    await lake.put(trades);
    await transform(lake);
    const [list] = (await lake.head())!.products;
    expect(list?.files.map(({ block, month, rows }) => [block, month, rows])).toEqual([
      [0, '2025-11', 20],
      [0, '2025-12', 20],
      [1, '2025-12', 20],
      [1, '2026-01', 6],
    ]);
    expect(sortRows(await lake.rows())).toEqual(truthOf(trades));
  });

  test('rows of one time are sorted by id as a number, not as text', async () => {
    const lake = createTestLake();
    const trades = [9, 10, 99, 100, 1000].map((id) => tradeOf(id, { ts: DECEMBER }));
    await lake.put(trades);
    await transform(lake);
    expect((await lake.rows()).map(({ trade_id }) => trade_id)).toEqual(['9', '10', '99', '100', '1000']);
  });

  test('a late trade goes into its old block and month as a second file', async () => {
    const lake = createTestLake();
    await lake.put([...tradesOf(1, 10), ...tradesOf(12, 20)]);
    await transform(lake);
    await lake.put([tradeOf(11)]);
    await transform(lake);
    expect((await lake.head())?.products[0]?.files).toHaveLength(2);
    expect(sortRows(await lake.rows())).toEqual(truthOf(tradesOf(1, 20)));
  });

  test('of equal keys the least (ingest_ts, trade_ts, side, price, quantity) wins, and equal trades are no conflict', async () => {
    const lake = createTestLake();
    const early = tradesOf(1, 9, { ingest: DECEMBER + DAY });
    const late = tradesOf(5, 15, { ingest: DECEMBER + 2 * DAY });
    await lake.put(late);
    await lake.put(early);
    const result = await transform(lake);
    expect(result.totals).toMatchObject({ rows: 15, duplicates: 5, conflicts: 0 });
    expect(await lake.rows()).toEqual(truthOf([...late, ...early]));
  });

  test('equal keys with different trades are a conflict, counted once an id and shown', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 9));
    await lake.put([tradeOf(3, { price: '1.5' }), tradeOf(4)]);
    await lake.put([tradeOf(3, { price: '2.5', ingest: DECEMBER }), tradeOf(4, { ts: tradeOf(4).ts + 7 })]);
    const result = await transform(lake);
    expect(result.totals).toMatchObject({ rows: 9, duplicates: 4, conflicts: 2 });
    expect(result.conflictSamples.map(({ id }) => id)).toEqual([3, 4]);
    expect(result.conflictSamples[0]?.kept).toEqual(rowOf(tradeOf(3, { price: '2.5', ingest: DECEMBER })));
  });

  test('two transforms at once add every row once', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 300));
    const product = await lake.product();
    const events: TableEvent[] = [];
    const onEvent = (event: TableEvent): void => void events.push(event);
    const results = await Promise.all([1, 2, 3].map(() => lake.table({ onEvent }).transform({ products: [product] })));
    expect(results.filter(({ commit }) => commit !== undefined)).toHaveLength(1);
    expect(events.filter(({ type }) => type === 'planned-again')).toHaveLength(2);
    expect(await lake.rows()).toEqual(truthOf(tradesOf(1, 300)));
  });

  test('transforms of different products at once are all committed, each without being derived again', async () => {
    const lake = createTestLake();
    const products = ['BTC-USD', 'ETH-USD', 'SOL-USD'];
    for (const productId of products) await lake.put(tradesOf(1, 30), { productId });
    const events: TableEvent[] = [];
    const onEvent = (event: TableEvent): void => void events.push(event);
    const run = async (productId: string): Promise<TransformResult> =>
      await lake.table({ onEvent }).transform({ products: [await lake.product(productId)] });
    await Promise.all(products.map(run));
    expect(events.filter(({ type }) => type === 'planned-again')).toEqual([]);
    for (const productId of products) expect(await lake.rows(productId)).toEqual(truthOf(tradesOf(1, 30), productId));
    expect((await lake.head())?.number).toBe(3);
  });

  test('a run that always loses its number gives up with a retryable error', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 5));
    // Another run adds the same ids just before the commit.
    let rival = 0;
    const store: ObjectStore = {
      ...lake.store,
      putIfAbsent: async (key, body) => {
        if (key.startsWith(lake.layout.commits) && rival < 1) {
          rival += 1;
          await lake.put([tradeOf(1000 + rival)]);
          await lake.table().transform({ products: [await lake.product()] });
        }
        return await lake.store.putIfAbsent(key, body);
      },
    };
    const own = lake.table({ store, maxPlans: 1 });
    await expect(own.transform({ products: [await lake.product()] })).rejects.toMatchObject({
      code: 'too-many-conflicts',
      retryable: true,
    });
    expect((await lake.rows()).length).toBe(6);
  });

  test('dry run plans and counts, and touches nothing', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 50));
    const before = await lake.hashes();
    const result = await lake.table().transform({ products: [await lake.product()], dryRun: true });
    expect(result.commit).toBeUndefined();
    expect(result.products[0]).toMatchObject({ blocks: 1, objects: 1, newIds: RangeSet.of(1, 50) });
    expect(await lake.hashes()).toEqual(before);
  });

  test('exact decimals when the schema has them; without them first, older rows read null', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 2));
    await transform(lake);
    await lake.put([tradeOf(3, { price: '0.1234567890123456789'.slice(0, 20), size: '12345678901.123456789' })]);
    const product = await lake.product();
    const result = await lake.table({ schema: tradesUnifiedWithDecimals }).transform({ products: [product] });
    expect(result.fields).toMatchObject([{ source: SOURCE, inexactDecimals: 2 }]);
    const rows = await rowsOf(lake.store, await lake.head(), 'BTC-USD', tradesUnifiedWithDecimals);
    expect(rows.map(({ price_dec, quantity_dec }) => [price_dec, quantity_dec])).toEqual([
      [null, null],
      [null, null],
      ['0.123456789012345678', '12345678901.123456789'],
    ]);
    // Going back would leave rows without what others have.
    await lake.put([tradeOf(4)]);
    await expect(transform(lake)).rejects.toMatchObject({ code: 'schema-changed', message: /price_dec/ });
  });

  test('new and vanished raw fields are reported', async () => {
    const lake = createTestLake();
    const line = `${lineOf(tradeOf(1))},"liquidity":"T","_source_ingest_ts":"2026-01-10T00:00:00.000000Z"}\n`;
    await lake.putText([tradeOf(1)], line);
    expect((await transform(lake)).fields).toMatchObject([{ newFields: ['liquidity'], vanishedFields: [] }]);
  });

  test('a cell with more than 32 files is made one by the transform itself', async () => {
    const lake = createTestLake();
    for (let id = 1; id <= 33; id += 1) {
      await lake.put([tradeOf(id)]);
      await transform(lake);
      const files = (await lake.head())!.products[0]!.files.length;
      expect(files).toBe(id <= 32 ? id : 1);
    }
    expect(await lake.rows()).toEqual(truthOf(tradesOf(1, 33)));
    const compacted = await lake.table().compact({ products: [await lake.product()] });
    expect(compacted.commit).toBeUndefined();
  });

  test('a run id used twice takes the next free names, and overwrites nothing', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 3));
    await lake.table({ runId: 'twice' }).transform({ products: [await lake.product()] });
    await lake.put(tradesOf(4, 6));
    await lake.table({ runId: 'twice' }).transform({ products: [await lake.product()] });
    const paths = (await lake.head())!.products[0]!.files.map(({ path }) => path.replace(/.*_twice_/, ''));
    expect(paths).toEqual(['0.parquet', '1.parquet']);
    expect(sortRows(await lake.rows())).toEqual(truthOf(tradesOf(1, 6)));
  });

  test('rows of another symbol than the product end the run', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 3));
    const product = { ...(await lake.product()), symbol: 'ETH-USD' };
    await expect(lake.table().transform({ products: [product] })).rejects.toMatchObject({
      code: 'wrong-partition',
      message: /symbol "BTC-USD", expected "ETH-USD"/,
    });
    expect(await lake.head()).toBeUndefined();
  });

  test('a source without a mapping, a wrong share and a wrong run id are refused at the door', async () => {
    const lake = createTestLake();
    const product = { ...(await lake.product()), source: 'raw_kraken_trades' };
    await expect(lake.table().transform({ products: [product] })).rejects.toMatchObject({ code: 'unknown-source' });
    await expect(lake.table().transform({ products: [], maxBad: 2 })).rejects.toMatchObject({ code: 'invalid-option' });
    expect(() => lake.table({ runId: 'a/b' })).toThrow(/runId/);
    expect(() => lake.table({ schema: { ...tradesUnified, columns: tradesUnified.columns.slice(1) } })).toThrow(
      /exchange/,
    );
  });

  test('an aborted run ends with its reason and commits nothing', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 3));
    const signal = AbortSignal.abort(new Error('stop'));
    await expect(lake.table({ signal }).transform({ products: [await lake.product()] })).rejects.toThrow('stop');
    expect(await lake.head()).toBeUndefined();
  });
});
