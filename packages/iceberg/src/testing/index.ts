export { type CatalogUnderTest, type ConformanceCase, catalogConformance } from './catalog-conformance.js';
export { createMemoryGlue, type MemoryGlue } from './memory-glue.js';
