import { crc32 } from 'node:zlib';
import type { ColumnChunk, Encoding, OffsetIndex, PageHeader, SchemaElement } from 'hyparquet';
import { ByteWriter } from 'hyparquet-writer/src/bytewriter.js';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import { unconvertMinMax } from 'hyparquet-writer/src/unconvert.js';
import type { Codec, Compressor } from './codec.js';
import { appendBytes, type ByteBuffer, createByteBuffer, reserve, written } from './encode/byte-buffer.js';
import { appendHybrid } from './encode/page-kernel.js';
import type { TextBytes } from './encode/text-bytes.js';
import { chunkTexts, type Profile, planEncoders, type ValueEncoder } from './encode/value-encoder.js';
import { PAGE_ROWS, PAGE_TEXT_BYTES } from './limits.js';
import type { ColumnChunkData } from './row-group-buffer.js';
import {
  type Bounds,
  compareBounds,
  createBoundsOf,
  hasMixedDigits,
  mergeBounds,
  type StoredBounds,
  storedBounds,
} from './statistics.js';

/** Rows of a page, and the values among them that are no null. */
interface PageRange {
  readonly fromRow: number;
  readonly toRow: number;
  readonly from: number;
  readonly to: number;
}

interface EncodedPages {
  readonly pieces: readonly Uint8Array[];
  readonly size: number;
  readonly uncompressedSize: number;
  readonly ranges: readonly PageRange[];
  readonly locations: OffsetIndex['page_locations'];
  readonly dictionarySize: number;
  readonly encoder: ValueEncoder;
}

/** What the page index stores of a chunk. */
export interface PageColumnIndex {
  readonly null_pages: boolean[];
  readonly min_values: Uint8Array[];
  readonly max_values: Uint8Array[];
  readonly boundary_order: 'UNORDERED' | 'ASCENDING' | 'DESCENDING';
  readonly null_counts: bigint[];
}

export interface WrittenChunk {
  readonly pieces: readonly Uint8Array[];
  readonly size: number;
  readonly uncompressedSize: number;
  readonly nullCount: number;
  readonly bounds: Bounds | undefined;
  readonly chunk: ColumnChunk;
  readonly offsetIndex: OffsetIndex;
  readonly columnIndex: PageColumnIndex | undefined;
}

export interface ChunkOptions {
  readonly element: SchemaElement;
  readonly compressor: Compressor;
  readonly profile: Profile;
  /** Where the chunk begins in the file. */
  readonly fileOffset: number;
  readonly idStatistics: boolean;
}

const CODEC_NAMES = { snappy: 'SNAPPY', zstd: 'ZSTD', none: 'UNCOMPRESSED' } as const satisfies Record<Codec, string>;
const ALL_DEFINED: Uint8Array = new Uint8Array(PAGE_ROWS).fill(1);

/** Encodes one column of one row group: a dictionary page where it pays, then data pages. */
export function writeColumnChunk(chunk: ColumnChunkData, options: ChunkOptions): WrittenChunk {
  const texts = chunkTexts(chunk);
  const choice = { codec: options.compressor.codec, profile: options.profile };
  const pages = encodePages(chunk, smallestEncoder(chunk, planEncoders(chunk, texts, choice), options), options);
  const { bounds, perPage } = pageBounds(chunk, texts, pages.ranges);
  const mayStore = chunk.values.kind !== 'ids' || (options.idStatistics && !hasMixedDigits(bounds));
  const stored = mayStore ? storedBounds(chunk, bounds) : undefined;
  return {
    pieces: pages.pieces,
    size: pages.size,
    uncompressedSize: pages.uncompressedSize,
    nullCount: chunk.rows - chunk.count,
    bounds,
    chunk: { file_offset: BigInt(options.fileOffset), meta_data: chunkMetadata(chunk, pages, stored, options) },
    offsetIndex: { page_locations: pages.locations },
    columnIndex: stored === undefined ? undefined : columnIndexOf(chunk, pages.ranges, perPage, options.element),
  };
}

