import type { Encoding } from 'hyparquet';
import type { Codec } from '../codec.js';
import { DECIMAL_BYTES, PAGE_TEXT_BYTES } from '../limits.js';
import type { ColumnChunkData } from '../row-group-buffer.js';
import { appendBytes, type ByteBuffer, createByteBuffer, written } from './byte-buffer.js';
import { appendPlainIds, digitCount } from './id-bytes.js';
import {
  appendDeltaBinaryPacked,
  appendDeltaIds,
  appendHybrid,
  bitWidthOf,
  MAX_DELTA_RANGE,
  numberValues,
} from './page-kernel.js';
import { appendPlainBooleans, appendPlainDoubles, appendPlainIntegers } from './plain.js';
import { appendPlainText, encodeTexts, type TextBytes, textLength } from './text-bytes.js';

/** `modern`: data pages v2 with delta encodings. `compat`: data pages v1, PLAIN and dictionary only, for old readers. */
export type Profile = 'modern' | 'compat';

export interface EncodingChoice {
  readonly codec: Codec;
  readonly profile: Profile;
}

/** One way to write the values of a chunk. */
export interface ValueEncoder {
  readonly encoding: Encoding;
  /** The dictionary page that goes before the data pages. */
  readonly dictionary?: { readonly bytes: Uint8Array; readonly count: number } | undefined;
  /** Appends values [from, to) of the chunk, nulls not counted. */
  readonly append: (buffer: ByteBuffer, from: number, to: number) => void;
  /** PLAIN bytes of one value, where they differ enough to bound pages by them. */
  readonly sizeOf?: ((index: number) => number) | undefined;
}

/** A dictionary page holds at most this many bytes: readers keep it in memory for a whole chunk. */
const MAX_DICTIONARY_BYTES = PAGE_TEXT_BYTES;

/** Ids of a chunk rarely repeat; the search for a dictionary gives up here. */
const MAX_ID_ENTRIES = 4096;

/**
 * The encodings worth trying for a chunk, best guess first: one, or two where only compressed sizes can tell
 * (a chunk of prices is 10 % smaller as a dictionary under Snappy, and 25 % larger under zstd).
 */
export function planEncoders(chunk: ColumnChunkData, texts: TextBytes, choice: EncodingChoice): ValueEncoder[] {
  const { values, count } = chunk;
  switch (values.kind) {
    case 'boolean':
      return [
        { encoding: 'PLAIN', append: (buffer, from, to) => appendPlainBooleans(buffer, values.values, from, to) },
      ];
    case 'ids':
      return planIds(values.values, count, choice);
    case 'text':
      return planTexts(values.codes, count, texts, choice);
    case 'decimal':
      return planFixed(values.values, DECIMAL_BYTES, count, choice, {
        encoding: 'PLAIN',
        append: (buffer, from, to) =>
          appendBytes(buffer, values.values.subarray(from * DECIMAL_BYTES, to * DECIMAL_BYTES)),
      });
    case 'number':
      if (values.range !== undefined) return planIntegers(values.values, values.range, choice);
      return planFixed(values.values, 8, count, choice, {
        encoding: 'PLAIN',
        append: (buffer, from, to) => appendPlainDoubles(buffer, values.values, from, to),
      });
  }
}

/** The UTF-8 of a chunk's distinct texts; empty for every other kind. */
export function chunkTexts(chunk: ColumnChunkData): TextBytes {
  return encodeTexts(chunk.spec.name, chunk.values.kind === 'text' ? chunk.values.values : []);
}

/** zstd finds the regularity of PLAIN timestamps by itself, and finds more of it (1.62 B a trade against 1.73). */
function planIntegers(values: Float64Array, range: number, choice: EncodingChoice): ValueEncoder[] {
  if (choice.profile === 'compat' || choice.codec === 'zstd' || range > MAX_DELTA_RANGE) {
    return [{ encoding: 'PLAIN', append: (buffer, from, to) => appendPlainIntegers(buffer, values, from, to) }];
  }
  return [
    {
      encoding: 'DELTA_BINARY_PACKED',
      append: (buffer, from, to) => appendDeltaBinaryPacked(buffer, values, from, to),
    },
  ];
}

