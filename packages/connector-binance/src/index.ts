export { type BinanceConnectorOptions, createBinanceConnector } from './binance-connector.js';
export { BINANCE_BUDGET, type BinanceDefaults, binanceDefaults } from './binance-defaults.js';
export { type BinancePolicyOptions, binancePolicy } from './binance-policy.js';
