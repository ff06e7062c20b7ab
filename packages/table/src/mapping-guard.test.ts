import { tradesUnifiedWithDecimals } from '@schemahub/core';
import type { ObjectStore } from '@schemahub/object-store';
import { describe, expect, test } from 'vitest';
import { createTestLake, SOURCE, type TestLake, testMapping, tradesOf } from './test-lake.js';
import type { TransformResult } from './transform-result.js';

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
