import type { Column, ColumnSpec } from '@schemahub/columns';
import { DECIMAL_BYTES, MAX_PAGE_BYTES } from '../limits.js';
import { type Cursor, createCursor, readUint32, take } from './cursor.js';
import {
  decodeDeltaLengthTexts,
  decodeDeltaTexts,
  decodePlainTexts,
  decodeTextDictionary,
  type PageTexts,
} from './decode-text.js';
import {
  decodeDelta,
  decodeHybrid,
  decodePlainBooleans,
  decodePlainBytes,
  decodePlainDoubles,
  decodePlainIntegers,
  decodeRleBooleans,
} from './decode-values.js';
import { damaged, unsupported } from './errors.js';
import { type Decompress, isCount, loadDecompressor, type RawPage, splitPages } from './pages.js';

/** A compressed chunk may not unfold to more than this: a few bytes of zstd can promise any amount. */
const MAX_CHUNK_BYTES: number = 4 * MAX_PAGE_BYTES;

/** The column of one row group in the file: what is stored, and what batches want. */
export interface ChunkToRead {
  readonly type: ColumnSpec['type'];
  /** Whether the file stores definition levels. */
  readonly nullable: boolean;
  readonly codec: string;
  readonly rows: number;
}

/** Takes the pages of a chunk in turn and gives the values without nulls. */
interface ValueCollector {
  readonly dictionary: (bytes: Uint8Array, count: number) => void;
  readonly page: (encoding: string, cursor: Cursor, count: number) => void;
  readonly finish: () => Column;
}

/** Decodes a column chunk. Memory: its values, and one page. Throws ParquetReadError. */
export async function readColumn(bytes: Uint8Array, chunk: ChunkToRead): Promise<Column> {
  const decompress = await loadDecompressor(chunk.codec);
  const collector = createCollector(chunk);
  const nulls = chunk.nullable ? new Uint8Array(chunk.rows) : undefined;
  let rows = 0;
  let nullCount = 0;
  let unfolded = 0;
  for (const page of splitPages(bytes, chunk.rows)) {
    unfolded += page.header.uncompressed_page_size;
    if (unfolded > MAX_CHUNK_BYTES) throw unsupported(`a column of a row group has more than ${MAX_CHUNK_BYTES} bytes`);
    if (page.type === 'DICTIONARY_PAGE') {
      if (page.encoding !== 'PLAIN' && page.encoding !== 'PLAIN_DICTIONARY')
        throw unsupported(`a dictionary is encoded as ${page.encoding}`);
      collector.dictionary(decompress(page.body, page.header.uncompressed_page_size), page.values);
      continue;
    }
    if (page.values > chunk.rows - rows)
      throw damaged(`a column has more values than the ${chunk.rows} rows of its row group`);
    const { levels, values } = openPage(page, decompress, chunk.nullable);
    const missing = nulls === undefined ? 0 : readNulls(levels, nulls.subarray(rows, rows + page.values));
    if (page.type === 'DATA_PAGE_V2' && page.header.data_page_header_v2!.num_nulls !== missing) {
      throw damaged('a page counts its nulls wrongly');
    }
    if (page.values > missing) collector.page(page.encoding, values, page.values - missing);
    rows += page.values;
    nullCount += missing;
  }
  if (rows !== chunk.rows) throw damaged(`a column has ${rows} values and its row group ${chunk.rows} rows`);
  const column = collector.finish();
  return nullCount === 0 || nulls === undefined ? column : spread(column, nulls);
}

interface OpenPage {
  readonly levels: Cursor;
  readonly values: Cursor;
}

function openPage(page: RawPage, decompress: Decompress, nullable: boolean): OpenPage {
  const { header, body } = page;
  if (page.type === 'DATA_PAGE') {
    const values = createCursor(decompress(body, header.uncompressed_page_size));
    if (!nullable) return { levels: createCursor(new Uint8Array()), values };
    if (header.data_page_header!.definition_level_encoding !== 'RLE')
      throw unsupported('levels are not encoded as RLE');
    const size = readUint32(values);
    const at = take(values, size);
    return { levels: createCursor(values.bytes.subarray(at, at + size)), values };
  }
  const {
    definition_levels_byte_length: definitionBytes,
    repetition_levels_byte_length: repetitionBytes,
    is_compressed: isCompressed,
  } = header.data_page_header_v2!;
  if (repetitionBytes !== 0 || !isCount(definitionBytes, Math.min(body.length, header.uncompressed_page_size))) {
    throw damaged('the levels of a page lie beyond its end');
  }
  if (!nullable && definitionBytes !== 0) throw damaged('a page of a required column has definition levels');
  const values = body.subarray(definitionBytes);
  const size = header.uncompressed_page_size - definitionBytes;
  if (isCompressed === false && values.length !== size) throw damaged(`a page of ${size} bytes holds ${values.length}`);
  return {
    levels: createCursor(body.subarray(0, definitionBytes)),
    values: createCursor(
      isCompressed === false || (values.length === 0 && size === 0) ? values : decompress(values, size),
    ),
  };
}

