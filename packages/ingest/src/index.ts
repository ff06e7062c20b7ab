export type { ArchivePlan } from './archived-pages.js';
export { type BudgetHolder, type ByteBudget, createByteBudget } from './byte-budget.js';
export { type Bound, type IngestContext, type IngestMode, type IngestSettings, ingestDefaults } from './context.js';
export { IngestError, type IngestErrorCode } from './errors.js';
export type { IngestEvent, OnEvent } from './events.js';
export type { Load } from './flights.js';
export {
  type BreakerPort,
  createGuardedTransport,
  type GuardedTransport,
  type GuardedTransportOptions,
  type LimiterPort,
  type PermitPort,
} from './guarded-transport.js';
export { type HeldTradesOptions, windowedConnector } from './held-trade.js';
export { isVoidProven } from './holes.js';
export type { ProductProgress } from './product-progress.js';
export { type IngestResult, type ProductResult, type ProductState, readCatalogue, runIngest } from './run-ingest.js';
export { fetchHead } from './same-trades.js';
export { cutTradesOf, type ObjectSize } from './unwritten.js';
