import type { Lease } from '@schemahub/coordination';
import { createMemoryStore, currentProcess, type ObjectStore, StoreError } from '@schemahub/object-store';
import { describe, expect, it } from 'vitest';
import type { IngestContext } from './context.js';
import { createSimBench, requireTruth, type SimBench, START } from './testing/sim-bench.js';

const END = START - 3600_000;
const A = 'A-USD';
const B = 'B-USD';
/** Requests at a time, over both products. */
const IN_HAND = 4;
const settings = { objectTrades: 500, workers: 2, chunkConcurrency: IN_HAND / 2 };

interface Scene {
  readonly bench: SimBench;
  readonly leases: IngestContext['leases'];
  /** What was still asked and written for A after its lease was lost. */
  readonly requestsAfter: () => number;
  readonly writesAfter: () => readonly string[];
}

/** Two products; A's lease is lost when `isTime` says so. `again` is what the next asking for it gets. */
function createScene(
  isTime: (bench: SimBench) => boolean,
  again: 'held' | 'taken',
  voids: readonly number[] = [],
): Scene {
  let lostAt: number | undefined;
  const writes: string[] = [];
  const base = createMemoryStore();
  const store: ObjectStore = {
    ...base,
    putIfAbsent: (key, body) => {
      if (lostAt !== undefined && key.includes(A)) writes.push(key);
      return base.putIfAbsent(key, body);
    },
  };
  const bench = createSimBench({
    store,
    gridSize: 50,
    products: [A, B].map((id) => ({ id, trades: 3000, endTime: END, voids })),
    guard: (transport) => ({
      send: (call, options) => {
        look();
        return transport.send(call, options);
      },
    }),
  });
  const lost = new AbortController();
  let asked = 0;
  const release = async (): Promise<void> => undefined;
  const leases: IngestContext['leases'] = {
    acquire: async (name) => {
      const isFirst = name.includes(A) && asked++ === 0;
      const lease: Lease = { name, lost: isFirst ? lost.signal : new AbortController().signal, release };
      if (isFirst || !name.includes(A) || again === 'held') return { kind: 'held', lease };
      return { kind: 'taken', holder: { ...currentProcess(), pid: 4711 }, expiresAt: START };
    },
  };
  const requestsForA = (): number => bench.sim.control.requests().filter(({ url }) => url.includes(A)).length;
  const look = (): void => {
    if (lostAt !== undefined || !isTime(bench)) return;
    lostAt = requestsForA();
    lost.abort();
  };
  return { bench, leases, requestsAfter: () => requestsForA() - (lostAt ?? 0), writesAfter: () => writes };
}

const stateOf = (result: Awaited<ReturnType<SimBench['run']>>, product: string): unknown =>
  result.products.find(({ productId }) => productId === product)?.state;

describe('a lease that was lost while a product is worked on', () => {
  it.each([10, 25, 45])(
    'after %i requests: nothing more is asked or written for it, the others go on',
    async (after) => {
      const scene = createScene(({ sim }) => sim.stats.requests >= after, 'taken');
      const { bench, leases } = scene;
      const result = await bench.run('backfill', [A, B], settings, { leases });
      expect(stateOf(result, A)).toBe('held');
      await requireTruth(bench, result, B);
      expect(scene.requestsAfter()).toBeLessThanOrEqual(IN_HAND);
      // An object in the making is finished: half a write would be no better.
      expect(scene.writesAfter().length).toBeLessThanOrEqual(1);
      expect(bench.budget.used()).toBe(0);
      expect(bench.events.filter(({ type }) => type === 'lease-lost')).toEqual([{ type: 'lease-lost', product: A }]);
      // The other run, which has it now, finds nothing doubled.
      await requireTruth(bench, await bench.run('backfill', [A, B], settings), A);
    },
  );

  it('nobody has taken it: it is taken again, and the rest is fetched', async () => {
    const { bench, leases } = createScene(({ sim }) => sim.stats.requests >= 40, 'held');
    const result = await bench.run('backfill', [A, B], settings, { leases });
    for (const product of [A, B]) await requireTruth(bench, result, product);
    expect(result.products[0]?.progress?.newTrades).toBe(3000);
  });

  it('while holes are settled: nothing is attested any more', async () => {
    const isProbing = ({ sim }: SimBench): boolean => sim.control.requests().some(({ url }) => url.includes('limit=2'));
    const scene = createScene(isProbing, 'taken', [700]);
    const { bench, leases } = scene;
    const result = await bench.run('backfill', [A, B], settings, { leases });
    expect(stateOf(result, A)).toBe('held');
    expect(result.products[0]?.account?.void.count).toBe(0);
    expect(scene.writesAfter()).toEqual([]);
    await requireTruth(bench, result, B);
  });
});

describe('a key that a stopped process has locked', () => {
  const locked = (store: ObjectStore, part: string): ObjectStore => ({
    ...store,
    putIfMatch: (key, body, version) =>
      key.includes(part)
        ? Promise.reject(new StoreError('locked', `${key}: locked by process 4711`, { retryable: true }))
        : store.putIfMatch(key, body, version),
  });

  it.each(['locks/product', 'checkpoints/'])(
    '%s: the product is skipped as held, the others are complete',
    async (of) => {
      const bench = createSimBench({
        gridSize: 100,
        products: [A, B].map((id) => ({ id, trades: 900, endTime: END })),
      });
      await bench.run('backfill', [A]);
      const key = Object.keys(await bench.dump()).find((name) => name.startsWith(of) && name.includes(A))!;
      bench.sim.control.addTrades(A, 50);
      const more = { store: locked(bench.store, key) };
      const result = await bench.run('backfill', [A, B], {}, more);
      expect([stateOf(result, A), result.unavailable]).toEqual(['held', undefined]);
      expect(result.products[0]?.reason).toContain('locked by process 4711');
      await requireTruth(bench, result, B);
      await requireTruth(bench, await bench.run('backfill', [A, B]), A);
    },
  );
});
