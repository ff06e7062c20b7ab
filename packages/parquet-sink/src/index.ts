export type { Codec } from './codec.js';
export type { Profile } from './encode/value-encoder.js';
export { ParquetWriteError, type ParquetWriteErrorCode } from './errors.js';
export type { ColumnFacts, FactValue, FileFacts } from './file-facts.js';
export type { WriteParquetOptions } from './options.js';
export { type ParquetFile, writeParquet } from './write-parquet.js';
export { WRITER_VERSION } from './writer-version.js';
