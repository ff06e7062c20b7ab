import { applyChange, cursorOf, emptyCheckpoint } from '@schemahub/checkpoint';
import { RangeSet } from '@schemahub/coverage';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ingestDefaults } from './context.js';
import { lowestAsked } from './scope.js';
import { createSimBench, requireHeld, requireTruth, type SimBench, START, truthOf } from './testing/sim-bench.js';

const P = 'BTC-USD';
const MINUTE = 60_000;

type Spec = Parameters<typeof createSimBench>[0]['products'][number];

function createBench(spec: Partial<Spec> = {}): SimBench {
  return createSimBench({ products: [{ id: P, trades: 1000, endTime: START - 3600_000, ...spec }], gridSize: 50 });
}

const stored = (bench: SimBench) => bench.contextOf({ mode: 'ingest' }).checkpoints.read('coinbase', P);

describe('cold start', () => {
  it('anchors at the first trade younger than 45 minutes', async () => {
    const bench = createBench({ ratePerSecond: 0.2, endTime: START - 1000 });
    const young = [...bench.sim.control.tradesOf(P)].find(({ time }) => Date.parse(time) >= START - 45 * MINUTE)!.id;
    const result = await bench.run('ingest', [P]);
    await requireHeld(bench, result, P, RangeSet.of(young, 1000));
    expect((await stored(bench))?.anchor).toBe(young);
    expect(young).toBeGreaterThan(1);
  });

  it('a slow product is anchored at head + 1, once, and gets its next trade', async () => {
    const bench = createBench({ trades: 300 });
    for (let run = 0; run < 2; run++) {
      await requireHeld(bench, await bench.run('ingest', [P]), P, RangeSet.empty);
      expect((await stored(bench))?.anchor).toBe(301);
    }
    bench.sim.control.addTrades(P, 1);
    await requireHeld(bench, await bench.run('ingest', [P]), P, RangeSet.of(301));
  });

  it('a week of sleep loses nothing', async () => {
    const bench = createBench({ ratePerSecond: 0.002, trades: 40, followClock: true, endTime: START - 1000 });
    await bench.run('ingest', [P]);
    const anchor = (await stored(bench))!.anchor!;
    await bench.clock.sleep(7 * 24 * 3600_000);
    const result = await bench.run('ingest', [P]);
    expect(bench.sim.control.headOf(P)).toBeGreaterThan(500);
    await requireHeld(bench, result, P, truthOf(bench.sim, P).clip(anchor, Number.MAX_SAFE_INTEGER));
  });

  it('ingest and backfill together hold everything, and the anchor stays', async () => {
    const bench = createBench({ ratePerSecond: 0.2, endTime: START - 1000, voids: [500, { first: 800, last: 803 }] });
    await bench.run('ingest', [P]);
    const anchor = (await stored(bench))?.anchor;
    await requireTruth(bench, await bench.run('backfill', [P]), P);
    expect((await stored(bench))?.anchor).toBe(anchor);
  });

  it('a backfill sets the anchor above the head it found', async () => {
    const bench = createBench();
    await bench.run('backfill', [P]);
    expect((await stored(bench))?.anchor).toBe(1001);
    expect(cursorOf((await stored(bench))!)).toBe(1001);
  });

  it('--skip-checkpoint asks for the cold-start window again and lands nothing twice', async () => {
    const bench = createBench({ ratePerSecond: 0.2, endTime: START - 1000 });
    await bench.run('ingest', [P]);
    const before = await bench.dump();
    bench.requests();
    expect((await bench.run('ingest', [P], { skipCheckpoint: true })).products[0]?.state).toBe('complete');
    expect(bench.requests()).toBeGreaterThan(5);
    expect(await bench.dump()).toEqual(before);
  });
});

