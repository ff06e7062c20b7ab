export { type CoinbaseConnectorOptions, createCoinbaseConnector } from './coinbase-connector.js';
export { coinbaseContract } from './coinbase-contract.js';
export { type CoinbaseDefaults, coinbaseDefaults } from './coinbase-defaults.js';
export { COINBASE_BUDGET, type CoinbasePolicyOptions, coinbasePolicy } from './coinbase-policy.js';
export type { CoinbaseAuth } from './sign-request.js';
