import { expect, it } from 'vitest';
import { factsOfRecord } from './kraken-rows.js';

it.each([
  // As a double × 10⁶ it would be rounded twice, to …713: another time than the table's.
  [1793484600.2147124, '2026-10-31T22:10:00.214712Z'],
  [1616663618.1234567, '2021-03-25T09:13:38.123457Z'],
  [1616663618, '2021-03-25T09:13:38.000000Z'],
  ['1616663618.0000005', '2021-03-25T09:13:38.000001Z'],
  [-1, '-1'],
  ['soon', 'soon'],
])('the time %j is %s', (time, text) => {
  expect(factsOfRecord({ price: '1', volume: '1', time, side: 'b' }).ts).toBe(text);
});
