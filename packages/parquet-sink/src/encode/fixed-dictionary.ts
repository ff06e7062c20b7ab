/** Distinct fixed-width values of a chunk, numbered by first appearance. */
export interface FixedDictionary {
  /** A code a value. */
  readonly codes: Uint32Array;
  /** For each code the place of the first value that has it. */
  readonly firsts: Uint32Array;
}

/**
 * Numbers the distinct values of `count` values of `width` 32-bit words each (equal bits = equal values), or gives
 * `undefined` as soon as there are more than `maxEntries`. Open addressing, no object a value.
 */
export function buildFixedDictionary(
  words: Uint32Array,
  width: number,
  count: number,
  maxEntries: number,
): FixedDictionary | undefined {
  const limit = Math.min(count, maxEntries);
  const bits = Math.max(4, 33 - Math.clz32(limit));
  const mask = 2 ** bits - 1;
  const slots = new Uint32Array(mask + 1);
  const codes = new Uint32Array(count);
  const firsts = new Uint32Array(limit);
  let entries = 0;
  for (let index = 0; index < count; index++) {
    const at = index * width;
    let hash = 0;
    for (let word = at; word < at + width; word++) hash = Math.imul(hash ^ words[word]!, 0x9e37_79b1) ^ (hash >>> 15);
    let slot = (Math.imul(hash, 0x85eb_ca6b) >>> (32 - bits)) & mask;
    for (;;) {
      const entry = slots[slot]!;
      if (entry === 0) {
        if (entries === limit) return undefined;
        firsts[entries] = index;
        slots[slot] = ++entries;
        codes[index] = entries - 1;
        break;
      }
      if (sameWords(words, firsts[entry - 1]! * width, at, width)) {
        codes[index] = entry - 1;
        break;
      }
      slot = (slot + 1) & mask;
    }
  }
  return { codes, firsts: firsts.subarray(0, entries) };
}

function sameWords(words: Uint32Array, left: number, right: number, width: number): boolean {
  for (let word = 0; word < width; word++) if (words[left + word] !== words[right + word]) return false;
  return true;
}
