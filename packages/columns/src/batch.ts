import type { TableSchema } from './schema.js';

/** Text of any kind, one JavaScript string a row. The general and slow form of a `string` column. */
export interface TextColumn {
  readonly kind: 'text';
  readonly values: readonly string[];
}

/** Text with few distinct values: `values[codes[row]]`. A `string` column. */
export interface DictionaryColumn {
  readonly kind: 'dictionary';
  readonly values: readonly string[];
  readonly codes: Uint32Array;
}

/** Canonical decimal integers 0 … 2^53−1 kept as numbers; as text a row is `String(values[row])`. A `string` column. */
export interface IdColumn {
  readonly kind: 'id';
  readonly values: Float64Array;
}

export interface DoubleColumn {
  readonly kind: 'double';
  readonly values: Float64Array;
}

/** µs since 1970-01-01 UTC, exact because below 2^53. */
export interface TimestampColumn {
  readonly kind: 'timestamp';
  readonly values: Float64Array;
}

/** Safe integers. */
export interface Int64Column {
  readonly kind: 'int64';
  readonly values: Float64Array;
}

/** 0 or 1 a row. */
export interface BooleanColumn {
  readonly kind: 'boolean';
  readonly values: Uint8Array;
}

/** DECIMAL(38,18): the unscaled value as 16 bytes a row, big-endian two's complement (Parquet FIXED_LEN_BYTE_ARRAY). */
export interface DecimalColumn {
  readonly kind: 'decimal';
  readonly values: Uint8Array;
}

export type ColumnValues =
  | TextColumn
  | DictionaryColumn
  | IdColumn
  | DoubleColumn
  | TimestampColumn
  | Int64Column
  | BooleanColumn
  | DecimalColumn;

/** The values of one column. `nulls[row] === 1` marks a null, whose value slot means nothing; absent = no null. */
export type Column = ColumnValues & { readonly nulls?: Uint8Array | undefined };

/** Rows held by column: `columns[i]` belongs to `schema.columns[i]`. Arrays may be longer than `rows`; the rest is unused. */
export interface ColumnBatch {
  readonly schema: TableSchema;
  readonly rows: number;
  readonly columns: readonly Column[];
}
