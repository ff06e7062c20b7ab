import { type CellValue, DECIMAL_BYTES, DECIMAL_SCALE, writeScaledDecimal } from '@schemahub/columns';
import type { ColumnStore, StoreColumn } from './column-store.js';
import { NO_MATCH, PLAIN, skipBoolean, skipNumber, skipString } from './json-bytes.js';
import {
  type Destination,
  type LineShape,
  READ_DICTIONARY,
  READ_DOUBLE,
  READ_EPOCH,
  READ_ID,
  READ_ISO,
  type ShapeToken,
  SKIP_BOOLEAN,
  SKIP_NUMBER,
  SKIP_STRING,
} from './line-shape.js';
import { MINUTE_BYTES, NO_TIME, readMinute, twoDigits } from './line-times.js';
import { fourDigits, isRemembered, type LineBytes, matchesLiteral, rememberText } from './line-words.js';
import { HASH_FACTOR, HASH_START } from './raw-dictionary.js';
import { applyRule, type DigitLoss, isRefusal } from './rule.js';
import { EPOCH_MS, EPOCH_US } from './timestamps.js';

// The kernel reads one line by its learned shape, byte by byte, straight into the columns: no string, no object.
// Every function takes a position and gives the one behind what it read, or NO_MATCH; then the interpreter judges the
// line, so nothing here has to explain a failure. All lines in a buffer end in a line feed, which ends every loop:
// no value and no literal contains one.

/** What the kernel works on. */
export interface KernelState {
  readonly store: ColumnStore;
  /** Columns that are the same in every row, constants of a dictionary left out: those need no writing. */
  readonly fixed: readonly { readonly column: StoreColumn; readonly value: CellValue }[];
  /** Digits lost in the line being read; cleared at its start. */
  readonly loss: DigitLoss;
  /** Signed mantissa and scale of the decimal read last; the mantissa is NaN where the interpreter's way was taken. */
  readonly digits: Float64Array;
  /** Chunks of lines so far. */
  chunks: number;
  /** Hears the text of a dictionary in quotes, the closing one included, and its code. */
  teach: ((token: ShapeToken, text: Uint8Array, code: number) => void) | undefined;
}

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const QUOTE = 34;
const MINUS = 45;
const POINT = 46;
const ZERO = 48;

/** Powers of ten that a double holds exactly. */
const POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));
/** Any decimal of at most 15 digits survives the way through a double and back. */
const FIFTEEN_DIGITS = 1e15;
/** A longer value is left to the interpreter. */
const LONGEST_TEXT = 4096;

/** Reads the line at `from` into row `row`; The position of the next line, or NO_MATCH. */
export function readLine(shape: LineShape, state: KernelState, line: LineBytes, from: number, row: number): number {
  const { bytes } = line;
  const { tokens, tail, absent } = shape;
  let at = from;
  for (let index = 0; index < tokens.length; index += 1) {
    const token = tokens[index]!;
    if (!matchesLiteral(line, at, token.literal)) return NO_MATCH;
    const start = at + token.literal.length;
    at = readValue(token, state, line, start, row);
    if (at < 0) return NO_MATCH;
    if (token.others.length > 0 && !writeOthers(token, state, bytes, start, at, row)) return NO_MATCH;
  }
  if (!matchesLiteral(line, at, tail)) return NO_MATCH;
  at += tail.length;
  if (bytes[at] === CARRIAGE_RETURN) at += 1;
  if (bytes[at] !== LINE_FEED) return NO_MATCH;
  if (absent.length > 0 && !writeAbsent(absent, state, row)) return NO_MATCH;
  for (const { column, value } of state.fixed) state.store.write(column, row, value);
  return at + 1;
}

