import { appendVarint, type ByteBuffer, reserve } from './byte-buffer.js';

/**
 * The RLE/bit-packed hybrid of dictionary codes and levels:
 * https://parquet.apache.org/docs/file-format/data-pages/encodings/ (RLE = 3).
 */

/** A repeated value is worth a run of its own from this length on, counted from a multiple of eight. */
const MIN_RUN = 8;

/** Bits that the values 0 … max need; at least 1, because some readers refuse width 0. */
export function bitWidthOf(max: number): number {
  return Math.max(1, 32 - Math.clz32(max));
}

/** Appends values[from, to), each below 2^width, width ≤ 32. */
export function appendHybrid(
  buffer: ByteBuffer,
  values: Uint32Array | Uint8Array,
  from: number,
  to: number,
  width: number,
): void {
  let literalStart = from;
  let position = from;
  while (position < to) {
    const value = values[position]!;
    let end = position + 1;
    while (end < to && values[end] === value) end++;
    // Literals come in groups of eight: a run may only begin where the literals before it fill their last group.
    const aligned = literalStart + Math.ceil((position - literalStart) / 8) * 8;
    if (end - aligned >= MIN_RUN) {
      if (aligned > literalStart) appendLiterals(buffer, values, literalStart, aligned, width);
      appendRun(buffer, value, end - aligned, width);
      literalStart = end;
    }
    position = end;
  }
  if (literalStart < to) appendLiterals(buffer, values, literalStart, to, width);
}

function appendRun(buffer: ByteBuffer, value: number, count: number, width: number): void {
  appendVarint(buffer, count * 2);
  const bytes = reserve(buffer, 4);
  for (let shift = 0; shift < width; shift += 8) bytes[buffer.length++] = value >>> shift;
}

function appendLiterals(
  buffer: ByteBuffer,
  values: Uint32Array | Uint8Array,
  from: number,
  to: number,
  width: number,
): void {
  const groups = Math.ceil((to - from) / 8);
  appendVarint(buffer, groups * 2 + 1);
  const bytes = reserve(buffer, groups * width);
  const end = buffer.length + groups * width;
  let offset = buffer.length;
  // At most 7 pending bits and 25 new ones fit into 32-bit integers; wider values go in two halves.
  let pending = 0;
  let bits = 0;
  const lowWidth = Math.min(width, 16);
  const highWidth = width - lowWidth;
  for (let row = from; row < to; row++) {
    const value = values[row]!;
    pending |= (value & 0xffff) << bits;
    bits += lowWidth;
    while (bits >= 8) {
      bytes[offset++] = pending;
      pending >>>= 8;
      bits -= 8;
    }
    if (highWidth > 0) {
      pending |= (value >>> 16) << bits;
      bits += highWidth;
      while (bits >= 8) {
        bytes[offset++] = pending;
        pending >>>= 8;
        bits -= 8;
      }
    }
  }
  if (bits > 0) bytes[offset++] = pending;
  bytes.fill(0, offset, end);
  buffer.length = end;
}
