/** What a column means in a table, whatever file format holds it. */
export type ColumnType = 'string' | 'double' | 'timestamp' | 'int64' | 'boolean' | 'decimal';

/** One column of a table. `fieldId` is stable for ever: readers match columns of old and new files by it. */
export interface ColumnSpec {
  readonly name: string;
  readonly fieldId: number;
  /** `timestamp` is µs since 1970-01-01 UTC; `decimal` is DECIMAL(38,18). */
  readonly type: ColumnType;
  readonly nullable: boolean;
  readonly doc: string;
}

/** A table as its writers and readers agree on it. */
export interface TableSchema {
  readonly name: string;
  readonly columns: readonly ColumnSpec[];
  readonly primaryKey: readonly string[];
  /** Rows of a file ascend by these columns; ids compare as numbers. */
  readonly sortKey: readonly string[];
}