/** How the values of a chunk are written. */
interface Choice {
  readonly encoder: ValueEncoder;
  /** The page of its dictionary, compressed. */
  readonly dictionary: Uint8Array | undefined;
}

/** The encoder that compresses best, by its dictionary and one page in the middle of the chunk. */
function smallestEncoder(
  chunk: ColumnChunkData,
  encoders: readonly ValueEncoder[],
  { compressor }: ChunkOptions,
): Choice {
  const choices = encoders.map((encoder): Choice => {
    const { dictionary } = encoder;
    return { encoder, dictionary: dictionary && compressor.compress(dictionary.bytes) };
  });
  let best = choices[0]!;
  let least = Number.POSITIVE_INFINITY;
  for (const choice of choices.length > 1 ? choices : []) {
    const sampled = Math.min(chunk.count, PAGE_ROWS);
    const from = Math.floor((chunk.count - sampled) / 2);
    scratch.length = 0;
    choice.encoder.append(scratch, from, from + sampled);
    const page = compressor.compress(written(scratch)).length;
    const size = (choice.dictionary?.length ?? 0) + (page * chunk.count) / Math.max(1, sampled);
    if (size >= least) continue;
    best = choice;
    least = size;
  }
  return best;
}

/** Values of the page being written, before compression. */
const scratch: ByteBuffer = createByteBuffer(8 * PAGE_ROWS + 64);

function encodePages(chunk: ColumnChunkData, { encoder, dictionary }: Choice, options: ChunkOptions): EncodedPages {
  const pieces: Uint8Array[] = [];
  const locations: OffsetIndex['page_locations'] = [];
  let size = 0;
  let uncompressedSize = 0;
  const append = (page: WrittenPage): void => {
    pieces.push(...page.pieces);
    size += page.size;
    uncompressedSize += page.uncompressedSize;
  };
  if (dictionary !== undefined) append(dictionaryPage(encoder.dictionary!, dictionary, options));
  const dictionarySize = size;
  const ranges = planPages(chunk, encoder);
  for (const range of ranges) {
    const page = dataPage(chunk, encoder, range, options);
    locations.push({
      offset: BigInt(options.fileOffset + size),
      compressed_page_size: page.size,
      first_row_index: BigInt(range.fromRow),
    });
    append(page);
  }
  return { pieces, size, uncompressedSize, ranges, locations, dictionarySize, encoder };
}

/** Cuts a chunk after `PAGE_ROWS` rows, or where its texts reach `PAGE_TEXT_BYTES`. */
function planPages(chunk: ColumnChunkData, encoder: ValueEncoder): PageRange[] {
  const ranges: PageRange[] = [];
  const { rows, defined } = chunk;
  let fromRow = 0;
  let from = 0;
  while (fromRow < rows) {
    const limit = Math.min(fromRow + PAGE_ROWS, rows);
    let toRow = limit;
    let to = from + limit - fromRow;
    if (defined !== undefined || encoder.sizeOf !== undefined) {
      toRow = fromRow;
      to = from;
      for (let bytes = 0; toRow < limit && bytes < PAGE_TEXT_BYTES; toRow++) {
        if (defined !== undefined && defined[toRow] === 0) continue;
        bytes += encoder.sizeOf?.(to) ?? 0;
        to++;
      }
    }
    ranges.push({ fromRow, toRow, from, to });
    fromRow = toRow;
    from = to;
  }
  return ranges;
}

interface WrittenPage {
  readonly pieces: readonly Uint8Array[];
  readonly size: number;
  readonly uncompressedSize: number;
}

function dictionaryPage(
  dictionary: NonNullable<ValueEncoder['dictionary']>,
  body: Uint8Array,
  options: ChunkOptions,
): WrittenPage {
  return finishPage([body], dictionary.bytes.length, {
    type: 'DICTIONARY_PAGE',
    dictionary_page_header: {
      num_values: dictionary.count,
      encoding: options.profile === 'compat' ? 'PLAIN_DICTIONARY' : 'PLAIN',
    },
  });
}

