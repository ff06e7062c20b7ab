// AssemblyScript, compiled by tools/wasm.mjs into src/page-kernel.wasm.ts. The loops over values that page encoders
// spend their time in. The host copies values in and bytes out, and makes room beforehand (src/encode/page-kernel.ts):
// nothing here allocates. Every writer may write 16 bytes beyond the end that it returns.

const BLOCK: i32 = 128;
const MINIBLOCK: i32 = 32;
const MINIBLOCKS: i32 = 4;

/** Deltas of a block above the least one. */
const deltas: usize = memory.data(BLOCK * 8);

/** The first byte that the host may use. */
export function heapBase(): usize {
  return __heap_base;
}

// @ts-expect-error: decorator of AssemblyScript
@inline
function writeVarint(to: usize, value: u64): usize {
  let at = to;
  let rest = value;
  while (rest >= 0x80) {
    store<u8>(at++, <u8>(rest | 0x80));
    rest >>= 7;
  }
  store<u8>(at, <u8>rest);
  return at + 1;
}

// @ts-expect-error
@inline
function writeZigzag(to: usize, value: i64): usize {
  return writeVarint(to, <u64>((value << 1) ^ (value >> 63)));
}

/**
 * DELTA_BINARY_PACKED of `count` doubles that are integers, their spread at most 2^52:
 * https://parquet.apache.org/docs/file-format/data-pages/encodings/ (DELTA_BINARY_PACKED = 5).
 * Blocks of 128 deltas in four miniblocks of 32, each packed at its own width above the block's least delta. Gives the end.
 */
export function deltaBinaryPacked(values: usize, count: i32, to: usize): usize {
  let at = writeVarint(to, BLOCK);
  at = writeVarint(at, MINIBLOCKS);
  at = writeVarint(at, count);
  let previous: i64 = count == 0 ? 0 : <i64>load<f64>(values);
  at = writeZigzag(at, previous);
  for (let start = 1; start < count; start += BLOCK) {
    const size = min(BLOCK, count - start);
    let least: i64 = i64.MAX_VALUE;
    for (let index = 0; index < size; index++) {
      const value = <i64>load<f64>(values + (<usize>(start + index) << 3));
      const delta = value - previous;
      previous = value;
      store<i64>(deltas + (<usize>index << 3), delta);
      if (delta < least) least = delta;
    }
    at = writeBlock(at, size, least);
  }
  return at;
}

function writeBlock(to: usize, size: i32, least: i64): usize {
  let at = writeZigzag(to, least);
  for (let index = 0; index < size; index++) {
    const slot = deltas + (<usize>index << 3);
    store<i64>(slot, load<i64>(slot) - least);
  }
  // Bits above the last delta of a block are padding; writing zeros keeps equal input equal.
  memory.fill(deltas + (<usize>size << 3), 0, <usize>(BLOCK - size) << 3);
  const widths = at;
  at += MINIBLOCKS;
  for (let miniblock = 0; miniblock < MINIBLOCKS; miniblock++) {
    const first = deltas + (<usize>(miniblock * MINIBLOCK) << 3);
    let bits: u64 = 0;
    for (let index = 0; index < MINIBLOCK; index++) bits |= load<u64>(first + (<usize>index << 3));
    const width = 64 - <i32>clz(bits);
    store<u8>(widths + miniblock, <u8>width);
    if (width > 0) at = packWords(first, width, at);
  }
  return at;
}

/** 32 integers of at most 56 bits each. */
function packWords(first: usize, width: i32, to: usize): usize {
  let at = to;
  let pending: u64 = 0;
  let bits: i32 = 0;
  for (let index = 0; index < MINIBLOCK; index++) {
    pending |= load<u64>(first + (<usize>index << 3)) << <u64>bits;
    bits += width;
    // Whole bytes go out; up to 7 bits stay.
    store<u64>(at, pending);
    at += <usize>(bits >> 3);
    pending >>= <u64>(bits & ~7);
    bits &= 7;
  }
  return at;
}

