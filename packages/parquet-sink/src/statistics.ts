import { codesThatCome } from './encode/page-kernel.js';
import type { TextBytes } from './encode/text-bytes.js';
import { textSlice } from './encode/text-bytes.js';
import { DECIMAL_BYTES } from './limits.js';
import { numberBounds } from './number-bounds.js';
import type { ColumnChunkData } from './row-group-buffer.js';

/**
 * Least and greatest value of a page or chunk: numbers for double, timestamp, int64, ids and booleans (0, 1), unscaled
 * bigints for decimals, UTF-8 for text.
 */
export interface Bounds {
  readonly min: Bound;
  readonly max: Bound;
}

export type Bound = number | bigint | Uint8Array;

/** Bounds in the footer longer than this are left out rather than cut, so that every bound written is exact. */
const MAX_BOUND_BYTES = 64;

const encoder = new TextEncoder();

/** Gives the bounds of values [from, to) of a chunk; `undefined` where there is none (no value, only NaN). */
export type BoundsOf = (from: number, to: number) => Bounds | undefined;

export function createBoundsOf(chunk: ColumnChunkData, texts: TextBytes): BoundsOf {
  const { values } = chunk;
  switch (values.kind) {
    case 'text':
      return createTextBounds(values.codes, texts);
    case 'decimal':
      return (from, to) => decimalBounds(values.values, from, to);
    default:
      return (from, to) => numberBounds(values.values, from, to);
  }
}

function decimalBounds(values: Uint8Array, from: number, to: number): Bounds | undefined {
  if (from === to) return undefined;
  let min = from;
  let max = from;
  for (let index = from + 1; index < to; index++) {
    if (compareDecimals(values, index, min) < 0) min = index;
    else if (compareDecimals(values, index, max) > 0) max = index;
  }
  return { min: decimalAt(values, min), max: decimalAt(values, max) };
}

/** Big-endian two's complement: the first byte is signed, the others are not. */
function compareDecimals(values: Uint8Array, left: number, right: number): number {
  const a = left * DECIMAL_BYTES;
  const b = right * DECIMAL_BYTES;
  const first = (values[a]! ^ 0x80) - (values[b]! ^ 0x80);
  if (first !== 0) return first;
  for (let byte = 1; byte < DECIMAL_BYTES; byte++) {
    const difference = values[a + byte]! - values[b + byte]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

function decimalAt(values: Uint8Array, index: number): bigint {
  const view = new DataView(values.buffer, values.byteOffset + index * DECIMAL_BYTES, DECIMAL_BYTES);
  return (view.getBigInt64(0) << 64n) | view.getBigUint64(8);
}

function createTextBounds(codes: Uint32Array, texts: TextBytes): BoundsOf {
  const distinct = texts.offsets.length - 1;
  return (from, to) => {
    if (from === to) return undefined;
    let min = codes[from]!;
    let max = min;
    const comes = codesThatCome(codes, from, to, distinct);
    for (let code = comes.indexOf(1); code >= 0; code = comes.indexOf(1, code + 1)) {
      if (compareTexts(texts, code, min) < 0) min = code;
      if (compareTexts(texts, code, max) > 0) max = code;
    }
    // Copies: bounds outlive the texts of the row group.
    return { min: textSlice(texts, min).slice(), max: textSlice(texts, max).slice() };
  };
}

/** Unsigned bytes, as Parquet orders text. */
function compareTexts({ bytes, offsets }: TextBytes, left: number, right: number): number {
  if (left === right) return 0;
  const a = offsets[left]!;
  const b = offsets[right]!;
  const leftLength = offsets[left + 1]! - a;
  const rightLength = offsets[right + 1]! - b;
  const shared = Math.min(leftLength, rightLength);
  for (let byte = 0; byte < shared; byte++) {
    const difference = bytes[a + byte]! - bytes[b + byte]!;
    if (difference !== 0) return difference;
  }
  return leftLength - rightLength;
}

/** Compares two bounds of the same column. */
export function compareBounds(left: Bound, right: Bound): number {
  if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The bounds of two sets of values together. */
export function mergeBounds(left: Bounds | undefined, right: Bounds | undefined): Bounds | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return {
    min: compareBounds(right.min, left.min) < 0 ? right.min : left.min,
    max: compareBounds(right.max, left.max) > 0 ? right.max : left.max,
  };
}

/** What the footer stores for bounds of a column; `undefined` where nothing may be stored. */
export interface StoredBounds {
  readonly min: number | bigint | boolean | Uint8Array;
  readonly max: number | bigint | boolean | Uint8Array;
}

export function storedBounds(chunk: ColumnChunkData, bounds: Bounds | undefined): StoredBounds | undefined {
  if (bounds === undefined) return undefined;
  const { min, max } = bounds;
  if (min instanceof Uint8Array || max instanceof Uint8Array) {
    const fits = (bound: Bound): boolean => bound instanceof Uint8Array && bound.length <= MAX_BOUND_BYTES;
    return fits(min) && fits(max) ? { min, max } : undefined;
  }
  if (chunk.values.kind === 'ids') return { min: encoder.encode(String(min)), max: encoder.encode(String(max)) };
  if (chunk.values.kind === 'boolean') return { min: min === 1, max: max === 1 };
  if (chunk.spec.type === 'double') return { min: min === 0 ? -0 : min, max: max === 0 ? 0 : max };
  return { min: BigInt(min), max: BigInt(max) };
}

/** Whether ids within these bounds have different lengths, so that their order as numbers is not that of their texts. */
export function hasMixedDigits(bounds: Bounds | undefined): boolean {
  return bounds !== undefined && String(bounds.min).length !== String(bounds.max).length;
}
