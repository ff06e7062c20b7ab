import type { IdRange } from '@schemahub/coverage';
import { faultRows, joinChunks, rowFaults } from './coinbase-page.js';
import { mix } from './random.js';
import type { TradeSource } from './trade-source.js';
import type { SimTrade } from './trade-text.js';
import type { RouteContext } from './venue.js';

/** How a venue prints a trade. */
export type PrintRow = (trade: SimTrade, timeUs: number) => string;

/** Rows of ascending ranges, oldest first, as the venue prints them. */
export function printRows(source: TradeSource, ranges: readonly IdRange[], print: PrintRow): readonly Uint8Array[] {
  const rows: Uint8Array[] = [];
  for (const { first, last } of ranges)
    for (let id = first; id <= last; id++) rows.push(Buffer.from(print(source.trade(id), source.timeUs(id)), 'utf8'));
  return rows;
}

/** The rows with the request's row fault carried out, joined as a JSON array. */
export function arrayPage(
  rows: readonly Uint8Array[],
  { fault, index }: RouteContext,
): { readonly body: Uint8Array; readonly rows: readonly Uint8Array[]; readonly faulted: boolean } {
  const changed =
    fault === undefined || !rowFaults.has(fault.kind) ? undefined : faultRows(rows, fault, mix(index, 77));
  return { body: joinChunks(changed ?? rows), rows: changed ?? rows, faulted: changed !== undefined };
}
