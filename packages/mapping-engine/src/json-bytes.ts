// Stepping over JSON values byte by byte. Every function takes a position and gives the one behind what it read, or
// NO_MATCH. The bytes must end in a line feed, which ends every loop: no value contains one.

import { type LineBytes, skipPlainWords } from './line-words.js';

/** What was read is not what was expected, or needs the interpreter. */
export const NO_MATCH = -1;

const QUOTE = 34;
const MINUS = 45;
const POINT = 46;
const ZERO = 48;
const BACKSLASH = 92;

/** 1 for the bytes that stand for themselves in a JSON string and in Latin-1: printable ASCII but quote and backslash. */
export const PLAIN: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 32 && byte < 128 && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);

function isDigit(byte: number): boolean {
  return (byte - ZERO) >>> 0 <= 9;
}

/** Steps over the inside of a string, checking it as JSON; bytes above ASCII are left to the interpreter's decoder. */
export function skipString(line: LineBytes, from: number): number {
  const { bytes } = line;
  let at = from;
  for (;;) {
    at = skipPlainWords(line, at);
    while (PLAIN[bytes[at]!] === 1) at += 1;
    if (bytes[at] === QUOTE) return at;
    if (bytes[at] !== BACKSLASH) return NO_MATCH;
    at = skipEscape(bytes, at + 1);
    if (at < 0) return NO_MATCH;
  }
}

function skipEscape(bytes: Uint8Array, from: number): number {
  switch (bytes[from]) {
    case QUOTE:
    case BACKSLASH:
    case 47: // /
    case 98: // b
    case 102: // f
    case 110: // n
    case 114: // r
    case 116: // t
      return from + 1;
    case 117: // u
      for (let at = from + 1; at < from + 5; at += 1) {
        const byte = bytes[at]!;
        const letter = byte | 32;
        if (!isDigit(byte) && (letter < 97 || letter > 102)) return NO_MATCH;
      }
      return from + 5;
    default:
      return NO_MATCH;
  }
}

/** Steps over a JSON number (RFC 8259 §6). */
export function skipNumber(bytes: Uint8Array, from: number): number {
  let at = bytes[from] === MINUS ? from + 1 : from;
  if (!isDigit(bytes[at]!)) return NO_MATCH;
  if (bytes[at] === ZERO) at += 1;
  else while (isDigit(bytes[at]!)) at += 1;
  if (bytes[at] === POINT) {
    at += 1;
    if (!isDigit(bytes[at]!)) return NO_MATCH;
    while (isDigit(bytes[at]!)) at += 1;
  }
  if ((bytes[at]! | 32) === 101) {
    at += 1;
    if (bytes[at] === 43 || bytes[at] === MINUS) at += 1;
    if (!isDigit(bytes[at]!)) return NO_MATCH;
    while (isDigit(bytes[at]!)) at += 1;
  }
  return at;
}

/** Steps over true or false. */
export function skipBoolean(bytes: Uint8Array, from: number): number {
  if (bytes[from] === 116) {
    return bytes[from + 1] === 114 && bytes[from + 2] === 117 && bytes[from + 3] === 101 ? from + 4 : NO_MATCH;
  }
  const isFalse =
    bytes[from] === 102 &&
    bytes[from + 1] === 97 &&
    bytes[from + 2] === 108 &&
    bytes[from + 3] === 115 &&
    bytes[from + 4] === 101;
  return isFalse ? from + 5 : NO_MATCH;
}
