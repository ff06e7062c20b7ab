import type { ColumnBatch } from '@schemahub/columns';
import { tradesUnified } from '@schemahub/core';
import type { TradeProfile } from './profiles.js';
import type { Trades } from './trade-model.js';

/** Trades that the exchange would answer on one page, and that were landed at one time. */
const PAGE_ROWS = 1000;

/** Made-up trades as rows of `trades_unified`, landed page by page after the last of them. */
export function tradeBatch(profile: TradeProfile, trades: Trades): ColumnBatch {
  const { count, ids, times } = trades;
  const same = new Uint32Array(count);
  const price = new Float64Array(count);
  const quantity = new Float64Array(count);
  const landed = new Float64Array(count);
  const last = times[count - 1] ?? 0;
  for (let row = 0; row < count; row += 1) {
    price[row] = trades.ticks[row]! / 100;
    quantity[row] = trades.sizes[row]! / 1e8;
    landed[row] = last + 2_345_678 + Math.floor(row / PAGE_ROWS) * 104_729;
  }
  return {
    schema: tradesUnified,
    rows: count,
    columns: [
      { kind: 'dictionary', values: ['COINBASE'], codes: same },
      { kind: 'dictionary', values: [profile.product], codes: same },
      { kind: 'id', values: ids },
      { kind: 'dictionary', values: ['BUY', 'SELL'], codes: Uint32Array.from(trades.makerBuys) },
      { kind: 'double', values: price },
      { kind: 'double', values: quantity },
      { kind: 'timestamp', values: times },
      { kind: 'timestamp', values: landed },
    ],
  };
}
