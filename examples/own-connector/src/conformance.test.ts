// The suite that every connector passes: the venue's way of writing rows, products and errors is all that it needs to know.
import { createFetchTransport } from '@schemahub/connector-kit';
import {
  CONFORMANCE_TIMEOUT_MS,
  connectorConformance,
  createSimulatedVenue,
  type VenueDialect,
} from '@schemahub/connector-kit/testing';
import { describe, it } from 'vitest';
import { createLemonConnector, lemonPolicy } from './lemon-connector.js';

const lemonDialect: VenueDialect = {
  origin: 'https://lemon.invalid',
  parse: ({ pathname, searchParams }) => {
    if (pathname === '/pairs') return { kind: 'products' };
    const [, path, product] = pathname.split('/');
    if (path !== 'fills' || product === undefined) return undefined;
    const upTo = searchParams.get('upto');
    return {
      kind: 'trades',
      product: decodeURIComponent(product),
      upTo: upTo === null ? undefined : Number(upTo),
      limit: Number(searchParams.get('max')),
    };
  },
  trade: ({ id, ts, side, price, quantity }, idAsString) =>
    `{"n":${idAsString ? `"${id}"` : id},"at":${JSON.stringify(ts)},"taker":${JSON.stringify(side)},"px":"${price}","qty":"${quantity}"}`,
  product: (product) => JSON.stringify(product),
  error: (what) => JSON.stringify({ error: what }),
};

describe('the lemon connector keeps the contract', () => {
  const cases = connectorConformance(({ clock }) => {
    const venue = createSimulatedVenue(lemonDialect);
    const options = { policy: lemonPolicy, fetch: venue.fetch, clock, timeoutMs: CONFORMANCE_TIMEOUT_MS };
    const transport = createFetchTransport(options);
    return { venue, connector: createLemonConnector({ origin: lemonDialect.origin, transport, clock }) };
  });
  for (const { name, run } of cases) it(name, run);
});
