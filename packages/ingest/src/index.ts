export { type ByteBudget, createByteBudget } from './byte-budget.js';
export { condemnObjects } from './condemn.js';
export { type Bound, type IngestContext, type IngestMode, type IngestSettings, ingestDefaults } from './context.js';
export { IngestError, type IngestErrorCode } from './errors.js';
export type { IngestEvent, OnEvent } from './events.js';
export {
  type BreakerPort,
  createGuardedTransport,
  type GuardedTransportOptions,
  type LimiterPort,
  type PermitPort,
} from './guarded-transport.js';
export type { ProductProgress } from './ingest-product.js';
export { type LoadedProduct, loadCheckpoint, rebuildCheckpoint } from './load-checkpoint.js';
export { planRetry, withRetries } from './retry.js';
export { type IngestResult, type ProductResult, type ProductState, readCatalogue, runIngest } from './run-ingest.js';
export { fetchHead } from './same-trades.js';
