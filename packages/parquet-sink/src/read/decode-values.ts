import { type Cursor, readUint32, readVarint, readZigzag, take } from './cursor.js';
import { damaged, unsupported } from './errors.js';

// Decoders of page bodies: https://parquet.apache.org/docs/file-format/data-pages/encodings/. Each knows how many
// values it must give, allocates for those alone and stops with an error where the bytes say anything else.

/** RLE/bit-packed hybrid: `out.length` values of `width` bits, width ≤ 32. */
export function decodeHybrid(cursor: Cursor, width: number, out: Uint32Array | Uint8Array): void {
  if (width > 32) throw damaged(`a page holds codes of ${width} bits; expected at most 32`);
  const { bytes } = cursor;
  let row = 0;
  while (row < out.length) {
    const header = readVarint(cursor);
    const amount = Math.floor(header / 2);
    if (header % 2 === 0) {
      const at = take(cursor, Math.ceil(width / 8));
      let value = 0;
      for (let byte = at; byte < cursor.at; byte++) value += bytes[byte]! * 2 ** (8 * (byte - at));
      if (amount > out.length - row) throw damaged('a page holds more values than it says');
      out.fill(value, row, row + amount);
      row += amount;
    } else {
      const count = Math.min(amount * 8, out.length - row);
      // The last group may lack the bytes of its padding.
      if (Math.ceil((count * width) / 8) > cursor.end - cursor.at)
        throw damaged('a page ends in the middle of a value');
      const start = cursor.at * 8;
      for (let index = 0; index < count; index++) out[row + index] = readBits(bytes, start + index * width, width);
      row += count;
      cursor.at = Math.min(cursor.end, cursor.at + amount * width);
    }
  }
}

/** Up to 52 bits from a bit position on, least first. Bytes past the end count as zero; callers have checked the end. */
function readBits(bytes: Uint8Array, position: number, width: number): number {
  const at = position >> 3;
  const shift = position & 7;
  const low = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  if (width <= 24) return (low >>> shift) & (2 ** width - 1);
  return ((low >>> shift) & 0xff_ffff) + readBits(bytes, position + 24, width - 24) * 0x100_0000;
}

/** Bounds of deltas whose arithmetic is exact in doubles: see the encoder. */
const MAX_FAST_WIDTH = 52;
const MAX_FAST_DELTA = 2n ** 52n;

/** DELTA_BINARY_PACKED: `out.length` safe integers. */
export function decodeDelta(cursor: Cursor, out: Float64Array): void {
  const block = readVarint(cursor);
  const miniblocks = readVarint(cursor);
  const size = block / miniblocks;
  if (!Number.isInteger(size) || size % 32 !== 0 || size === 0 || block > 65_536) {
    throw damaged(`a page has delta blocks of ${block} values in ${miniblocks} parts`);
  }
  const total = readVarint(cursor);
  if (total !== out.length) throw damaged(`a page promises ${out.length} values and holds ${total}`);
  let value = readZigzag(cursor);
  if (out.length === 0) return;
  out[0] = safe(Number(value));
  for (let row = 1; row < out.length; ) {
    const least = readZigzag(cursor);
    const widths = take(cursor, miniblocks);
    for (let part = 0; part < miniblocks && row < out.length; part++) {
      const width = cursor.bytes[widths + part]!;
      const count = Math.min(size, out.length - row);
      if (width > 64) throw damaged(`a page holds deltas of ${width} bits; expected at most 64`);
      if (Math.ceil((count * width) / 8) > cursor.end - cursor.at)
        throw damaged('a page ends in the middle of a value');
      if (width <= MAX_FAST_WIDTH && least <= MAX_FAST_DELTA && least >= -MAX_FAST_DELTA) {
        addDeltas(cursor, out, row, count, width, Number(least));
      } else {
        value = BigInt(out[row - 1]!);
        for (let index = 0; index < count; index++) {
          value = BigInt.asIntN(64, value + least + readWideBits(cursor.bytes, cursor.at * 8 + index * width, width));
          out[row + index] = safe(Number(value));
        }
      }
      row += count;
      cursor.at = Math.min(cursor.end, cursor.at + (size * width) / 8);
    }
  }
}

function addDeltas(cursor: Cursor, out: Float64Array, row: number, count: number, width: number, least: number): void {
  const { bytes } = cursor;
  const start = cursor.at * 8;
  let value = out[row - 1]!;
  for (let index = 0; index < count; index++) {
    value += least + (width === 0 ? 0 : readBits(bytes, start + index * width, width));
    out[row + index] = safe(value);
  }
}

function readWideBits(bytes: Uint8Array, position: number, width: number): bigint {
  let value = 0n;
  for (let done = 0; done < width; done += 24) {
    value |= BigInt(readBits(bytes, position + done, Math.min(24, width - done))) << BigInt(done);
  }
  return value;
}

function safe(value: number): number {
  if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER) {
    throw unsupported('it holds an integer beyond ±(2^53−1)');
  }
  return value;
}

/** PLAIN INT64: `out.length` safe integers. */
export function decodePlainIntegers(cursor: Cursor, out: Float64Array): void {
  for (let row = 0; row < out.length; row++) {
    const low = readUint32(cursor);
    out[row] = safe((readUint32(cursor) | 0) * 0x1_0000_0000 + low);
  }
}

/** PLAIN DOUBLE. Little-endian, as in memory. */
export function decodePlainDoubles(cursor: Cursor, out: Float64Array): void {
  decodePlainBytes(cursor, new Uint8Array(out.buffer, out.byteOffset, out.byteLength));
}

/** PLAIN of fixed width: the bytes as they are. */
export function decodePlainBytes(cursor: Cursor, out: Uint8Array): void {
  const at = take(cursor, out.length);
  out.set(cursor.bytes.subarray(at, at + out.length));
}

/** PLAIN BOOLEAN: bits, the first in the lowest. */
export function decodePlainBooleans(cursor: Cursor, out: Uint8Array): void {
  const at = take(cursor, Math.ceil(out.length / 8));
  for (let row = 0; row < out.length; row++) out[row] = (cursor.bytes[at + (row >> 3)]! >> (row & 7)) & 1;
}

/** RLE BOOLEAN: four bytes of length, then the hybrid of one bit. */
export function decodeRleBooleans(cursor: Cursor, out: Uint8Array): void {
  readUint32(cursor);
  decodeHybrid(cursor, 1, out);
}
