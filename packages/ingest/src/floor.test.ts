import { RangeSet } from '@schemahub/coverage';
import { describe, expect, it } from 'vitest';
import { createSimBench, requireTruth, START } from './testing/sim-bench.js';
import { createWindowPlan } from './window-plan.js';

const P = 'X-USD';
const endTime = START - 3600_000;

describe('the search for the floor', () => {
  it('keeps no window waiting: they are asked for beside its first request', async () => {
    const bench = createSimBench({ products: [{ id: P, trades: 3000, endTime }], gridSize: 100, latencyMs: 1000 });
    await requireTruth(bench, await bench.run('backfill', [P]), P);
    const pages = bench.sim.requests().filter(({ url }) => url.endsWith('limit=100'));
    const begun = pages[0]!.atMs;
    // The first window and all others that settings allow, in the same second.
    expect(pages.filter(({ atMs }) => atMs === begun)).toHaveLength(30);
    // One object, though the lowest page was not the first to come.
    expect(Object.keys(await bench.dump()).filter((key) => key.endsWith('.gz'))).toHaveLength(1);
  });

  it('no object lies inside another, however late the lowest page comes', async () => {
    const script = (_: number, url: string) =>
      url.includes('after=100&limit=100') ? ({ kind: 'slow', at: 'headers', delayMs: 9000 } as const) : undefined;
    const bench = createSimBench({
      products: [{ id: P, trades: 3000, endTime }],
      gridSize: 100,
      script,
      latencyMs: 10,
    });
    await requireTruth(bench, await bench.run('backfill', [P], { objectTrades: 500 }), P);
    const keys = Object.keys(await bench.dump()).filter((key) => key.endsWith('.gz'));
    const spans = keys.map((key) => key.split('/').at(-1)!.split('_')[0]!.split('-').map(Number) as [number, number]);
    spans.sort(([a], [b]) => a - b);
    expect(spans.length).toBeGreaterThan(4);
    for (let i = 1; i < spans.length; i++) expect(spans[i]![0]).toBe(spans[i - 1]![1] + 1);
  });

  it('of a trimmed history is true and asks few windows in vain', async () => {
    const bench = createSimBench({ products: [{ id: P, trades: 900_000, endTime }], gridSize: 100, latencyMs: 100 });
    bench.sim.control.trim(P, 899_000);
    const result = await bench.run('backfill', [P]);
    await requireTruth(bench, result, P);
    expect(result.products[0]?.progress?.checkpoint.floor).toBe(899_000);
    expect(bench.requests()).toBeLessThan(130);
  });

  it('may fail where no window is left to ask for: the product fails, and no rejection is left over', async () => {
    // The lowest id is 0, so that nothing but the floor itself is unknown of a product that is held whole.
    let isGone = false;
    const script = (_: number, url: string) =>
      isGone && url.includes('after=100&limit=100') ? ({ kind: 'status', status: 404 } as const) : undefined;
    const products = [{ id: P, firstId: 0, trades: 300, endTime }];
    const bench = createSimBench({ products, gridSize: 100, script });
    await bench.run('ingest', [P], { coldStartMs: 1e10 });
    expect(Object.keys(await bench.dump()).filter((key) => key.endsWith('.gz'))).toHaveLength(1);
    isGone = true;
    const result = await bench.run('backfill', [P]);
    expect(result.products[0]).toMatchObject({ state: 'unknown', productId: P });
  });
});

describe('a plan of which some ids are held back', () => {
  it('hands them out after their release, without those that have no rows', () => {
    const todo = RangeSet.of(1, 350);
    const plan = createWindowPlan({ todo, gridSize: 100, order: 'oldest', held: RangeSet.of(0, 99) });
    expect(plan.next()).toEqual({ first: 100, last: 199 });
    expect(plan.unfinished().toString()).toBe('1-350');
    plan.release(RangeSet.of(0, 49));
    expect(plan.unfinished().toString()).toBe('50-350');
    expect(plan.next()).toEqual({ first: 50, last: 99 });
    expect(plan.next()).toEqual({ first: 200, last: 299 });
  });

  it('does not hand out what its page has brought meanwhile', () => {
    const plan = createWindowPlan({
      todo: RangeSet.of(1, 150),
      gridSize: 100,
      order: 'oldest',
      held: RangeSet.of(0, 99),
    });
    plan.finish({ first: 0, last: 99 }, { rows: 99, nextBelow: undefined });
    plan.release(RangeSet.of(0, 0));
    expect(plan.next()).toEqual({ first: 100, last: 150 });
    expect(plan.hasNext()).toBe(false);
  });
});
