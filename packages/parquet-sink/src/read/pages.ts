import { crc32 } from 'node:zlib';
import type { PageHeader } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { loadZstd } from '../codec.js';
import { MAX_PAGE_BYTES } from '../limits.js';
import { uncompressSnappy } from '../snappy.js';
import { damaged, ParquetReadError, unsupported } from './errors.js';
import { checkThriftStruct } from './thrift-check.js';

/** A page as it lies in a chunk; body and header checked for size and checksum, not decompressed. */
export interface RawPage {
  readonly header: PageHeader;
  readonly type: 'DICTIONARY_PAGE' | 'DATA_PAGE' | 'DATA_PAGE_V2';
  readonly encoding: string;
  /** Rows of a data page, entries of a dictionary. */
  readonly values: number;
  readonly body: Uint8Array;
}

export type Decompress = (bytes: Uint8Array, size: number) => Uint8Array;

/** Snappy repeats at most 64 bytes with a copy of 3. */
const MAX_SNAPPY_RATIO = 64;
const ZSTD_MAGIC = 0xfd2f_b528;

/** Cuts a chunk into its pages. Throws ParquetReadError. */
export function* splitPages(chunk: Uint8Array, maxRows: number): Generator<RawPage> {
  let at = 0;
  while (at < chunk.length) {
    const bodyStart = checkThriftStruct(chunk, at);
    const header = parseHeader(chunk.subarray(at, bodyStart));
    const { compressed_page_size: size, uncompressed_page_size: uncompressed } = header;
    if (!isCount(size, chunk.length - bodyStart))
      throw damaged(`a page of ${String(size)} bytes lies beyond its column`);
    if (!isCount(uncompressed, Number.MAX_SAFE_INTEGER)) throw damaged(`a page claims ${String(uncompressed)} bytes`);
    if (uncompressed > MAX_PAGE_BYTES)
      throw unsupported(`a page has ${uncompressed} bytes, over the limit of ${MAX_PAGE_BYTES}`);
    const body = chunk.subarray(bodyStart, bodyStart + size);
    checkCrc(header, body);
    at = bodyStart + size;
    // An index page is defined by the format, but no reader needs one.
    if (header.type !== 'INDEX_PAGE') yield rawPage(header, body, maxRows);
  }
}

function parseHeader(bytes: Uint8Array): PageHeader {
  try {
    return parquetHeader({ view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 });
  } catch (cause) {
    throw damaged('a page header cannot be parsed', cause);
  }
}

/** The format makes checksums optional: a page without one is believed. */
function checkCrc({ crc }: PageHeader, body: Uint8Array): void {
  if (crc === undefined) return;
  if (typeof crc !== 'number' || crc >>> 0 !== crc32(body))
    throw damaged('the checksum of a page does not match its bytes');
}

function rawPage(header: PageHeader, body: Uint8Array, maxRows: number): RawPage {
  const { type } = header;
  const details =
    type === 'DATA_PAGE_V2'
      ? header.data_page_header_v2
      : type === 'DATA_PAGE'
        ? header.data_page_header
        : type === 'DICTIONARY_PAGE'
          ? header.dictionary_page_header
          : undefined;
  if (details === undefined || type === 'INDEX_PAGE')
    throw damaged(`a page has the type ${String(type)} without its header`);
  if (!isCount(details.num_values, type === 'DICTIONARY_PAGE' ? MAX_PAGE_BYTES : maxRows)) {
    throw damaged(`a page claims ${String(details.num_values)} values in a row group of ${maxRows} rows`);
  }
  return { header, type, encoding: String(details.encoding), values: details.num_values, body };
}

export function isCount(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= max;
}

/** The decompressor of a codec. Throws ParquetReadError UNSUPPORTED. */
export async function loadDecompressor(codec: string): Promise<Decompress> {
  switch (codec) {
    case 'UNCOMPRESSED':
      return (bytes, size) => {
        if (bytes.length !== size) throw damaged(`a page of ${size} bytes holds ${bytes.length}`);
        return bytes;
      };
    case 'SNAPPY':
      return decompressSnappy;
    case 'ZSTD': {
      const { decompress } = await loadZstd();
      return (bytes, size) => decompressZstd(decompress, bytes, size);
    }
    default:
      throw unsupported(`it is compressed with ${codec}; expected SNAPPY, ZSTD or nothing`);
  }
}

/** Both decompressors trust the size in the block, so it is compared before they may allocate by it. */
function decompressSnappy(bytes: Uint8Array, size: number): Uint8Array {
  let promised = 0;
  for (let index = 0; index < 5; index++) {
    const byte = bytes[index] ?? 0;
    promised += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) break;
  }
  if (promised !== size || size > bytes.length * MAX_SNAPPY_RATIO) {
    throw damaged(`a page of ${size} bytes is compressed as ${promised} in ${bytes.length}`);
  }
  if (size === 0) return new Uint8Array();
  return decompressed(() => uncompressSnappy(bytes, size), size);
}

function decompressZstd(decompress: (bytes: Uint8Array) => Uint8Array, bytes: Uint8Array, size: number): Uint8Array {
  const promised = zstdContentSize(bytes);
  if (promised !== size) throw damaged(`a page of ${size} bytes is compressed as ${promised ?? 'an unknown number'}`);
  if (size === 0) return new Uint8Array();
  return decompressed(() => decompress(bytes), size);
}

function decompressed(run: () => Uint8Array, size: number): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = run();
  } catch (cause) {
    throw cause instanceof ParquetReadError ? cause : damaged('a page cannot be decompressed', cause);
  }
  if (bytes.length !== size) throw damaged(`a page of ${size} bytes decompresses to ${bytes.length}`);
  return bytes;
}

/** Frame_Content_Size of RFC 8878, section 3.1.1.1. */
function zstdContentSize(bytes: Uint8Array): number | undefined {
  const padded = new Uint8Array(18);
  padded.set(bytes.subarray(0, 18));
  const view = new DataView(padded.buffer);
  if (view.getUint32(0, true) !== ZSTD_MAGIC) return undefined;
  const descriptor = padded[4]!;
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  const at = 5 + (singleSegment ? 0 : 1) + dictionaryBytes;
  switch (descriptor >> 6) {
    case 0:
      return singleSegment ? padded[at]! : undefined;
    case 1:
      return view.getUint16(at, true) + 256;
    case 2:
      return view.getUint32(at, true);
    default:
      return Number(view.getBigUint64(at, true));
  }
}
