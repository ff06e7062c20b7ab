import { describe, expect, it } from 'vitest';
import { createByteBudget } from './byte-budget.js';
import { createSimBench, requireTruth, START } from './testing/sim-bench.js';

const never = new AbortController().signal;

describe('byte budget', () => {
  it('grants in order, waits when full, and lets a greater one pass alone', async () => {
    const budget = createByteBudget(100);
    const granted: string[] = [];
    await budget.reserve(60, never);
    const waits = [
      budget.reserve(50, never).then(() => granted.push('b')),
      budget.reserve(500, never).then(() => granted.push('c')),
      budget.reserve(1, never).then(() => granted.push('d')),
    ];
    await Promise.resolve();
    expect(granted).toEqual([]);
    budget.release(60);
    await waits[0];
    expect(granted).toEqual(['b']);
    budget.release(50);
    await waits[1];
    expect([granted, budget.used()]).toEqual([['b', 'c'], 500]);
    budget.release(500);
    await waits[2];
    expect(budget.used()).toBe(1);
    expect(budget.peak()).toBe(500);
  });

  it('one who leaves the queue does not block it', async () => {
    const budget = createByteBudget(100);
    await budget.reserve(80, never);
    const leave = new AbortController();
    const left = budget.reserve(90, leave.signal);
    const next = budget.reserve(20, never);
    leave.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    await next;
    expect(budget.used()).toBe(100);
  });

  it('flushes the holder of most bytes, one at a time, until nobody waits', async () => {
    const budget = createByteBudget(100);
    const flushed: string[] = [];
    const held = { a: 30, b: 70 };
    for (const name of ['a', 'b'] as const) {
      budget.join({
        held: () => held[name],
        flush: async () => {
          flushed.push(name);
          await Promise.resolve();
          budget.release(held[name]);
          held[name] = 0;
        },
      });
    }
    await budget.reserve(100, never);
    await budget.reserve(100, never);
    expect(flushed).toEqual(['b', 'a']);
  });
});

describe('a run within a budget', () => {
  const names = Array.from({ length: 8 }, (_, i) => `P${i}-USD`);
  const products = names.map((id) => ({ id, trades: 400, voids: [77], endTime: START - 3600_000 }));

  it.each([1, 20_000, 60_000])('of %i bytes ends, is true, and stays within it', async (limit) => {
    const bench = createSimBench({ products, gridSize: 50, faults: { share: 0.1, kinds: ['status', 'reset'] } });
    const budget = createByteBudget(limit);
    const result = await bench.run('backfill', names, { workers: 8, chunkConcurrency: 5 }, { budget });
    for (const name of names) await requireTruth(bench, result, name);
    expect(budget.used()).toBe(0);
    // A window is 50 ids of 400 bytes; the last one granted may be the one that passes alone.
    expect(budget.peak()).toBeLessThanOrEqual(Math.max(limit, 20_000));
  });

  it('uses no more for a history ten times as long', async () => {
    const [windows, window] = [15, 50 * 400];
    for (const trades of [1000, 10_000]) {
      const bench = createSimBench({ products: [{ id: 'X-USD', trades, endTime: START - 3600_000 }], gridSize: 50 });
      await requireTruth(bench, await bench.run('backfill', ['X-USD'], { objectTrades: 200 }), 'X-USD');
      // Windows in flight, and five windows' worth of objects being filled and written. The history packs to 700,000 bytes.
      expect(bench.budget.peak()).toBeLessThanOrEqual((windows + 5) * window);
    }
  });
});
