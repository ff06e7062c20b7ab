import fc from 'fast-check';
import { deltaBinaryUnpack, deltaByteArray } from 'hyparquet/src/delta.js';
import { readRleBitPackedHybrid } from 'hyparquet/src/encoding.js';
import { readZigZagBigInt } from 'hyparquet/src/thrift.js';
import { describe, expect, it } from 'vitest';
import { createCursor } from '../read/cursor.js';
import { decodeDeltaTexts } from '../read/decode-text.js';
import { decodeDelta, decodeHybrid } from '../read/decode-values.js';
import { appendVarint, appendZigzag, type ByteBuffer, createByteBuffer, written } from './byte-buffer.js';
import { digitCount } from './id-bytes.js';
import {
  appendDeltaBinaryPacked,
  appendDeltaIds,
  appendHybrid,
  bitWidthOf,
  codesThatCome,
  MAX_DELTA_RANGE,
  numberValues,
} from './page-kernel.js';

// Every encoder against hyparquet's decoder, which shares nothing with it, and against ours.

function reader(buffer: ByteBuffer): { view: DataView; offset: number } {
  const bytes = written(buffer).slice();
  return { view: new DataView(bytes.buffer), offset: 0 };
}

/** Integers whose spread stays within what the encoder is asked to take; some of them close together. */
const integers = fc
  .tuple(
    fc.integer({ min: 0, max: 52 }),
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 }),
    fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 400 }),
  )
  .map(([bits, base, parts]) => Float64Array.from(parts, (part) => base * 2 ** 20 + Math.floor(part * 2 ** bits)));

describe('zigzag and varint', () => {
  it('hold every safe integer', () => {
    const edges = [0, -1, 1, 63, 64, -64, -65, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 52, -(2 ** 52)];
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger(), fc.constantFrom(...edges)), (value) => {
        const buffer = createByteBuffer(1);
        appendZigzag(buffer, value);
        expect(readZigZagBigInt(reader(buffer))).toBe(BigInt(value));
      }),
    );
  });

  it('are as short as they can be', () => {
    const buffer = createByteBuffer();
    appendVarint(buffer, 127);
    appendVarint(buffer, 128);
    expect([...written(buffer)]).toEqual([127, 128, 1]);
  });
});

describe('DELTA_BINARY_PACKED', () => {
  it('is what hyparquet and our decoder read', () => {
    fc.assert(
      fc.property(integers, fc.nat(5), (values, skip) => {
        const from = Math.min(skip, values.length);
        const buffer = createByteBuffer(1);
        appendDeltaBinaryPacked(buffer, values, from, values.length);
        const expected = [...values.subarray(from)];
        const theirs = new BigInt64Array(expected.length);
        const at = reader(buffer);
        deltaBinaryUnpack(at, expected.length, theirs);
        expect([...theirs].map(Number)).toEqual(expected);
        if (expected.length > 0) expect(at.offset).toBe(buffer.length);
        const ours = new Float64Array(expected.length);
        const cursor = createCursor(written(buffer));
        decodeDelta(cursor, ours);
        expect([...ours]).toEqual(expected);
        expect(cursor.at).toBe(buffer.length);
      }),
      { numRuns: 300 },
    );
  });

  it('holds the widest range it is given', () => {
    const low = Number.MIN_SAFE_INTEGER;
    const values = Float64Array.from(
      { length: 300 },
      (_, row) => low + (row % 2 === 0 ? 0 : MAX_DELTA_RANGE) - (row % 2) * (row % 3),
    );
    const buffer = createByteBuffer();
    appendDeltaBinaryPacked(buffer, values, 0, values.length);
    const theirs = new BigInt64Array(values.length);
    deltaBinaryUnpack(reader(buffer), values.length, theirs);
    expect([...theirs].map(Number)).toEqual([...values]);
  });
});

describe('RLE/bit-packed hybrid', () => {
  it('is what hyparquet and our decoder read', () => {
    const runs = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 40 })), { maxLength: 40 });
    fc.assert(
      fc.property(runs, fc.integer({ min: 0, max: 20 }), (pairs, bits) => {
        const values = Uint32Array.from(
          pairs.flatMap(([value, count]) => new Array<number>(count).fill(value % 2 ** bits)),
        );
        const width = bitWidthOf(2 ** bits - 1);
        const buffer = createByteBuffer(1);
        appendHybrid(buffer, values, 0, values.length, width);
        const theirs = new Array<number>(values.length);
        readRleBitPackedHybrid(reader(buffer), width, theirs, buffer.length);
        expect(theirs).toEqual([...values]);
        const ours = new Uint32Array(values.length);
        const cursor = createCursor(written(buffer));
        decodeHybrid(cursor, width, ours);
        expect(ours).toEqual(values);
        expect(cursor.at).toBe(buffer.length);
      }),
      { numRuns: 300 },
    );
  });

  it('takes widths up to 32', () => {
    for (let width = 17; width <= 32; width++) {
      const values = Uint32Array.from({ length: 50 }, (_, row) => Math.floor(((row * 0.618) % 1) * 2 ** width));
      const buffer = createByteBuffer();
      appendHybrid(buffer, values, 0, values.length, width);
      const ours = new Uint32Array(values.length);
      decodeHybrid(createCursor(written(buffer)), width, ours);
      expect(ours).toEqual(values);
    }
  });
});

