export { type CellValue, cellAt, columnIndex, columnOf, rowAt, textAt } from './access.js';
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
export {
  DECIMAL_BYTES,
  DECIMAL_PRECISION,
  DECIMAL_SCALE,
  type DecimalFit,
  doubleKeepsDecimal,
  readDecimal,
  writeDecimal,
  writeScaledDecimal,
} from './decimal.js';
export { ColumnsError, type ColumnsErrorCode } from './errors.js';
export { concatBatches, gather, sliceBatch } from './gather.js';
export { findSteps, MOST_NUMBERED, NO_NUMBER, renumberCodes } from './row-kernel.js';
export type { ColumnSpec, ColumnType, TableSchema } from './schema.js';
export { type SortOptions, sortPermutation } from './sort.js';
