import { memoryDialect, type VenueDialect } from '@schemahub/connector-kit/testing';

/** How Coinbase writes what the simulated venue of the conformance suite knows (EXCHANGES §1.1, §1.2, §1.8). */
export const coinbaseDialect: VenueDialect = {
  ...memoryDialect,
  origin: 'https://api.exchange.coinbase.com',
  parse: (url) => {
    const [, products, id, trades, ...rest] = url.pathname.split('/');
    if (products !== 'products' || rest.length > 0 || url.searchParams.has('before')) return undefined;
    if (id === undefined) return { kind: 'products' };
    const product = decodeURIComponent(id);
    if (trades === undefined) return { kind: 'product', product };
    if (trades !== 'trades') return undefined;
    const after = url.searchParams.get('after');
    const limit = Math.min(1000, Number(url.searchParams.get('limit') ?? 1000));
    return { kind: 'trades', product, upTo: after === null ? undefined : Number(after) - 1, limit };
  },
  trade: ({ id, ts, side, price, quantity }, idAsString) =>
    `{"trade_id":${idAsString ? `"${id}"` : id},"side":"${side}","size":"${quantity}","price":"${price}","time":"${ts}"}`,
  product: ({ id, base, quote, status }) =>
    JSON.stringify({
      id,
      base_currency: base,
      quote_currency: quote,
      display_name: `${base}/${quote}`,
      status,
      status_message: '',
      trading_disabled: status === 'delisted',
    }),
  error: (what) =>
    JSON.stringify({
      message: { 'unknown-product': 'NotFound', rate: 'Public rate limit exceeded', server: 'Internal server error' }[
        what
      ],
    }),
};
