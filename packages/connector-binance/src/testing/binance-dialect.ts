import { parseTradeTime } from '@schemahub/connector-kit';
import { memoryDialect, type VenueDialect } from '@schemahub/connector-kit/testing';
import type { TradeFacts } from '@schemahub/core';

function micros(ts: string): number {
  return parseTradeTime(ts).micros;
}

/** A sample trade as Binance tells it: microseconds with all their digits. */
export function toldByBinance(trade: TradeFacts): TradeFacts {
  const [seconds, fraction = ''] = trade.ts.slice(0, -1).split('.');
  return { ...trade, ts: `${seconds}.${fraction.padEnd(6, '0')}Z` };
}

/** How Binance writes what the simulated venue of the conformance suite knows (EXCHANGES §2.1 to §2.3). */
export const binanceDialect: VenueDialect = {
  ...memoryDialect,
  origin: 'https://api.binance.com',
  unknownProductStatus: 400,
  parse: (url) => {
    const [, api, version, endpoint, ...rest] = url.pathname.split('/');
    if (api !== 'api' || version !== 'v3' || rest.length > 0) return undefined;
    const product = url.searchParams.get('symbol');
    if (endpoint === 'exchangeInfo') return product === null ? { kind: 'products' } : { kind: 'product', product };
    const limit = Math.min(1000, Number(url.searchParams.get('limit') ?? 500));
    if (product === null) return undefined;
    if (endpoint === 'trades') return { kind: 'trades', product, limit, ascending: true };
    const from = url.searchParams.get('fromId');
    if (endpoint !== 'historicalTrades' || from === null) return undefined;
    return { kind: 'trades', product, limit, from: Number(from) };
  },
  trade: ({ id, ts, side, price, quantity }, idAsString) =>
    `{"id":${idAsString ? `"${id}"` : id},"price":"${price}","qty":"${quantity}","quoteQty":"1.0","time":${micros(ts)},"isBuyerMaker":${side === 'sell'},"isBestMatch":true}`,
  product: ({ id, base, quote, status }) =>
    JSON.stringify({
      symbol: id,
      status: status === 'online' ? 'TRADING' : 'BREAK',
      baseAsset: base,
      quoteAsset: quote,
    }),
  body: (request, rows) =>
    request.kind === 'trades' ? `[${rows.join(',')}]` : `{"timezone":"UTC","symbols":[${rows.join(',')}]}`,
  error: (what) =>
    JSON.stringify(
      {
        'unknown-product': { code: -1121, msg: 'Invalid symbol.' },
        rate: { code: -1003, msg: 'Too much request weight used; current limit is 6000 request weight per 1 MINUTE.' },
        server: { code: -1000, msg: 'An unknown error occurred while processing the request.' },
      }[what],
    ),
};
