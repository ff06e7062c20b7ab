import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partitionOf } from './partition.js';
import { murmur3, transformOf } from './transforms.js';
import { type PrimitiveType, parsePrimitive } from './types.js';
import { compareValues, decodeValue, encodeValue, type IcebergValue, truncateLower, truncateUpper } from './values.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const day = fc.integer({ min: -1_000_000, max: 1_000_000 });

const arbitraries: Record<string, fc.Arbitrary<IcebergValue>> = {
  boolean: fc.boolean(),
  int: fc.integer(),
  long,
  double: fc.double(),
  date: day,
  time: fc.bigInt({ min: 0n, max: 86_399_999_999n }),
  timestamp: long,
  timestamptz: long,
  'decimal(38, 18)': fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }),
  string: fc.string({ unit: 'binary' }),
  uuid: fc.uuid(),
  'fixed[5]': fc.uint8Array({ minLength: 5, maxLength: 5 }),
  binary: fc.uint8Array(),
};

describe('bounds', () => {
  // https://iceberg.apache.org/spec/#binary-single-value-serialization
  it.each<[string, IcebergValue, string]>([
    ['boolean', true, '01'],
    ['int', -2, 'feffffff'],
    ['date', 20425, 'c94f0000'],
    ['long', 2n ** 63n - 1n, 'ffffffffffffff7f'],
    ['timestamptz', 1_764_547_200_123_456n, '40820da9d8440600'],
    ['float', 1.5, '0000c03f'],
    ['double', -0, '0000000000000080'],
    ['string', '€', 'e282ac'],
    ['decimal(38, 18)', 128n, '0080'],
    ['decimal(38, 18)', -128n, '80'],
    ['decimal(38, 18)', 10n ** 38n - 1n, '4b3b4ca85a86c47a098a223fffffffff'],
    ['uuid', 'f79c3e09-677c-4bbd-a479-3f349cb785e7', 'f79c3e09677c4bbda4793f349cb785e7'],
  ])('%s %s', (type, value, bytes) => {
    expect(hex(encodeValue(parsePrimitive(type), value))).toBe(bytes);
    expect(decodeValue(parsePrimitive(type), Buffer.from(bytes, 'hex'))).toEqual(value);
  });

  it.each(Object.keys(arbitraries))('%s: any value comes back', (type) => {
    const parsed = parsePrimitive(type);
    fc.assert(
      fc.property(arbitraries[type]!, (value) => {
        expect(decodeValue(parsed, encodeValue(parsed, value))).toEqual(value);
      }),
    );
  });

  it('values that do not fit are refused with what was expected', () => {
    expect(() => encodeValue({ kind: 'long' }, 2n ** 63n)).toThrow(
      'A value of type long was expected, got 9223372036854775808.',
    );
    expect(() => encodeValue({ kind: 'long' }, 2 ** 53)).toThrow('long was expected');
    expect(() => encodeValue({ kind: 'decimal', precision: 38, scale: 18 }, 1.5)).toThrow('decimal');
    expect(() => decodeValue({ kind: 'double' }, Uint8Array.of(1))).toThrow('1 bytes, not 8');
    expect(() => parsePrimitive('decimal(39, 2)')).toThrow('primitive type');
  });

  it('a column that was widened reads its old bounds', () => {
    expect(decodeValue({ kind: 'long' }, encodeValue({ kind: 'int' }, -7))).toBe(-7n);
    expect(decodeValue({ kind: 'double' }, encodeValue({ kind: 'float' }, 0.5))).toBe(0.5);
  });
});

describe('cut bounds', () => {
  const points = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constant('\u{10ffff}'.repeat(20)),
    fc.constant('\ud7ff'.repeat(17)),
  );
  it('a text lies between its cut bounds, which have at most 16 code points', () => {
    fc.assert(
      fc.property(points, (text) => {
        const lower = truncateLower(text) as string;
        const upper = truncateUpper(text) as string | undefined;
        expect(compareValues(lower, text)).toBeLessThanOrEqual(0);
        expect([...lower].length).toBeLessThanOrEqual(16);
        if (upper === undefined) expect([...text].slice(0, 16).every((point) => point === '\u{10ffff}')).toBe(true);
        else {
          expect(compareValues(text, upper)).toBeLessThanOrEqual(0);
          expect([...upper].length).toBeLessThanOrEqual(16);
          expect(upper).toBe(Buffer.from(upper).toString());
        }
      }),
    );
  });

  it('bytes too', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(compareValues(truncateLower(bytes), bytes)).toBeLessThanOrEqual(0);
        const upper = truncateUpper(bytes);
        if (upper !== undefined) expect(compareValues(bytes, upper)).toBeLessThanOrEqual(0);
      }),
    );
    expect(truncateUpper(new Uint8Array(17).fill(255))).toBeUndefined();
  });
});