describe('DELTA_BYTE_ARRAY of ids', () => {
  it('is what hyparquet and our decoder read', () => {
    const ids = fc.array(fc.oneof(fc.maxSafeNat(), fc.nat(), fc.constantFrom(0, 9, 10, 99_999_999, 1e8, 1e15)), {
      minLength: 1,
      maxLength: 300,
    });
    fc.assert(
      fc.property(ids, fc.boolean(), (values, sorted) => {
        const input = Float64Array.from(sorted ? [...values].sort((a, b) => a - b) : values);
        const buffer = createByteBuffer(1);
        appendDeltaIds(buffer, input, 0, input.length);
        const theirs = new Array<Uint8Array>(input.length);
        deltaByteArray(reader(buffer), input.length, theirs);
        expect(theirs.map((bytes) => Buffer.from(bytes).toString())).toEqual(Array.from(input, String));
        expect(decodeDeltaTexts(createCursor(written(buffer)), input.length)).toEqual({ kind: 'ids', values: input });
      }),
      { numRuns: 300 },
    );
  });

  it('counts digits at every power of ten', () => {
    for (let digits = 1; digits <= 15; digits++) {
      expect([digitCount(10 ** digits - 1), digitCount(10 ** digits)]).toEqual([digits, digits + 1]);
    }
    expect(digitCount(Number.MAX_SAFE_INTEGER)).toBe(16);
  });
});

describe('the dictionary of fixed-width values', () => {
  it('numbers distinct bits by first appearance, or gives up at the limit', () => {
    const values = fc.array(fc.oneof(fc.double(), fc.constantFrom(0, -0, 1, 2)), { maxLength: 200 });
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 200 }), (input, limit) => {
        const doubles = Float64Array.from(input);
        const bits = new BigUint64Array(doubles.buffer);
        const distinct = [...new Set(bits)];
        const built = numberValues(new Uint32Array(doubles.buffer), 2, input.length, limit);
        if (distinct.length > limit) {
          expect(built).toBeUndefined();
        } else {
          expect(Array.from(built!.firsts, (first) => bits[first]!)).toEqual(distinct);
          expect(Array.from(built!.codes, (code) => distinct[code])).toEqual([...bits]);
          expect([...new BigUint64Array(built!.bytes.buffer)]).toEqual(distinct);
        }
      }),
    );
  });

  /** Chao's estimate, as one would write it first; one sample in `stride` values, a step inside each stride. */
  function seemsDistinct(values: BigUint64Array, width: number, count: number): boolean {
    const stride = Math.floor(count / 4096);
    const times = new Map<string, number>();
    for (let index = 0; index < 4096; index++) {
      const at = (index * stride + ((index * 7) % stride)) * width;
      const value = values.subarray(at, at + width).join();
      times.set(value, (times.get(value) ?? 0) + 1);
    }
    const met = (wanted: number): number => [...times.values()].filter((number) => number === wanted).length;
    return times.size + (met(1) * (met(1) - 1)) / (2 * (met(2) + 1)) > count / 2;
  }

  it.each([1, 2])('is not made where a sample says that most values are distinct (%d words of 64 bits)', (width) => {
    let refused = 0;
    for (const count of [16_384, 20_000, 24_575])
      for (const share of [0.2, ...Array.from({ length: 30 }, (_, step) => 0.4 + step * 0.01), 1]) {
        // Each value comes 1 ÷ share times in the mean, at places that have no order.
        const distinct = Math.floor(count * share);
        const values = new BigUint64Array(count * width);
        for (let index = 0; index < count; index++)
          values.fill(BigInt((Math.imul(index, 2_654_435_761) >>> 7) % distinct), index * width, index * width + width);
        const built = numberValues(new Uint32Array(values.buffer), width === 1 ? 2 : 4, count, count);
        expect(built === undefined).toBe(seemsDistinct(values, width, count));
        if (built === undefined) refused++;
        else expect(Array.from(built.codes, (code) => built.firsts[code])).toEqual(firstPlaces(values, width, count));
      }
    expect(refused).toBeGreaterThan(9);
    expect(refused).toBeLessThan(87);
  });

  function firstPlaces(values: BigUint64Array, width: number, count: number): number[] {
    const places = new Map<bigint, number>();
    return Array.from({ length: count }, (_, index) => {
      const value = values[index * width]!;
      if (!places.has(value)) places.set(value, index);
      return places.get(value)!;
    });
  }
});

it('tells which codes come', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(300), { maxLength: 400 }), fc.nat(), (codes, seed) => {
      const from = seed % (codes.length + 1);
      const comes = codesThatCome(Uint32Array.from(codes), from, codes.length, 301);
      const met = new Set(codes.slice(from));
      expect([...comes]).toEqual(Array.from({ length: 301 }, (_, code) => (met.has(code) ? 1 : 0)));
    }),
  );
});

it('the same values give the same bytes, whatever was encoded before', () => {
  const encoders: ((buffer: ByteBuffer, values: Float64Array) => void)[] = [
    (buffer, values) => appendDeltaBinaryPacked(buffer, values, 0, values.length),
    (buffer, values) => appendDeltaIds(buffer, values, 0, values.length),
    (buffer, values) => appendHybrid(buffer, Uint32Array.from(values), 0, values.length, 20),
    (buffer, values) =>
      appendHybrid(
        buffer,
        Uint8Array.from(values, (value) => value % 2),
        0,
        values.length,
        1,
      ),
  ];
  const encode = (encoder: (typeof encoders)[number], values: Float64Array, before: number): Uint8Array => {
    appendHybrid(createByteBuffer(), new Uint32Array(2000).fill(before), 0, 2000, 32);
    const buffer = createByteBuffer();
    encoder(buffer, values);
    return written(buffer).slice();
  };
  fc.assert(
    fc.property(fc.array(fc.nat(2 ** 20 - 1), { minLength: 1, maxLength: 200 }), (input) => {
      const values = Float64Array.from(input);
      for (const encoder of encoders) expect(encode(encoder, values, 0xffff_ffff)).toEqual(encode(encoder, values, 0));
    }),
  );
});