function readValue(token: ShapeToken, state: KernelState, line: LineBytes, from: number, row: number): number {
  switch (token.kind) {
    case SKIP_STRING:
      return skipText(token, line, from);
    case SKIP_NUMBER:
      return skipNumber(line.bytes, from);
    case SKIP_BOOLEAN:
      return skipBoolean(line.bytes, from);
    case READ_ID:
      return readId(token, line, from, row);
    case READ_DOUBLE:
      return readDouble(token, state, line, from, row);
    case READ_ISO:
      return readIso(token, line, from, row);
    case READ_EPOCH:
      return readEpoch(token, state, line.bytes, from, row);
    case READ_DICTIONARY:
      return readDictionary(token, state, line, from, row);
    default:
      return readAny(token, state, line.bytes, from, row);
  }
}

/** Most texts that are stepped over are the same in every line. */
function skipText({ memo }: ShapeToken, line: LineBytes, from: number): number {
  if (isRemembered(line, from, memo)) return from + memo.length - 1;
  const at = skipString(line, from);
  if (at >= 0) rememberText(memo, line, from, at + 1, 0);
  return at;
}

/** Steps over a value without escapes; its bytes are then its text. */
function skipPlain(token: ShapeToken, bytes: Uint8Array, from: number): number {
  if (token.notation === 'number') return skipNumber(bytes, from);
  if (token.notation === 'boolean') return skipBoolean(bytes, from);
  let at = from;
  while (PLAIN[bytes[at]!] === 1) at += 1;
  return bytes[at] === QUOTE ? at : NO_MATCH;
}

function readId(token: ShapeToken, line: LineBytes, from: number, row: number): number {
  const { bytes } = line;
  let at = from;
  let value = 0;
  // A leading zero is canonical only alone: the loops then end at once.
  if (bytes[at] === ZERO) at += 1;
  else {
    for (let four = fourDigits(line, at); four >= 0; four = fourDigits(line, at)) {
      value = value * 10_000 + four;
      at += 4;
    }
    for (let digit = (bytes[at]! - ZERO) >>> 0; digit <= 9; digit = (bytes[at]! - ZERO) >>> 0) {
      value = value * 10 + digit;
      at += 1;
    }
  }
  // Beyond 2^53 the sum is rounded, but never below it.
  if (at === from || value > Number.MAX_SAFE_INTEGER) return NO_MATCH;
  // What follows is fixed and begins with a quote, comma, bracket or blank: 01, 1.0 and 1e3 fail there.
  token.destination!.column.numbers[row] = value;
  return at;
}

function readDouble(token: ShapeToken, state: KernelState, line: LineBytes, from: number, row: number): number {
  const { bytes } = line;
  const isNegative = bytes[from] === MINUS;
  const first = isNegative ? from + 1 : from;
  let at = first;
  let mantissa = 0;
  for (let four = fourDigits(line, at); four >= 0; four = fourDigits(line, at)) {
    mantissa = mantissa * 10_000 + four;
    at += 4;
  }
  for (let digit = (bytes[at]! - ZERO) >>> 0; digit <= 9; digit = (bytes[at]! - ZERO) >>> 0) {
    mantissa = mantissa * 10 + digit;
    at += 1;
  }
  if (at === first) return NO_MATCH;
  if (at > first + 1 && bytes[first] === ZERO && token.notation === 'number') return NO_MATCH;
  let scale = 0;
  if (bytes[at] === POINT) {
    const point = at;
    at += 1;
    for (let four = fourDigits(line, at); four >= 0; four = fourDigits(line, at)) {
      mantissa = mantissa * 10_000 + four;
      at += 4;
    }
    for (let digit = (bytes[at]! - ZERO) >>> 0; digit <= 9; digit = (bytes[at]! - ZERO) >>> 0) {
      mantissa = mantissa * 10 + digit;
      at += 1;
    }
    scale = at - point - 1;
    if (scale === 0) return NO_MATCH;
  }
  // Both numbers are exact, so the quotient is the correctly rounded value (Clinger 1990).
  state.digits[0] = Number.NaN;
  if (mantissa >= FIFTEEN_DIGITS || scale > 22 || (bytes[at]! | 32) === 101)
    return readAny(token, state, bytes, from, row);
  const magnitude = mantissa / POWERS_OF_TEN[scale]!;
  const value = isNegative ? -magnitude : magnitude;
  state.digits[0] = isNegative ? -mantissa : mantissa;
  state.digits[1] = scale;
  if (token.exclusive ? !(value > token.minimum) : !(value >= token.minimum)) return NO_MATCH;
  const { column } = token.destination!;
  column.numbers[row] = value;
  if (column.nulls !== undefined) column.nulls[row] = 0;
  return at;
}

