import { type ByteBuffer, reserve } from './byte-buffer.js';

// PLAIN: https://parquet.apache.org/docs/file-format/data-pages/encodings/ (PLAIN = 0). Numbers are little-endian, as
// every platform that Node supports stores them, so doubles go over as they lie in memory.

export function appendPlainDoubles(buffer: ByteBuffer, values: Float64Array, from: number, to: number): void {
  const bytes = new Uint8Array(values.buffer, values.byteOffset + from * 8, (to - from) * 8);
  reserve(buffer, bytes.length).set(bytes, buffer.length);
  buffer.length += bytes.length;
}

/** Safe integers as INT64, by their two 32-bit halves: no BigInt a value. */
export function appendPlainIntegers(buffer: ByteBuffer, values: Float64Array, from: number, to: number): void {
  const words = new Int32Array((to - from) * 2);
  for (let index = from; index < to; index++) {
    const value = values[index]!;
    const high = Math.floor(value / 0x1_0000_0000);
    words[(index - from) * 2] = value - high * 0x1_0000_0000;
    words[(index - from) * 2 + 1] = high;
  }
  const bytes = new Uint8Array(words.buffer);
  reserve(buffer, bytes.length).set(bytes, buffer.length);
  buffer.length += bytes.length;
}

/** Booleans as bits, the first in the lowest. */
export function appendPlainBooleans(buffer: ByteBuffer, values: Uint8Array, from: number, to: number): void {
  const size = Math.ceil((to - from) / 8);
  const bytes = reserve(buffer, size).fill(0, buffer.length, buffer.length + size);
  for (let index = from; index < to; index++) {
    if (values[index] === 1) bytes[buffer.length + ((index - from) >> 3)]! |= 1 << ((index - from) & 7);
  }
  buffer.length += size;
}
