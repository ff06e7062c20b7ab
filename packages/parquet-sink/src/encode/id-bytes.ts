import { appendBytes, type ByteBuffer, createByteBuffer, reserve } from './byte-buffer.js';
import { appendDeltaBinaryPacked } from './delta-binary-packed.js';

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

/**
 * DELTA_BYTE_ARRAY of ids[from, to): lengths of the prefix shared with the id before, lengths of the rest, the rests.
 * Neighbours of a sorted chunk share all but the last digits: about 0.1 to 0.2 byte an id after Snappy. (Writing more of
 * the last digits than needed, so that the lengths are all alike, was tried: Snappy finds fewer repeats then.)
 */
export function appendDeltaIds(buffer: ByteBuffer, ids: Float64Array, from: number, to: number): void {
  const count = to - from;
  if (count > prefixes.length) {
    prefixes = new Float64Array(count);
    suffixes = new Float64Array(count);
  }
  rests.length = 0;
  const bytes = reserve(rests, count * MAX_DIGITS);
  let at = 0;
  let previous = -2; // of no id the successor
  let length = 0;
  let lastDigit = 0;
  for (let index = 0; index < count; index++) {
    const id = ids[from + index]!;
    lastDigit += 1;
    if (id === previous + 1 && lastDigit < 10) {
      bytes[at++] = 48 + lastDigit;
      prefixes[index] = length - 1;
      suffixes[index] = 1;
    } else {
      const prefix = sharedDigits(previous, id);
      length = writeDigits(current, 0, id);
      for (let digit = prefix; digit < length; digit++) bytes[at++] = current[digit]!;
      prefixes[index] = prefix;
      suffixes[index] = length - prefix;
      lastDigit = id % 10;
    }
    previous = id;
  }
  appendDeltaBinaryPacked(buffer, prefixes, 0, count);
  appendDeltaBinaryPacked(buffer, suffixes, 0, count);
  appendBytes(buffer, bytes.subarray(0, at));
}

/** Of the page being written. */
let prefixes = new Float64Array(0);
let suffixes = new Float64Array(0);
const rests = createByteBuffer(0);
const current = new Uint8Array(MAX_DIGITS);
const earlier = new Uint8Array(MAX_DIGITS);

/** Leading digits that an id shares with the one before (negative: none), its last three left out. */
function sharedDigits(before: number, id: number): number {
  if (before < 0) return 0;
  const limit = Math.min(writeDigits(earlier, 0, before), writeDigits(current, 0, id));
  let shared = 0;
  while (shared < limit && current[shared] === earlier[shared]) shared++;
  return shared;
}
