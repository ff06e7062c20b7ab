// AssemblyScript, compiled by tools/wasm.mjs into src/snappy.wasm.ts. A Snappy block of the bytes of a page:
// https://github.com/google/snappy/blob/main/format_description.txt. What comes out depends on what goes in and on nothing
// else: the table is cleared by every call. The host makes room (src/snappy.ts); up to 16 bytes beyond the end of both
// input and output are touched.

/** Of the table of places, one for each hash of four bytes. */
const TABLE_BITS: u32 = 14;
/** Every 32 bytes without a match, the next places that are looked at lie one byte further apart. */
const SKIP_BITS: u32 = 5;
/** The longest copy of one element, and the longest that leaves enough for another of at least 4. */
const MOST_COPIED: u32 = 64;
const MOST_COPIED_BEFORE_LAST: u32 = 60;

/** For a hash the last 16 bits of the place where it was met last: with the place at hand they say how far back that is. */
const places: usize = memory.data(2 << 14);

/** The first byte that the host may use. */
export function heapBase(): usize {
  return __heap_base;
}

/** Compresses `size` bytes; gives the end. `to`: room for `size` + `size` ÷ 6 + 32 bytes. */
export function compress(from: usize, size: u32, to: usize): usize {
  let at = writeVarint(to, size);
  const end = from + size;
  /** Where the bytes begin that are not written yet. */
  let literal = from;
  if (size > 16) {
    memory.fill(places, 0, 2 << TABLE_BITS);
    const limit = end - 15;
    let skip: u32 = 1 << SKIP_BITS;
    let here = from + 1;
    while (here < limit) {
      const word = load<u32>(here);
      const slot = slotOf(word);
      const place = <u32>(here - from);
      const offset = (place - <u32>load<u16>(slot)) & 0xffff;
      store<u16>(slot, <u16>place);
      // No offset, or one that lies before the input: nothing of this hash was met within 64 KiB.
      if (offset - 1 >= place || load<u32>(here - offset) != word) {
        here += <usize>(skip++ >> SKIP_BITS);
        continue;
      }
      let match = here - offset;
      let length = 4 + countSame(match + 4, here + 4, end);
      // Places that were skipped may belong to it.
      while (here > literal && match > from && load<u8>(here - 1) == load<u8>(match - 1)) {
        here--;
        match--;
        length++;
      }
      if (here > literal) at = writeLiteral(literal, here - literal, at);
      at = writeCopy(offset, length, at);
      here += <usize>length;
      literal = here;
      skip = 1 << SKIP_BITS;
      if (here < limit) store<u16>(slotOf(load<u32>(here - 1)), <u16>(here - 1 - from));
    }
  }
  return end > literal ? writeLiteral(literal, end - literal, at) : at;
}

function writeVarint(to: usize, value: u32): usize {
  let at = to;
  let rest = value;
  while (rest >= 0x80) {
    store<u8>(at++, <u8>(rest | 0x80));
    rest >>= 7;
  }
  store<u8>(at, <u8>rest);
  return at + 1;
}

// @ts-expect-error: decorator of AssemblyScript
@inline
function slotOf(word: u32): usize {
  return places + (<usize>((word * 0x1e35a7bd) >> (32 - TABLE_BITS)) << 1);
}

/** How many bytes from `b` to `end` are those from `a` on. */
// @ts-expect-error
@inline
function countSame(a: usize, b: usize, end: usize): u32 {
  let from = a;
  let at = b;
  while (at + 8 <= end) {
    const differing = load<u64>(from) ^ load<u64>(at);
    if (differing != 0) return <u32>(at - b) + <u32>(ctz(differing) >> 3);
    from += 8;
    at += 8;
  }
  while (at < end && load<u8>(from) == load<u8>(at)) {
    from++;
    at++;
  }
  return <u32>(at - b);
}

// @ts-expect-error
@inline
function writeLiteral(from: usize, size: usize, to: usize): usize {
  const last = <u32>size - 1;
  let at = to;
  if (last < 60) {
    store<u8>(at++, <u8>(last << 2));
  } else if (last < 0x100) {
    store<u8>(at, 60 << 2);
    store<u8>(at + 1, <u8>last);
    at += 2;
  } else if (last < 0x10000) {
    store<u8>(at, 61 << 2);
    store<u16>(at + 1, <u16>last);
    at += 3;
  } else {
    store<u8>(at, 63 << 2);
    store<u32>(at + 1, last);
    at += 5;
  }
  if (size <= 16) {
    store<u64>(at, load<u64>(from));
    store<u64>(at + 8, load<u64>(from + 8));
  } else {
    memory.copy(at, from, size);
  }
  return at + size;
}

/** `offset`: below 65,536. */
// @ts-expect-error
@inline
function writeCopy(offset: u32, size: u32, to: usize): usize {
  let at = to;
  let rest = size;
  while (rest > MOST_COPIED) {
    const part: u32 = rest >= MOST_COPIED + 4 ? MOST_COPIED : MOST_COPIED_BEFORE_LAST;
    store<u8>(at, <u8>(((part - 1) << 2) | 2));
    store<u16>(at + 1, <u16>offset);
    at += 3;
    rest -= part;
  }
  if (rest < 12 && offset < 2048) {
    store<u8>(at, <u8>(((offset >> 8) << 5) | ((rest - 4) << 2) | 1));
    store<u8>(at + 1, <u8>offset);
    return at + 2;
  }
  store<u8>(at, <u8>(((rest - 1) << 2) | 2));
  store<u16>(at + 1, <u16>offset);
  return at + 3;
}
