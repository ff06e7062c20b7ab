import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  findSteps,
  firstRows,
  kindOfRows,
  NO_NUMBER,
  pickCodes,
  pickNumbers,
  renumberCodes,
  sortNearlySorted,
} from './row-kernel.js';

// Against what one would write first. Lengths lie around multiples of a slice (8192 rows), where one call hands over to
// the next.

const lengths = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.constantFrom(1023, 1024, 1025, 8191, 8192, 8193, 16_384, 16_385, 20_000),
);

/** Values that mostly ascend, with equal neighbours, late ones and −0; a share of late ones that may be too large. */
const nearlySorted = fc
  .record({
    length: lengths,
    seed: fc.integer(),
    late: fc.constantFrom(0, 0.001, 0.05, 0.3),
    gap: fc.integer({ min: 0, max: 3 }),
  })
  .map(({ length, seed, late, gap }) => {
    const random = generator(seed);
    let value = -3;
    return Float64Array.from({ length }, () => {
      value += Math.floor(random() * (gap + 1));
      const back = random() < late ? Math.floor(random() * 50) : 0;
      return value - back === 0 && random() < 0.5 ? -0 : value - back;
    });
  });

function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Some rows of so many, ascending, each once: runs with gaps. */
function someRows(length: number, seed: number): Uint32Array {
  const random = generator(seed);
  return firstRows(length).filter(() => random() < 0.98);
}

describe('the loops over all rows of a batch', () => {
  it('number rows', () => {
    fc.assert(
      fc.property(lengths, (length) => {
        expect(firstRows(length)).toEqual(Uint32Array.from({ length }, (_, row) => row));
      }),
      { numRuns: 20 },
    );
  });

  it('tell a run of rows, and a row that is outside', () => {
    fc.assert(
      fc.property(lengths, fc.nat(), fc.nat(5), (length, seed, first) => {
        const run = firstRows(length).map((row) => row + first);
        expect(kindOfRows(run, first + length)).toBe(length > 0 ? 'run' : 'any');
        if (length === 0) return;
        const place = seed % length;
        const outside = run.slice();
        outside[place] = first + length;
        expect(kindOfRows(outside, first + length)).toBe('outside');
        if (length === 1) return;
        const broken = run.slice();
        broken[place] = broken[(place + 1) % length]!;
        expect(kindOfRows(broken, first + length)).toBe('any');
      }),
    );
  });

  it('sort what mostly ascends as a stable sort does, or say that it does not', () => {
    fc.assert(
      fc.property(nearlySorted, fc.integer(), (values, seed) => {
        const rows = someRows(values.length, seed);
        let greatest = Number.NEGATIVE_INFINITY;
        const late = rows.filter((row) => {
          greatest = Math.max(greatest, values[row]!);
          return values[row]! < greatest;
        }).length;
        const sorted = Uint32Array.from([...rows].sort((a, b) => values[a]! - values[b]!));
        const before = rows.slice();
        expect(sortNearlySorted(values, rows, late)).toEqual(sorted);
        expect(rows).toEqual(before);
        if (late > 0) expect(sortNearlySorted(values, rows, late - 1)).toBeUndefined();
        if (rows.length === 0) return;
        values[rows[(seed >>> 0) % rows.length]!] = Number.NaN;
        expect(sortNearlySorted(values, rows, rows.length)).toBeUndefined();
      }),
      { numRuns: 80 },
    );
  });

  it('find steps, and where there is none', () => {
    fc.assert(
      fc.property(nearlySorted, fc.integer(), fc.constantFrom(0, 1), fc.boolean(), (values, seed, step, isStep) => {
        const rows = someRows(values.length, seed);
        const places = [...rows.keys()].filter(
          (place) => (place > 0 && values[rows[place]!] === values[rows[place - 1]!]! + step) === isStep,
        );
        const most = places.length;
        expect([...findSteps(values, rows, { step, isStep, most })!]).toEqual(places);
        if (most > 0) expect(findSteps(values, rows, { step, isStep, most: most - 1 })).toBeUndefined();
      }),
      { numRuns: 80 },
    );
  });

  it('pick values and codes', () => {
    fc.assert(
      fc.property(lengths, fc.integer(), (length, seed) => {
        const random = generator(seed);
        const numbers = Float64Array.from({ length: 50 }, random);
        const codes = Uint32Array.from({ length: 50 }, () => random() * 1000);
        const rows = Uint32Array.from({ length }, () => random() * 50);
        const target = new Float64Array(length + 3);
        pickNumbers(numbers, rows, target, 3);
        expect(target.subarray(3)).toEqual(Float64Array.from(rows, (row) => numbers[row]!));
        const picked = new Uint32Array(length);
        pickCodes(codes, rows, picked);
        expect(picked).toEqual(rows.map((row) => codes[row]!));
      }),
      { numRuns: 50 },
    );
  });

  it('number codes by first use, beside those that have a number, and refuse a code outside', () => {
    fc.assert(
      fc.property(lengths, fc.integer(), fc.constantFrom(1, 2, 7, 4096), (length, seed, entries) => {
        const random = generator(seed);
        const codes = Uint32Array.from({ length }, () => random() ** 3 * entries);
        const known = Array.from({ length: entries }, () => (random() < 0.3 ? Math.floor(random() * 10) : NO_NUMBER));
        const expected = [...known];
        const met: number[] = [];
        const numbers = codes.map((code) => {
          if (expected[code] === NO_NUMBER) expected[code] = 10 + met.push(code) - 1;
          return expected[code]!;
        });
        const [target, table] = [codes.slice(), Uint32Array.from(known)];
        expect(renumberCodes(target, table, 10)).toEqual(met);
        expect(target).toEqual(numbers);
        expect([...table]).toEqual(expected);
        if (length === 0) return;
        const wrong = codes.slice();
        wrong[(seed >>> 0) % length] = entries;
        expect(renumberCodes(wrong, Uint32Array.from(known), 10)).toBeUndefined();
      }),
      { numRuns: 80 },
    );
  });
});
