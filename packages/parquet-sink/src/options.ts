import type { ColumnSpec, TableSchema } from '@schemahub/columns';
import type { Codec } from './codec.js';
import type { Profile } from './encode/value-encoder.js';
import { ParquetWriteError } from './errors.js';
import { MAX_ROW_GROUP_ROWS } from './limits.js';

/** Options of `writeParquet`. */
export interface WriteParquetOptions {
  /** The table: names, types, field ids and nullability of the columns, in file order. */
  readonly schema: TableSchema;
  /** Compression of pages. Default `snappy`; `zstd` (level 3) saves about 15 % of the bytes. */
  readonly codec?: Codec | undefined;
  /** `modern` (default) or `compat`: data pages v1 with PLAIN and dictionary encodings only, for old readers. */
  readonly profile?: Profile | undefined;
  /** Rows of every row group but the last, 1 … 4,194,304. Default 245,760. Memory grows with it. */
  readonly rowGroupRows?: number | undefined;
  /**
   * Columns by which the rows ascend, as readers compare them; written to the footer and checked row by row.
   * Not nullable, and `double`, `timestamp` or `int64`: ids ascend as numbers, but readers compare text. Default none.
   */
  readonly sortingColumns?: readonly string[] | undefined;
  /** Key-value metadata of the file. Default none. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /**
   * Min and max of chunks that hold only ids. `same-length` (default): where all ids of the chunk have the same number
   * of digits, so that text order is numeric order. `none`: never.
   */
  readonly idStatistics?: 'same-length' | 'none' | undefined;
}

/** Options after the door: complete and checked. */
export interface WriteSettings {
  readonly schema: TableSchema;
  readonly codec: Codec;
  readonly profile: Profile;
  readonly rowGroupRows: number;
  readonly sortingColumns: readonly number[];
  readonly metadata: readonly { readonly key: string; readonly value: string }[];
  readonly idStatistics: boolean;
}

const DEFAULT_ROW_GROUP_ROWS = 245_760;
const COLUMN_TYPES: readonly unknown[] = ['string', 'double', 'timestamp', 'int64', 'boolean', 'decimal'];
const MAX_FIELD_ID = 2 ** 31 - 1;

/** Checks all options. Throws ParquetWriteError INVALID_OPTION. */
export function checkOptions(options: WriteParquetOptions): WriteSettings {
  checkSchema(options.schema);
  const rowGroupRows = options.rowGroupRows ?? DEFAULT_ROW_GROUP_ROWS;
  if (!Number.isInteger(rowGroupRows) || rowGroupRows < 1 || rowGroupRows > MAX_ROW_GROUP_ROWS) {
    throw invalid('rowGroupRows', `an integer 1 … ${MAX_ROW_GROUP_ROWS}`, rowGroupRows);
  }
  return {
    schema: options.schema,
    codec: oneOf('codec', options.codec ?? 'snappy', ['snappy', 'zstd', 'none']),
    profile: oneOf('profile', options.profile ?? 'modern', ['modern', 'compat']),
    rowGroupRows,
    sortingColumns: checkSortingColumns(options.schema, options.sortingColumns ?? []),
    metadata: checkMetadata(options.metadata ?? {}),
    idStatistics: oneOf('idStatistics', options.idStatistics ?? 'same-length', ['same-length', 'none']) !== 'none',
  };
}

function invalid(option: string, expected: string, got: unknown): ParquetWriteError {
  const shown = typeof got === 'string' ? JSON.stringify(got) : String(got);
  return new ParquetWriteError('INVALID_OPTION', `Option ${option} of writeParquet must be ${expected}; got ${shown}.`);
}

function oneOf<T extends string>(option: string, value: T, allowed: readonly T[]): T {
  if (!allowed.includes(value)) throw invalid(option, `one of ${allowed.join(', ')}`, value);
  return value;
}

function checkSchema(schema: TableSchema): void {
  if (schema.columns.length === 0) throw invalid('schema', 'a table with at least one column', 'none');
  const names = new Set<string>();
  const ids = new Set<number>();
  for (const { name, fieldId, type } of schema.columns) {
    if (name === '' || names.has(name)) throw invalid('schema', 'a table whose columns have distinct names', name);
    if (!Number.isInteger(fieldId) || fieldId < 0 || fieldId > MAX_FIELD_ID || ids.has(fieldId)) {
      throw invalid('schema', `a table whose columns have distinct field ids 0 … ${MAX_FIELD_ID}`, fieldId);
    }
    if (!COLUMN_TYPES.includes(type)) throw invalid('schema', `a table of types ${COLUMN_TYPES.join(', ')}`, type);
    names.add(name);
    ids.add(fieldId);
  }
}

function isSortable(column: ColumnSpec): boolean {
  return !column.nullable && (column.type === 'double' || column.type === 'timestamp' || column.type === 'int64');
}

function checkSortingColumns(schema: TableSchema, names: readonly string[]): number[] {
  if (new Set(names).size !== names.length) throw invalid('sortingColumns', 'distinct names', names.join(', '));
  return names.map((name) => {
    const index = schema.columns.findIndex((column) => column.name === name);
    if (index < 0 || !isSortable(schema.columns[index]!)) {
      const able = schema.columns.filter(isSortable).map((column) => column.name);
      throw invalid('sortingColumns', `names of non-nullable double, timestamp or int64 columns (${able})`, name);
    }
    return index;
  });
}

/** Sorted by key, so that the order in which an object was built does not reach the file. */
function checkMetadata(metadata: Readonly<Record<string, string>>): { key: string; value: string }[] {
  return Object.entries(metadata)
    .map(([key, value]) => {
      if (typeof value !== 'string') throw invalid(`metadata.${key}`, 'text', value);
      return { key, value };
    })
    .sort((left, right) => (left.key < right.key ? -1 : 1));
}