describe('transforms', () => {
  // https://iceberg.apache.org/spec/#appendix-b-32-bit-hash-requirements
  it.each<[string, IcebergValue, number]>([
    ['int', 34, 2017239379],
    ['long', 34n, 2017239379],
    ['decimal(9, 2)', 1420n, -500754589],
    ['date', 17486, -653330422],
    ['time', 81_068_000_000n, -662762989],
    ['timestamp', 1_510_871_468_000_000n, -2047944441],
    ['timestamptz', 1_510_871_468_000_001n, -1207196810],
    ['string', 'iceberg', 1210000089],
    ['uuid', 'f79c3e09-677c-4bbd-a479-3f349cb785e7', 1488055340],
    ['fixed[4]', Uint8Array.of(0, 1, 2, 3), -188683207],
  ])('bucket of %s %s', (type, value, hash) => {
    const buckets = 2 ** 31 - 1;
    expect(transformOf(`bucket[${buckets}]`, parsePrimitive(type)).apply(value)).toBe((hash & 0x7fffffff) % buckets);
  });

  it('murmur3 of every tail length', () => {
    expect([0, 1, 2, 3, 4, 5].map((length) => murmur3(new Uint8Array(length).fill(7)))).toHaveLength(6);
    expect(murmur3(new Uint8Array())).toBe(0);
    expect(murmur3(Buffer.from('iceberg'))).toBe(1210000089);
  });

  it('month, day, hour and year agree with the calendar, before 1970 too', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -4_000_000_000_000, max: 4_000_000_000_000 }),
        fc.integer({ min: 0, max: 999 }),
        (ms, us) => {
          const value = BigInt(ms) * 1000n + BigInt(us);
          const date = new Date(ms);
          const of = (name: string) => transformOf(name, { kind: 'timestamptz' }).apply(value);
          expect(of('year')).toBe(date.getUTCFullYear() - 1970);
          expect(of('month')).toBe((date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth());
          expect(of('day')).toBe(Math.floor(ms / 86_400_000));
          expect(of('hour')).toBe(Math.floor(ms / 3_600_000));
        },
      ),
    );
  });

  it.each<[string, string, IcebergValue, IcebergValue]>([
    ['truncate[10]', 'int', -1, -10],
    ['truncate[10]', 'long', 19n, 10n],
    ['truncate[50]', 'decimal(9, 2)', 1065n, 1050n],
    ['truncate[3]', 'string', 'iceberg', 'ice'],
    ['truncate[1]', 'string', '𝄞x', '𝄞'],
  ])('%s of %s %s', (name, type, value, cut) => {
    expect(transformOf(name, parsePrimitive(type)).apply(value)).toBe(cut);
  });

  it('refuses what the specification does not have', () => {
    const types: PrimitiveType[] = [{ kind: 'double' }, { kind: 'string' }];
    for (const type of types) expect(() => transformOf('month', type)).toThrow(`month on ${type.kind}`);
    expect(() => transformOf('bucket[0]', { kind: 'int' })).toThrow('no such transform');
    expect(() => transformOf('bucket[4]', { kind: 'double' })).toThrow('no such transform');
  });

  it('a null stays null', () => {
    const spec = { 'spec-id': 0, fields: [{ 'source-id': 1, 'field-id': 1000, name: 'x', transform: 'day' }] };
    const schema = {
      type: 'struct' as const,
      'schema-id': 0,
      fields: [{ id: 1, name: 't', required: false, type: 'timestamp' }],
    };
    expect(partitionOf(spec, schema, [null])).toEqual([null]);
    expect(partitionOf(spec, schema, [86_400_000_000n])).toEqual([1]);
  });
});
