export { createWireStore, type WireStoreOptions } from '../s3-store.js';
export type { S3Condition, S3Wire } from '../s3-wire.js';
export { type ConformanceCase, objectStoreConformance } from './conformance.js';
export { type FaultHook, faultyStore, type StoreCall } from './faulty-store.js';
