export type { ArchiveFault, BinanceArchiveOptions } from './binance-archive.js';
export type { BinanceRole } from './binance-routes.js';
export { type BinanceSim, type BinanceSimOptions, createBinanceSim } from './binance-sim.js';
export { createManualClock, createSystemClock, createVirtualClock, type ManualClock, type SimClock } from './clock.js';
export type { CoinbaseControl } from './coinbase-control.js';
export type { CoinbaseProductSpec } from './coinbase-product.js';
export { type CoinbaseRecording, type CoinbaseReplayOptions, createCoinbaseReplay } from './coinbase-replay.js';
export type { CoinbaseListing, StaleHead } from './coinbase-routes.js';
export {
  type CoinbaseBehaviour,
  type CoinbaseSim,
  type CoinbaseSimOptions,
  createCoinbaseSim,
} from './coinbase-sim.js';
export { type DemoOptions, demoProducts } from './demo-products.js';
export { SimulationError, type SimulationErrorCode } from './errors.js';
export { type Fault, type FaultKind, type FaultOptions, type FaultScript, faultKinds } from './fault.js';
export type { IdList } from './id-ranges.js';
export { type KrakenId, krakenTime } from './kraken-routes.js';
export { createKrakenSim, type KrakenSim, type KrakenSimOptions } from './kraken-sim.js';
export type { HideOptions } from './market.js';
export type { Delivery, SimReply, SimRequest } from './reply.js';
export { type ServeOptions, type SimServer, serve } from './serve.js';
export type { SimFetch } from './sim-fetch.js';
export type { TokenBucketOptions } from './token-bucket.js';
export type { SimTrade } from './trade-text.js';
export {
  createVenue,
  type Latency,
  type Outage,
  type RequestRecord,
  type RouteContext,
  type SimStats,
  type VenueOptions,
  type VenueRoutes,
  type VenueSim,
} from './venue.js';
