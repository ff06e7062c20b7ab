import type { Encoding, PageHeader } from 'hyparquet';
import { appendBytes, appendZigzag, type ByteBuffer, createByteBuffer, written } from './encode/byte-buffer.js';

// PageHeader of https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift in Thrift's compact
// protocol, https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md. A file has thousands; the
// general writer of hyparquet-writer, which writes the footer, takes 20 ms of V8's compiler when it becomes hot.

const I32 = 5;
const STRUCT = 12;
const FALSE = 2;
const STOP: Uint8Array = Uint8Array.of(0);

const PAGE_TYPES = { DATA_PAGE: 0, DICTIONARY_PAGE: 2, DATA_PAGE_V2: 3 } as const;
const ENCODINGS: Partial<Record<Encoding, number>> = {
  PLAIN: 0,
  PLAIN_DICTIONARY: 2,
  RLE: 3,
  DELTA_BINARY_PACKED: 5,
  DELTA_BYTE_ARRAY: 7,
  RLE_DICTIONARY: 8,
};

/** The bytes of a page header. `crc` as a signed number of 32 bits. */
export function encodePageHeader(header: PageHeader): Uint8Array {
  const buffer = createByteBuffer(64);
  const { data_page_header: v1, dictionary_page_header: dictionary, data_page_header_v2: v2 } = header;
  let last = 0;
  last = appendNumbers(buffer, last, [
    PAGE_TYPES[header.type as keyof typeof PAGE_TYPES],
    header.uncompressed_page_size,
    header.compressed_page_size,
    header.crc!,
  ]);
  if (v1 !== undefined) {
    const { encoding, definition_level_encoding, repetition_level_encoding } = v1;
    last = appendField(buffer, last, 5, STRUCT);
    appendNumbers(buffer, 0, [
      v1.num_values,
      ...[encoding, definition_level_encoding, repetition_level_encoding].map(encodingNumber),
    ]);
    appendBytes(buffer, STOP);
  }
  if (dictionary !== undefined) {
    last = appendField(buffer, last, 7, STRUCT);
    appendNumbers(buffer, 0, [dictionary.num_values, encodingNumber(dictionary.encoding)]);
    appendBytes(buffer, STOP);
  }
  if (v2 !== undefined) {
    appendField(buffer, last, 8, STRUCT);
    const field = appendNumbers(buffer, 0, [
      v2.num_values,
      v2.num_nulls,
      v2.num_rows,
      encodingNumber(v2.encoding),
      v2.definition_levels_byte_length,
      v2.repetition_levels_byte_length,
    ]);
    // True where it is absent; a boolean is the type of its field.
    if (v2.is_compressed === false) appendField(buffer, field, 7, FALSE);
    appendBytes(buffer, STOP);
  }
  appendBytes(buffer, STOP);
  return written(buffer);
}

function encodingNumber(encoding: Encoding): number {
  return ENCODINGS[encoding]!;
}

/** Gives the id, as what the next field is counted from. */
function appendField(buffer: ByteBuffer, last: number, id: number, type: number): number {
  appendBytes(buffer, Uint8Array.of(((id - last) << 4) | type));
  return id;
}

/** Fields of 32 bits, each the next id. */
function appendNumbers(buffer: ByteBuffer, last: number, values: readonly number[]): number {
  let id = last;
  for (const value of values) {
    id = appendField(buffer, id, id + 1, I32);
    appendZigzag(buffer, value);
  }
  return id;
}
