import { createFetchTransport, windowsOverCursor } from '@schemahub/connector-kit';
import { CONFORMANCE_TIMEOUT_MS, connectorConformance, createSimulatedVenue } from '@schemahub/connector-kit/testing';
import { describe, it } from 'vitest';
import { createKrakenConnector, krakenPolicy } from './index.js';
import { krakenDialect, toldByKraken } from './testing/kraken-dialect.js';

describe.each([1000, 100])('the Kraken connector with pages of %i keeps the contract, as windows', (pageLimit) => {
  const cases = connectorConformance(({ clock }) => {
    const venue = createSimulatedVenue(krakenDialect);
    const transport = createFetchTransport({
      policy: krakenPolicy(),
      fetch: venue.fetch,
      clock,
      timeoutMs: CONFORMANCE_TIMEOUT_MS,
    });
    const connector = windowsOverCursor(createKrakenConnector({ transport, clock, pageLimit }));
    return { venue, connector, paging: 'time', told: toldByKraken, delisted: 'offline' };
  });
  for (const { name, run } of cases) it(name, run);
});