/** The common form, 2026-09-27T15:57:28[.1-9 digits]Z; others (zones, lower case, blanks) are left to the interpreter. */
function readIso(token: ShapeToken, line: LineBytes, from: number, row: number): number {
  const { bytes } = line;
  const { memo, minute } = token;
  const { column } = token.destination!;
  // Half of all trades have the time of the trade before; records of a page landed together.
  if (isRemembered(line, from, memo)) {
    column.numbers[row] = memo.value;
    if (column.nulls !== undefined) column.nulls[row] = 0;
    return from + memo.length - 1;
  }
  if (!isRemembered(line, from, minute)) {
    const micros = readMinute(bytes, from);
    if (micros === NO_TIME) return NO_MATCH;
    rememberText(minute, line, from, from + MINUTE_BYTES, micros);
  }
  const second = twoDigits(bytes, from + MINUTE_BYTES);
  if (second > 59) return NO_MATCH;
  let at = from + MINUTE_BYTES + 2;
  let micros = 0;
  if (bytes[at] === POINT) {
    const first = at + 1;
    let unit = 100_000;
    at = first;
    const four = fourDigits(line, at);
    if (four >= 0) {
      micros = four * 100;
      unit = 10;
      at += 4;
    }
    for (let digit = (bytes[at]! - ZERO) >>> 0; digit <= 9; digit = (bytes[at]! - ZERO) >>> 0) {
      micros += digit * unit;
      // Digits below the µs count for nothing: the unit becomes 0.
      unit = (unit / 10) | 0;
      at += 1;
    }
    if (at === first || at > first + 9) return NO_MATCH;
  }
  if (bytes[at] !== 90) return NO_MATCH;
  const value = minute.value + second * 1_000_000 + micros;
  column.numbers[row] = value;
  if (column.nulls !== undefined) column.nulls[row] = 0;
  if (bytes[at + 1] === QUOTE) rememberText(memo, line, from, at + 2, value);
  return at + 1;
}

/** A whole count of seconds, milliseconds or microseconds. */
function readEpoch(token: ShapeToken, state: KernelState, bytes: Uint8Array, from: number, row: number): number {
  let at = from;
  let value = 0;
  let digit = (bytes[at]! - ZERO) >>> 0;
  while (digit <= 9) {
    value = value * 10 + digit;
    at += 1;
    digit = (bytes[at]! - ZERO) >>> 0;
  }
  const isPlain = bytes[at] !== POINT && (bytes[at]! | 32) !== 101;
  if (at === from || !isPlain) return readAny(token, state, bytes, from, row);
  if (at > from + 1 && bytes[from] === ZERO) return readAny(token, state, bytes, from, row);
  const micros = value * (token.microsPerUnit === 0 ? unitBySize(value) : token.microsPerUnit);
  if (micros > Number.MAX_SAFE_INTEGER) return NO_MATCH;
  const { column } = token.destination!;
  column.numbers[row] = micros;
  if (column.nulls !== undefined) column.nulls[row] = 0;
  return at;
}

/** Nanoseconds exceed 2^53 and are left to the interpreter. */
function unitBySize(value: number): number {
  if (value >= EPOCH_US) return 1;
  return value >= EPOCH_MS ? 1000 : 1_000_000;
}