/** Turns definition levels into null marks and counts them. */
function readNulls(levels: Cursor, nulls: Uint8Array): number {
  decodeHybrid(levels, 1, nulls);
  let count = 0;
  for (let row = 0; row < nulls.length; row++) {
    if (nulls[row]! > 1) throw damaged('a page has a definition level over 1');
    nulls[row] = 1 - nulls[row]!;
    count += nulls[row]!;
  }
  return count;
}

function createCollector(chunk: ChunkToRead): ValueCollector {
  switch (chunk.type) {
    case 'string':
      return createTextCollector();
    case 'boolean':
      return createBooleans(chunk.rows);
    case 'decimal':
      return createDecimals(chunk.rows);
    default:
      return createNumbers(chunk.rows, chunk.type);
  }
}

function unknownEncoding(encoding: string, type: string): Error {
  return unsupported(`a ${type} column is encoded as ${encoding}`);
}

/** Codes of a data page: one byte of width, then the hybrid. Each is checked against the dictionary. */
function readCodes(cursor: Cursor, count: number, entries: number): Uint32Array {
  const width = cursor.bytes[take(cursor, 1)]!;
  const codes = new Uint32Array(count);
  decodeHybrid(cursor, width, codes);
  for (const code of codes) {
    if (code >= entries) throw damaged(`a page uses entry ${code} of a dictionary of ${entries}`);
  }
  return codes;
}

function isDictionaryEncoding(encoding: string): boolean {
  return encoding === 'RLE_DICTIONARY' || encoding === 'PLAIN_DICTIONARY';
}

function createNumbers(rows: number, kind: 'double' | 'timestamp' | 'int64'): ValueCollector {
  const values = new Float64Array(rows);
  const decodePlain = kind === 'double' ? decodePlainDoubles : decodePlainIntegers;
  let entries = new Float64Array();
  let length = 0;
  return {
    dictionary: (bytes, count) => {
      if (count * 8 > bytes.length) throw damaged('a dictionary holds fewer values than it says');
      entries = new Float64Array(count);
      decodePlain(createCursor(bytes), entries);
    },
    page: (encoding, cursor, count) => {
      const out = values.subarray(length, length + count);
      length += count;
      if (encoding === 'PLAIN') decodePlain(cursor, out);
      else if (encoding === 'DELTA_BINARY_PACKED' && kind !== 'double') decodeDelta(cursor, out);
      else if (isDictionaryEncoding(encoding)) {
        const codes = readCodes(cursor, count, entries.length);
        for (let row = 0; row < count; row++) out[row] = entries[codes[row]!]!;
      } else throw unknownEncoding(encoding, kind);
    },
    finish: () => ({ kind, values }),
  };
}

function createBooleans(rows: number): ValueCollector {
  const values = new Uint8Array(rows);
  let length = 0;
  return {
    dictionary: () => {
      throw damaged('a boolean column has a dictionary');
    },
    page: (encoding, cursor, count) => {
      const out = values.subarray(length, length + count);
      length += count;
      if (encoding === 'PLAIN') decodePlainBooleans(cursor, out);
      else if (encoding === 'RLE') decodeRleBooleans(cursor, out);
      else throw unknownEncoding(encoding, 'boolean');
    },
    finish: () => ({ kind: 'boolean', values }),
  };
}

function createDecimals(rows: number): ValueCollector {
  const values = new Uint8Array(rows * DECIMAL_BYTES);
  let entries = new Uint8Array();
  let length = 0;
  return {
    dictionary: (bytes, count) => {
      if (count * DECIMAL_BYTES > bytes.length) throw damaged('a dictionary holds fewer values than it says');
      entries = bytes.slice(0, count * DECIMAL_BYTES);
    },
    page: (encoding, cursor, count) => {
      const out = values.subarray(length * DECIMAL_BYTES, (length + count) * DECIMAL_BYTES);
      length += count;
      if (encoding === 'PLAIN') decodePlainBytes(cursor, out);
      else if (isDictionaryEncoding(encoding)) {
        const codes = readCodes(cursor, count, entries.length / DECIMAL_BYTES);
        for (const [row, code] of codes.entries()) {
          out.set(entries.subarray(code * DECIMAL_BYTES, (code + 1) * DECIMAL_BYTES), row * DECIMAL_BYTES);
        }
      } else throw unknownEncoding(encoding, 'decimal');
    },
    finish: () => ({ kind: 'decimal', values }),
  };
}

