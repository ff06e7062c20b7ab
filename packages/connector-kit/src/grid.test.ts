import { MAX_ID, RangeSet } from '@schemahub/coverage';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gridWindows } from './grid.js';

const sets = fc
  .array(fc.tuple(fc.nat(500), fc.nat(60)))
  .map((ranges) => RangeSet.fromRanges(ranges.map(([first, length]) => ({ first, last: first + length }))));

describe('gridWindows', () => {
  it('covers every missing id once, each window inside its cell, ends missing, in order', () => {
    fc.assert(
      fc.property(sets, fc.integer({ min: 1, max: 70 }), (missing, gridSize) => {
        const windows = [...gridWindows(missing, { gridSize, order: 'oldest' })];
        expect(missing.difference(RangeSet.fromRanges(windows)).isEmpty).toBe(true);
        for (const [at, { first, last }] of windows.entries()) {
          expect(Math.floor(first / gridSize)).toBe(Math.floor(last / gridSize));
          expect(missing.contains(first) && missing.contains(last)).toBe(true);
          if (at > 0)
            expect(Math.floor(first / gridSize)).toBeGreaterThan(Math.floor(windows[at - 1]!.last / gridSize));
        }
        expect([...gridWindows(missing, { gridSize, order: 'newest' })]).toEqual(windows.toReversed());
      }),
    );
  });

  it('is lazy and can be walked again', () => {
    const windows = gridWindows(RangeSet.of(1, 2 ** 40), { gridSize: 1000, order: 'newest' });
    for (let walk = 0; walk < 2; walk++) {
      const [first] = windows;
      expect(first).toEqual({ first: Math.floor(2 ** 40 / 1000) * 1000, last: 2 ** 40 });
    }
  });

  it('refuses what would never end or is no grid', () => {
    const order = 'oldest';
    expect(() => gridWindows(RangeSet.of(5, MAX_ID), { gridSize: 1000, order })).toThrow(/clip them to the head/);
    expect(() => gridWindows(RangeSet.empty, { gridSize: 0, order })).toThrow(
      /gridSize: expected a whole number ≥ 1, got 0/,
    );
    expect(() => gridWindows(RangeSet.empty, { gridSize: 1, order: 'up' as 'oldest' })).toThrow(/order/);
  });
});