/**
 * The RLE/bit-packed hybrid of `count` numbers below 2^width, width ≤ 32:
 * https://parquet.apache.org/docs/file-format/data-pages/encodings/ (RLE = 3). A repeated value is worth a run of its own
 * from 8 on, counted from a multiple of eight.
 */
export function hybrid(values: usize, count: i32, width: i32, to: usize): usize {
  let at = to;
  let literals = 0;
  let position = 0;
  while (position < count) {
    const value = load<u32>(values + (<usize>position << 2));
    const end = endOfRun(values, position, count, value);
    // Literals come in groups of eight: a run may only begin where the literals before it fill their last group.
    const aligned = literals + (((position - literals + 7) >> 3) << 3);
    if (end - aligned >= 8) {
      if (aligned > literals) at = writeLiterals(values, literals, aligned, width, at);
      at = writeVarint(at, (<u64>(end - aligned)) << 1);
      for (let shift = 0; shift < width; shift += 8) store<u8>(at++, <u8>(value >> <u32>shift));
      literals = end;
    }
    position = end;
  }
  return literals < count ? writeLiterals(values, literals, count, width, at) : at;
}

/** The first place behind `position` that has another value. */
// @ts-expect-error
@inline
function endOfRun(values: usize, position: i32, count: i32, value: u32): i32 {
  let end = position + 1;
  while (end < count && load<u32>(values + (<usize>end << 2)) == value) {
    end++;
    if (end - position < 8) continue;
    // A run so long is mostly a longer one: four at a time.
    const wanted = i32x4.splat(value);
    while (end + 4 <= count && i32x4.all_true(i32x4.eq(v128.load(values + (<usize>end << 2)), wanted))) end += 4;
  }
  return end;
}

function writeLiterals(values: usize, from: i32, until: i32, width: i32, to: usize): usize {
  const groups = (until - from + 7) >> 3;
  let at = writeVarint(to, ((<u64>groups) << 1) | 1);
  const end = at + <usize>(groups * width);
  let pending: u64 = 0;
  let bits: i32 = 0;
  for (let row = from; row < until; row++) {
    pending |= (<u64>load<u32>(values + (<usize>row << 2))) << <u64>bits;
    bits += width;
    store<u64>(at, pending);
    at += <usize>(bits >> 3);
    pending >>= <u64>(bits & ~7);
    bits &= 7;
  }
  if (at < end) {
    store<u8>(at++, <u8>pending);
    memory.fill(at, 0, end - at);
  }
  return end;
}

/**
 * Numbers the distinct values of `count` values of `width` (1 or 2) 64-bit words by first appearance: a code each, and
 * for each code its value and the place of its first one. `slots`: room for 8 × `limit` numbers and for 4096 at least, of
 * which the first 4096 are 0. −1 where there are more than `limit`.
 */
export function numberValues(
  values: usize,
  width: i32,
  count: i32,
  limit: i32,
  codes: usize,
  firsts: usize,
  distinct: usize,
  slots: usize,
): i32 {
  const size = <usize>(width << 3);
  let bits = 12;
  let entries = 0;
  let code: u32 = 0;
  for (let index = 0; index < count; index++) {
    const at = values + <usize>index * size;
    // Most prices are those of the trade before.
    if (index == 0 || !sameWords(at - size, at, width)) {
      let slot = slotOf(at, width, bits);
      let entry = load<u32>(slots + (<usize>slot << 2));
      while (entry != 0 && !sameWords(distinct + <usize>(entry - 1) * size, at, width)) {
        slot = (slot + 1) & ((1 << bits) - 1);
        entry = load<u32>(slots + (<usize>slot << 2));
      }
      if (entry == 0) {
        if (entries == limit) return -1;
        store<u32>(firsts + (<usize>entries << 2), index);
        copyWords(at, distinct + <usize>entries * size, width);
        entries++;
        entry = <u32>entries;
        store<u32>(slots + (<usize>slot << 2), entry);
        // The table starts small and grows: most chunks have few distinct values, and a small table stays in the cache.
        if (entries * 2 > 1 << bits) {
          bits += 2;
          fillSlots(distinct, width, entries, bits, slots);
        }
      }
      code = entry - 1;
    }
    store<u32>(codes + (<usize>index << 2), code);
  }
  return entries;
}

