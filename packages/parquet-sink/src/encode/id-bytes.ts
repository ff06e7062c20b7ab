import { type ByteBuffer, reserve } from './byte-buffer.js';

/** Decimal digits of 2^53−1. */
const MAX_DIGITS = 16;
const HALF = 100_000_000;

/** Writes the decimal digits of a safe integer ≥ 0 at `offset` and returns how many. */
function writeDigits(bytes: Uint8Array, offset: number, value: number): number {
  const count = digitCount(value);
  let position = offset + count;
  let rest = value;
  if (value >= HALF) {
    // Two halves of at most eight digits: 32-bit division is several times faster than division of doubles.
    const high = Math.floor(value / HALF);
    let low = (value - high * HALF) | 0;
    for (let digit = 0; digit < 8; digit++) {
      const next = (low / 10) | 0;
      bytes[--position] = 48 + low - next * 10;
      low = next;
    }
    rest = high;
  }
  let small = rest | 0;
  while (position > offset) {
    const next = (small / 10) | 0;
    bytes[--position] = 48 + small - next * 10;
    small = next;
  }
  return count;
}

/** Decimal digits of a safe integer ≥ 0. */
export function digitCount(value: number): number {
  let count = 1;
  for (let bound = 10; value >= bound && count < MAX_DIGITS; bound *= 10) count++;
  return count;
}

/** PLAIN byte arrays of ids[from, to): four bytes of length, then the digits. */
export function appendPlainIds(buffer: ByteBuffer, ids: Float64Array, from: number, to: number): void {
  const bytes = reserve(buffer, (to - from) * (4 + MAX_DIGITS));
  let offset = buffer.length;
  for (let row = from; row < to; row++) {
    const length = writeDigits(bytes, offset + 4, ids[row]!);
    bytes[offset] = length;
    bytes[offset + 1] = 0;
    bytes[offset + 2] = 0;
    bytes[offset + 3] = 0;
    offset += 4 + length;
  }
  buffer.length = offset;
}
