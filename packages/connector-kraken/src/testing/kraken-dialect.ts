import { parseTradeTime } from '@schemahub/connector-kit';
import { memoryDialect, type VenueDialect } from '@schemahub/connector-kit/testing';
import type { TradeFacts } from '@schemahub/core';

function micros(ts: string): number {
  return parseTradeTime(ts).micros;
}

function secondsText(us: number): string {
  return `${Math.floor(us / 1e6)}.${String(us % 1e6).padStart(6, '0')}`.replace(/\.?0+$/, '');
}

function isoOfNs(ns: string): string {
  // Rounded up to the µs, as all trades of these tests fall on whole ones.
  const us = Number((BigInt(ns) + 999n) / 1000n);
  return `${new Date(Math.floor(us / 1e6) * 1000).toISOString().slice(0, 19)}.${String(us % 1e6).padStart(6, '0')}Z`;
}

/** A sample trade as Kraken tells it: b and s, and microseconds. */
export function toldByKraken(trade: TradeFacts): TradeFacts {
  const [seconds, fraction = ''] = trade.ts.slice(0, -1).split('.');
  return { ...trade, side: trade.side.slice(0, 1), ts: `${seconds}.${fraction.padEnd(6, '0')}Z` };
}

/** How Kraken writes what the simulated venue of the conformance suite knows (EXCHANGES §3.1, §3.5). */
export const krakenDialect: VenueDialect = {
  ...memoryDialect,
  origin: 'https://api.kraken.com',
  unknownProductStatus: 200,
  parse: (url) => {
    const product = url.searchParams.get('pair');
    if (url.pathname === '/0/public/AssetPairs')
      return product === null ? { kind: 'products' } : { kind: 'product', product };
    if (url.pathname !== '/0/public/Trades' || product === null) return undefined;
    const limit = Math.min(1000, Number(url.searchParams.get('count') ?? 1000));
    const since = url.searchParams.get('since');
    return { kind: 'trades', product, limit, ascending: true, since: since === null ? undefined : isoOfNs(since) };
  },
  trade: ({ id, ts, side, price, quantity }, idAsString) =>
    `["${price}","${quantity}",${secondsText(micros(ts))},"${side.slice(0, 1)}","l","",${idAsString ? `"${id}"` : id}]`,
  product: ({ id, base, quote, status }) =>
    `${JSON.stringify(`X${id}`)}:${JSON.stringify({ altname: id, ...(base.includes('/') ? {} : { wsname: `${base}/${quote}` }), base, quote, status: status === 'online' ? 'online' : 'cancel_only' })}`,
  body: (request, rows, trades) => {
    if (request.kind !== 'trades') return `{"error":[],"result":{${rows.join(',')}}}`;
    const newest = trades.at(-1);
    const last = newest === undefined ? '0' : `${micros(newest.ts)}000`;
    return `{"error":[],"result":{${JSON.stringify(`X${request.product}`)}:[${rows.join(',')}],"last":"${last}"}}`;
  },
  error: (what) =>
    JSON.stringify({
      error: [
        {
          'unknown-product': 'EQuery:Unknown asset pair',
          rate: 'EGeneral:Too many requests',
          server: 'EService:Unavailable',
        }[what],
      ],
    }),
};
