import type { ColumnSpec, ColumnType } from '@schemahub/columns';
import { type ColumnMetaData, type FileMetaData, parquetMetadata, type RowGroup, type SchemaElement } from 'hyparquet';
import { DECIMAL_BYTES, DECIMAL_PRECISION, DECIMAL_SCALE, MAX_ROW_GROUP_ROWS } from '../limits.js';
import { damaged, ParquetReadError, unsupported } from './errors.js';
import type { RangeReader } from './source.js';
import { checkThriftStruct } from './thrift-check.js';

/** A column as the file declares it. */
export interface FileColumn {
  readonly name: string;
  /** `unsupported` for types that column batches cannot hold; such a column can only be passed over. */
  readonly type: ColumnType | 'unsupported';
  readonly nullable: boolean;
  /** Absent in files of writers that give none. */
  readonly fieldId: number | undefined;
}

/** Where a chunk lies and what it claims, checked against the file's size. */
export interface ChunkPlace {
  readonly start: number;
  readonly end: number;
  readonly metadata: ColumnMetaData;
}

export interface RowGroupPlace {
  readonly rows: number;
  readonly chunks: readonly ChunkPlace[];
  readonly sortingColumns: readonly string[];
}

export interface Footer {
  readonly name: string;
  readonly rows: number;
  readonly createdBy: string | undefined;
  readonly columns: readonly FileColumn[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly rowGroups: readonly RowGroupPlace[];
}

/** Magic, footer length, magic. */
const TAIL_BYTES = 8;
const MAGIC = 0x31524150;
/** Footers of sound files stay far below: about 1 KB a row group and column. */
const MAX_FOOTER_BYTES = 64 * 1024 * 1024;

/** Reads and checks the footer. Throws ParquetReadError. */
export async function readFooter(source: RangeReader): Promise<Footer> {
  const { size } = source;
  if (size < TAIL_BYTES + 4) {
    throw new ParquetReadError(
      'NOT_PARQUET',
      `A file of ${size} bytes is no Parquet file; expected at least 12 bytes.`,
    );
  }
  const tail = await source.read(size - TAIL_BYTES, size);
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  if (view.getUint32(4, true) !== MAGIC) {
    throw new ParquetReadError(
      'NOT_PARQUET',
      'The file does not end with PAR1: it is no Parquet file, or its end is missing.',
    );
  }
  const length = view.getUint32(0, true);
  if (length > size - TAIL_BYTES - 4) throw damaged(`its footer claims ${length} bytes of a file of ${size}`);
  if (length > MAX_FOOTER_BYTES)
    throw unsupported(`its footer has ${length} bytes, over the limit of ${MAX_FOOTER_BYTES}`);
  const bytes = await source.read(size - TAIL_BYTES - length, size);
  checkThriftStruct(bytes.subarray(0, length), 0);
  return parseFooter(bytes, size - TAIL_BYTES - length);
}

/** A damaged footer can have any type anywhere; what the checks below do not name ends here as well. */
function parseFooter(bytes: Uint8Array, end: number): Footer {
  try {
    return checkFooter(parquetMetadata(bytes, { geoparquet: false, parsers: PARSERS }), end);
  } catch (cause) {
    throw cause instanceof ParquetReadError ? cause : damaged('its footer cannot be parsed', cause);
  }
}

function checkFooter(file: FileMetaData, end: number): Footer {
  const [root, ...leaves] = file.schema;
  if (root === undefined || leaves.length === 0) throw damaged('its footer declares no columns');
  if (root.num_children !== leaves.length || leaves.some((leaf) => (leaf.num_children ?? 0) > 0)) {
    throw unsupported('its columns are nested');
  }
  const columns = leaves.map(fileColumn);
  const rowGroups = file.row_groups.map((group, index) => rowGroupPlace(group, index, columns, end));
  const rows = count(file.num_rows, 'its number of rows', Number.MAX_SAFE_INTEGER);
  const sum = rowGroups.reduce((total, group) => total + group.rows, 0);
  if (rows !== sum) throw damaged(`its footer counts ${rows} rows and its row groups ${sum}`);
  return {
    name: text(root.name),
    rows,
    createdBy: file.created_by,
    columns,
    metadata: Object.fromEntries(
      (file.key_value_metadata ?? []).map(({ key, value }) => [text(key), text(value ?? '')]),
    ),
    rowGroups,
  };
}

/** Bounds come as they are stored: µs as a number, not as a Date of milliseconds. */
const PARSERS = { timestampFromMicroseconds: (micros: bigint): number => Number(micros) };

function text(value: unknown): string {
  if (typeof value !== 'string') throw damaged('its footer holds a number where a name belongs');
  return value;
}

/** An integer 0 … max, whichever type a damaged footer gave it. */
function count(value: unknown, what: string, max: number): number {
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0 || number > max) {
    throw damaged(`${what} is ${String(value)}; expected an integer 0 … ${max}`);
  }
  return number;
}

