import { RangeSet } from '@schemahub/coverage';
import type { FaultKind } from '@schemahub/exchange-sim';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSimBench, type SimBench, START, truthOf } from './testing/sim-bench.js';

const faultKinds: FaultKind[] = [
  'status',
  'no-reply',
  'reset',
  'truncated',
  'content-length',
  'slow',
  'short-page',
  'empty-page',
  'missing-row',
  'duplicate-rows',
  'unsorted-rows',
  'stale-head',
  'lagging-replica',
  'text-ids',
  'stripped-fractions',
];

const spec = fc.record({
  firstId: fc.constantFrom(0, 1, 1, 1, 37, 100, 5000),
  trades: fc.integer({ min: 1, max: 700 }),
  holes: fc.array(fc.tuple(fc.nat(900), fc.constantFrom(0, 0, 1, 3, 30, 120, 400)), { maxLength: 5 }),
});

const settings = fc.record({
  order: fc.constantFrom('oldest' as const, 'newest' as const),
  objectTrades: fc.constantFrom(1, 40, 150, 1000),
  chunkConcurrency: fc.constantFrom(1, 3, 15),
  workers: fc.constantFrom(1, 2),
});

type Spec = typeof spec extends fc.Arbitrary<infer T> ? T : never;

function productsOf(specs: readonly Spec[]): Parameters<typeof createSimBench>[0]['products'] {
  return specs.map(({ firstId, trades, holes }, i) => ({
    id: `P${i}-USD`,
    firstId,
    trades,
    voids: holes
      .map(([at, width]) => ({ first: firstId + at + 1, last: firstId + at + 1 + width }))
      .filter(({ last }) => last < firstId + trades - 1),
    endTime: START - 3600_000,
  }));
}

/** Runs until everything is settled: a fault may leave something to the next run, never something wrong. */
async function untilComplete(bench: SimBench, names: string[], options: object): Promise<number> {
  for (let runs = 1; runs <= 12; runs++) {
    const result = await bench.run('backfill', names, options);
    for (const name of names) await requireNothingWrong(bench, name);
    expect(bench.budget.used()).toBe(0);
    // An empty or old first page is believed until a later run sees more.
    const isWhole = result.products.every(
      ({ state, productId, progress }) =>
        state === 'complete' && progress?.checkpoint.head?.id === bench.sim.control.headOf(productId),
    );
    if (isWhole) return runs;
  }
  throw new Error('not complete after 12 runs');
}

async function requireNothingWrong(bench: SimBench, name: string): Promise<void> {
  const truth = truthOf(bench.sim, name);
  const raw = await bench.raw(name);
  expect(raw.ids.difference(truth).toString()).toBe('');
  expect(raw.rows).toBe(raw.ids.count);
  const stored = await bench.contextOf({ mode: 'repair' }).checkpoints.read('coinbase', name);
  expect(stored?.fetched.toString() ?? '').toBe(raw.ids.toString());
  expect(stored?.void.intersect(truth).toString() ?? '').toBe('');
}

describe('truth', () => {
  it('raw ids are the exchange ids, none twice, voids its voids, whatever the plan, the order and the faults', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(spec, { minLength: 1, maxLength: 2 }),
        settings,
        fc.constantFrom(0, 0.2, 0.2),
        fc.boolean(),
        fc.integer(),
        async (specs, options, share, rateLimit, seed) => {
          const bench = createSimBench({
            products: productsOf(specs),
            gridSize: 50,
            seed,
            faults: { share, kinds: faultKinds },
            rateLimit: rateLimit && { ratePerSecond: 20, burst: 15 },
          });
          const names = specs.map((_, i) => `P${i}-USD`);
          const runs = await untilComplete(bench, names, options);
          if (share === 0 && !rateLimit) expect(runs).toBe(1);
          for (const name of names) {
            const stored = await bench.contextOf({ mode: 'repair' }).checkpoints.read('coinbase', name);
            expect(stored?.fetched.toString()).toBe(truthOf(bench.sim, name).toString());
            const voids = RangeSet.fromRanges(bench.sim.control.voidsOf(name));
            expect(stored?.void.toString()).toBe(voids.toString());
          }
        },
      ),
      { numRuns: 40 },
    );
  }, 120_000);

  it('every run again, exchange and clock standing still, changes no byte', async () => {
    await fc.assert(
      fc.asyncProperty(spec, settings, fc.integer(), async (one, options, seed) => {
        const bench = createSimBench({ products: productsOf([one]), gridSize: 50, seed });
        await bench.run('backfill', ['P0-USD'], options);
        const before = await bench.dump();
        for (const mode of ['backfill', 'ingest', 'repair'] as const) {
          await bench.run(mode, ['P0-USD'], { ...options, fullRefresh: mode === 'repair' });
          expect(await bench.dump()).toEqual(before);
        }
      }),
      { numRuns: 25 },
    );
  });
});
