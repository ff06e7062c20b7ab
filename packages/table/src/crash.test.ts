import type { ObjectStore } from '@schemahub/object-store';
import { createMemoryStore } from '@schemahub/object-store';
import { type FaultHook, faultyStore } from '@schemahub/object-store/testing';
import { describe, expect, test } from 'vitest';
import type { RawProduct } from './raw-product.js';
import type { Table } from './table.js';
import { createTestLake, rowsOf, sortRows, type TestLake, tradeOf, tradesOf, truthOf } from './test-lake.js';

// Every command is killed at every single call to the store, before and after it; then run again.

const DAY_MS = 86_400_000;

interface Scenario {
  readonly name: string;
  /** Brings the lake to where the command begins. */
  readonly prepare: (lake: TestLake) => Promise<void>;
  readonly run: (table: Table, products: readonly RawProduct[]) => Promise<unknown>;
  /** The store's clock when the command runs. */
  readonly now: number;
  /** A rebuild always has something to do. */
  readonly isRepeatable: boolean;
  /** Numbers of trades that the table may show on the way; the last one at the end. */
  readonly shown: readonly number[];
}

const NOW: number = Date.UTC(2026, 5, 1);
const LATER: number = NOW + 30 * DAY_MS;

async function step(lake: TestLake, first: number, last: number): Promise<void> {
  await lake.put(tradesOf(first, last));
  await lake.table().transform({ products: [await lake.product()] });
}

async function threeSteps(lake: TestLake): Promise<void> {
  await step(lake, 1, 4);
  await step(lake, 5, 8);
  await step(lake, 9, 12);
}

const scenarios: readonly Scenario[] = [
  {
    name: 'the first transform',
    now: NOW,
    isRepeatable: true,
    prepare: async (lake) => {
      await lake.put(tradesOf(1, 6));
      await lake.put(tradesOf(5, 12));
    },
    run: (table, products) => table.transform({ products }),
    shown: [0, 12],
  },
  {
    name: 'a later transform',
    now: NOW,
    isRepeatable: true,
    prepare: async (lake) => {
      await step(lake, 1, 8);
      await lake.put(tradesOf(7, 12));
    },
    run: (table, products) => table.transform({ products }),
    shown: [8, 12],
  },
  {
    name: 'compact',
    now: NOW,
    isRepeatable: true,
    prepare: threeSteps,
    run: (table, products) => table.compact({ products }),
    shown: [12],
  },
  {
    name: 'rebuild',
    now: NOW,
    isRepeatable: false,
    prepare: async (lake) => {
      await threeSteps(lake);
      await lake.put(tradesOf(13, 14));
    },
    run: (table, products) => table.rebuild({ products }),
    shown: [12, 14],
  },
  {
    name: 'rollback',
    now: NOW,
    isRepeatable: true,
    prepare: threeSteps,
    run: (table) => table.rollback(2),
    shown: [12, 8],
  },
  {
    name: 'release and transform',
    now: NOW,
    isRepeatable: true,
    prepare: async (lake) => {
      await threeSteps(lake);
      await lake.table().rollback(1);
    },
    run: async (table, products) => {
      await table.release();
      await table.transform({ products });
    },
    shown: [4, 12],
  },
  {
    name: 'the vacuum that retires',
    now: NOW,
    isRepeatable: true,
    prepare: async (lake) => {
      await threeSteps(lake);
      await lake.table().compact({ products: [await lake.product()] });
    },
    run: (table) => table.vacuum({ now: NOW, keepSnapshots: 1 }),
    shown: [12],
  },
  {
    name: 'the vacuum that deletes',
    now: LATER,
    isRepeatable: true,
    prepare: async (lake) => {
      await threeSteps(lake);
      await lake.table().compact({ products: [await lake.product()] });
      lake.clock.time = NOW;
      await lake.table().vacuum({ now: NOW, keepSnapshots: 1 });
    },
    run: (table) => table.vacuum({ now: LATER, keepSnapshots: 1 }),
    shown: [12],
  },
];

interface Entry {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly modifiedAt: number;
}

