export { createDocuments, type Document, type Documents, updateDocument } from './documents.js';
export { CoordinationError, type CoordinationErrorCode } from './errors.js';
export type { HealthReading, HealthTable } from './health.js';
export { CLOCKS_DIFFER_MS, createDocumentLeases, type LeaseState, type LeaseStore } from './lease-store.js';
export {
  type Acquisition,
  createLeases,
  type Lease,
  type LeaseClock,
  type LeaseOptions,
  type Leases,
} from './leases.js';
