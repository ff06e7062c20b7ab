import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CoverageError, type IdRange, MAX_ID, RangeSet } from './index.js';

const UNIVERSE = 400;
const range = fc
  .tuple(fc.nat(UNIVERSE), fc.nat(30))
  .map(([first, width]): IdRange => ({ first, last: Math.min(UNIVERSE, first + width) }));
const ranges = fc.array(range, { maxLength: 40 });

function naive(list: readonly IdRange[]): Set<number> {
  const ids = new Set<number>();
  for (const { first, last } of list) for (let id = first; id <= last; id++) ids.add(id);
  return ids;
}

function expand(set: RangeSet): number[] {
  return [...naive([...set])].sort((a, b) => a - b);
}

/** Canonical form: ascending, disjoint, not adjacent. Everything else relies on it. */
function isCanonical(set: RangeSet): boolean {
  let previous = Number.NEGATIVE_INFINITY;
  for (const { first, last } of set) {
    if (first <= previous + 1 || last < first) return false;
    previous = last;
  }
  return true;
}

describe('RangeSet against a naive Set', () => {
  it('agrees on union, difference, intersection, count, contains, gaps, text', () => {
    fc.assert(
      fc.property(ranges, ranges, fc.nat(UNIVERSE + 5), (left, right, probe) => {
        const a = RangeSet.fromRanges(left);
        const b = RangeSet.fromRanges(right);
        const na = naive(left);
        const nb = naive(right);
        const union = a.union(b);
        const difference = a.difference(b);
        const intersection = a.intersect(b);
        for (const set of [a, b, union, difference, intersection]) expect(isCanonical(set)).toBe(true);
        expect(expand(union)).toEqual([...new Set([...na, ...nb])].sort((x, y) => x - y));
        expect(expand(difference)).toEqual([...na].filter((id) => !nb.has(id)).sort((x, y) => x - y));
        expect(expand(intersection)).toEqual([...na].filter((id) => nb.has(id)).sort((x, y) => x - y));
        expect(a.count).toBe(na.size);
        expect(a.contains(probe)).toBe(na.has(probe));
        expect(a.first).toBe(na.size === 0 ? undefined : Math.min(...na));
        expect(a.last).toBe(na.size === 0 ? undefined : Math.max(...na));
        expect(RangeSet.parse(a.toString()).equals(a)).toBe(true);
        expect(a.equals(b)).toBe(a.toString() === b.toString());
        const absent: number[] = [];
        for (let id = 10; id <= 300; id++) if (!na.has(id)) absent.push(id);
        expect(expand(a.gaps(10, 300))).toEqual(absent);
        expect(a.floor(probe)).toBe([...na].filter((id) => id <= probe).sort((x, y) => y - x)[0]);
        expect(a.ceiling(probe)).toBe([...na].filter((id) => id >= probe).sort((x, y) => x - y)[0]);
        let free = probe;
        while (na.has(free)) free++;
        expect(a.firstAbsent(probe)).toBe(free);
        expect(a.intersects(probe, probe + 7)).toBe([...na].some((id) => id >= probe && id <= probe + 7));
      }),
      { numRuns: 1500 },
    );
  });

  it('stays canonical and equal over thousands of edits that cross chunks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (seed) => {
        let state = seed;
        const random = (n: number): number => {
          state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
          return state % n;
        };
        const truth = new Uint8Array(20_000);
        // Every second id: 6,000 ranges in a dozen chunks before the first edit.
        for (let id = 0; id < 12_000; id += 2) truth[id] = 1;
        let set = RangeSet.fromIds(Array.from({ length: 6000 }, (_, i) => 2 * i));
        for (let step = 0; step < 300; step++) {
          const first = random(19_000);
          const edit = RangeSet.of(first, first + random(step % 10 === 0 ? 900 : 3));
          const add = random(2) === 0;
          set = add ? set.union(edit) : set.difference(edit);
          truth.fill(add ? 1 : 0, edit.first, edit.last! + 1);
        }
        expect(isCanonical(set)).toBe(true);
        const wrong = truth.findIndex((value, id) => set.contains(id) !== (value === 1));
        expect(wrong).toBe(-1);
        expect(set.count).toBe(truth.reduce((sum, value) => sum + value, 0));
      }),
      { numRuns: 25 },
    );
  });

  it('leaves its operands as they were', () => {
    const set = RangeSet.parse('1-5000,5046-12350000');
    set.union(RangeSet.of(5001, 5045));
    set.difference(RangeSet.of(1, 10));
    expect(set.toString()).toBe('1-5000,5046-12350000');
  });

  it('reads ids from columns in any order, repeated or not', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200), { maxLength: 200 }), (ids) => {
        const sorted = [...new Set(ids)].sort((a, b) => a - b);
        expect(expand(RangeSet.fromIds(ids))).toEqual(sorted);
        expect(expand(RangeSet.fromIds(Float64Array.from(ids)))).toEqual(sorted);
      }),
    );
  });

  it('walks grid windows that hold ids and no others, both ways', () => {
    fc.assert(
      fc.property(ranges, fc.integer({ min: 1, max: 60 }), (list, size) => {
        const set = RangeSet.fromRanges(list);
        const expected: IdRange[] = [];
        for (let cell = 0; cell * size <= UNIVERSE; cell++) {
          const inside = expand(set).filter((id) => Math.floor(id / size) === cell);
          if (inside.length > 0) expected.push({ first: inside[0]!, last: inside.at(-1)! });
        }
        expect([...set.windows(size)]).toEqual(expected);
        expect([...set.windows(size, 'newest')]).toEqual(expected.reverse());
      }),
      { numRuns: 500 },
    );
  });
});

describe('RangeSet text', () => {
  it('prints the documented form and reads only that', () => {
    expect(
      RangeSet.fromRanges([
        { first: 5046, last: 12350000 },
        { first: 1, last: 5000 },
      ]).toString(),
    ).toBe('1-5000,5046-12350000');
    expect(RangeSet.of(7).toString()).toBe('7');
    expect(RangeSet.of(7, MAX_ID).toString()).toBe('7-');
    expect(RangeSet.parse('7-').last).toBe(MAX_ID);
    for (const text of [
      '5-5',
      '5-1',
      '01',
      '1-2,3-4',
      '1-5,3',
      '9,1',
      '1,',
      ' 1',
      '1-2-3',
      '-1',
      '1.5',
      '9007199254740992',
      'x',
    ]) {
      expect(() => RangeSet.parse(text), text).toThrow(CoverageError);
    }
  });

  it('refuses ids that are no ids', () => {
    for (const id of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(() => RangeSet.of(id), String(id)).toThrow(CoverageError);
      expect(() => RangeSet.fromIds([1, id]), String(id)).toThrow(CoverageError);
    }
    expect(() => RangeSet.of(5, 4)).toThrow(/0 ≤ first ≤ last/);
    expect(() => [...RangeSet.of(1, 5).windows(0)]).toThrow(/size ≥ 1/);
  });
});
