// Only integer operations and + − × ÷ are used for anything that decides a trade: they give the same bits on every
// engine and platform. Math.log, Math.exp and Math.pow do not promise that.

/** Mixes two 32-bit numbers into one (the finalizer of MurmurHash3). */
export function mix(a: number, b: number): number {
  let hash = (a ^ Math.imul(b | 0, 0x9e3779b1)) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** A 32-bit hash of text (FNV-1a over UTF-16 units, then mixed). */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix(hash, text.length);
}

/** Mixes a whole number of up to 53 bits into a seed. */
export function mixInteger(seed: number, value: number): number {
  return mix(mix(seed, value | 0), Math.floor(value / 4_294_967_296));
}

/** Uniform numbers in [0, 1), 32 bits each. */
export type Random = () => number;

/** sfc32: 128 bits of state, so that millions of blocks seeded independently do not overlap. */
export function createRandom(seed: number): Random {
  let a = mix(seed, 1);
  let b = mix(seed, 2);
  let c = mix(seed, 3);
  let counter = 1;
  const next: Random = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return (sum >>> 0) / 4_294_967_296;
  };
  for (let i = 0; i < 12; i++) next();
  return next;
}

/** A smooth seeded curve through one random value in [−1, 1] per `period` positions. */
export function noise(seed: number, position: number, period: number): number {
  const cell = Math.floor(position / period);
  const t = (position - cell * period) / period;
  const from = mixInteger(seed, cell) / 2_147_483_648 - 1;
  const to = mixInteger(seed, cell + 1) / 2_147_483_648 - 1;
  return from + (to - from) * t * t * (3 - 2 * t);
}

/** The value at probability `u` of a distribution given by its quantiles at equal steps, straight lines between them. */
export function quantile(table: readonly number[], u: number): number {
  const position = u * (table.length - 1);
  const index = Math.floor(position);
  const low = table[index]!;
  return low + (table[Math.min(index + 1, table.length - 1)]! - low) * (position - index);
}
