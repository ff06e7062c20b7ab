export type {
  BooleanColumn,
  Column,
  ColumnBatch,
  ColumnValues,
  DecimalColumn,
  DictionaryColumn,
  DoubleColumn,
  IdColumn,
  Int64Column,
  TextColumn,
  TimestampColumn,
} from './batch.js';
export type { ColumnSpec, ColumnType, TableSchema } from './schema.js';
