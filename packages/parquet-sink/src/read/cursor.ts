import { damaged } from './errors.js';

/** A place in bytes that must not be passed. Every read checks it: a page cannot be read beyond its end. */
export interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
}

export function createCursor(bytes: Uint8Array): Cursor {
  return { bytes, at: 0, end: bytes.length };
}

/** Moves on by `count` bytes and gives the place before. */
export function take(cursor: Cursor, count: number): number {
  const { at } = cursor;
  if (count > cursor.end - at) throw damaged('a page ends in the middle of a value');
  cursor.at = at + count;
  return at;
}

/** Unsigned LEB128 below 2^32. */
export function readVarint(cursor: Cursor): number {
  let value = 0;
  for (let index = 0; index < 5; index++) {
    const byte = cursor.bytes[take(cursor, 1)]!;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return value;
  }
  throw damaged('a page holds a count of more than five bytes');
}

/** Zigzag LEB128 of 64 bits. One a block of 128 values, so BigInt costs little. */
export function readZigzag(cursor: Cursor): bigint {
  let value = 0n;
  for (let index = 0n; index < 10n; index++) {
    const byte = cursor.bytes[take(cursor, 1)]!;
    value |= BigInt(byte & 0x7f) << (7n * index);
    if (byte < 0x80) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
  }
  throw damaged('a page holds an integer of more than ten bytes');
}

export function readUint32(cursor: Cursor): number {
  const at = take(cursor, 4);
  const { bytes } = cursor;
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
