export { openDuckdb } from './open-duckdb.js';
export type { JsonColumn, JsonSource, OpenDuckdbOptions, TableColumn, WatermarkRow } from './options.js';
