import fc from 'fast-check';
import { expect, it } from 'vitest';
import { boundsOfDoubles } from './encode/page-kernel.js';

const doubles = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(Number.NaN, 0, -0, Infinity, -Infinity, 2 ** 53, 2 ** 53 - 1, -(2 ** 53), 0.5),
);

it('knows least, greatest and whether all are safe integers, NaN left out of the first two', () => {
  fc.assert(
    fc.property(fc.array(doubles, { maxLength: 40 }), fc.nat(8), fc.nat(8), (list, before, after) => {
      // Values around the range that is asked for, of which nothing may be told.
      const around = (count: number): number[] => Array.from({ length: count }, () => -1e300 + 0.5);
      const values = Float64Array.from([...around(before), ...list, ...around(after)]);
      const { min, max, areSafeIntegers } = boundsOfDoubles(values, before, before + list.length);
      const numbers = list.filter((value) => !Number.isNaN(value));
      // −0 and 0 are one value.
      expect(min + 0).toBe(Math.min(...numbers) + 0);
      expect(max + 0).toBe(Math.max(...numbers) + 0);
      expect(areSafeIntegers).toBe(list.every(Number.isSafeInteger));
    }),
    { numRuns: 2000 },
  );
});
