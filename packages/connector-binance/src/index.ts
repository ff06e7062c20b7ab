export { type BinanceArchivePolicyOptions, binanceArchivePolicy } from './archive/archive-policy.js';
export type { BinanceArchiveOptions } from './archive/binance-archive.js';
export { type OpenScratch, type Scratch, scratchIn } from './archive/scratch.js';
export { type BinanceConnectorOptions, createBinanceConnector } from './binance-connector.js';
export { binanceContract } from './binance-contract.js';
export { BINANCE_BUDGET, type BinanceDefaults, binanceDefaults } from './binance-defaults.js';
export { type BinancePolicyOptions, binancePolicy } from './binance-policy.js';
