export { createKrakenConnector, type KrakenConnectorOptions } from './kraken-connector.js';
export { krakenContract } from './kraken-contract.js';
export { KRAKEN_PAIR_BUDGET, KRAKEN_PUBLIC_BUDGET, type KrakenDefaults, krakenDefaults } from './kraken-defaults.js';
export { type KrakenPolicyOptions, krakenPolicy } from './kraken-policy.js';
