import { ParquetWriteError } from '../errors.js';
import { MAX_TEXT_BYTES } from '../limits.js';
import { appendBytes, type ByteBuffer, createByteBuffer, reserve } from './byte-buffer.js';

/** The UTF-8 of distinct texts, one after the other. Text `code` is bytes[offsets[code], offsets[code + 1]). */
export interface TextBytes {
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
}

const encoder = new TextEncoder();
// With the u flag a pair of surrogates is one character, so this finds only those that stand alone.
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Encodes distinct texts. Throws ParquetWriteError INVALID_VALUE for text that UTF-8 cannot hold. */
export function encodeTexts(columnName: string, texts: readonly string[]): TextBytes {
  const buffer = createByteBuffer(texts.length * 16);
  const offsets = new Uint32Array(texts.length + 1);
  for (const [code, text] of texts.entries()) {
    if (text.length > MAX_TEXT_BYTES) throw tooLong(columnName, text.length);
    const bytes = reserve(buffer, text.length * 3);
    const { written } = encoder.encodeInto(text, bytes.subarray(buffer.length));
    if (written > MAX_TEXT_BYTES) throw tooLong(columnName, written);
    if (written !== text.length && LONE_SURROGATE.test(text)) {
      throw new ParquetWriteError(
        'INVALID_VALUE',
        `A text of column "${columnName}" has half of a surrogate pair (${JSON.stringify(text.slice(0, 40))}), which UTF-8 cannot store unchanged; correct it where it comes from.`,
      );
    }
    buffer.length += written;
    offsets[code + 1] = buffer.length;
  }
  return { bytes: buffer.bytes.subarray(0, buffer.length), offsets };
}

function tooLong(columnName: string, length: number): ParquetWriteError {
  return new ParquetWriteError(
    'INVALID_VALUE',
    `A text of column "${columnName}" has ${length} bytes or more; expected at most ${MAX_TEXT_BYTES}. Store such text outside the table.`,
  );
}

export function textLength(texts: TextBytes, code: number): number {
  return texts.offsets[code + 1]! - texts.offsets[code]!;
}

export function textSlice(texts: TextBytes, code: number): Uint8Array {
  return texts.bytes.subarray(texts.offsets[code]!, texts.offsets[code + 1]!);
}

/** PLAIN byte array of one text: four bytes of length, then the UTF-8. */
export function appendPlainText(buffer: ByteBuffer, texts: TextBytes, code: number): void {
  const length = textLength(texts, code);
  const bytes = reserve(buffer, 4 + length);
  bytes[buffer.length] = length;
  bytes[buffer.length + 1] = length >>> 8;
  bytes[buffer.length + 2] = length >>> 16;
  bytes[buffer.length + 3] = length >>> 24;
  buffer.length += 4;
  appendBytes(buffer, textSlice(texts, code));
}
