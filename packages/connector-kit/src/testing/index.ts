export { type ConformanceCase, connectorConformance } from './conformance.js';
export { CONFORMANCE_TIMEOUT_MS, type ConformanceSubject } from './conformance-stage.js';
export { createManualClock, type ManualClock } from './manual-clock.js';
export { createMemoryConnector, memoryDialect, memoryPolicy } from './memory-connector.js';
export { sampleProduct, sampleTrade, sampleTrades } from './sample-trades.js';
export {
  createSimulatedVenue,
  type SimulatedVenue,
  type VenueDialect,
  type VenueFault,
  type VenueProduct,
  type VenueRequest,
} from './simulated-venue.js';
