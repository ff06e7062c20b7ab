import { emptyCheckpoint } from '@schemahub/checkpoint';
import type { TradePage } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import { expect, it } from 'vitest';
import { rowlessAround } from './finish-window.js';
import type { HeldRows } from './held-rows.js';

const heldRows: HeldRows = { compare: async () => Promise.reject(new Error('not asked')) };

it.each([
  // What a page shows to be without rows need not be asked for…
  ['first', '', 39, 250, [39, 250]],
  ['first', '45-60,230', 39, 250, [39, 250]],
  // …but for the held rows in it, when they are to be compared: they may have vanished.
  ['second', '', 39, 250, [39, 250]],
  ['second', '45-60,230', 39, 250, [60, 230]],
  ['second', '10,300', 39, 250, [39, 250]],
  ['second', '99,200', 39, 250, [99, 200]],
  ['second', '45-60,230', undefined, undefined, [undefined, undefined]],
] as const)('around 100 … 199, in a %s look with %s held: %s and %s', (look, held, nextBelow, nextAbove, around) => {
  const page = { window: { first: 100, last: 199 }, nextBelow, nextAbove } as TradePage;
  const checkpoint = { ...emptyCheckpoint('coinbase', 'X'), fetched: RangeSet.parse(held) };
  const rowless = rowlessAround({ checkpoint, heldRows: look === 'second' ? heldRows : undefined }, page);
  expect([rowless.nextBelow, rowless.nextAbove]).toEqual(around);
});