/** Ids stay numbers and dictionaries stay dictionaries as long as all pages agree; else text. */
function createTextCollector(): ValueCollector {
  const pages: (PageTexts | { readonly kind: 'codes'; readonly values: Uint32Array })[] = [];
  let entries: PageTexts = { kind: 'texts', values: [] };
  return {
    dictionary: (bytes, count) => {
      if (pages.length > 0) throw damaged('a column has a dictionary after its data');
      entries = decodeTextDictionary(bytes, count);
    },
    page: (encoding, cursor, count) => {
      if (encoding === 'PLAIN') pages.push(decodePlainTexts(cursor, count));
      else if (encoding === 'DELTA_BYTE_ARRAY') pages.push(decodeDeltaTexts(cursor, count));
      else if (encoding === 'DELTA_LENGTH_BYTE_ARRAY') pages.push(decodeDeltaLengthTexts(cursor, count));
      else if (isDictionaryEncoding(encoding)) {
        const codes = readCodes(cursor, count, entries.values.length);
        // Codes of ids become the ids: a column of ids comes back as one, however it was stored.
        const { kind, values } = entries;
        if (kind === 'ids') pages.push({ kind, values: Float64Array.from(codes, (code) => values[code]!) });
        else pages.push({ kind: 'codes', values: codes });
      } else throw unknownEncoding(encoding, 'string');
    },
    finish: () => {
      const length = pages.reduce((sum, page) => sum + page.values.length, 0);
      if (pages.length > 0 && pages.every((page) => page.kind === 'ids')) {
        return { kind: 'id', values: join(pages, new Float64Array(length)) };
      }
      if (entries.kind === 'texts' && pages.every((page) => page.kind === 'codes')) {
        const codes = join(pages, new Uint32Array(length));
        return { kind: 'dictionary', values: entries.values, codes };
      }
      const texts = pages.flatMap((page) =>
        Array.from(page.values as ArrayLike<string | number>, (value) =>
          page.kind === 'codes' ? String(entries.values[value as number]) : String(value),
        ),
      );
      return { kind: 'text', values: texts };
    },
  };
}

function join<T extends Float64Array | Uint32Array>(pages: readonly { readonly values: unknown }[], out: T): T {
  let at = 0;
  for (const { values } of pages) {
    out.set(values as T, at);
    at += (values as T).length;
  }
  return out;
}

/** Moves values to their rows; the slots of nulls hold what a batch may ignore. */
function spread(column: Column, nulls: Uint8Array): Column {
  const rows = nulls.length;
  switch (column.kind) {
    case 'text': {
      let next = 0;
      return {
        kind: 'text',
        values: Array.from(nulls, (isNull) => (isNull === 1 ? '' : column.values[next++]!)),
        nulls,
      };
    }
    case 'dictionary': {
      const values = column.values.length === 0 ? [''] : column.values;
      return { kind: 'dictionary', values, codes: spreadArray(column.codes, new Uint32Array(rows), nulls, 1), nulls };
    }
    case 'boolean':
      return { kind: 'boolean', values: spreadArray(column.values, new Uint8Array(rows), nulls, 1), nulls };
    case 'decimal': {
      const values = spreadArray(column.values, new Uint8Array(rows * DECIMAL_BYTES), nulls, DECIMAL_BYTES);
      return { kind: 'decimal', values, nulls };
    }
    default:
      return { kind: column.kind, values: spreadArray(column.values, new Float64Array(rows), nulls, 1), nulls };
  }
}

function spreadArray<T extends Float64Array | Uint32Array | Uint8Array>(
  dense: T,
  out: T,
  nulls: Uint8Array,
  width: number,
): T {
  let next = 0;
  for (let row = 0; row < nulls.length; row++) {
    if (nulls[row] === 1) continue;
    for (let part = 0; part < width; part++) out[row * width + part] = dense[next++]!;
  }
  return out;
}

/** A column of nulls, for a column that a file does not have. */
export function nullColumn(type: ColumnSpec['type'], rows: number): Column {
  const nulls = new Uint8Array(rows).fill(1);
  switch (type) {
    case 'string':
      return { kind: 'dictionary', values: [''], codes: new Uint32Array(rows), nulls };
    case 'boolean':
      return { kind: 'boolean', values: new Uint8Array(rows), nulls };
    case 'decimal':
      return { kind: 'decimal', values: new Uint8Array(rows * DECIMAL_BYTES), nulls };
    default:
      return { kind: type, values: new Float64Array(rows), nulls };
  }
}
