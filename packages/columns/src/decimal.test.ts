import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DECIMAL_BYTES, doubleKeepsDecimal, readDecimal, writeDecimal, writeScaledDecimal } from './index.js';

function roundTrip(text: string): string {
  const bytes = new Uint8Array(DECIMAL_BYTES + 3);
  expect(writeDecimal(text, bytes, 3)).toBe('exact');
  return readDecimal(bytes, 3);
}

describe('decimal texts', () => {
  it('are kept exactly, without superfluous zeros', () => {
    expect(roundTrip('84429.83000000')).toBe('84429.83');
    expect(roundTrip('0.00000008')).toBe('0.00000008');
    expect(roundTrip('8e-8')).toBe('0.00000008');
    expect(roundTrip('-0012.50E+2')).toBe('-1250');
    expect(roundTrip('-0')).toBe('0');
    expect(roundTrip('99999999999999999999.999999999999999999')).toBe('99999999999999999999.999999999999999999');
    expect(roundTrip('0.000000000000000001')).toBe('0.000000000000000001');
    expect(roundTrip('1.0000000000000000000000000')).toBe('1');
  });

  it('equal big integer arithmetic for every unscaled value of 38 digits', () => {
    const limit = 10n ** 38n - 1n;
    fc.assert(
      fc.property(fc.bigInt({ min: -limit, max: limit }), (unscaled) => {
        const magnitude = String(unscaled < 0n ? -unscaled : unscaled).padStart(19, '0');
        const text = `${unscaled < 0n ? '-' : ''}${magnitude.slice(0, -18)}.${magnitude.slice(-18)}`;
        const bytes = new Uint8Array(DECIMAL_BYTES);
        expect(writeDecimal(text, bytes, 0)).toBe('exact');
        const read = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
        expect(BigInt.asIntN(128, read)).toBe(unscaled);
        expect(writeDecimal(readDecimal(bytes, 0), bytes, 0)).toBe('exact');
        expect(
          BigInt.asIntN(
            128,
            bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n),
          ),
        ).toBe(unscaled);
      }),
    );
  });

  it('that do not fit are told, and nothing is written', () => {
    const untouched = new Uint8Array(DECIMAL_BYTES).fill(7);
    const fit = (text: string): string => writeDecimal(text, untouched, 0);
    expect(fit('100000000000000000000')).toBe('overflow');
    expect(fit('1e999999999999')).toBe('overflow');
    expect(fit('0.0000000000000000001')).toBe('inexact');
    expect(fit('1e-999999999999')).toBe('inexact');
    for (const text of ['', '.', '1.', '.5', 'NaN', 'Infinity', '1e', '0x10', ' 1', '1 ', '1,5', '--1']) {
      expect(fit(text)).toBe('invalid');
    }
    expect(untouched).toEqual(new Uint8Array(DECIMAL_BYTES).fill(7));
  });

  it('of a megabyte are judged in linear time', () => {
    const bytes = new Uint8Array(DECIMAL_BYTES);
    expect(writeDecimal(`1.${'0'.repeat(1_000_000)}1`, bytes, 0)).toBe('inexact');
    expect(writeDecimal(`1.${'0'.repeat(1_000_000)}`, bytes, 0)).toBe('exact');
  });
});

describe('writeScaledDecimal', () => {
  it('writes what writeDecimal writes for every safe mantissa and scale', () => {
    const mantissas = fc.oneof(
      fc.maxSafeInteger(),
      fc.integer(),
      fc.constantFrom(0, -1, 65_535, 65_536, -65_536, 2 ** 32, 2 ** 53 - 1, 1 - 2 ** 53),
    );
    fc.assert(
      fc.property(mantissas, fc.nat(18), (mantissa, scale) => {
        const expected = new Uint8Array(DECIMAL_BYTES + 2);
        const written = new Uint8Array(DECIMAL_BYTES + 2);
        expect(writeDecimal(`${mantissa}e-${scale}`, expected, 1)).toBe('exact');
        writeScaledDecimal(mantissa, scale, written, 1);
        expect(written).toEqual(expected);
      }),
      { numRuns: 2000 },
    );
    expect(() => writeScaledDecimal(2 ** 53, 0, new Uint8Array(16), 0)).toThrow(RangeError);
    expect(() => writeScaledDecimal(1, 19, new Uint8Array(16), 0)).toThrow('0 to 18');
  });
});

describe('doubleKeepsDecimal', () => {
  it('is true up to 15 significant digits and false where the printed double differs', () => {
    expect(doubleKeepsDecimal('84429.83000000')).toBe(true);
    expect(doubleKeepsDecimal('0.1234567890123456789')).toBe(false);
    expect(doubleKeepsDecimal('9007199254740993')).toBe(false);
    expect(doubleKeepsDecimal('9007199254740992')).toBe(true);
    expect(doubleKeepsDecimal('1e-400')).toBe(false);
    expect(doubleKeepsDecimal('1e400')).toBe(false);
    expect(doubleKeepsDecimal('0.000')).toBe(true);
    expect(doubleKeepsDecimal('-1.50')).toBe(true);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 999_999_999_999_999 }),
        fc.integer({ min: -30, max: 30 }),
        (digits, exponent) => {
          expect(doubleKeepsDecimal(`${digits}e${exponent}`)).toBe(true);
        },
      ),
    );
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(doubleKeepsDecimal(String(value))).toBe(true);
      }),
    );
  });
});
