import { createFetchTransport } from '@schemahub/connector-kit';
import { CONFORMANCE_TIMEOUT_MS, connectorConformance, createSimulatedVenue } from '@schemahub/connector-kit/testing';
import { describe, it } from 'vitest';
import { coinbasePolicy, createCoinbaseConnector } from './index.js';
import { coinbaseDialect } from './testing/coinbase-dialect.js';

describe.each([1000, 100])('the Coinbase connector with pages of %i keeps the contract', (pageLimit) => {
  const cases = connectorConformance(({ clock }) => {
    const venue = createSimulatedVenue(coinbaseDialect);
    const transport = createFetchTransport({
      policy: coinbasePolicy({ clock }),
      fetch: venue.fetch,
      clock,
      timeoutMs: CONFORMANCE_TIMEOUT_MS,
    });
    return { venue, connector: createCoinbaseConnector({ transport, clock, pageLimit }) };
  });
  for (const { name, run } of cases) it(name, run);
});
