import type { TableSchema } from '@schemahub/columns';
import { tradesUnified, tradesUnifiedWithDecimals } from '@schemahub/core';
import type { ObjectStore } from '@schemahub/object-store';
import { describe, expect, test } from 'vitest';
import { createTestLake, SOURCE, type TestLake, testMapping, tradesOf } from './test-lake.js';
import type { TransformResult } from './transform-result.js';

type Columns = TableSchema['columns'];

async function transform(lake: TestLake, maxBad?: number): Promise<TransformResult> {
  return await lake.table().transform({ products: [await lake.product()], maxBad });
}

describe('the mapping guard', () => {
  test('another mapping is refused, also when nothing is new; rebuild is the way', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 5));
    await transform(lake);
    const other = await testMapping((text) => text.replace('side: maker_to_taker', 'side: upper'));
    const table = lake.table({ mappings: { [SOURCE]: other } });
    const products = [await lake.product()];
    await expect(table.transform({ products })).rejects.toMatchObject({ code: 'mapping-changed' });
    await expect(table.compact({ products })).rejects.toMatchObject({ code: 'mapping-changed' });
    await table.rebuild({ products });
    expect((await lake.rows()).map(({ side }) => side)).toEqual(tradesOf(1, 5).map(({ side }) => side.toUpperCase()));
    expect((await table.transform({ products })).commit).toBeUndefined();
    await expect(transform(lake)).rejects.toMatchObject({ code: 'mapping-changed' });
  });

  test('is asked before the raw layer is looked at', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 5));
    await transform(lake);
    const other = await testMapping((text) => text.replace('side: maker_to_taker', 'side: upper'));
    const table = lake.table({ mappings: { [SOURCE]: other } });
    const products = async (): Promise<never> => {
      throw new Error('the raw layer was looked at');
    };
    await expect(table.transform({ products })).rejects.toMatchObject({ code: 'mapping-changed' });
    await expect(table.compact({ products })).rejects.toMatchObject({ code: 'mapping-changed' });
  });

  test.each([
    ['a required column more', (columns: Columns) => [...columns, { ...columns.at(-1)!, name: 'venue', fieldId: 90 }]],
    [
      'a column that may be null now',
      (columns: Columns) => columns.map((one) => (one.name === 'price' ? { ...one, nullable: true } : one)),
    ],
  ])('%s is refused, also when nothing is new', async (_, change) => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 5));
    await transform(lake);
    const schema = { ...tradesUnified, columns: change(tradesUnified.columns) };
    const table = lake.table({ schema });
    await expect(table.transform({ products: [await lake.product()] })).rejects.toMatchObject({
      code: 'schema-changed',
    });
    await expect(table.compact({ products: [await lake.product()] })).rejects.toMatchObject({ code: 'schema-changed' });
  });

  test('a rebuild of one source still asks for the meaning of the others', async () => {
    const lake = createTestLake();
    const binance = await testMapping((text) =>
      text.replace(SOURCE, 'raw_binance_trades').replace('COINBASE', 'BINANCE'),
    );
    const mappings = { [SOURCE]: await testMapping(), raw_binance_trades: binance };
    await lake.put(tradesOf(1, 5));
    const coinbase = await lake.product();
    const products = [coinbase, { ...coinbase, exchange: 'binance', source: 'raw_binance_trades' }];
    await lake.table({ mappings }).transform({ products });
    const other = await testMapping((text) => text.replace('side: maker_to_taker', 'side: upper'));
    const table = lake.table({ mappings: { ...mappings, [SOURCE]: other } });
    await expect(table.rebuild({ products, sources: ['raw_binance_trades'] })).rejects.toMatchObject({
      code: 'mapping-changed',
    });
    expect((await table.rebuild({ products, sources: [SOURCE] })).commit).toBe(2);
  });

  test('a mapping that was only written differently is the same', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 5));
    await transform(lake);
    const same = await testMapping((text) => `# a comment\n${text.replace('validation:', '\nvalidation:')}`);
    const table = lake.table({ mappings: { [SOURCE]: same } });
    expect((await table.transform({ products: [await lake.product()] })).commit).toBeUndefined();
  });

  test('a rule for a nullable column that came later is no other mapping', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 2));
    const without = await testMapping((text) => text.slice(0, text.indexOf('decimals:')));
    await lake.table({ mappings: { [SOURCE]: without } }).transform({ products: [await lake.product()] });
    await lake.put(tradesOf(3, 4));
    const table = lake.table({ schema: tradesUnifiedWithDecimals });
    expect((await table.transform({ products: [await lake.product()] })).totals.rows).toBe(2);
  });

  test('a mapping that changes while a run is under way is met before its rows are added', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 5));
    await transform(lake);
    const other = await testMapping((text) => text.replace('side: maker_to_taker', 'side: upper'));
    const before = await lake.product();
    await lake.put(tradesOf(6, 9));
    let isDone = false;
    const store: ObjectStore = {
      ...lake.store,
      putIfAbsent: async (key, body) => {
        if (key.startsWith(lake.layout.commits) && !isDone) {
          isDone = true;
          await lake.table({ mappings: { [SOURCE]: other } }).rebuild({ products: [before] });
        }
        return await lake.store.putIfAbsent(key, body);
      },
    };
    const run = lake.table({ store }).transform({ products: [await lake.product()] });
    await expect(run).rejects.toMatchObject({ code: 'mapping-changed' });
    expect((await lake.head())?.products[0]?.present.toString()).toBe('1-5');
  });
});
