export { type AvroCodec, type AvroFile, readAvro, type WriteAvroOptions, writeAvro } from './avro/container.js';
export type { AvroField, AvroPrimitive, AvroRecord, AvroSchema, AvroType, AvroValue } from './avro/schema.js';
export { type Catalog, type CatalogEntry, createFolderCatalog, type FolderCatalogOptions } from './catalog.js';
export type { RemovedFile, TableChange } from './commit-change.js';
export { IcebergError, type IcebergErrorCode } from './errors.js';
export type { ReferencedKeys } from './expire.js';
export { locationOf } from './location.js';
export type { ColumnFacts, NewDataFile } from './manifest.js';
export {
  currentSnapshot,
  type IcebergSnapshot,
  type NewTable,
  parseMetadata,
  printMetadata,
  type SnapshotOperation,
  type SnapshotRef,
  schemaById,
  snapshotById,
  specById,
  type TableMetadata,
} from './metadata.js';
export {
  type PartitionField,
  type PartitionSpec,
  type PartitionValues,
  partitionOf,
  type SortField,
  type SortOrder,
} from './partition.js';
export { defaultRetention, type Retention } from './retention.js';
export {
  type ExpireOptions,
  type ExpireResult,
  type IcebergTable,
  type IcebergTableOptions,
  type LiveFile,
  openIcebergTable,
} from './table.js';
export { type Transform, transformOf } from './transforms.js';
export {
  type IcebergField,
  type IcebergSchema,
  type IcebergType,
  isSameSchema,
  type ListType,
  type MapType,
  type PrimitiveType,
  parsePrimitive,
  type StructType,
  schemaOf,
} from './types.js';
export { compareValues, decodeValue, encodeValue, type IcebergValue, truncateLower, truncateUpper } from './values.js';
