import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countIds, greatestIds, toRanges, withoutIds } from './id-ranges.js';

const item = fc.oneof(
  fc.nat(60),
  fc.tuple(fc.nat(60), fc.nat(9)).map(([first, width]) => ({ first, last: first + width })),
);
const list = fc.array(item, { maxLength: 12 });

function idsOf(items: readonly (number | { first: number; last: number })[]): Set<number> {
  const ids = new Set<number>();
  for (const entry of items) {
    const { first, last } = typeof entry === 'number' ? { first: entry, last: entry } : entry;
    for (let id = first; id <= last; id++) ids.add(id);
  }
  return ids;
}

describe('ranges of ids agree with plain sets', () => {
  it('toRanges: the same ids, ascending, never touching', () => {
    fc.assert(
      fc.property(list, (items) => {
        const ranges = toRanges(items);
        expect([...idsOf(ranges)].sort((a, b) => a - b)).toEqual([...idsOf(items)].sort((a, b) => a - b));
        for (let i = 1; i < ranges.length; i++) expect(ranges[i]!.first).toBeGreaterThan(ranges[i - 1]!.last + 1);
        expect(countIds(ranges)).toBe(idsOf(items).size);
      }),
    );
  });

  it('withoutIds: set difference', () => {
    fc.assert(
      fc.property(list, list, (items, gone) => {
        const goneIds = idsOf(gone);
        const expected = [...idsOf(items)].filter((id) => !goneIds.has(id)).sort((a, b) => a - b);
        expect([...idsOf(withoutIds(toRanges(items), gone))].sort((a, b) => a - b)).toEqual(expected);
      }),
    );
  });

  it('greatestIds: the greatest of what is left, descending', () => {
    fc.assert(
      fc.property(
        list,
        fc.integer({ min: -2, max: 70 }),
        fc.integer({ min: -2, max: 80 }),
        fc.integer({ min: 1, max: 30 }),
        (holes, first, last, limit) => {
          const void_ = idsOf(holes);
          const expected: number[] = [];
          for (let id = last; id >= first && expected.length < limit; id--) if (!void_.has(id)) expected.push(id);
          const picked = greatestIds({ first, last }, toRanges(holes), limit);
          expect(
            picked.flatMap((range) => Array.from({ length: range.last - range.first + 1 }, (_, i) => range.last - i)),
          ).toEqual(expected);
        },
      ),
      { numRuns: 500 },
    );
  });
});
