import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTradeTime } from './trade-time.js';

describe('parseTradeTime', () => {
  it.each([
    ['2018-04-13T08:36:34.742Z', 1523608594742000, 1000],
    ['2018-04-13T08:36:05.77Z', 1523608565770000, 10_000],
    ['2026-09-27T15:57:28.610277Z', 1790524648610277, 1],
    ['2026-09-27T15:57:28.44524Z', 1790524648445240, 10],
    ['2026-09-27T15:57:28Z', 1790524648000000, 1_000_000],
    ['2026-09-27T15:57:28.123456789Z', 1790524648123456, 1],
    ['2026-09-27 15:57:28.5+00', 1790524648500000, 100_000],
    ['2026-09-27T17:57:28.5+02:00', 1790524648500000, 100_000],
    ['2026-09-27T17:57:28.5+0200', 1790524648500000, 100_000],
    ['2026-09-27T15:57:28.000001', 1790524648000001, 1],
    ['1970-01-01T00:00:00Z', 0, 1_000_000],
  ])('reads %s', (text, micros, resolution) => {
    expect(parseTradeTime(text)).toEqual({ micros, resolution });
  });

  it('loses no microsecond, with zeros stripped or not', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4_000_000_000 }),
        fc.integer({ min: 0, max: 999_999 }),
        (seconds, micros) => {
          const date = new Date(seconds * 1000).toISOString().slice(0, 19);
          const fraction = `.${String(micros).padStart(6, '0')}`;
          const stripped = fraction.replace(/\.?0+$/, '');
          expect(parseTradeTime(`${date}${fraction}Z`).micros).toBe(seconds * 1_000_000 + micros);
          expect(parseTradeTime(`${date}${stripped}Z`).micros).toBe(seconds * 1_000_000 + micros);
        },
      ),
    );
  });

  it.each([
    '',
    'now',
    '2026-09-27',
    '1790524648',
    '0001-01-01T00:00:00.000000Z',
    '1969-12-31T23:59:59Z',
    '2026-13-01T00:00:00Z',
    '2026-09-27T25:00:00Z',
    '2026-09-27T15:57:28.Z',
  ])('refuses %j', (text) => {
    expect(() => parseTradeTime(text)).toThrow(
      expect.objectContaining({ name: 'ConnectorError', code: 'invalid-time' }),
    );
  });
});
