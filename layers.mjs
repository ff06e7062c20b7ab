// The one table of who may import whom. `pnpm layers:write` regenerates the picture and the table in docs/architecture.md;
// `pnpm layers` checks every import against it (tools/layers.mjs). A name ending in * is a pattern.
export const layers = {
  coverage: [],
  columns: [],
  'rate-limit': [],
  'circuit-breaker': [],
  'object-store': [],
  'data-quality': [],
  core: ['coverage', 'columns'],
  'mapping-engine': ['columns'],
  'parquet-sink': ['columns'],
  coordination: ['object-store'],
  checkpoint: ['core', 'coverage', 'coordination'],
  lake: ['coverage', 'object-store'],
  'connector-kit': ['core', 'coverage'],
  'connector-*': ['core', 'coverage', 'connector-kit'],
  iceberg: ['columns', 'object-store'],
  ingest: ['core', 'coverage', 'object-store', 'coordination', 'checkpoint', 'lake', 'connector-kit'],
  table: ['core', 'coverage', 'columns', 'mapping-engine', 'parquet-sink', 'object-store', 'lake'],
  query: ['core', 'lake'],
  audit: ['core', 'coverage', 'columns', 'mapping-engine', 'parquet-sink', 'object-store', 'checkpoint', 'lake'],
};
