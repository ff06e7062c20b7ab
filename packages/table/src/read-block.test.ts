import { rowAt } from '@schemahub/columns';
import { tradesUnified } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createContext } from './context.js';
import { createNameIndex } from './name-index.js';
import { planTransform } from './plan-transform.js';
import { readBlock } from './read-block.js';
import { createTestLake, DECEMBER, mapping, SOURCE, type TestLake, tradeOf } from './test-lake.js';

/** Objects that overlap: each holds some of ten ids (no more conflicts than samples are kept), copies may tell different trades. */
const objects = fc.array(
  fc.uniqueArray(fc.record({ id: fc.integer({ min: 1, max: 10 }), price: fc.integer({ min: 1, max: 2 }) }), {
    minLength: 1,
    maxLength: 6,
    selector: ({ id }) => id,
  }),
  { minLength: 1, maxLength: 8 },
);

async function read(lake: TestLake, maxBatchRows: number | undefined): Promise<unknown> {
  const { store, layout, clock } = lake;
  const context = createContext({
    store,
    layout,
    clock,
    schema: tradesUnified,
    mappings: { [SOURCE]: mapping },
    runId: 'read-block',
  });
  const product = await lake.product();
  const [plan] = planTransform({ list: undefined, product }).blocks;
  const result = await readBlock(context, { product, plan: plan!, archived: false, maxBatchRows });
  const { duplicates, conflicts, dropped } = result;
  return {
    rows: Array.from(result.rows, (row) => rowAt(result.batch, row)),
    ids: result.ids.toString(),
    conflictIds: result.conflictSamples.map(({ id }) => id).toSorted((a, b) => a - b),
    duplicates,
    conflicts,
    dropped,
  };
}

test('objects that hold more than one batch may are read in parts, with the same result', async () => {
  await fc.assert(
    fc.asyncProperty(objects, fc.integer({ min: 1, max: 9 }), async (rows, maxBatchRows) => {
      const lake = createTestLake();
      for (const [at, trades] of rows.entries()) {
        const made = trades.map(({ id, price }) => tradeOf(id, { price: `${price}`, ingest: DECEMBER + at }));
        await lake.put(made, { revision: at + 2 });
      }
      expect(await read(lake, maxBatchRows)).toEqual(await read(lake, undefined));
    }),
    { numRuns: 60 },
  );
});

test('the index finds every name that meets the ids, as a look at all of them does', async () => {
  const lake = createTestLake();
  for (const first of [5, 900_000, 1_000_004, 1_000_005, 3_000_000]) {
    await lake.put([tradeOf(first), tradeOf(first + 10)]);
  }
  const { names } = await lake.product();
  const index = createNameIndex(names);
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 899_990, max: 1_000_020 })), {
        maxLength: 5,
      }),
      (ids) => {
        const set = RangeSet.fromIds(ids);
        expect(index.intersecting(set)).toEqual(names.filter(({ first, last }) => set.intersects(first, last)));
      },
    ),
  );
});

test('the index finds objects of the greatest span, from their first id to their last', async () => {
  const lake = createTestLake();
  await lake.put([tradeOf(7), tradeOf(1_000_006)]);
  await lake.put([tradeOf(1_000_007), tradeOf(2_000_006)]);
  const index = createNameIndex((await lake.product()).names);
  const firstIdsOf = (id: number): number[] => index.intersecting(RangeSet.of(id)).map(({ first }) => first);
  expect([6, 7, 1_000_006, 1_000_007, 2_000_006, 2_000_007].map(firstIdsOf)).toEqual([
    [],
    [7],
    [7],
    [1_000_007],
    [1_000_007],
    [],
  ]);
});
