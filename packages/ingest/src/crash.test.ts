import { encodeCheckpoint } from '@schemahub/checkpoint';
import { RangeSet } from '@schemahub/coverage';
import { createMemoryStore, type ObjectStore, StoreError } from '@schemahub/object-store';
import { faultyStore } from '@schemahub/object-store/testing';
import { describe, expect, it } from 'vitest';
import type { IngestSettings } from './context.js';
import { createSimBench, type SimBench, truthOf } from './testing/sim-bench.js';

const P = 'BTC-USD';
const OBJECT = 60;
const GRID = 20;
const settings: Partial<IngestSettings> = { objectTrades: OBJECT, workers: 1, chunkConcurrency: 2 };

/** A backfill over a hole and a short one, 20 new trades, an ingest. */
async function work(bench: SimBench, store: ObjectStore): Promise<void> {
  await bench.run('backfill', [P], settings, { store });
  if (bench.sim.control.headOf(P) === 240) bench.sim.control.addTrades(P, 20);
  await bench.run('ingest', [P], settings, { store });
}

function createBench(): SimBench & { store: ObjectStore } {
  const voids = [{ first: 100, last: 145 }, 201];
  return createSimBench({
    products: [{ id: P, trades: 240, voids, endTime: '2026-11-21T10:00:00Z' }],
    gridSize: GRID,
    store: createMemoryStore(),
  });
}

/** A store that dies at call `at`: before doing it, or after doing it; nothing works from then on. */
function dyingStore(store: ObjectStore, at: number, when: 'before' | 'after'): ObjectStore {
  return faultyStore(store, ({ number }) => {
    if (number < at) return undefined;
    return { when: number === at ? when : 'before', error: new StoreError('io', 'the process is dead') };
  });
}

async function storedOf(bench: SimBench): Promise<Record<string, unknown>> {
  const stored = await bench.contextOf({ mode: 'ingest' }).checkpoints.read('coinbase', P);
  return encodeCheckpoint(stored!);
}

/** What must be the same whenever it was learned. */
async function lasting(bench: SimBench): Promise<unknown> {
  const { last_updated, head, ...rest } = await storedOf(bench);
  return { ...rest, head: (head as { id: number }).id };
}

/** Ids of the rows that windows brought since request `from`; small questions apart. */
function told(bench: SimBench, from = 0): RangeSet {
  const truth = truthOf(bench.sim, P);
  const windows = bench.sim
    .requests()
    .slice(from)
    .filter(({ rows, url }) => rows > 0 && limitOf(url) > 2);
  return windows.reduce((ids, { url }) => {
    const after = Number(new URL(url).searchParams.get('after'));
    return ids.union(truth.clip(Math.max(0, after - limitOf(url)), after - 1));
  }, RangeSet.empty);
}

function limitOf(url: string): number {
  return Number(new URL(url).searchParams.get('limit'));
}

describe('a crash at every call to the store', async () => {
  const clean = createBench();
  let calls = 0;
  await work(
    clean,
    faultyStore(clean.store, () => {
      calls++;
      return undefined;
    }),
  );
  const expected = await lasting(clean);

  it.each(['before', 'after'] as const)(
    '%s it: the next run ends with the same, and repeats at most an object',
    async (when) => {
      expect(calls).toBeGreaterThan(40);
      let mostAgain = 0;
      for (let at = 0; at < calls; at++) {
        const bench = createBench();
        await work(bench, dyingStore(bench.store, at, when)).catch(() => undefined);
        expect(bench.budget.used()).toBe(0);
        const held = await bench.raw(P);
        const before = told(bench);
        const requests = bench.sim.requests().length;
        expect([at, held.rows]).toEqual([at, held.ids.count]);
        // Dead leases of this process are its own: they run out.
        await bench.clock.sleep(121_000);
        await work(bench, bench.store);
        const raw = await bench.raw(P);
        expect([at, raw.ids.toString()]).toEqual([at, truthOf(bench.sim, P).toString()]);
        expect([at, raw.rows]).toEqual([at, raw.ids.count]);
        expect([at, await lasting(bench)]).toEqual([at, expected]);
        const again = before.difference(held.ids).intersect(told(bench, requests));
        mostAgain = Math.max(mostAgain, again.count);
        expect([at, again.count <= OBJECT]).toEqual([at, true]);
        const stored = await storedOf(bench);
        await bench.store.delete([`checkpoints/coinbase/${P}.json`]);
        await bench.run('repair', [P], settings);
        expect([at, await storedOf(bench)]).toEqual([at, stored]);
      }
      // It was worth a look.
      expect(mostAgain).toBeGreaterThanOrEqual(2 * GRID);
    },
  );
});
