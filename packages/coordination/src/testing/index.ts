export { type LeaseStoreCase, leaseStoreConformance } from './lease-cases.js';
export { createManualClock, type ManualClock } from './manual-clock.js';
