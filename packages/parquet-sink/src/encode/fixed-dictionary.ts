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
  if (isMostlyDistinct(words, width, count)) return undefined;
  return numberValues(words, width, count, maxEntries);
}

/** The table starts small and grows: most chunks have few distinct values, and a small table stays in the cache. */
const FIRST_BITS = 12;

function numberValues(
  words: Uint32Array,
  width: number,
  count: number,
  maxEntries: number,
): FixedDictionary | undefined {
  const limit = Math.min(count, maxEntries);
  const codes = new Uint32Array(count);
  const firsts = new Uint32Array(limit);
  let bits = FIRST_BITS;
  let slots = new Uint32Array(1 << bits);
  let entries = 0;
  for (let index = 0; index < count; index++) {
    const at = index * width;
    // Most prices are those of the trade before.
    if (index > 0 && sameWords(words, at - width, at, width)) {
      codes[index] = codes[index - 1]!;
      continue;
    }
    let slot = slotOf(words, at, width, bits);
    let entry = slots[slot]!;
    while (entry !== 0 && !sameWords(words, firsts[entry - 1]! * width, at, width)) {
      slot = (slot + 1) & (slots.length - 1);
      entry = slots[slot]!;
    }
    if (entry === 0) {
      if (entries === limit) return undefined;
      firsts[entries] = index;
      entries++;
      slots[slot] = entries;
      entry = entries;
      if (entries * 2 > slots.length) {
        bits += 2;
        slots = filledSlots(words, width, firsts, entries, bits);
      }
    }
    codes[index] = entry - 1;
  }
  return { codes, firsts: firsts.subarray(0, entries) };
}

function slotOf(words: Uint32Array, at: number, width: number, bits: number): number {
  let hash = 0;
  for (let word = at; word < at + width; word++) hash = Math.imul(hash ^ words[word]!, 0x9e37_79b1) ^ (hash >>> 15);
  return Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b) >>> (32 - bits);
}

function filledSlots(
  words: Uint32Array,
  width: number,
  firsts: Uint32Array,
  entries: number,
  bits: number,
): Uint32Array<ArrayBuffer> {
  const slots = new Uint32Array(1 << bits);
  for (let entry = 0; entry < entries; entry++) {
    let slot = slotOf(words, firsts[entry]! * width, width, bits);
    while (slots[slot] !== 0) slot = (slot + 1) & (slots.length - 1);
    slots[slot] = entry + 1;
  }
  return slots;
}

function sameWords(words: Uint32Array, left: number, right: number, width: number): boolean {
  for (let word = 0; word < width; word++) if (words[left + word] !== words[right + word]) return false;
  return true;
}

/** Values looked at to see whether a dictionary is worth building; smaller chunks are built at once. */
const SAMPLE = 4096;

/**
 * Whether half of a chunk's values or more are distinct, so that a dictionary would not pay: Chao's estimate from the
 * values met once and twice among some taken evenly from the whole chunk (A. Chao 1984).
 */
function isMostlyDistinct(words: Uint32Array, width: number, count: number): boolean {
  if (count < SAMPLE * 4) return false;
  const stride = Math.floor(count / SAMPLE);
  const sample = new Uint32Array(SAMPLE * width);
  for (let index = 0; index < SAMPLE; index++) {
    // A step inside the stride, so that a period in the data does not meet the sample's.
    const at = (index * stride + ((index * 7) % stride)) * width;
    for (let word = 0; word < width; word++) sample[index * width + word] = words[at + word]!;
  }
  const { codes, firsts } = numberValues(sample, width, SAMPLE, SAMPLE)!;
  const times = new Uint32Array(firsts.length);
  for (const code of codes) times[code] = times[code]! + 1;
  let once = 0;
  let twice = 0;
  for (const number of times) {
    if (number === 1) once++;
    else if (number === 2) twice++;
  }
  return firsts.length + (once * (once - 1)) / (2 * (twice + 1)) > count / 2;
}
