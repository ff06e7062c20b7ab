export { type CircuitStoreCase, circuitStoreCases } from './circuit-store-cases.js';