const SAMPLE: i32 = 4096;

/**
 * Whether half of `count` values or more are distinct, so that a dictionary would not pay: Chao's estimate from the values
 * met once and twice among some taken evenly from all (A. Chao 1984). Fewer than four samples are not looked at.
 * `sample`: room for `SAMPLE` values; the others as for so many in `numberValues`; `firsts` is written over.
 */
export function areMostlyDistinct(
  values: usize,
  width: i32,
  count: i32,
  sample: usize,
  codes: usize,
  firsts: usize,
  distinct: usize,
  slots: usize,
): bool {
  if (count < SAMPLE * 4) return false;
  const size = <usize>(width << 3);
  const stride = count / SAMPLE;
  for (let index = 0; index < SAMPLE; index++) {
    // A step inside the stride, so that a period in the data does not meet the sample's.
    const from = values + <usize>(index * stride + ((index * 7) % stride)) * size;
    const to = sample + <usize>index * size;
    copyWords(from, to, width);
  }
  const entries = numberValues(sample, width, SAMPLE, SAMPLE, codes, firsts, distinct, slots);
  // From here on the times that each is met.
  memory.fill(firsts, 0, <usize>entries << 2);
  for (let index = 0; index < SAMPLE; index++) {
    const times = firsts + (<usize>load<u32>(codes + (<usize>index << 2)) << 2);
    store<u32>(times, load<u32>(times) + 1);
  }
  let once: f64 = 0;
  let twice: f64 = 0;
  for (let code = 0; code < entries; code++) {
    const times = load<u32>(firsts + (<usize>code << 2));
    if (times == 1) once++;
    else if (times == 2) twice++;
  }
  return <f64>entries + (once * (once - 1)) / (2 * (twice + 1)) > <f64>count / 2;
}

/** Marks the codes below `entries` that come; `marks`: a byte each. */
export function markCodes(codes: usize, count: i32, marks: usize, entries: i32): void {
  memory.fill(marks, 0, entries);
  for (let index = 0; index < count; index++) store<u8>(marks + <usize>load<u32>(codes + (<usize>index << 2)), 1);
}

// @ts-expect-error
@inline
function sameWords(a: usize, b: usize, width: i32): bool {
  return load<u64>(a) == load<u64>(b) && (width == 1 || load<u64>(a + 8) == load<u64>(b + 8));
}

// @ts-expect-error
@inline
function copyWords(from: usize, to: usize, width: i32): void {
  store<u64>(to, load<u64>(from));
  if (width > 1) store<u64>(to + 8, load<u64>(from + 8));
}

// @ts-expect-error
@inline
function slotOf(at: usize, width: i32, bits: i32): u32 {
  let word = load<u64>(at);
  if (width > 1) word = (word ^ (word >> 29)) * 0xbf58476d1ce4e5b9 + load<u64>(at + 8);
  return <u32>(((word ^ (word >> 32)) * 0x9e3779b97f4a7c15) >> <u64>(64 - bits));
}

function fillSlots(distinct: usize, width: i32, entries: i32, bits: i32, slots: usize): void {
  memory.fill(slots, 0, <usize>4 << <usize>bits);
  for (let entry = 0; entry < entries; entry++) {
    let slot = slotOf(distinct + <usize>entry * <usize>(width << 3), width, bits);
    while (load<u32>(slots + (<usize>slot << 2)) != 0) slot = (slot + 1) & ((1 << bits) - 1);
    store<u32>(slots + (<usize>slot << 2), <u32>(entry + 1));
  }
}

/** Digits of a number in text; room for 20. */
const earlier: usize = memory.data(32);
const current: usize = memory.data(32);

