import { type FixedDictionary, numberValues } from './page-kernel.js';

export type { FixedDictionary } from './page-kernel.js';

/**
 * The dictionary of `count` values of `width` 32-bit words each, or `undefined` where more than `maxEntries` are distinct,
 * or most of them. What it gives is overwritten by the next call.
 */
export function buildFixedDictionary(
  words: Uint32Array,
  width: 2 | 4,
  count: number,
  maxEntries: number,
): FixedDictionary | undefined {
  if (isMostlyDistinct(words, width, count)) return undefined;
  return numberValues(words, width, count, maxEntries);
}

/** Values looked at to see whether a dictionary is worth building; smaller chunks are built at once. */
const SAMPLE = 4096;

/**
 * Whether half of a chunk's values or more are distinct, so that a dictionary would not pay: Chao's estimate from the
 * values met once and twice among some taken evenly from the whole chunk (A. Chao 1984).
 */
function isMostlyDistinct(words: Uint32Array, width: 2 | 4, count: number): boolean {
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