function fileColumn(element: SchemaElement): FileColumn {
  const { repetition_type: repetition, field_id: fieldId } = element;
  if (repetition !== 'REQUIRED' && repetition !== 'OPTIONAL') {
    throw unsupported(`column ${JSON.stringify(element.name)} is ${String(repetition)}; expected REQUIRED or OPTIONAL`);
  }
  return {
    name: text(element.name),
    type: columnType(element) ?? 'unsupported',
    nullable: repetition === 'OPTIONAL',
    fieldId: fieldId === undefined ? undefined : count(fieldId, 'a field id', 2 ** 31 - 1),
  };
}

function columnType(element: SchemaElement): ColumnType | undefined {
  const { type, converted_type: converted, logical_type: logical } = element;
  switch (type) {
    case 'BYTE_ARRAY':
      return converted === 'UTF8' || logical?.type === 'STRING' ? 'string' : undefined;
    case 'DOUBLE':
      return 'double';
    case 'BOOLEAN':
      return 'boolean';
    case 'INT64':
      if (logical?.type === 'TIMESTAMP')
        return logical.unit === 'MICROS' && logical.isAdjustedToUTC ? 'timestamp' : undefined;
      if (logical === undefined && converted === 'TIMESTAMP_MICROS') return 'timestamp';
      return (logical === undefined || (logical.type === 'INTEGER' && logical.isSigned)) &&
        (converted === undefined || converted === 'INT_64')
        ? 'int64'
        : undefined;
    case 'FIXED_LEN_BYTE_ARRAY':
      return isTableDecimal(element) ? 'decimal' : undefined;
    default:
      return undefined;
  }
}

function isTableDecimal({ type_length, converted_type, scale, precision }: SchemaElement): boolean {
  return (
    converted_type === 'DECIMAL' &&
    type_length === DECIMAL_BYTES &&
    scale === DECIMAL_SCALE &&
    precision === DECIMAL_PRECISION
  );
}

function rowGroupPlace(group: RowGroup, index: number, columns: readonly FileColumn[], end: number): RowGroupPlace {
  const rows = count(group.num_rows, `the number of rows of row group ${index}`, Number.MAX_SAFE_INTEGER);
  if (rows > MAX_ROW_GROUP_ROWS)
    throw unsupported(`row group ${index} has ${rows} rows, over the limit of ${MAX_ROW_GROUP_ROWS}`);
  if (group.columns.length !== columns.length) {
    throw damaged(`row group ${index} has ${group.columns.length} columns and the file ${columns.length}`);
  }
  return {
    rows,
    chunks: group.columns.map((chunk, column) => {
      if (chunk.file_path !== undefined) throw unsupported('its columns lie in other files');
      return chunkPlace(
        chunk.meta_data,
        `column "${columns[column]!.name}" of row group ${index}`,
        columns[column]!,
        end,
      );
    }),
    sortingColumns: (group.sorting_columns ?? []).map(({ column_idx }) => columns[column_idx]?.name ?? ''),
  };
}

function chunkPlace(metadata: ColumnMetaData | undefined, what: string, column: FileColumn, end: number): ChunkPlace {
  if (!metadata) throw damaged(`${what} has no metadata`);
  if (metadata.path_in_schema.length !== 1 || metadata.path_in_schema[0] !== column.name) {
    throw damaged(`${what} says it is ${JSON.stringify(metadata.path_in_schema)}`);
  }
  const dataOffset = count(metadata.data_page_offset, `the offset of ${what}`, end);
  const dictionaryOffset = count(metadata.dictionary_page_offset ?? 0n, `the dictionary offset of ${what}`, end);
  const start = dictionaryOffset > 0 ? Math.min(dictionaryOffset, dataOffset) : dataOffset;
  const size = count(metadata.total_compressed_size, `the size of ${what}`, end);
  if (start + size > end) throw damaged(`${what} lies beyond the end of the data`);
  return { start, end: start + size, metadata };
}

/** The file's own columns as a table; no keys are stored in a file. Throws ParquetReadError UNSUPPORTED. */
export function footerColumns(columns: readonly FileColumn[]): ColumnSpec[] {
  return columns.map(({ name, type, nullable, fieldId }, index) => {
    if (type === 'unsupported')
      throw unsupported(`column "${name}" has a type that column batches cannot hold; give a schema without it`);
    return { name, type, nullable, fieldId: fieldId ?? index, doc: '' };
  });
}
