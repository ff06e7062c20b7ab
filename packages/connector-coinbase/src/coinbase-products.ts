import { contractBreak } from '@schemahub/connector-kit';
import type { Product } from '@schemahub/core';

/**
 * `delisted` closes a product for good, so only that very word does. `internal`, `offline` and words of the future are
 * offline; a row without a status (2017) is online unless its trading is disabled.
 */
function statusOf(row: Record<string, unknown>): Product['status'] {
  if (row.status === 'delisted') return 'delisted';
  if (row.status === 'online') return 'online';
  const unsaid = row.status === undefined || row.status === null || row.status === '';
  return unsaid && row.trading_disabled !== true ? 'online' : 'offline';
}

/**
 * One row of /products. Base and quote are the parts of the id: `BTCAUCTION-USD` reports base_currency BTC and would
 * pass for BTC-USD (EXCHANGES §1.1). `display_name` is written in two ways and never read.
 */
export function parseProduct(value: unknown, url: string): Product {
  const row = (value ?? {}) as Record<string, unknown>;
  const { id } = row;
  if (typeof id !== 'string' || id === '') throw contractBreak('a catalogue row has no id', { url });
  const dash = id.lastIndexOf('-');
  const split = dash > 0 && dash < id.length - 1;
  const base: unknown = split ? id.slice(0, dash) : row.base_currency;
  const quote: unknown = split ? id.slice(dash + 1) : row.quote_currency;
  if (typeof base !== 'string' || typeof quote !== 'string' || base === '' || quote === '') {
    throw contractBreak(`product ${id} says neither in its id nor beside it what is traded for what`, { url });
  }
  return { id, symbol: id, base, quote, status: statusOf(row) };
}