function dataPage(chunk: ColumnChunkData, encoder: ValueEncoder, range: PageRange, options: ChunkOptions): WrittenPage {
  return options.profile === 'compat'
    ? dataPageV1(chunk, encoder, range, options)
    : dataPageV2(chunk, encoder, range, options);
}

/** v1: the length of the levels, levels and values, compressed together. */
function dataPageV1(
  chunk: ColumnChunkData,
  encoder: ValueEncoder,
  range: PageRange,
  { compressor }: ChunkOptions,
): WrittenPage {
  const body = scratch;
  body.length = 0;
  const levels = levelsOf(chunk, range);
  if (chunk.spec.nullable) {
    const bytes = reserve(body, 4);
    new DataView(bytes.buffer).setUint32(body.length, levels.length, true);
    body.length += 4;
    appendBytes(body, levels);
  }
  encoder.append(body, range.from, range.to);
  return finishPage([compressed(body, compressor)], body.length, {
    type: 'DATA_PAGE',
    data_page_header: {
      num_values: range.toRow - range.fromRow,
      encoding: encoder.encoding,
      definition_level_encoding: 'RLE',
      repetition_level_encoding: 'RLE',
    },
  });
}

/** v2: levels as they are, then the values compressed. */
function dataPageV2(
  chunk: ColumnChunkData,
  encoder: ValueEncoder,
  range: PageRange,
  { compressor }: ChunkOptions,
): WrittenPage {
  const levels = levelsOf(chunk, range);
  const values = scratch;
  values.length = 0;
  // A page of nulls still has what its encoding begins with (hyparquet reads it), but PLAIN has nothing, and not every
  // reader can decompress nothing.
  encoder.append(values, range.from, range.to);
  const isCompressed = compressor.codec !== 'none' && values.length > 0;
  const body = compressed(values, compressor);
  return finishPage([levels, body], levels.length + values.length, {
    type: 'DATA_PAGE_V2',
    data_page_header_v2: {
      num_values: range.toRow - range.fromRow,
      num_nulls: range.toRow - range.fromRow - (range.to - range.from),
      num_rows: range.toRow - range.fromRow,
      encoding: encoder.encoding,
      definition_levels_byte_length: levels.length,
      repetition_levels_byte_length: 0,
      is_compressed: isCompressed,
    },
  });
}

/** Bytes of their own, because the buffer is used again for the next page. */
function compressed(buffer: ByteBuffer, { codec, compress }: Compressor): Uint8Array {
  return codec === 'none' || buffer.length === 0 ? written(buffer).slice() : compress(written(buffer));
}

/** Definition levels of a nullable column: 1 a value, 0 a null. */
function levelsOf(chunk: ColumnChunkData, { fromRow, toRow }: PageRange): Uint8Array {
  const buffer = createByteBuffer(64);
  if (!chunk.spec.nullable) return written(buffer);
  if (chunk.defined === undefined) appendHybrid(buffer, ALL_DEFINED, 0, toRow - fromRow, 1);
  else appendHybrid(buffer, chunk.defined, fromRow, toRow, 1);
  return written(buffer);
}

type HeaderRest = Omit<PageHeader, 'uncompressed_page_size' | 'compressed_page_size' | 'crc'>;

/** Puts the header before a page. The checksum covers everything after the header, as the format asks. */
function finishPage(body: readonly Uint8Array[], uncompressedSize: number, rest: HeaderRest): WrittenPage {
  let crc = 0;
  let size = 0;
  for (const piece of body) {
    crc = crc32(piece, crc);
    size += piece.length;
  }
  const header = new ByteWriter(128);
  writePageHeader(header, {
    ...rest,
    uncompressed_page_size: uncompressedSize,
    compressed_page_size: size,
    crc: crc | 0,
  });
  const headerBytes = header.getBytes();
  return {
    pieces: [headerBytes, ...body],
    size: headerBytes.length + size,
    uncompressedSize: headerBytes.length + uncompressedSize,
  };
}

