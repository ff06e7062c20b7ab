import { appendVarint, appendZigzag, type ByteBuffer, reserve } from './byte-buffer.js';

/**
 * DELTA_BINARY_PACKED: https://parquet.apache.org/docs/file-format/data-pages/encodings/ (DELTA_BINARY_PACKED = 5).
 * Blocks of 128 deltas in four miniblocks of 32, each packed at its own width above the block's least delta.
 * All arithmetic is in doubles, exact because the caller keeps max − min of the values at or below `MAX_DELTA_RANGE`:
 * then a delta lies within ±2^52 and a delta above the least one within 2^53.
 */

/** Largest max − min of the values that can be encoded here: 2^52, for µs 142 years. */
export const MAX_DELTA_RANGE: number = 2 ** 52;

const BLOCK = 128;
const MINIBLOCKS = 4;
const MINIBLOCK = BLOCK / MINIBLOCKS;

const deltas = new Float64Array(BLOCK);
/** Deltas above the least one, where all of a block fit 31 bits: packing integers is twice as fast as doubles. */
const smallDeltas = new Int32Array(BLOCK);
const SMALL = 2 ** 31;

/** Appends values[from, to), all safe integers. */
export function appendDeltaBinaryPacked(buffer: ByteBuffer, values: Float64Array, from: number, to: number): void {
  const count = to - from;
  appendVarint(buffer, BLOCK);
  appendVarint(buffer, MINIBLOCKS);
  appendVarint(buffer, count);
  appendZigzag(buffer, count === 0 ? 0 : values[from]!);
  for (let start = from + 1; start < to; start += BLOCK) {
    const size = Math.min(BLOCK, to - start);
    let least = Number.POSITIVE_INFINITY;
    let greatest = Number.NEGATIVE_INFINITY;
    let previous = values[start - 1]!;
    for (let index = 0; index < size; index++) {
      const value = values[start + index]!;
      const delta = value - previous;
      previous = value;
      deltas[index] = delta;
      if (delta < least) least = delta;
      if (delta > greatest) greatest = delta;
    }
    appendBlock(buffer, size, least, greatest - least < SMALL);
  }
}

function appendBlock(buffer: ByteBuffer, size: number, least: number, isSmall: boolean): void {
  appendZigzag(buffer, least);
  // Bits above the last delta of a block are padding; writing zeros keeps equal input equal.
  const above = isSmall ? smallDeltas : deltas;
  for (let index = 0; index < size; index++) above[index] = deltas[index]! - least;
  above.fill(0, size);
  let widthAt = buffer.length;
  reserve(buffer, MINIBLOCKS + (BLOCK * 54) / 8);
  buffer.length += MINIBLOCKS;
  for (let miniblock = 0; miniblock < MINIBLOCKS; miniblock++) {
    const start = miniblock * MINIBLOCK;
    const width = start >= size ? 0 : isSmall ? smallWidthOf(start) : widthOf(start);
    buffer.bytes[widthAt++] = width;
    if (width === 0) continue;
    if (isSmall) packSmall(buffer, start, width);
    else packMiniblock(buffer, start, width);
  }
}

function smallWidthOf(start: number): number {
  let bits = 0;
  for (let index = start; index < start + MINIBLOCK; index++) bits |= smallDeltas[index]!;
  return 32 - Math.clz32(bits);
}

/** 32 integers of at most 31 bits each. */
function packSmall(buffer: ByteBuffer, start: number, width: number): void {
  const { bytes } = buffer;
  let offset = buffer.length;
  let pending = 0;
  let bits = 0;
  for (let index = start; index < start + MINIBLOCK; index++) {
    let rest = smallDeltas[index]!;
    let left = width;
    // 24 bits at most go in at once: with up to 7 pending ones they stay inside a 32-bit integer.
    if (left > 24) {
      pending |= (rest & 0xff_ffff) << bits;
      bytes[offset] = pending;
      bytes[offset + 1] = pending >>> 8;
      bytes[offset + 2] = pending >>> 16;
      offset += 3;
      pending >>>= 24;
      rest >>>= 24;
      left -= 24;
    }
    pending |= rest << bits;
    bits += left;
    while (bits >= 8) {
      bytes[offset++] = pending;
      pending >>>= 8;
      bits -= 8;
    }
  }
  buffer.length = offset;
}

function widthOf(start: number): number {
  let max = 0;
  for (let index = start; index < start + MINIBLOCK; index++) {
    const delta = deltas[index]!;
    if (delta > max) max = delta;
  }
  const high = Math.floor(max / 0x1_0000_0000);
  return high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(max);
}

function packMiniblock(buffer: ByteBuffer, start: number, width: number): void {
  const { bytes } = buffer;
  let offset = buffer.length;
  let pending = 0;
  let bits = 0;
  for (let index = start; index < start + MINIBLOCK; index++) {
    let rest = deltas[index]!;
    let left = width;
    // 24 bits at a time: with up to 7 pending ones they stay inside a 32-bit integer.
    while (left > 24) {
      const low = rest % 0x100_0000;
      rest = (rest - low) / 0x100_0000;
      pending |= low << bits;
      bytes[offset] = pending;
      bytes[offset + 1] = pending >>> 8;
      bytes[offset + 2] = pending >>> 16;
      offset += 3;
      pending >>>= 24;
      left -= 24;
    }
    pending |= rest << bits;
    bits += left;
    while (bits >= 8) {
      bytes[offset++] = pending;
      pending >>>= 8;
      bits -= 8;
    }
  }
  buffer.length = offset;
}