async function entriesOf(store: ObjectStore): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const { key, modifiedAt } of store.list('')) {
    entries.push({ key, modifiedAt, bytes: (await store.get(key))!.bytes });
  }
  return entries;
}

/** A copy of the lake, each object as old as it was; the store's clock then shows `now`. */
async function lakeFrom(entries: readonly Entry[], now: number): Promise<TestLake> {
  let time = 0;
  const store = createMemoryStore({ now: () => time });
  for (const { key, bytes, modifiedAt } of entries) {
    time = modifiedAt;
    await store.putIfAbsent(key, bytes);
  }
  time = now;
  return createTestLake({ store });
}

/** The head is whole: its files can be read and hold exactly what it says is present. */
async function readSound(lake: TestLake): Promise<number> {
  const head = await lake.head();
  const rows = sortRows(await rowsOf(lake.store, head));
  expect(rows).toEqual(truthOf(tradesOf(1, rows.length === 0 ? 0 : rows.length)));
  expect(head?.products[0]?.present.count ?? 0).toBe(rows.length);
  return rows.length;
}

/** Dies at a call, before or after it; or loses one answer and lives on. */
function faultAt(at: number, mode: 'before' | 'after' | 'lost'): FaultHook {
  const error = new Error('killed');
  return ({ number }) => {
    if (number < at || (mode === 'lost' && number > at)) return undefined;
    return { when: number === at && mode !== 'before' ? 'after' : 'before', error };
  };
}

describe.each(scenarios)('killed at every call to the store: $name', ({ prepare, run, shown, now, isRepeatable }) => {
  test('the head is whole at every moment, and a second run finishes', async () => {
    const template = createTestLake();
    await prepare(template);
    const entries = await entriesOf(template.store);
    const clean = await lakeFrom(entries, now);
    let calls = 0;
    const counted = faultyStore(clean.store, () => {
      calls += 1;
      return undefined;
    });
    await run(clean.table({ store: counted }), [await clean.product()]);
    expect(await readSound(clean)).toBe(shown.at(-1));
    expect(calls).toBeGreaterThan(3);
    const commits = (await clean.head())!.number;
    for (let at = 0; at < calls; at += 1) {
      for (const mode of ['before', 'after', 'lost'] as const) {
        const lake = await lakeFrom(entries, now);
        const products = [await lake.product()];
        const table = lake.table({ store: faultyStore(lake.store, faultAt(at, mode)) });
        await run(table, products).catch((error: unknown) => {
          if ((error as Error).message !== 'killed') throw error;
        });
        expect(shown, `${mode} call ${at}`).toContain(await readSound(lake));
        await run(lake.table(), products);
        expect(await readSound(lake), `${mode} call ${at}`).toBe(shown.at(-1));
        if (!isRepeatable) continue;
        expect((await lake.head())!.number, `${mode} call ${at}`).toBe(commits);
        const before = await lake.hashes();
        await run(lake.table(), products);
        expect(await lake.hashes()).toEqual(before);
      }
    }
  });
});

test('what the dead run left is found by vacuum, and the table stays', async () => {
  const lake = createTestLake();
  await lake.put(tradesOf(1, 4));
  const store = faultyStore(lake.store, ({ verb, key }) =>
    verb === 'putIfAbsent' && key.includes('/commits/') ? { when: 'before', error: new Error('killed') } : undefined,
  );
  await expect(lake.table({ store }).transform({ products: [await lake.product()] })).rejects.toThrow('killed');
  const left = Object.keys(await lake.hashes('unified_trades/'));
  expect(left).toHaveLength(2); // a data file and a file list
  await lake.table().transform({ products: [await lake.product()] });
  lake.clock.time = NOW;
  expect([...(await lake.table().vacuum()).retired].sort()).toEqual([]); // the store's clock has not moved yet
  expect([...(await lake.table().vacuum({ now: NOW })).retired].sort()).toEqual(left);
  lake.clock.time = LATER;
  expect([...(await lake.table().vacuum({ now: LATER })).deleted].sort()).toEqual(left);
  expect(await lake.rows()).toEqual(truthOf([tradeOf(1), tradeOf(2), tradeOf(3), tradeOf(4)]));
});