function writeDigits(to: usize, value: u64): i32 {
  let count = 1;
  for (let bound: u64 = 10; value >= bound && count < 16; bound *= 10) count++;
  let rest = value;
  for (let at = to + <usize>count; at > to; ) {
    const next = rest / 10;
    store<u8>(--at, <u8>(48 + rest - next * 10));
    rest = next;
  }
  return count;
}

/**
 * DELTA_BYTE_ARRAY of `count` ids: lengths of the prefix shared with the id before, lengths of the rest, the rests.
 * Neighbours of a sorted chunk share all but the last digits: about 0.1 to 0.2 byte an id after Snappy. (Writing more of
 * the last digits than needed, so that the lengths are all alike, was tried: Snappy finds fewer repeats then.)
 * `lengths`: room for 2 × `count` doubles; `texts`: for 16 bytes an id.
 */
export function deltaIds(ids: usize, count: i32, lengths: usize, texts: usize, to: usize): usize {
  const rests = lengths + (<usize>count << 3);
  let at = texts;
  let previous: i64 = -2; // of no id the successor
  let length = 0;
  let lastDigit = 0;
  for (let index = 0; index < count; index++) {
    const id = <i64>load<f64>(ids + (<usize>index << 3));
    let prefix: i32;
    lastDigit++;
    if (id == previous + 1 && lastDigit < 10) {
      store<u8>(at++, <u8>(48 + lastDigit));
      prefix = length - 1;
    } else {
      const before = previous < 0 ? 0 : writeDigits(earlier, previous);
      length = writeDigits(current, id);
      prefix = 0;
      while (prefix < min(before, length) && load<u8>(earlier + prefix) == load<u8>(current + prefix)) prefix++;
      for (let digit = prefix; digit < length; digit++) store<u8>(at++, load<u8>(current + digit));
      lastDigit = <i32>(id % 10);
    }
    store<f64>(lengths + (<usize>index << 3), prefix);
    store<f64>(rests + (<usize>index << 3), length - prefix);
    previous = id;
  }
  let end = deltaBinaryPacked(lengths, count, to);
  end = deltaBinaryPacked(rests, count, end);
  memory.copy(end, texts, at - texts);
  return end + (at - texts);
}

/** Of the values that `bounds` saw last: whether all are safe integers. */
let areIntegers: bool = false;
let greatest: f64 = 0;

const MAX_SAFE: f64 = 9007199254740991;

/** The least of `count` doubles, NaN left out: infinity where there is no other. Two at a time. */
export function bounds(values: usize, count: i32): f64 {
  let lows = f64x2.splat(Infinity);
  let highs = f64x2.splat(-Infinity);
  let odd = i64x2.splat(0);
  const end = values + (<usize>(count & ~1) << 3);
  for (let at = values; at < end; at += 16) {
    const pair = v128.load(at);
    // Of a value and NaN both give the first.
    lows = f64x2.pmin(lows, pair);
    highs = f64x2.pmax(highs, pair);
    odd = v128.or(odd, f64x2.ne(pair, f64x2.nearest(pair)));
  }
  let low = f64x2.extract_lane(lows, 0);
  let high = f64x2.extract_lane(highs, 0);
  if (f64x2.extract_lane(lows, 1) < low) low = f64x2.extract_lane(lows, 1);
  if (f64x2.extract_lane(highs, 1) > high) high = f64x2.extract_lane(highs, 1);
  let whole = !v128.any_true(odd);
  if ((count & 1) != 0) {
    const value = load<f64>(end);
    if (value < low) low = value;
    if (value > high) high = value;
    if (value != nearest(value)) whole = false;
  }
  greatest = high;
  areIntegers = whole && low >= -MAX_SAFE && high <= MAX_SAFE;
  return low;
}

export function greatestOfBounds(): f64 {
  return greatest;
}

export function areSafeIntegers(): bool {
  return areIntegers;
}

/** Whether no double is less than the one before it. */
export function ascend(values: usize, count: i32): bool {
  for (let index = 1; index < count; index++) {
    const at = values + (<usize>index << 3);
    if (load<f64>(at - 8) > load<f64>(at)) return false;
  }
  return true;
}
