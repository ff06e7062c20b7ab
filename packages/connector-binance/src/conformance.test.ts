import { createFetchTransport } from '@schemahub/connector-kit';
import { CONFORMANCE_TIMEOUT_MS, connectorConformance, createSimulatedVenue } from '@schemahub/connector-kit/testing';
import { describe, it } from 'vitest';
import { binancePolicy, createBinanceConnector } from './index.js';
import { binanceDialect, toldByBinance } from './testing/binance-dialect.js';

describe.each([1000, 100])('the Binance connector with pages of %i keeps the contract', (pageLimit) => {
  const cases = connectorConformance(({ clock }) => {
    const venue = createSimulatedVenue(binanceDialect);
    const transport = createFetchTransport({
      policy: binancePolicy(),
      fetch: venue.fetch,
      clock,
      timeoutMs: CONFORMANCE_TIMEOUT_MS,
    });
    const connector = createBinanceConnector({ transport, clock, pageLimit });
    return { venue, connector, paging: 'up', told: toldByBinance, delisted: 'offline' };
  });
  for (const { name, run } of cases) it(name, run);
});
