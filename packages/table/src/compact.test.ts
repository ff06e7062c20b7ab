import { tradesUnifiedWithDecimals } from '@schemahub/core';
import { BLOCK_IDS, digestOfRawNames } from '@schemahub/lake';
import { StoreError } from '@schemahub/object-store';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CompactResult } from './compact.js';
import type { TableOptions } from './context.js';
import { createNameIndex } from './name-index.js';
import { cellsOf, isCanonical } from './plan-compaction.js';
import {
  cellHashes,
  createTestLake,
  DAY,
  DECEMBER,
  rowsOf,
  sortRows,
  type TestLake,
  type TestTrade,
  tradeOf,
  tradesOf,
  truthOf,
} from './test-lake.js';
import { createTestWorkers } from './test-workers.js';

async function transform(lake: TestLake, options: Partial<TableOptions> = {}): Promise<void> {
  await lake.table(options).transform({ products: [await lake.product()] });
}

async function compact(lake: TestLake, options: Partial<TableOptions> = {}): Promise<CompactResult> {
  return await lake.table(options).compact({ products: [await lake.product()] });
}

/** A small generator of numbers, so that one seed of fast-check decides a whole schedule. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Copies of trades around a block border and a month border; some copies differ in what they tell. */
function copiesOf(seed: number): TestTrade[] {
  const random = randomOf(seed);
  const copies: TestTrade[] = [];
  for (let id = BLOCK_IDS - 12; id < BLOCK_IDS + 12; id += 1) {
    if (random(8) === 0) continue;
    const ts = DECEMBER + (random(5) - 2) * 1000;
    for (let copy = 1 + random(2) * random(3); copy > 0; copy -= 1) {
      const price = String(100 + random(2));
      copies.push(tradeOf(id, { ts: random(4) === 0 ? ts + 2000 : ts, price, ingest: DECEMBER + random(3) }));
    }
  }
  return copies;
}

interface History {
  readonly seed: number;
  /** Transforms after which object: after the last alone, after some, after each (about fifty). */
  readonly runs: 'one' | 'some' | 'each';
  readonly threads: 1 | 2;
}

/** Blocks that went to another thread in all histories. */
let handedOver = 0;

/** Puts the copies into objects of any make-up, transforms whenever it is told to, and compacts at the end. */
async function anyHistory(copies: readonly TestTrade[], { seed, runs, threads }: History): Promise<TestLake> {
  const random = randomOf(seed);
  const lake = createTestLake();
  const { openWorkers, blocks } = createTestWorkers(lake, { threads });
  const objects: TestTrade[][] = [];
  const size = 1 + random(10);
  const shuffled = [...copies];
  for (let at = shuffled.length - 1; at > 0; at -= 1) {
    const other = random(at + 1);
    [shuffled[at], shuffled[other]] = [shuffled[other]!, shuffled[at]!];
  }
  for (const trade of shuffled) {
    const fitting = objects.filter((rows) => rows.length < size && rows.every(({ id }) => id !== trade.id));
    if (fitting.length > 0) fitting[random(fitting.length)]!.push(trade);
    else objects.push([trade]);
  }
  for (const [at, rows] of objects.entries()) {
    await lake.put(rows, { revision: at + 2 }); // one-row objects of equal trades would share their name
    if (runs === 'each' || (runs === 'some' && random(3) === 0)) await transform(lake, { openWorkers });
    if (runs === 'some' && random(9) === 0) await compact(lake, { openWorkers });
  }
  await transform(lake, { openWorkers });
  await compact(lake, { openWorkers });
  handedOver += blocks();
  return lake;
}

