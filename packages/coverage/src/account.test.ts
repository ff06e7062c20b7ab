import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { account, RangeSet, requireFewRanges, wantedIds, watermark } from './index.js';

const set = fc
  .array(fc.tuple(fc.nat(120), fc.nat(12)), { maxLength: 12 })
  .map((list) => RangeSet.fromRanges(list.map(([first, width]) => ({ first, last: first + width }))));

describe('account', () => {
  it('puts every wanted id into exactly one set, and no other id anywhere', () => {
    fc.assert(
      fc.property(set, set, set, set, set, (wanted, present, voids, quarantined, raw) => {
        const result = account({ wanted, present, void: voids, quarantined, raw });
        for (let id = 0; id <= 140; id++) {
          const homes = [result.inTable, result.void, result.quarantined, result.rawOnly, result.missing].filter(
            (home) => home.contains(id),
          );
          expect(homes.length).toBe(wanted.contains(id) ? 1 : 0);
        }
        // A held trade is never called void or missing.
        const held = present.union(raw).union(quarantined);
        expect(result.void.intersect(held).isEmpty).toBe(true);
        expect(result.missing.intersect(held.union(voids)).isEmpty).toBe(true);
        expect(result.inTable.equals(wanted.intersect(present))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe('watermark', () => {
  it('is the lowest id from the anchor on that is neither fetched nor void, and never falls as sets grow', () => {
    fc.assert(
      fc.property(fc.nat(130), set, set, set, (anchor, fetched, voids, more) => {
        const cursor = watermark({ anchor, fetched, void: voids })!;
        expect(cursor).toBeGreaterThanOrEqual(anchor);
        for (let id = anchor; id < cursor; id++) expect(fetched.contains(id) || voids.contains(id)).toBe(true);
        expect(fetched.contains(cursor) || voids.contains(cursor)).toBe(false);
        expect(watermark({ anchor, fetched: fetched.union(more), void: voids })!).toBeGreaterThanOrEqual(cursor);
      }),
      { numRuns: 500 },
    );
    expect(watermark({ anchor: undefined, fetched: RangeSet.of(1), void: RangeSet.empty })).toBeUndefined();
  });
});

describe('wanted', () => {
  it('is asked between floor and head, and nothing before a head is known', () => {
    const asked = RangeSet.parse('0-');
    expect(wantedIds({ asked, floor: 3, head: 9 }).toString()).toBe('3-9');
    expect(wantedIds({ asked, floor: undefined, head: 9 }).toString()).toBe('0-9');
    expect(wantedIds({ asked, floor: 3, head: undefined }).isEmpty).toBe(true);
    expect(wantedIds({ asked, floor: 10, head: 9 }).isEmpty).toBe(true);
  });
});

it('refuses more than 100,000 ranges with a sentence', () => {
  const ids = Float64Array.from({ length: 100_001 }, (_, i) => 2 * i);
  expect(() => requireFewRanges(RangeSet.fromIds(ids), 'fetched ids of coinbase X')).toThrow(
    'fetched ids of coinbase X: 100001 separate ranges of ids, at most 100000 are kept.',
  );
  const fewer = RangeSet.fromIds(ids.subarray(1));
  expect(requireFewRanges(fewer, 'x')).toBe(fewer);
});