function pageBounds(
  chunk: ColumnChunkData,
  texts: TextBytes,
  ranges: readonly PageRange[],
): { bounds: Bounds | undefined; perPage: readonly (Bounds | undefined)[] } {
  const boundsOf = createBoundsOf(chunk, texts);
  const perPage = ranges.map((range) => boundsOf(range.from, range.to));
  return { bounds: perPage.reduce(mergeBounds, undefined), perPage };
}

function chunkMetadata(
  chunk: ColumnChunkData,
  pages: EncodedPages,
  stored: StoredBounds | undefined,
  { element, compressor, fileOffset, profile }: ChunkOptions,
): NonNullable<ColumnChunk['meta_data']> {
  const { encoder } = pages;
  const dictionaryEncoding: Encoding = profile === 'compat' ? 'PLAIN_DICTIONARY' : 'PLAIN';
  const encodings = new Set<Encoding>([encoder.encoding]);
  if (encoder.dictionary !== undefined) encodings.add(dictionaryEncoding);
  if (profile === 'compat' || chunk.spec.nullable) encodings.add('RLE');
  return {
    type: element.type!,
    encodings: [...encodings],
    path_in_schema: [chunk.spec.name],
    codec: CODEC_NAMES[compressor.codec],
    num_values: BigInt(chunk.rows),
    total_uncompressed_size: BigInt(pages.uncompressedSize),
    total_compressed_size: BigInt(pages.size),
    data_page_offset: BigInt(fileOffset + pages.dictionarySize),
    ...(encoder.dictionary && { dictionary_page_offset: BigInt(fileOffset) }),
    statistics: {
      null_count: BigInt(chunk.rows - chunk.count),
      ...(stored && {
        min_value: stored.min,
        max_value: stored.max,
        is_max_value_exact: true,
        is_min_value_exact: true,
      }),
    },
    encoding_stats: [
      ...(encoder.dictionary
        ? [{ page_type: 'DICTIONARY_PAGE' as const, encoding: dictionaryEncoding, count: 1 }]
        : []),
      {
        page_type: profile === 'compat' ? 'DATA_PAGE' : 'DATA_PAGE_V2',
        encoding: encoder.encoding,
        count: pages.ranges.length,
      },
    ],
  };
}

/** The bounds of each page; `undefined` when a page with values has none that may be stored. */
function columnIndexOf(
  chunk: ColumnChunkData,
  ranges: readonly PageRange[],
  perPage: readonly (Bounds | undefined)[],
  element: SchemaElement,
): PageColumnIndex | undefined {
  const index: PageColumnIndex = {
    null_pages: [],
    min_values: [],
    max_values: [],
    boundary_order: boundaryOrder(perPage),
    null_counts: [],
  };
  for (const [page, range] of ranges.entries()) {
    const isNull = range.from === range.to;
    const stored = storedBounds(chunk, perPage[page]);
    if (stored === undefined && !isNull) return undefined;
    index.null_pages.push(isNull);
    index.min_values.push(
      stored === undefined ? new Uint8Array() : unconvertMinMax(stored.min, element, false, Number.POSITIVE_INFINITY)!,
    );
    index.max_values.push(
      stored === undefined ? new Uint8Array() : unconvertMinMax(stored.max, element, true, Number.POSITIVE_INFINITY)!,
    );
    index.null_counts.push(BigInt(range.toRow - range.fromRow - (range.to - range.from)));
  }
  return index;
}

function boundaryOrder(perPage: readonly (Bounds | undefined)[]): PageColumnIndex['boundary_order'] {
  const known = perPage.filter((bounds) => bounds !== undefined);
  let ascending = true;
  let descending = true;
  for (let page = 1; page < known.length; page++) {
    const min = compareBounds(known[page]!.min, known[page - 1]!.min);
    const max = compareBounds(known[page]!.max, known[page - 1]!.max);
    if (min < 0 || max < 0) ascending = false;
    if (min > 0 || max > 0) descending = false;
  }
  return ascending ? 'ASCENDING' : descending ? 'DESCENDING' : 'UNORDERED';
}