test('a cell is canonical when it has one file of this writer, with these columns, from these raw objects', async () => {
  const lake = createTestLake();
  await lake.put(tradesOf(1, 5));
  await transform(lake);
  const list = (await lake.head())!.products[0]!;
  const [cell] = cellsOf(list);
  const index = createNameIndex((await lake.product()).names);
  const { writer, columns } = list.files[0]!;
  const judge = (options: Partial<Parameters<typeof isCanonical>[1]>, files = cell!.files): boolean =>
    isCanonical({ ...cell!, files }, { index, writer, columns, ...options });
  expect(judge({})).toBe(true);
  expect(judge({ writer: `${writer}.1` })).toBe(false);
  expect(judge({ columns: [...columns, 'price_dec'] })).toBe(false);
  expect(judge({}, [cell!.files[0]!, cell!.files[0]!])).toBe(false);
  await lake.put([tradeOf(5, { price: '7' }), tradeOf(6)]);
  expect(judge({ index: createNameIndex((await lake.product()).names) })).toBe(false);
});

describe('compact', () => {
  test('the same raw records in any objects, any order, any number of runs and threads give identical files', async () => {
    const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    const histories = fc.record<History>({
      seed: seeds,
      runs: fc.constantFrom('one', 'some', 'each'),
      threads: fc.constantFrom(1, 2),
    });
    await fc.assert(
      fc.asyncProperty(seeds, histories, histories, async (data, one, two) => {
        const copies = copiesOf(data);
        const first = await anyHistory(copies, one);
        const second = await anyHistory(copies, two);
        const hashes = cellHashes(await first.head());
        expect(cellHashes(await second.head())).toEqual(hashes);
        expect(sortRows(await first.rows())).toEqual(truthOf(copies));
        const before = await first.hashes();
        expect((await compact(first)).commit).toBeUndefined();
        expect(await first.hashes()).toEqual(before);
      }),
      { numRuns: 25 },
    );
    expect(handedOver).toBeGreaterThan(0);
  });

  test('many files become one that says what it was made from; canonical cells are left alone', async () => {
    const lake = createTestLake();
    const january = DECEMBER + 31 * DAY;
    await lake.put(tradesOf(1000, 1009, { ts: january }));
    await transform(lake);
    const names = [];
    for (let id = 1; id <= 5; id += 1) {
      names.push(await lake.put([tradeOf(id)]));
      await transform(lake);
    }
    const untouched = (await lake.head())!.products[0]!.files.find(({ month }) => month === '2026-01');
    const result = await compact(lake);
    expect(result).toMatchObject({ cells: 1, filesRemoved: 5, filesAdded: 1, rows: 5, left: [], conflicts: 0 });
    const files = (await lake.head())!.products[0]!.files;
    expect(files).toHaveLength(2);
    expect(files).toContainEqual(untouched);
    expect(files[0]).toMatchObject({ month: '2025-12', rawDigest: digestOfRawNames(names) });
  });

  test('a copy that wins later moves its row to another month, and both cells follow', async () => {
    const lake = createTestLake();
    const january = DECEMBER + 31 * DAY;
    const trades = [...tradesOf(1, 5), ...tradesOf(6, 9, { ts: january })];
    await lake.put(trades);
    await transform(lake);
    const winner = tradeOf(3, { ts: january + 5, ingest: DECEMBER });
    await lake.put([winner]);
    await transform(lake);
    const result = await compact(lake);
    expect(result).toMatchObject({ filesRemoved: 2, filesAdded: 2, conflicts: 1, left: [] });
    expect(sortRows(await lake.rows())).toEqual(truthOf([...trades, winner]));
    expect((await compact(lake)).commit).toBeUndefined();
  });

  test('a cell whose raw is gone is left as it is and named; other cells are compacted', async () => {
    const lake = createTestLake();
    const january = DECEMBER + 31 * DAY;
    const lost = await lake.put(tradesOf(1, 5));
    await transform(lake);
    await lake.put(tradesOf(6, 9));
    await lake.put(tradesOf(10, 12, { ts: january }));
    await transform(lake);
    await lake.put(tradesOf(13, 14, { ts: january }));
    await transform(lake);
    await lake.store.delete([lost.key]);
    const rows = sortRows(await lake.rows());
    const result = await compact(lake);
    expect(result.left).toMatchObject([{ productId: 'BTC-USD', month: '2025-12', block: 0 }]);
    expect(result.left[0]?.missing.toString()).toBe('1-5');
    expect(result).toMatchObject({ filesRemoved: 2, filesAdded: 1 });
    expect(sortRows(await lake.rows())).toEqual(rows);
    // Again: nothing more can be done, so nothing is committed, and the cell is named again.
    const before = await lake.head();
    const again = await compact(lake);
    expect(again).toMatchObject({ commit: undefined, filesAdded: 0 });
    expect(again.left).toHaveLength(1);
    expect((await lake.head())?.number).toBe(before?.number);
  });

  test('a cell without any raw object is named, too', async () => {
    const lake = createTestLake();
    const name = await lake.put(tradesOf(1, 5));
    await transform(lake);
    await lake.store.delete([name.key]);
    const result = await compact(lake);
    expect(result).toMatchObject({ commit: undefined, left: [{ month: '2025-12' }] });
    expect(await lake.rows()).toEqual(truthOf(tradesOf(1, 5)));
  });

  test('an object that is damaged or archived leaves the cells that it may touch as they are', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 5));
    await transform(lake);
    const archived = await lake.put(tradesOf(4, 8));
    await transform(lake);
    const rows = sortRows(await lake.rows());
    const store = {
      ...lake.store,
      get: async (key: string) => {
        if (key === archived.key) throw new StoreError('access-denied', 'archived');
        return await lake.store.get(key);
      },
    };
    const result = await lake.table({ store }).compact({ products: [await lake.product()] });
    expect(result.unreadable).toMatchObject([{ key: archived.key, code: 'access-denied' }]);
    expect(result).toMatchObject({ commit: undefined, left: [{ month: '2025-12', reason: 'archived' }] });
    expect(sortRows(await lake.rows())).toEqual(rows);
  });

  test('an id that was never committed does not come in by compaction', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 5));
    await transform(lake);
    await lake.put(tradesOf(3, 9));
    await compact(lake);
    expect((await lake.head())?.products[0]?.present.toString()).toBe('1-5');
    await transform(lake);
    await compact(lake);
    expect(await lake.rows()).toEqual(truthOf(tradesOf(1, 9)));
  });

  test('a condemned object that was replaced makes its cells due once', async () => {
    const lake = createTestLake();
    const name = await lake.put(tradesOf(1, 5));
    await transform(lake);
    const before = cellHashes(await lake.head());
    lake.condemned.add(name.key);
    await lake.put(tradesOf(1, 5), { revision: 2 });
    expect((await compact(lake)).commit).toBe(2);
    expect(cellHashes(await lake.head())).toEqual(before);
    expect((await compact(lake)).commit).toBeUndefined();
  });

  test('a column that came later is filled in older rows', async () => {
    const lake = createTestLake();
    await lake.put([tradeOf(1, { price: '0.1' })]);
    await transform(lake);
    const table = lake.table({ schema: tradesUnifiedWithDecimals });
    expect((await table.compact({ products: [await lake.product()] })).commit).toBe(2);
    const [row] = await rowsOf(lake.store, await lake.head(), 'BTC-USD', tradesUnifiedWithDecimals);
    expect(row).toMatchObject({ price_dec: '0.1' });
  });

  test('while a transform adds to the same cell, both are committed', async () => {
    const lake = createTestLake();
    for (const id of [1, 2, 3]) {
      await lake.put([tradeOf(id)]);
      await transform(lake);
    }
    const product = await lake.product();
    await lake.put([tradeOf(4)]);
    await Promise.all([lake.table().compact({ products: [product] }), transform(lake)]);
    expect(sortRows(await lake.rows())).toEqual(truthOf(tradesOf(1, 4)));
    await compact(lake);
    expect(Object.keys(cellHashes(await lake.head()))).toHaveLength(1);
  });
});
