import type { WindowedConnector } from '@schemahub/core';
import { createIdReader, type ReadId } from '@schemahub/lake';
import { UsageError } from './errors.js';

/** What is known of a venue without its connector: all that commands need which ask no exchange. */
export interface Venue {
  /** Lower case: paths, logs. */
  readonly exchange: string;
  /** Upper case: the table's column. */
  readonly column: string;
  readonly rawTable: string;
  readonly readId: ReadId;
  /** Trade pages a second without `--rate`. */
  readonly defaultRate: number;
  /** What its certificates are worth. */
  readonly proof: WindowedConnector['proof'];
}

/** Every exchange there is. A test compares this with the connectors, which `exchange.ts` alone loads. */
export const venues: readonly Venue[] = [
  {
    exchange: 'coinbase',
    column: 'COINBASE',
    rawTable: 'raw_coinbase_trades',
    readId: createIdReader('trade_id'),
    defaultRate: 10,
    proof: 'id-contiguous',
  },
  {
    exchange: 'binance',
    column: 'BINANCE',
    rawTable: 'raw_binance_trades',
    readId: createIdReader('id'),
    defaultRate: 4,
    proof: 'id-contiguous',
  },
  {
    exchange: 'kraken',
    column: 'KRAKEN',
    rawTable: 'raw_kraken_trades',
    readId: createIdReader('trade_id'),
    defaultRate: 1,
    proof: 'cursor-chained',
  },
];

/** Throws `UsageError`. */
export function venueOf(exchange: string): Venue {
  const found = venues.find((venue) => venue.exchange === exchange);
  if (found === undefined) {
    throw new UsageError(
      `exchange ${JSON.stringify(exchange)}: expected ${venues.map((venue) => venue.exchange).join(' or ')}.`,
    );
  }
  return found;
}
