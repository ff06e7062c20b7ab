import { describe, expect, it } from 'vitest';
import { createRawDictionary, LARGEST_DICTIONARY } from './raw-dictionary.js';

const bytes = new TextEncoder().encode('BTC-USD BTC-EUR BTC-US');

describe('createRawDictionary', () => {
  it('tells values of one hash apart by their bytes', () => {
    const dictionary = createRawDictionary();
    dictionary.remember(bytes, 0, 7, 99, 1);
    dictionary.remember(bytes, 8, 15, 99, 2);
    dictionary.remember(bytes, 16, 22, 99, 3);
    expect(dictionary.find(bytes, 0, 7, 99)).toBe(1);
    expect(dictionary.find(bytes, 8, 15, 99)).toBe(2);
    expect(dictionary.find(bytes, 16, 22, 99)).toBe(3);
    expect(dictionary.find(bytes, 0, 6, 99)).toBe(3);
    expect(dictionary.find(bytes, 0, 5, 99)).toBe(-1);
    dictionary.clear();
    expect(dictionary.find(bytes, 0, 7, 99)).toBe(-1);
  });

  it('forgets nothing while it grows, and stops growing at its limit', () => {
    const dictionary = createRawDictionary();
    // Pairs of values share a hash.
    const hashOf = (index: number): number => Math.imul(index >>> 1, 0x9e3779b1);
    const word = (index: number): Uint8Array => new TextEncoder().encode(`value ${index}`);
    for (let index = 0; index < LARGEST_DICTIONARY + 10; index += 1) {
      const value = word(index);
      dictionary.remember(value, 0, value.length, hashOf(index), index);
    }
    for (let index = 0; index < LARGEST_DICTIONARY + 10; index += 4093) {
      const value = word(index);
      expect(dictionary.find(value, 0, value.length, hashOf(index))).toBe(index);
    }
    const beyond = word(LARGEST_DICTIONARY + 1);
    expect(dictionary.find(beyond, 0, beyond.length, hashOf(LARGEST_DICTIONARY + 1))).toBe(-1);
    const long = new Uint8Array(257);
    dictionary.clear();
    dictionary.remember(long, 0, 257, 5, 5);
    expect(dictionary.find(long, 0, 257, 5)).toBe(-1);
  });
});
