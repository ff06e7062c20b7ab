export { ParquetReadError, type ParquetReadErrorCode } from './errors.js';
export type { FileColumn } from './footer.js';
export { type ChunkFacts, type OpenParquet, openParquet, type PageFacts, type RowGroupFacts } from './open-parquet.js';
export type { ParquetSource } from './source.js';
