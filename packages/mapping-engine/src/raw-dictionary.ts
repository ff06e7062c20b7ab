import { createTextMemo, type TextMemo } from './line-words.js';

/** More distinct values than this are no dictionary: the column becomes text, further raw forms are not remembered. */
export const LARGEST_DICTIONARY = 65_536;
/** Longer raw forms are not remembered, so that a column's memory stays below 16 MiB. */
const LONGEST_REMEMBERED = 256;

/** 32-bit FNV-1a, also computed while a value is being read. */
export const HASH_START: number = 0x811c9dc5 | 0;
export const HASH_FACTOR = 0x01000193;

/**
 * From a value's bytes as they stand in the line to its code in a dictionary, without making a string. What the mapping
 * does to a text is thus done once for each distinct text.
 */
export interface RawDictionary {
  /** The raw form and code that the kernel met last; forgotten with the rest. */
  readonly memo: TextMemo;
  /** The code remembered for these bytes, or −1. */
  readonly find: (bytes: Uint8Array, from: number, to: number, hash: number) => number;
  /** Remembers a code, unless the value is long or the dictionary full. */
  readonly remember: (bytes: Uint8Array, from: number, to: number, hash: number, code: number) => void;
  readonly clear: () => void;
}

export function createRawDictionary(): RawDictionary {
  let slots = new Int32Array(64);
  let pool = new Uint8Array(256);
  let used = 0;
  // By entry: start in the pool (one more than entries), hash, code.
  const starts: number[] = [0];
  const hashes: number[] = [];
  const codes: number[] = [];

  const insert = (entry: number): void => {
    let slot = hashes[entry]! & (slots.length - 1);
    while (slots[slot] !== 0) slot = (slot + 1) & (slots.length - 1);
    slots[slot] = entry + 1;
  };

  const memo = createTextMemo();
  return {
    memo,
    find: (bytes, from, to, hash) => {
      let slot = hash & (slots.length - 1);
      for (;;) {
        const entry = slots[slot]! - 1;
        if (entry < 0) return -1;
        if (hashes[entry] === hash && isEqual(pool, starts[entry]!, starts[entry + 1]!, bytes, from, to))
          return codes[entry]!;
        slot = (slot + 1) & (slots.length - 1);
      }
    },
    remember: (bytes, from, to, hash, code) => {
      const length = to - from;
      if (length > LONGEST_REMEMBERED || codes.length >= LARGEST_DICTIONARY) return;
      if (used + length > pool.length) {
        const larger = new Uint8Array(Math.max(pool.length * 2, used + length));
        larger.set(pool);
        pool = larger;
      }
      pool.set(bytes.subarray(from, to), used);
      used += length;
      starts.push(used);
      hashes.push(hash);
      codes.push(code);
      if (codes.length * 2 > slots.length) {
        slots = new Int32Array(slots.length * 4);
        for (let entry = 0; entry < codes.length; entry += 1) insert(entry);
      } else insert(codes.length - 1);
    },
    clear: () => {
      memo.chunk = 0;
      slots.fill(0);
      used = 0;
      starts.length = 1;
      hashes.length = 0;
      codes.length = 0;
    },
  };
}

function isEqual(a: Uint8Array, aFrom: number, aTo: number, b: Uint8Array, bFrom: number, bTo: number): boolean {
  if (aTo - aFrom !== bTo - bFrom) return false;
  for (let at = aFrom, other = bFrom; at < aTo; at += 1, other += 1) if (a[at] !== b[other]) return false;
  return true;
}
