import type { RangeSet } from '@schemahub/coverage';
import { createLayout } from '@schemahub/lake';
import { type ObjectStore, StoreError } from '@schemahub/object-store';
import { describe, expect, test } from 'vitest';
import {
  cellHashes,
  createTestLake,
  SOURCE,
  type TestLake,
  testMapping,
  tradeOf,
  tradesOf,
  truthOf,
} from './test-lake.js';

async function step(lake: TestLake, first: number, last: number): Promise<void> {
  await lake.put(tradesOf(first, last));
  await lake.table().transform({ products: [await lake.product()] });
}

describe('rebuild', () => {
  test('replaces all files in one commit under v2, with the new raw, byte for byte as compact would', async () => {
    const lake = createTestLake();
    await step(lake, 1, 3);
    await step(lake, 4, 6);
    await lake.put(tradesOf(7, 9));
    const result = await lake.table().rebuild({ products: [await lake.product()] });
    expect(result).toMatchObject({ commit: 3, lost: [], totals: { rows: 9 } });
    const head = (await lake.head())!;
    expect(head.commit).toMatchObject({ kind: 'rebuild', table_version: 2 });
    expect(head.products[0]?.files.map(({ path }) => path.startsWith('unified_trades/v2/'))).toEqual([true]);
    expect(await lake.rows()).toEqual(truthOf(tradesOf(1, 9)));
    const other = createTestLake();
    await step(other, 1, 9);
    expect(cellHashes(head)).toEqual(cellHashes(await other.head()));
    await step(lake, 10, 10);
    const [, added] = (await lake.head())!.products[0]!.files;
    expect(added?.path).toMatch(/^unified_trades\/v2\//);
  });

  test('would it lose ids, it commits nothing and says which; acceptLoss does it', async () => {
    const lake = createTestLake();
    const name = await lake.put(tradesOf(1, 3));
    await step(lake, 4, 6);
    await lake.store.delete([name.key]);
    const products = [await lake.product()];
    const error = await lake
      .table()
      .rebuild({ products })
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ids-lost', message: /coinbase BTC-USD: 3 ids \(1-3\)/ });
    const [lost] = (error as { lost: { productId: string; ids: RangeSet }[] }).lost;
    expect(lost?.ids.toString()).toBe('1-3');
    expect((await lake.head())?.number).toBe(1);
    const result = await lake.table().rebuild({ products, acceptLoss: true });
    expect(result.lost.map(({ ids }) => ids.toString())).toEqual(['1-3']);
    expect(await lake.rows()).toEqual(truthOf(tradesOf(4, 6)));
  });

  test('an id that the new mapping refuses counts as lost', async () => {
    const lake = createTestLake();
    await lake.put([tradeOf(1, { price: '5' }), tradeOf(2)]);
    await lake.table().transform({ products: [await lake.product()] });
    const strict = await testMapping((text) => text.replace('price: { minimum: 0', 'price: { minimum: 10'));
    const run = lake.table({ mappings: { [SOURCE]: strict } }).rebuild({ products: [await lake.product()] });
    await expect(run).rejects.toMatchObject({ code: 'ids-lost' });
    expect(await lake.rows()).toEqual(truthOf([tradeOf(1, { price: '5' }), tradeOf(2)]));
  });

  test('what was quarantined comes in when the mapping now takes it', async () => {
    const lake = createTestLake();
    await lake.put([tradeOf(1, { price: '5' }), tradeOf(2)]);
    const strict = await testMapping((text) => text.replace('price: { minimum: 0', 'price: { minimum: 10'));
    await lake.table({ mappings: { [SOURCE]: strict } }).transform({ products: [await lake.product()] });
    expect((await lake.head())?.products[0]?.quarantined.toString()).toBe('1');
    await lake.table().rebuild({ products: [await lake.product()] });
    expect((await lake.head())?.products[0]?.quarantined.isEmpty).toBe(true);
    expect((await lake.rows()).length).toBe(2);
  });

  test('sources that are not named keep their lists untouched', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 3));
    await lake.put(tradesOf(1, 4), { productId: 'ETH-USD' });
    const btc = await lake.product();
    const eth = { ...(await lake.product('ETH-USD')), exchange: 'coinbase' };
    await lake.table().transform({ products: [btc, eth] });
    const before = (await lake.head())!;
    const result = await lake.table().rebuild({ products: [btc, eth], sources: [] });
    expect(result.commit).toBeUndefined();
    await lake.table().rebuild({ products: [btc, eth], sources: [SOURCE] });
    expect((await lake.head())?.number).toBe(before.number + 1);
    expect(await lake.rows('ETH-USD')).toEqual(truthOf(tradesOf(1, 4), 'ETH-USD'));
  });

  test('a product of the source that is not given would be lost, and is named', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 3));
    await lake.put(tradesOf(1, 4), { productId: 'ETH-USD' });
    const btc = await lake.product();
    await lake.table().transform({ products: [btc, await lake.product('ETH-USD')] });
    await expect(lake.table().rebuild({ products: [btc] })).rejects.toMatchObject({
      code: 'ids-lost',
      message: /ETH-USD: 4 ids/,
    });
  });

  test('a table that moved meanwhile is rebuilt with what came, asked anew', async () => {
    const lake = createTestLake();
    await step(lake, 1, 3);
    let isDone = false;
    const store: ObjectStore = {
      ...lake.store,
      putIfAbsent: async (key, body) => {
        if (key.startsWith(lake.layout.commits) && !isDone) {
          isDone = true;
          await step(lake, 4, 6);
        }
        return await lake.store.putIfAbsent(key, body);
      },
    };
    const products = async (): Promise<Awaited<ReturnType<typeof lake.product>>[]> => [await lake.product()];
    const result = await lake.table({ store }).rebuild({ products });
    expect(result.commit).toBe(3);
    expect(await lake.rows()).toEqual(truthOf(tradesOf(1, 6)));
    const { files } = (await lake.head())!.products[0]!;
    expect(files.map(({ path }) => path.startsWith('unified_trades/v2/'))).toEqual([true]);
  });

  test('an archived object is left out, and its ids are told as lost', async () => {
    const lake = createTestLake();
    const name = await lake.put(tradesOf(1, 3));
    await step(lake, 4, 6);
    const denied = new StoreError('access-denied', 'archived', { retryable: false });
    const store: ObjectStore = {
      ...lake.store,
      get: async (key) => {
        if (key === name.key) throw denied;
        return await lake.store.get(key);
      },
    };
    const products = [await lake.product()];
    await expect(lake.table({ store }).rebuild({ products })).rejects.toMatchObject({
      code: 'ids-lost',
      message: /3 ids \(1-3\)/,
    });
    expect((await lake.head())?.number).toBe(1);
    // To a transform, which needs it, the same answer may be wrong credentials: it ends.
    const fresh = lake.table({ store, layout: createLayout({ unifiedPrefix: 'other' }) });
    await expect(fresh.transform({ products })).rejects.toBe(denied);
  });

  test('a damaged object is left out, and its ids are told as lost', async () => {
    const lake = createTestLake();
    await step(lake, 1, 3);
    const name = await lake.put(tradesOf(4, 6));
    await lake.table().transform({ products: [await lake.product()] });
    const products = [await lake.product()];
    await lake.store.delete([name.key]);
    await lake.store.putIfAbsent(name.key, Buffer.from('not gzip'));
    const error = await lake
      .table()
      .rebuild({ products })
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ids-lost', message: /4-6/ });
  });

  test('in a lake without commits it is the first transform; dry run touches nothing', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 3));
    const products = [await lake.product()];
    const told = await lake.table().rebuild({ products, dryRun: true });
    expect(told.commit).toBeUndefined();
    expect(told.products[0]?.newIds.toString()).toBe('1-3');
    expect(await lake.head()).toBeUndefined();
    await lake.table().rebuild({ products });
    expect((await lake.head())?.commit).toMatchObject({ number: 1, table_version: 1 });
  });
});