describe('bounds', () => {
  it('by id, inclusive and exclusive, in every mode', async () => {
    const bench = createBench();
    const held = async (): Promise<string> => (await bench.raw(P)).ids.toString();
    await bench.run('backfill', [P], { from: { id: 100 }, to: { id: 220 } });
    expect(await held()).toBe('100-220');
    await bench.run('backfill', [P], { after: 300, before: 310 });
    expect(await held()).toBe('100-220,301-309');
    await bench.run('backfill', [P], { from: { id: 5 }, after: 397, to: { id: 900 }, before: 400 });
    expect(await held()).toBe('100-220,301-309,398-399');
    await bench.run('backfill', [P], { after: 500, before: 400 });
    expect(await held()).toBe('100-220,301-309,398-399');
    await bench.run('ingest', [P], { from: { id: 700 }, to: { id: 702 } });
    await bench.run('ingest', [P], { after: 702, before: 705 });
    expect(await held()).toBe('100-220,301-309,398-399,700-704');
    // None of them reached up to the head.
    expect((await stored(bench))?.anchor).toBeUndefined();
    await bench.run('ingest', [P], { from: { id: 990 } });
    expect(await held()).toBe('100-220,301-309,398-399,700-704,990-1000');
    expect((await stored(bench))?.anchor).toBe(990);
  });

  it('by time: the first trade at or after --from, up to before --to', async () => {
    const bench = createBench();
    const trades = [...bench.sim.control.tradesOf(P)];
    const micros = (id: number): number => Date.parse(trades[id - 1]!.time.slice(0, 23).concat('Z')) * 1000;
    await bench.run('backfill', [P], { from: { micros: micros(400) }, to: { micros: micros(450) } });
    const { ids } = await bench.raw(P);
    // Milliseconds cut the µs of the trades, so the bounds lie at or just below them.
    const inside = trades.filter(({ time }) => {
      const at = Date.parse(time.slice(0, 23).concat('Z')) * 1000;
      return at >= micros(400) && at < micros(450);
    });
    expect(ids.toString()).toBe(RangeSet.fromIds(inside.map(({ id }) => id)).toString());
  });

  it.each([
    ['upper edge in a hole', { from: { id: 1 }, to: { id: 450 } }, '1-399', '400-450'],
    ['lower edge in a hole', { from: { id: 450 }, to: { id: 700 } }, '601-700', '450-600'],
    ['both edges in one hole', { from: { id: 450 }, to: { id: 500 } }, '', '450-500'],
  ])('%s is settled by the rows around it', async (_, bounds, inside, voids) => {
    for (const order of ['oldest', 'newest'] as const) {
      const bench = createBench({ voids: [{ first: 400, last: 600 }] });
      const result = await bench.run('backfill', [P], { ...bounds, order });
      expect([result.products[0]?.state, result.products[0]?.reason]).toEqual(['complete', undefined]);
      expect(result.products[0]?.account?.rawOnly.toString()).toBe(inside);
      expect(result.products[0]?.account?.void.toString()).toBe(voids);
    }
  });

  it('an upper edge below a hole of many thousand ids costs few requests', async () => {
    const bench = createBench({ trades: 200_100, voids: [{ first: 100, last: 200_000 }] });
    const result = await bench.run('backfill', [P], { from: { id: 1 }, to: { id: 150 } });
    expect(result.products[0]?.account?.void.toString()).toBe('100-150');
    expect(bench.requests()).toBeLessThan(40);
  });

  it('ingest from an id below the lowest finds the floor', async () => {
    const bench = createBench({ firstId: 5000, trades: 120 });
    await requireTruth(bench, await bench.run('ingest', [P], { from: { id: 1 } }), P);
    expect((await stored(bench))?.floor).toBe(5000);
  });
});

describe('the lowest id that a run can ask for', () => {
  const checkpoint = applyChange(emptyCheckpoint('coinbase', P), {
    anchor: 50,
    head: { id: 100, seenAt: '' },
    fetched: RangeSet.parse('1-20,50-69,80-100'),
    void: RangeSet.of(70, 71),
  });
  it.each([
    ['the watermark', 'ingest', {}, 72],
    ['a bound', 'ingest', { from: { id: 60 } }, 60],
    ['the higher of two bounds', 'ingest', { from: { id: 60 }, after: 64 }, 65],
    ['unknown: an instant', 'ingest', { from: { micros: 5 } }, 0],
    ['unknown: the cold-start window again', 'ingest', { skipCheckpoint: true }, 0],
    ['anything', 'ingest', { fullRefresh: true }, 0],
    ['anything', 'backfill', {}, 0],
    ['anything', 'repair', {}, 0],
  ] as const)('is %s: %s %o', (_, mode, settings, lowest) => {
    expect(lowestAsked(checkpoint, { ...ingestDefaults, mode, ...settings })).toBe(lowest);
  });

  it('is 0 before there is an anchor', () => {
    const fresh = emptyCheckpoint('coinbase', P);
    expect(lowestAsked(fresh, { ...ingestDefaults, mode: 'ingest' })).toBe(0);
  });
});

describe('watermark', () => {
  it('never falls within an epoch, whatever is run in whatever order', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('run' as const), mode: fc.constantFrom('ingest', 'backfill', 'repair' as const) }),
      fc.record({ kind: fc.constant('trade' as const), count: fc.integer({ min: 1, max: 150 }) }),
      fc.record({ kind: fc.constant('sleep' as const), minutes: fc.integer({ min: 1, max: 30 }) }),
      fc.record({ kind: fc.constant('void' as const), above: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ kind: fc.constant('hide' as const), below: fc.nat(60) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 9 }), async (steps) => {
        const bench = createBench({ trades: 200, endTime: START - 60_000, ratePerSecond: 0.1 });
        const { control } = bench.sim;
        let [cursor, epoch] = [-1, 0];
        for (const one of steps) {
          const head = control.headOf(P)!;
          if (one.kind === 'trade') control.addTrades(P, one.count);
          else if (one.kind === 'sleep') await bench.clock.sleep(one.minutes * MINUTE);
          else if (one.kind === 'void') control.addVoids(P, [head + one.above]);
          else if (one.kind === 'hide') control.hide(P, [Math.max(1, head - one.below)], { pages: 2 });
          else await bench.run(one.mode as 'ingest', [P], { objectTrades: 40 });
          const checkpoint = await stored(bench);
          if (checkpoint === undefined) continue;
          const next = cursorOf(checkpoint) ?? -1;
          if (checkpoint.epoch === epoch) expect(next).toBeGreaterThanOrEqual(cursor);
          [cursor, epoch] = [next, checkpoint.epoch];
        }
      }),
      { numRuns: 25 },
    );
  });
});
