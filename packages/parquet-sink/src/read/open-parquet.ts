import type { Column, ColumnBatch, ColumnSpec, TableSchema } from '@schemahub/columns';
import { ParquetReadError } from './errors.js';
import { type FileColumn, type Footer, footerColumns, type RowGroupPlace, readFooter } from './footer.js';
import { splitPages } from './pages.js';
import { nullColumn, readColumn } from './read-column.js';
import { createRangeReader, type ParquetSource, type RangeReader } from './source.js';

/** What the footer says of one column of one row group. Not proven by anything: `batches` shows what is there. */
export interface ChunkFacts {
  readonly name: string;
  readonly codec: string;
  readonly encodedBytes: number;
  readonly nullCount: number | undefined;
  /** Stored bounds: µs for timestamps, bigints for int64; absent for decimals, which hyparquet rounds. */
  readonly min: number | bigint | string | boolean | undefined;
  readonly max: number | bigint | string | boolean | undefined;
}

export interface RowGroupFacts {
  readonly rows: number;
  readonly sortingColumns: readonly string[];
  readonly columns: readonly ChunkFacts[];
}

/** One page, for tests and inspection. */
export interface PageFacts {
  readonly rowGroup: number;
  readonly column: string;
  readonly type: 'DICTIONARY_PAGE' | 'DATA_PAGE' | 'DATA_PAGE_V2';
  readonly encoding: string;
  readonly values: number;
  readonly compressedBytes: number;
  readonly uncompressedBytes: number;
  /** Whether the page carries a checksum; if so it was verified. */
  readonly hasChecksum: boolean;
}

/** An open file. It holds its footer; data is read when asked for. */
export interface OpenParquet {
  /** Name of the root element: the table's name in our files. */
  readonly name: string;
  readonly rows: number;
  readonly createdBy: string | undefined;
  readonly columns: readonly FileColumn[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly rowGroups: readonly RowGroupFacts[];
  /**
   * The rows, a batch a row group, in file order. With a schema: its columns, matched by field id (by name in a file
   * that has no ids); columns the file lacks come as nulls if nullable; others of the file are passed over unread.
   * Memory: one row group in columns and one encoded column. Throws ParquetReadError.
   */
  readonly batches: (schema?: TableSchema) => AsyncIterable<ColumnBatch>;
  /** All pages of all columns, headers parsed and checksums verified. Reads the whole file, a column at a time. */
  readonly pageFacts: () => Promise<readonly PageFacts[]>;
}

/** Opens a file: reads and checks its footer. Throws ParquetReadError; errors of `read` pass as they are. */
export async function openParquet(source: ParquetSource): Promise<OpenParquet> {
  const reader = createRangeReader(source);
  const footer = await readFooter(reader);
  return {
    name: footer.name,
    rows: footer.rows,
    createdBy: footer.createdBy,
    columns: footer.columns,
    metadata: footer.metadata,
    rowGroups: footer.rowGroups.map((group) => rowGroupFacts(group, footer.columns)),
    batches: (schema) => readBatches(reader, footer, schema),
    pageFacts: () => readPageFacts(reader, footer),
  };
}

function rowGroupFacts(group: RowGroupPlace, columns: readonly FileColumn[]): RowGroupFacts {
  return {
    rows: group.rows,
    sortingColumns: group.sortingColumns,
    columns: group.chunks.map(({ start, end, metadata }, index) => {
      const { name, type } = columns[index]!;
      const { min_value: min, max_value: max, null_count: nulls } = metadata.statistics ?? {};
      return {
        name,
        codec: metadata.codec,
        encodedBytes: end - start,
        nullCount: nulls === undefined ? undefined : Number(nulls),
        min: type === 'decimal' ? undefined : plainBound(min),
        max: type === 'decimal' ? undefined : plainBound(max),
      };
    }),
  };
}

function plainBound(value: unknown): ChunkFacts['min'] {
  return typeof value === 'number' ||
    typeof value === 'bigint' ||
    typeof value === 'string' ||
    typeof value === 'boolean'
    ? value
    : undefined;
}

/** For each column of a table its place in the file, or `undefined` where the file has none. */
function matchColumns(schema: TableSchema, columns: readonly FileColumn[]): readonly (number | undefined)[] {
  const hasIds = columns.some((column) => column.fieldId !== undefined);
  return schema.columns.map((spec) => {
    const index = columns.findIndex((column) => (hasIds ? column.fieldId === spec.fieldId : column.name === spec.name));
    if (index < 0) {
      if (spec.nullable) return undefined;
      throw mismatch(schema, spec, 'the file does not have it, and it is not nullable');
    }
    if (columns[index]!.type !== spec.type)
      throw mismatch(schema, spec, `the file stores it as ${columns[index]!.type}`);
    return index;
  });
}

function mismatch(schema: TableSchema, { name, fieldId, type }: ColumnSpec, why: string): ParquetReadError {
  return new ParquetReadError(
    'SCHEMA_MISMATCH',
    `The file cannot be read as table ${schema.name}: column "${name}" (field id ${fieldId}, ${type}): ${why}. Check that it is a file of this table.`,
  );
}

async function* readBatches(
  reader: RangeReader,
  footer: Footer,
  wanted: TableSchema | undefined,
): AsyncGenerator<ColumnBatch> {
  const schema = wanted ?? { name: footer.name, columns: footerColumns(footer.columns), primaryKey: [], sortKey: [] };
  const places = wanted === undefined ? schema.columns.map((_, index) => index) : matchColumns(schema, footer.columns);
  for (const group of footer.rowGroups) {
    const columns: Column[] = [];
    for (const [index, spec] of schema.columns.entries()) {
      const place = places[index];
      columns.push(
        place === undefined
          ? nullColumn(spec.type, group.rows)
          : await readChunk(reader, footer.columns[place]!, group, place, schema, spec),
      );
    }
    yield { schema, rows: group.rows, columns };
  }
}

async function readChunk(
  reader: RangeReader,
  stored: FileColumn,
  group: RowGroupPlace,
  place: number,
  schema: TableSchema,
  spec: ColumnSpec,
): Promise<Column> {
  const { start, end, metadata } = group.chunks[place]!;
  const bytes = await reader.read(start, end);
  const { nullable } = stored;
  const column = await readColumn(bytes, { type: spec.type, nullable, codec: metadata.codec, rows: group.rows });
  if (column.nulls !== undefined && !spec.nullable) throw mismatch(schema, spec, 'the file holds nulls in it');
  return column;
}

async function readPageFacts(reader: RangeReader, footer: Footer): Promise<PageFacts[]> {
  const facts: PageFacts[] = [];
  for (const [rowGroup, group] of footer.rowGroups.entries()) {
    for (const [index, { start, end }] of group.chunks.entries()) {
      for (const { type, encoding, values, header } of splitPages(await reader.read(start, end), group.rows)) {
        facts.push({
          rowGroup,
          column: footer.columns[index]!.name,
          type,
          encoding,
          values,
          compressedBytes: header.compressed_page_size,
          uncompressedBytes: header.uncompressed_page_size,
          hasChecksum: header.crc !== undefined,
        });
      }
    }
  }
  return facts;
}
