import { describe, expect, it } from 'vitest';
import { loadCompressor, loadZstd } from './codec.js';
import { uncompressSnappy } from './snappy.js';

/** Bytes of few or many letters without order, the same on every run. */
function createNoise(seed: number): (size: number, letters: number) => Uint8Array {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return (size, letters) => Uint8Array.from({ length: size }, () => Math.floor(next() * letters));
}

describe('loadCompressor', () => {
  // Each compressor of a shared instance would meet the hash table that the pages before it left.
  it.each(['snappy', 'zstd'] as const)(
    'gives a %s compressor that knows nothing of what others compressed',
    async (codec) => {
      const noise = createNoise(3);
      const all = Array.from({ length: 2_000 }, (_, page) => noise(300 + (page % 300), 1 + ((page * 37) % 256)));
      const forward: Uint8Array[] = [];
      for (const page of all) forward.push((await loadCompressor(codec)).compress(page));
      for (const [index, page] of [...all.entries()].reverse()) {
        const again = (await loadCompressor(codec)).compress(page);
        expect(Buffer.compare(again, forward[index]!), `page ${index}`).toBe(0);
      }
    },
  );

  it('gives what its decompressor gives back, from nothing to many blocks', async () => {
    const noise = createNoise(7);
    const snappy = await loadCompressor('snappy');
    const zstd = await loadCompressor('zstd');
    const { decompress } = await loadZstd();
    for (const size of [1, 100, 65_535, 65_536, 65_537, 2_000_000]) {
      for (const letters of [1, 4, 256]) {
        // 256 letters make literals longer than 64 KiB, the longest that Snappy has a length for in two bytes.
        const page = noise(size, letters);
        expect(Buffer.compare(uncompressSnappy(snappy.compress(page), size), page)).toBe(0);
        expect(Buffer.compare(decompress(zstd.compress(page)), page)).toBe(0);
      }
    }
  });
});
