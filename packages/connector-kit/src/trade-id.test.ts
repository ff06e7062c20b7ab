import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTradeId } from './trade-id.js';

describe('parseTradeId', () => {
  it('reads every id 0 … 2^53−1 from its number and from its text', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (id) => {
        expect(parseTradeId(id)).toBe(id);
        expect(parseTradeId(`${id}`)).toBe(id);
        expect(parseTradeId(JSON.parse(`${id}`))).toBe(id);
      }),
    );
    expect(parseTradeId(0)).toBe(0);
    expect(parseTradeId('9007199254740991')).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each([
    -1,
    -0,
    0.5,
    2 ** 53,
    JSON.parse('9007199254740993'),
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '9007199254740992',
    '99999999999999999',
    '007',
    '-1',
    '1.0',
    '1e3',
    ' 1',
    '',
    '0x1',
    null,
    undefined,
    true,
    {},
    [1],
    1n,
  ])('refuses %o', (value) => {
    expect(parseTradeId(value)).toBeUndefined();
  });
});