function readDictionary(token: ShapeToken, state: KernelState, line: LineBytes, from: number, row: number): number {
  const { bytes } = line;
  const { column } = token.destination!;
  const { memo } = column.raw;
  let at = from;
  let hash = HASH_START;
  if (token.notation === 'string') {
    if (isRemembered(line, from, memo)) {
      column.codes[row] = memo.value;
      if (column.nulls !== undefined) column.nulls[row] = 0;
      state.teach?.(token, bytes.subarray(from, from + memo.length), memo.value);
      return from + memo.length - 1;
    }
    for (let byte = bytes[at]!; PLAIN[byte] === 1; byte = bytes[at]!) {
      hash = Math.imul(hash ^ byte, HASH_FACTOR);
      at += 1;
    }
    if (bytes[at] !== QUOTE) return NO_MATCH;
  } else {
    const end = skipPlain(token, bytes, from);
    for (; at < end; at += 1) hash = Math.imul(hash ^ bytes[at]!, HASH_FACTOR);
    if (end < 0) return NO_MATCH;
  }
  let code = column.raw.find(bytes, from, at, hash);
  if (code < 0) {
    const value = plainValue(token.destination!, state, bytes, from, at);
    if (typeof value !== 'string') return NO_MATCH;
    code = column.kind === 'dictionary' ? state.store.codeFor(column, value) : -1;
    if (code < 0) {
      state.store.write(column, row, value);
      return at;
    }
    column.raw.remember(bytes, from, at, hash, code);
  }
  if (token.notation === 'string') {
    rememberText(memo, line, from, at + 1, code);
    state.teach?.(token, bytes.subarray(from, at + 1), code);
  }
  column.codes[row] = code;
  if (column.nulls !== undefined) column.nulls[row] = 0;
  return at;
}

function readAny(token: ShapeToken, state: KernelState, bytes: Uint8Array, from: number, row: number): number {
  const to = skipPlain(token, bytes, from);
  return to >= 0 && writeText(token.destination!, state, bytes, from, to, row) ? to : NO_MATCH;
}

function writeOthers(
  token: ShapeToken,
  state: KernelState,
  bytes: Uint8Array,
  from: number,
  to: number,
  row: number,
): boolean {
  const mantissa = token.kind === READ_DOUBLE ? state.digits[0]! : Number.NaN;
  const scale = state.digits[1]!;
  for (const other of token.others) {
    if (!other.isPlainDecimal || Number.isNaN(mantissa) || scale > DECIMAL_SCALE) {
      if (!writeText(other, state, bytes, from, to, row)) return false;
      continue;
    }
    writeScaledDecimal(mantissa, scale, other.column.bytes, row * DECIMAL_BYTES);
    if (other.column.nulls !== undefined) other.column.nulls[row] = 0;
  }
  return true;
}

function writeText(
  target: Destination,
  state: KernelState,
  bytes: Uint8Array,
  from: number,
  to: number,
  row: number,
): boolean {
  const value = plainValue(target, state, bytes, from, to);
  if (value === undefined) return false;
  state.store.write(target.column, row, value);
  return true;
}

/** The value of plain bytes by the column's rule; undefined where it is refused. */
function plainValue(
  { rule }: Destination,
  state: KernelState,
  bytes: Uint8Array,
  from: number,
  to: number,
): string | number | boolean | null | undefined {
  if (to - from > LONGEST_TEXT) return undefined;
  const text = String.fromCharCode.apply(null, bytes.subarray(from, to) as unknown as number[]);
  const value = applyRule(rule, text, state.loss);
  return isRefusal(value) ? undefined : value;
}

function writeAbsent(absent: readonly Destination[], state: KernelState, row: number): boolean {
  for (const { rule, column } of absent) {
    const value = applyRule(rule, undefined, state.loss);
    if (isRefusal(value)) return false;
    state.store.write(column, row, value);
  }
  return true;
}
