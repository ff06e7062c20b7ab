import { describe, expect, it } from 'vitest';
import { equalTrades } from './equal-trades.js';

const trade = { id: 7, ts: '2026-09-27T15:57:28.77Z', side: 'buy', price: '1.50', quantity: '0.00000008' };

describe('equalTrades', () => {
  it.each([
    ['the same', {}],
    ['padded zeros', { price: '1.5000000', quantity: '8e-8' }],
    ['a stripped fraction', { ts: '2026-09-27T15:57:28.770Z' }],
    ['a finer time within the coarser one', { ts: '2026-09-27T15:57:28.779999Z' }],
    ['another offset', { ts: '2026-09-27T17:57:28.77+02:00' }],
  ])('takes %s as equal', (_what, change) => {
    expect(equalTrades(trade, { ...trade, ...change })).toBe(true);
    expect(equalTrades({ ...trade, ...change }, trade)).toBe(true);
  });

  it.each([
    ['id', { id: 8 }],
    ['side', { side: 'sell' }],
    ['price', { price: '1.51' }],
    ['quantity', { quantity: '0.00000009' }],
    ['time', { ts: '2026-09-27T15:57:28.78Z' }],
    ['time that is none', { ts: 'later' }],
    ['price that is none', { price: '' }],
    ['price that is no number', { price: 'NaN' }],
  ])('tells another %s apart', (_what, change) => {
    expect(equalTrades(trade, { ...trade, ...change })).toBe(false);
    expect(equalTrades({ ...trade, ...change }, trade)).toBe(false);
  });
});
