import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compressSnappy, uncompressSnappy } from './snappy.js';

/** Pieces of noise of few or many letters, runs, and repeats of what came before, near and far. */
const piece = fc.oneof(
  fc.record({ kind: fc.constant('noise' as const), size: fc.nat(70_000), letters: fc.integer({ min: 1, max: 256 }) }),
  fc.record({ kind: fc.constant('few' as const), size: fc.nat(300), letters: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant('again' as const), size: fc.nat(3000), back: fc.integer({ min: 1, max: 140_000 }) }),
);

function bytesOf(
  pieces: readonly (typeof piece extends fc.Arbitrary<infer T> ? T : never)[],
  seed: number,
): Uint8Array {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const bytes: number[] = [];
  for (const part of pieces) {
    for (let at = 0; at < part.size; at += 1) {
      if (part.kind === 'again') bytes.push(bytes[Math.max(0, bytes.length - part.back)] ?? 0);
      else bytes.push(Math.floor(next() * part.letters));
    }
  }
  return Uint8Array.from(bytes);
}

const inputs = fc
  .record({ pieces: fc.array(piece, { maxLength: 6 }), seed: fc.nat() })
  .map(({ pieces, seed }) => bytesOf(pieces, seed));

function requireEqual(got: Uint8Array, wanted: Uint8Array, name?: string): void {
  expect(Buffer.compare(got, wanted), name).toBe(0);
}

/** The shape of a block, told without decompressing: https://github.com/google/snappy/blob/main/format_description.txt. */
function elementsOf(block: Uint8Array): { readonly literals: number; readonly copies: number; readonly end: number } {
  let at = 0;
  while ((block[at]! & 0x80) !== 0) at += 1;
  at += 1;
  let [literals, copies] = [0, 0];
  while (at < block.length) {
    const tag = block[at]!;
    const kind = tag & 3;
    if (kind === 0) {
      const extra = Math.max(0, (tag >> 2) - 59);
      let size = tag >> 2;
      if (extra > 0) {
        size = 0;
        for (let byte = 0; byte < extra; byte += 1) size += block[at + 1 + byte]! * 256 ** byte;
      }
      at += 1 + extra + size + 1;
      literals += size + 1;
    } else {
      at += kind + 1;
      copies += 1;
    }
  }
  return { literals, copies, end: at };
}

describe('compressSnappy', () => {
  it('gives a block that another implementation unpacks to the same bytes, whatever was compressed before', () => {
    fc.assert(
      fc.property(inputs, inputs, (first, second) => {
        const once = compressSnappy(first);
        requireEqual(uncompressSnappy(once, first.length), first);
        requireEqual(uncompressSnappy(compressSnappy(second), second.length), second);
        requireEqual(compressSnappy(first), once, 'compressed again after other bytes');
        expect(elementsOf(once).end).toBe(once.length);
        expect(once.length).toBeLessThanOrEqual(32 + first.length + Math.ceil(first.length / 6));
      }),
      { numRuns: 150 },
    );
  });

  it('knows bytes of every length around what its elements and its ends can say', () => {
    const sizes = [0, 1, 15, 16, 17, 18, 59, 60, 61, 62, 255, 256, 257, 258, 65_535, 65_536, 65_537, 65_600, 1_100_000];
    for (const size of sizes) {
      const noise = bytesOf([{ kind: 'noise', size, letters: 256 }], 11);
      requireEqual(uncompressSnappy(compressSnappy(noise), size), noise, `noise of ${size}`);
      const same = new Uint8Array(size).fill(7);
      const block = compressSnappy(same);
      requireEqual(uncompressSnappy(block, size), same, `${size} equal bytes`);
      if (size > 100) expect(elementsOf(block)).toMatchObject({ copies: Math.ceil((size - 1) / 64) });
    }
  });

  it('finds what comes again 65,535 bytes later, and never points further back', () => {
    const word = Uint8Array.of(250, 251, 252, 253, 254, 255, 249, 248);
    // Between the two lies a run, which is one match and leaves the search at the second.
    const literalsAt = (distance: number): number => {
      const bytes = new Uint8Array(distance + 64);
      bytes.set(word, 0);
      bytes.set(word, distance);
      const block = compressSnappy(bytes);
      requireEqual(uncompressSnappy(block, bytes.length), bytes, `${distance} apart`);
      return elementsOf(block).literals;
    };
    for (const distance of [300, 2047, 2048, 2049, 65_534, 65_535]) expect(literalsAt(distance)).toBeLessThan(2 * 8);
    for (const distance of [65_536, 65_537, 131_072, 196_608])
      expect(literalsAt(distance)).toBeGreaterThanOrEqual(2 * 8);
  });
});