function planIds(ids: Float64Array, count: number, choice: EncodingChoice): ValueEncoder[] {
  const dictionary = numberValues(wordsOf(ids, count * 2), 2, count, MAX_ID_ENTRIES);
  if (dictionary !== undefined) {
    const distinct = Float64Array.from(dictionary.firsts, (index) => ids[index]!);
    const bytes = createByteBuffer();
    appendPlainIds(bytes, distinct, 0, distinct.length);
    let plainSize = 0;
    for (let index = 0; index < count; index++) plainSize += 4 + digitCount(ids[index]!);
    if (pays(bytes.length, distinct.length, count, plainSize)) {
      return [dictionaryEncoder(written(bytes), distinct.length, dictionary.codes, choice)];
    }
  }
  if (choice.profile === 'compat') {
    return [{ encoding: 'PLAIN', append: (buffer, from, to) => appendPlainIds(buffer, ids, from, to) }];
  }
  return [{ encoding: 'DELTA_BYTE_ARRAY', append: (buffer, from, to) => appendDeltaIds(buffer, ids, from, to) }];
}

function planTexts(codes: Uint32Array, count: number, texts: TextBytes, choice: EncodingChoice): ValueEncoder[] {
  const distinct = texts.offsets.length - 1;
  const dictionarySize = 4 * distinct + texts.bytes.length;
  const maySpare = dictionarySize <= MAX_DICTIONARY_BYTES;
  // Every text takes four bytes at least; mostly that settles it.
  if (
    maySpare &&
    (pays(dictionarySize, distinct, count, 4 * count) ||
      pays(dictionarySize, distinct, count, plainSizeOf(codes, count, texts)))
  ) {
    const bytes = createByteBuffer(dictionarySize);
    for (let code = 0; code < distinct; code++) appendPlainText(bytes, texts, code);
    return [dictionaryEncoder(written(bytes), distinct, codes, choice)];
  }
  return [
    {
      encoding: 'PLAIN',
      sizeOf: (index) => 4 + textLength(texts, codes[index]!),
      append: (buffer, from, to) => {
        for (let index = from; index < to; index++) appendPlainText(buffer, texts, codes[index]!);
      },
    },
  ];
}

function plainSizeOf(codes: Uint32Array, count: number, texts: TextBytes): number {
  let size = 0;
  for (let index = 0; index < count; index++) size += 4 + textLength(texts, codes[index]!);
  return size;
}

function planFixed(
  values: Float64Array | Uint8Array,
  size: 8 | 16,
  count: number,
  choice: EncodingChoice,
  plain: ValueEncoder,
): ValueEncoder[] {
  const width = size === 8 ? 2 : 4;
  const dictionary = numberValues(wordsOf(values, count * width), width, count, MAX_DICTIONARY_BYTES / size);
  if (dictionary === undefined) return [plain];
  const distinct = dictionary.firsts.length;
  if (!pays(distinct * size, distinct, count, count * size)) return [plain];
  return [dictionaryEncoder(dictionary.bytes, distinct, dictionary.codes, choice), plain];
}

function wordsOf(values: Float64Array | Uint8Array, words: number): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, words);
}

/** A dictionary pays where it and its codes are smaller than the values they stand for, before compression. */
function pays(dictionarySize: number, distinct: number, count: number, plainSize: number): boolean {
  return dictionarySize + (count * bitWidthOf(distinct - 1)) / 8 < plainSize;
}

function dictionaryEncoder(bytes: Uint8Array, count: number, codes: Uint32Array, choice: EncodingChoice): ValueEncoder {
  const width = bitWidthOf(count - 1);
  return {
    // Writers of v1 files say PLAIN_DICTIONARY for the same bytes.
    encoding: choice.profile === 'compat' ? 'PLAIN_DICTIONARY' : 'RLE_DICTIONARY',
    dictionary: { bytes, count },
    append: (buffer, from, to) => {
      appendBytes(buffer, Uint8Array.of(width));
      appendHybrid(buffer, codes, from, to, width);
    },
  };
}
