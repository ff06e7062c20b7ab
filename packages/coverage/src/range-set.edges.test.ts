import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { account, CoverageError, type IdRange, MAX_ID, RangeSet, wantedIds, watermark } from './index.js';

// Where sets go wrong: chunks' borders (256 ranges each), the greatest id, ranges that are open upwards, huge counts.

/** `n` ranges `10k … 10k+4`: with 256 a chunk, borders lie at multiples of 256. */
const comb = (n: number, width = 4): RangeSet =>
  RangeSet.fromRanges(Array.from({ length: n }, (_, k) => ({ first: 10 * k, last: 10 * k + width })));
const listOf = (set: RangeSet): IdRange[] => [...set];

describe('chunks', () => {
  it.each([255, 256, 257, 511, 512, 513, 1024, 1025])('of %i ranges: every border answers as its middle does', (n) => {
    const set = comb(n);
    expect([set.rangeCount, set.count, set.first, set.last]).toEqual([n, 5 * n, 0, 10 * (n - 1) + 4]);
    for (const k of [0, 1, 127, 128, 254, 255, 256, 257, 511, 512, n - 2, n - 1].filter((index) => index < n)) {
      const first = 10 * k;
      expect(
        [first - 1, first, first + 4, first + 5].map((id) => set.contains(id)),
        `range ${k}`,
      ).toEqual([false, true, true, false]);
      expect(set.ceiling(first - 1)).toBe(k === 0 ? 0 : first);
      expect(set.floor(first + 9)).toBe(first + 4);
      expect(set.floor(first)).toBe(first);
      expect(set.floor(first - 1)).toBe(k === 0 ? undefined : first - 6);
      expect(set.firstAbsent(first)).toBe(first + 5);
      expect(set.firstAbsent(first + 7)).toBe(first + 7);
      expect([set.intersects(first + 5, first + 9), set.intersects(first + 5, first + 10)]).toEqual([false, k < n - 1]);
    }
    expect(set.ceiling(10 * n)).toBeUndefined();
  });

  it('join, split and vanish across borders exactly as a plain list does', () => {
    const plain = (set: RangeSet): Uint8Array => {
      const flags = new Uint8Array(12_000);
      for (const { first, last } of set) flags.fill(1, first, last + 1);
      return flags;
    };
    fc.assert(
      fc.property(
        fc.integer({ min: 250, max: 1040 }),
        fc.array(
          fc.tuple(
            fc.boolean(),
            fc.constantFrom(253, 254, 255, 256, 257, 511, 512, 513, 768),
            fc.nat(9),
            fc.constantFrom(0, 4, 5, 9, 10, 25, 2600),
          ),
          { maxLength: 6 },
        ),
        (n, edits) => {
          let set = comb(n);
          const truth = plain(set);
          for (const [add, k, shift, width] of edits) {
            const edit = RangeSet.of(10 * k + shift, Math.min(11_999, 10 * k + shift + width));
            set = add ? set.union(edit) : set.difference(edit);
            truth.fill(add ? 1 : 0, edit.first, edit.last! + 1);
          }
          expect(Buffer.compare(plain(set), truth)).toBe(0);
          expect(RangeSet.parse(set.toString()).equals(set)).toBe(true);
          expect(set.equals(RangeSet.fromRanges(listOf(set)))).toBe(true);
          expect(set.count).toBe(truth.reduce((sum, value) => sum + value, 0));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('of two large sets: complement twice is the set, and the parts of a whole are disjoint', () => {
    const a = comb(3000);
    const b = RangeSet.fromRanges(Array.from({ length: 2500 }, (_, k) => ({ first: 11 * k + 3, last: 11 * k + 8 })));
    const all = RangeSet.of(0, MAX_ID);
    expect(all.difference(all.difference(a)).equals(a)).toBe(true);
    const [left, both, right] = [a.difference(b), a.intersect(b), b.difference(a)];
    expect(left.count + both.count + right.count).toBe(a.union(b).count);
    expect([left.intersect(right), left.intersect(both), both.intersect(right)].every(({ isEmpty }) => isEmpty)).toBe(
      true,
    );
    expect(a.union(b).equals(b.union(a))).toBe(true);
  });

  it('filled until one range is left, and emptied again, leave no crumbs', () => {
    let set = comb(1500);
    for (let k = 0; k < 1500; k++) set = set.union(RangeSet.of(10 * k + 5, 10 * k + 9));
    expect(set.toString()).toBe('0-14999');
    for (let id = 0; id < 15_000; id += 10) set = set.difference(RangeSet.of(id, id + 4));
    expect([set.rangeCount, set.count]).toEqual([1500, 7500]);
    expect(set.difference(RangeSet.of(0, MAX_ID)).equals(RangeSet.empty)).toBe(true);
  });
});

describe('the greatest id', () => {
  const open = RangeSet.of(5, MAX_ID);
  const top = RangeSet.of(MAX_ID);

  it('is held, printed, read, cut and joined like any other', () => {
    expect(top.toString()).toBe('9007199254740991');
    expect(RangeSet.parse(top.toString()).equals(top)).toBe(true);
    expect(RangeSet.parse('9007199254740990-').count).toBe(2);
    expect(top.union(RangeSet.of(MAX_ID - 1)).toString()).toBe('9007199254740990-');
    expect(open.difference(top).toString()).toBe('5-9007199254740990');
    expect(open.difference(RangeSet.of(MAX_ID - 1)).toString()).toBe('5-9007199254740989,9007199254740991');
    expect(open.intersect(top).equals(top)).toBe(true);
    expect([open.contains(MAX_ID), top.contains(MAX_ID - 1), open.floor(MAX_ID), top.ceiling(0)]).toEqual([
      true,
      false,
      MAX_ID,
      MAX_ID,
    ]);
    expect(top.firstAbsent(MAX_ID)).toBe(2 ** 53);
    expect(RangeSet.fromIds([MAX_ID, 0, MAX_ID]).toString()).toBe('0,9007199254740991');
    expect(open.gaps(0, MAX_ID).toString()).toBe('0-4');
    expect(RangeSet.empty.gaps(0, MAX_ID).count).toBe(2 ** 53);
    expect(open.clip(MAX_ID, MAX_ID).equals(top)).toBe(true);
    // Only what is printed is read: every other spelling is damage.
    for (const text of [
      '9007199254740991-',
      '5-9007199254740991',
      '0-9007199254740992',
      '9007199254740991-9007199254740991',
    ])
      expect(() => RangeSet.parse(text), text).toThrow(CoverageError);
  });

  it('ends the windows of an open set, from above at once', () => {
    for (const size of [1, 2, 3, 1000, 2_097_152]) {
      const [newest, below] = open.windows(size, 'newest');
      const cell = Math.floor(MAX_ID / size) * size;
      expect(newest).toEqual({ first: cell, last: MAX_ID });
      expect(below).toEqual({ first: cell - size, last: cell - 1 });
    }
    const [first, second] = open.windows(1000);
    expect([first, second]).toEqual([
      { first: 5, last: 999 },
      { first: 1000, last: 1999 },
    ]);
  });

  it('keeps counts exact up to all ids there are', () => {
    expect(RangeSet.of(0, MAX_ID).count).toBe(2 ** 53);
    expect(RangeSet.of(1, MAX_ID).count).toBe(MAX_ID);
    const halves = RangeSet.fromRanges([
      { first: 0, last: 2 ** 52 - 1 },
      { first: 2 ** 52 + 1, last: MAX_ID },
    ]);
    expect(halves.count).toBe(MAX_ID);
  });

  it('in properties: ids near the top behave as the same ids near zero', () => {
    const small = fc.array(fc.tuple(fc.nat(60), fc.nat(8)), { maxLength: 8 });
    const build = (list: readonly (readonly [number, number])[], shift: number): RangeSet =>
      RangeSet.fromRanges(
        list.map(([first, width]) => ({ first: shift + first, last: shift + Math.min(68, first + width) })),
      );
    const shift = MAX_ID - 68;
    const down = (set: RangeSet): IdRange[] =>
      listOf(set).map(({ first, last }) => ({ first: first - shift, last: last - shift }));
    fc.assert(
      fc.property(small, small, (left, right) => {
        const [a, b] = [build(left, 0), build(right, 0)];
        const [x, y] = [build(left, shift), build(right, shift)];
        expect(down(x.union(y))).toEqual(listOf(a.union(b)));
        expect(down(x.difference(y))).toEqual(listOf(a.difference(b)));
        expect(down(x.intersect(y))).toEqual(listOf(a.intersect(b)));
        expect(RangeSet.parse(x.toString()).equals(x)).toBe(true);
      }),
      { numRuns: 400 },
    );
  });
});

describe('what is asked for with an open end', () => {
  it('accounts exactly, for billions of ids in three ranges', () => {
    const wanted = wantedIds({ asked: RangeSet.parse('10-'), floor: 5, head: 9_000_000_000 });
    const sets = {
      wanted,
      present: RangeSet.parse('10-8000000000'),
      void: RangeSet.parse('0-'),
      quarantined: RangeSet.of(8_000_000_001),
      raw: RangeSet.parse('8000000002-8500000000'),
    };
    const result = account(sets);
    expect([
      result.inTable.count,
      result.quarantined.count,
      result.rawOnly.count,
      result.void.count,
      result.missing.count,
    ]).toEqual([7_999_999_991, 1, 499_999_999, 500_000_000, 0]);
    expect(account({ ...sets, void: RangeSet.empty }).missing.toString()).toBe('8500000001-9000000000');
  });

  it('has no watermark beyond the ids that there are', () => {
    expect(watermark({ anchor: 3, fetched: RangeSet.parse('3-'), void: RangeSet.empty })).toBe(2 ** 53);
    expect(watermark({ anchor: 3, fetched: RangeSet.empty, void: RangeSet.parse('4-') })).toBe(3);
  });
});

it('refuses what is no range, no id, no text, with what it got', () => {
  expect(() => RangeSet.fromRanges([{ first: 1, last: Number.NaN }])).toThrow('got 1 … NaN');
  expect(() => RangeSet.fromIds([1, 2, -0.5])).toThrow('got -0.5 at 2');
  expect(() => RangeSet.fromIds(Float64Array.of(1, 2 ** 53))).toThrow('got 9007199254740992 at 1');
  expect(() => RangeSet.parse('1-5,7,x')).toThrow('got "x" as part 3');
  expect(() => RangeSet.parse(`1-${'9'.repeat(400)}`)).toThrow(CoverageError);
  expect(() => RangeSet.of(-1)).toThrow(CoverageError);
  expect(RangeSet.of(1, 5).clip(9, 3).isEmpty).toBe(true);
  expect(RangeSet.of(1, 5).clip(-9, 3).toString()).toBe('1-3');
  // A grid cell at the very top reaches beyond the last id.
  expect(
    RangeSet.of(3, MAX_ID - 1)
      .clip(5, MAX_ID + 9)
      .toString(),
  ).toBe(`5-${MAX_ID - 1}`);
});
