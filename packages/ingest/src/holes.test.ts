import { RangeSet } from '@schemahub/coverage';
import { describe, expect, it } from 'vitest';
import { judgeAnswer, planHoles } from './holes.js';
import { createSimBench, requireTruth, START } from './testing/sim-bench.js';

const set = RangeSet.parse;

describe('planHoles', () => {
  it.each([
    ['5', '1-4,6-9', [[5, 5, true]], undefined],
    // Void 7 and the unasked 8 belong to the hole that reaches from held to held.
    ['5-6', '1-4,9', [[5, 8, true]], undefined],
    ['5,8', '1-4,9', [[5, 8, true]], undefined],
    ['2-3', '9', [[2, 8, false]], undefined],
    ['5-7', '1-4', [], 7],
    ['5,9-10', '1-4,6', [[5, 5, true]], 10],
    ['', '1-4', [], undefined],
  ])('missing %s, held %s', (missing, fetched, holes, openAbove) => {
    const plan = planHoles(set(missing), set(fetched));
    expect(plan.holes.map(({ first, last, hasLower }) => [first, last, hasLower])).toEqual(holes);
    expect(plan.openAbove).toBe(openAbove);
  });
});

describe('judgeAnswer', () => {
  const hole = { first: 5, last: 8, hasLower: true };
  const old = { request: '', anchorTime: '2026-01-01T00:00:00Z', date: Date.parse('2026-01-01T00:10:00Z') };
  it.each([
    ['exactly both neighbours', { ids: [9, 4] }, hole, { kind: 'empty' }],
    ['a second too young', { ids: [9, 4], date: old.date - 1 }, hole, { kind: 'young' }],
    ['no date', { ids: [9, 4], date: undefined }, hole, { kind: 'unclear' }],
    ['a row inside', { ids: [9, 7] }, hole, { kind: 'rows', first: 5, last: 8 }],
    ['the lower neighbour missing', { ids: [9, 3] }, hole, { kind: 'unclear' }],
    [
      'a lower neighbour that is not held',
      { ids: [9, 3] },
      { ...hole, hasLower: false },
      { kind: 'rows', first: 3, last: 3 },
    ],
    ['the anchor missing', { ids: [7, 4] }, hole, { kind: 'unclear' }],
    ['one row', { ids: [9] }, hole, { kind: 'unclear' }],
    ['no row', { ids: [] }, hole, { kind: 'unclear' }],
    ['three rows', { ids: [9, 4, 3] }, hole, { kind: 'unclear' }],
    ['ascending rows', { ids: [9, 12] }, hole, { kind: 'unclear' }],
  ])('%s', (_, answer, one, verdict) => {
    expect(judgeAnswer({ ...old, ...answer }, one, 600_000)).toEqual(verdict);
  });
});

describe('the price of holes', () => {
  it.each([
    // Catalogue, head, first window (2: it reaches below id 1), 2 for the floor, 3 windows above the hole, 2 questions.
    ['newest', 12],
    // The same, and steps that double.
    ['oldest', 35],
  ] as const)('%s first: a hole of 5,000 windows is settled by few requests', async (order, requests) => {
    const voids = [{ first: 101, last: 500_100 }];
    const bench = createSimBench({
      products: [{ id: 'X-USD', trades: 500_200, voids, endTime: START - 3600_000 }],
      gridSize: 100,
    });
    await requireTruth(
      bench,
      await bench.run('backfill', ['X-USD'], { order, workers: 1, chunkConcurrency: 1 }),
      'X-USD',
    );
    expect(bench.requests()).toBe(requests);
  });

  it('the five seconds are waited once for all holes of all products', async () => {
    const names = ['A-USD', 'B-USD', 'C-USD'];
    const voids = Array.from({ length: 20 }, (_, i) => 10 * i + 7);
    const products = names.map((id) => ({ id, trades: 300, voids, endTime: START - 3600_000 }));
    const bench = createSimBench({ products, gridSize: 100 });
    const result = await bench.run('backfill', names, { workers: 1 });
    for (const name of names) await requireTruth(bench, result, name);
    // One for each floor while windows are fetched, all at the same time, and one for the 60 holes.
    expect(bench.sleeps).toEqual([5000, 5000, 5000, 5000]);
    expect(bench.clock.now() - START).toBe(10_000);
    // Catalogue; each: head, first window (2 requests), 2 for the floor, 3 windows, 2 for each hole.
    expect(bench.requests()).toBe(1 + 3 * (1 + 2 + 2 + 3 + 40));
  });

  it('no hole waits for nothing', async () => {
    const bench = createSimBench({
      products: [{ id: 'X-USD', trades: 300, endTime: START - 3600_000 }],
      gridSize: 100,
    });
    await bench.run('backfill', ['X-USD']);
    bench.sleeps.length = 0;
    bench.sim.control.addTrades('X-USD', 20);
    await bench.run('ingest', ['X-USD']);
    expect(bench.sleeps).toEqual([]);
  });
});
