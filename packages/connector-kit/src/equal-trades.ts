import type { TradeFacts } from '@schemahub/core';
import { parseTradeTime, type TradeTime } from './trade-time.js';

function timeOf(text: string): TradeTime | undefined {
  try {
    return parseTradeTime(text);
  } catch {
    return undefined;
  }
}

function equalTimes(a: string, b: string): boolean {
  if (a === b) return true;
  const first = timeOf(a);
  const second = timeOf(b);
  if (first === undefined || second === undefined) return false;
  const coarser = Math.max(first.resolution, second.resolution);
  return Math.floor(first.micros / coarser) === Math.floor(second.micros / coarser);
}

/** Texts that are no number are equal only to themselves. */
function equalNumbers(a: string, b: string): boolean {
  return a === b || (a.trim() !== '' && b.trim() !== '' && Number(a) === Number(b));
}

/**
 * Whether two rows tell the same trade (SPEC §2): id, side, price and quantity agree as columns, and the times to the
 * coarser resolution of the two. Stripped zeros are one digit less of resolution, so `.77Z` equals `.770Z`.
 */
export function equalTrades(a: TradeFacts, b: TradeFacts): boolean {
  return (
    a.id === b.id &&
    a.side === b.side &&
    equalNumbers(a.price, b.price) &&
    equalNumbers(a.quantity, b.quantity) &&
    equalTimes(a.ts, b.ts)
  );
}
