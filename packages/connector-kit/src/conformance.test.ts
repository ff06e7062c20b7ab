import { describe, it } from 'vitest';
import { createFetchTransport } from './fetch-transport.js';
import {
  CONFORMANCE_TIMEOUT_MS,
  connectorConformance,
  createMemoryConnector,
  createSimulatedVenue,
  memoryDialect,
  memoryPolicy,
} from './testing/index.js';

describe.each([1000, 100, 7])('the memory connector with pages of %i keeps the contract', (pageLimit) => {
  const cases = connectorConformance(({ clock }) => {
    const venue = createSimulatedVenue(memoryDialect);
    const transport = createFetchTransport({
      policy: memoryPolicy,
      fetch: venue.fetch,
      clock,
      timeoutMs: CONFORMANCE_TIMEOUT_MS,
    });
    return { venue, connector: createMemoryConnector({ transport, clock, pageLimit }) };
  });
  for (const { name, run } of cases) it(name, run);
});
