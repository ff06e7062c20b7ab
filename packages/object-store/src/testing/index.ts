export { type ConformanceCase, objectStoreConformance } from './conformance.js';
export { type FaultHook, faultyStore, type StoreCall } from './faulty-store.js';
