export { type CoinbaseConnectorOptions, createCoinbaseConnector } from './coinbase-connector.js';
export { type CoinbaseDefaults, coinbaseDefaults } from './coinbase-defaults.js';
export { COINBASE_BUDGET, type CoinbasePolicyOptions, coinbasePolicy } from './coinbase-policy.js';
export type { CoinbaseAuth } from './sign-request.js';
