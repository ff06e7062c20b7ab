// AssemblyScript, compiled by tools/wasm.mjs into src/line-kernel.wasm.ts. The common forms of values of a learned line
// shape, read from bytes straight into columns. It may refuse any line: that line is then read by the JavaScript kernel
// or the interpreter, so nothing here explains a failure, and what it accepts must be what they say.
//
// Every buffer of lines ends in a line feed, which ends every loop: no value and no literal contains one. Words may be
// read beyond it, where old bytes lie: what is read there never reaches a column.

/** Kinds of tokens, as in src/line-shape.ts. */
const SKIP_STRING: i32 = 0;
const SKIP_NUMBER: i32 = 1;
const SKIP_BOOLEAN: i32 = 2;
const READ_ID: i32 = 3;
const READ_DOUBLE: i32 = 4;
const READ_ISO: i32 = 5;
const READ_EPOCH: i32 = 6;
const READ_DICTIONARY: i32 = 7;
/** Behind the last value: its literal is the rest of the line. */
const END: i32 = 9;

/** A token in memory, set by `clearToken`, `setLiteral` and `setValue`; behind its fields its texts. */
@unmanaged
class Token {
  kind: i32;
  /** Fixed bytes before the value: whole words of eight, and a mask for the bytes of the last, partial one. */
  literal: usize;
  literalWords: i32;
  literalLength: i32;
  literalMask: u64;
  /** The column: f64 a row, or u32 for codes. */
  column: usize;
  minimum: f64;
  /** µs of one unit; 0 where the number says it by its size. */
  unit: f64;
  isExclusive: i32;
  /** The text of the line before: of texts that are stepped over and of times its closing quote included. */
  memoLength: i32;
  memoValue: f64;
  minuteValue: f64;
  hasMinute: i32;
  entries: i32;
  lastEntry: i32;
}

const MEMO: usize = 96;
const MEMO_BYTES: i32 = 64;
const MINUTE: usize = MEMO + 64;
const ENTRIES: usize = MINUTE + 24;
const ENTRY_BYTES: usize = 48;
const MOST_ENTRIES: i32 = 16;
const ENTRY_TEXT: usize = 8;
const LONGEST_ENTRY: i32 = 40;

export const TOKEN_BYTES: i32 = 952;
export const LONGEST_DICTIONARY_TEXT: i32 = LONGEST_ENTRY;

const QUOTE: u32 = 34;
const MINUS: u32 = 45;
const POINT: u32 = 46;
const ZERO: u32 = 48;
const BACKSLASH: u32 = 92;

const POWERS: usize = memory.data<f64>([
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
]);
const WHOLE_POWERS: usize = memory.data<u64>([
  1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000,
]);
const DAYS_BEFORE: usize = memory.data<i32>([0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]);
const DAYS_OF: usize = memory.data<i32>([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]);

/** Any decimal of at most 15 digits survives the way through a double and back. */
const FIFTEEN_DIGITS: u64 = 1_000_000_000_000_000;
const MAX_SAFE: f64 = 9007199254740991;

const ASCII_ZEROS: u64 = 0x3030303030303030;
const HIGH_BITS: u64 = 0x8080808080808080;
const LOW_BITS: u64 = 0x0101010101010101;

/** Where the last `run` stopped: behind the last line that it read. */
let stopped: usize = 0;
/** Behind what was read last; a second result of functions that return a value. */
let behind: usize = 0;

export function position(): usize {
  return stopped;
}

/** The first byte that the host may use. */
export function heapBase(): usize {
  return __heap_base;
}

/** Reads lines from `at` on until one does not fit, `end` is reached or `limit` rows are read; gives the rows. */
export function run(tokens: usize, at: usize, end: usize, limit: i32): i32 {
  let row = 0;
  while (row < limit && at < end) {
    const next = readLine(tokens, at, row);
    if (next == 0) break;
    at = next;
    row++;
  }
  stopped = at;
  return row;
}

/** The position behind the line, 0 where it does not fit. */
function readLine(first: usize, from: usize, row: i32): usize {
  let at = from;
  let pointer = first;
  while (true) {
    const token = changetype<Token>(pointer);
    if (!matches(at, token.literal, token.literalWords, token.literalMask)) return 0;
    at += token.literalLength;
    switch (token.kind) {
      case SKIP_STRING:
        at = skipString(token, at);
        break;
      case SKIP_NUMBER:
        at = skipNumber(at);
        break;
      case SKIP_BOOLEAN:
        at = skipBoolean(at);
        break;
      case READ_ID:
        at = readId(token, at, row);
        break;
      case READ_DOUBLE:
        at = readDouble(token, at, row);
        break;
      case READ_ISO:
        at = readIso(token, at, row);
        break;
      case READ_EPOCH:
        at = readEpoch(token, at, row);
        break;
      case READ_DICTIONARY:
        at = readDictionary(token, at, row);
        break;
      default:
        if (load<u8>(at) == 13) at++;
        return load<u8>(at) == 10 ? at + 1 : 0;
    }
    if (at == 0) return 0;
    pointer += <usize>TOKEN_BYTES;
  }
  return 0;
}

// @ts-expect-error: decorator of AssemblyScript
@inline
function matches(at: usize, wanted: usize, words: i32, mask: u64): bool {
  let a = at;
  let b = wanted;
  for (let word = 0; word < words; word++) {
    if (load<u64>(a) != load<u64>(b)) return false;
    a += 8;
    b += 8;
  }
  return ((load<u64>(a) ^ load<u64>(b)) & mask) == 0;
}

// @ts-expect-error
@inline
function maskOf(length: i32): u64 {
  return ((<u64>1) << <u64>((length & 7) << 3)) - 1;
}

// @ts-expect-error
@inline
function isRemembered(token: Token, at: usize): bool {
  const length = token.memoLength;
  return length > 0 && matches(at, changetype<usize>(token) + MEMO, length >> 3, maskOf(length));
}

// @ts-expect-error
@inline
function remember(token: Token, from: usize, to: usize): void {
  const length = <i32>(to - from);
  if (length > MEMO_BYTES) {
    token.memoLength = 0;
    return;
  }
  token.memoLength = length;
  const memo = changetype<usize>(token) + MEMO;
  for (let offset: usize = 0; offset < <usize>length; offset += 8) store<u64>(memo + offset, load<u64>(from + offset));
}

/** The number of decimal digits among eight bytes xored with zeros, counted from the lowest byte. */
// @ts-expect-error
@inline
function digitsOf(word: u64): i32 {
  return <i32>(ctz(((word + 0x7676767676767676) | word) & HIGH_BITS) >> 3);
}

/** The number that the lowest `count` (1 … 8) digits tell, the first digit in the lowest byte. */
// @ts-expect-error
@inline
function valueOf(word: u64, count: i32): u64 {
  let digits = word << <u64>((8 - count) << 3);
  digits = digits * 10 + (digits >> 8);
  const low = (digits & 0x000000ff000000ff) * 0x000f424000000064;
  const high = ((digits >> 16) & 0x000000ff000000ff) * 0x0000271000000001;
  return (low + high) >> 32;
}

/** Digits from `at` on; `behind` is the position after them. More than 16 count as none. */
// @ts-expect-error
@inline
function readDigits(at: usize, before: u64): u64 {
  let word = load<u64>(at) ^ ASCII_ZEROS;
  let count = digitsOf(word);
  let value = before;
  if (count == 8) {
    value = value * 100_000_000 + valueOf(word, 8);
    at += 8;
    word = load<u64>(at) ^ ASCII_ZEROS;
    count = digitsOf(word);
  }
  if (count > 0) value = value * load<u64>(WHOLE_POWERS + (<usize>count << 3)) + valueOf(word, count);
  behind = at + count;
  return value;
}

// @ts-expect-error
@inline
function skipString(token: Token, from: usize): usize {
  if (isRemembered(token, from)) return from + token.memoLength - 1;
  const at = stringEnd(from);
  if (at != 0) remember(token, from, at + 1);
  return at;
}

/** The closing quote of a string of ASCII, its escapes without \u; 0 for any other. */
function stringEnd(from: usize): usize {
  let at = from;
  while (true) {
    const word = load<u64>(at);
    const quote = word ^ 0x2222222222222222;
    const backslash = word ^ 0x5c5c5c5c5c5c5c5c;
    // The high bit of a byte: a quote, a backslash, a control character, or a byte above ASCII. Only the lowest counts.
    const odd =
      (((quote - LOW_BITS) & ~quote) |
        ((backslash - LOW_BITS) & ~backslash) |
        ((word - 0x2020202020202020) & ~word) |
        word) &
      HIGH_BITS;
    if (odd == 0) {
      at += 8;
      continue;
    }
    at += <usize>(ctz(odd) >> 3);
    const byte: u32 = load<u8>(at);
    if (byte == QUOTE) return at;
    if (byte != BACKSLASH) return 0;
    const escaped: u32 = load<u8>(at + 1);
    // " \ / b f n r t
    if (
      escaped != QUOTE &&
      escaped != BACKSLASH &&
      escaped != 47 &&
      escaped != 98 &&
      escaped != 102 &&
      escaped != 110 &&
      escaped != 114 &&
      escaped != 116
    )
      return 0;
    at += 2;
  }
}

/** Digits with an optional sign and fraction; 0 for any other number. */
function skipNumber(from: usize): usize {
  let at = from;
  if (load<u8>(at) == MINUS) at++;
  const first = at;
  at = digitsEnd(at);
  if (at == first || (at > first + 1 && load<u8>(first) == ZERO)) return 0;
  if (load<u8>(at) == POINT) {
    const point = at + 1;
    at = digitsEnd(point);
    if (at == point) return 0;
  }
  return (load<u8>(at) | 32) == 101 ? 0 : at;
}

function digitsEnd(from: usize): usize {
  let at = from;
  while (true) {
    const count = digitsOf(load<u64>(at) ^ ASCII_ZEROS);
    at += count;
    if (count < 8) return at;
  }
}

function skipBoolean(at: usize): usize {
  const word = load<u32>(at);
  if (word == 0x65757274) return at + 4; // true
  return word == 0x736c6166 && load<u8>(at + 4) == 101 ? at + 5 : 0; // false
}

/** A canonical id of at most 15 digits. */
// @ts-expect-error
@inline
function readId(token: Token, at: usize, row: i32): usize {
  const value = readDigits(at, 0);
  const length = <i32>(behind - at);
  if (length == 0 || length > 15 || (length > 1 && load<u8>(at) == ZERO)) return 0;
  store<f64>(token.column + (<usize>row << 3), <f64>value);
  return behind;
}

// @ts-expect-error
@inline
function readDouble(token: Token, from: usize, row: i32): usize {
  let mantissa = readDigits(from, 0);
  let at = behind;
  const whole = <i32>(at - from);
  if (whole == 0 || whole > 15 || (whole > 1 && load<u8>(from) == ZERO)) return 0;
  let scale = 0;
  if (load<u8>(at) == POINT) {
    const first = at + 1;
    mantissa = readDigits(first, mantissa);
    at = behind;
    scale = <i32>(at - first);
    // 15 digits before the point and 16 behind it overflow 64 bits: together there may be 18.
    if (scale == 0 || scale + whole > 18) return 0;
  }
  if (mantissa >= FIFTEEN_DIGITS || (load<u8>(at) | 32) == 101) return 0;
  // Both numbers are exact, so the quotient is the correctly rounded value (Clinger 1990).
  const value = <f64>mantissa / load<f64>(POWERS + (<usize>scale << 3));
  if (token.isExclusive ? value <= token.minimum : value < token.minimum) return 0;
  store<f64>(token.column + (<usize>row << 3), value);
  return at;
}

/** 2026-09-27T15:57:28[.1-9 digits]Z, a quote behind it. */
// @ts-expect-error
@inline
function readIso(token: Token, from: usize, row: i32): usize {
  const target = token.column + (<usize>row << 3);
  if (isRemembered(token, from)) {
    store<f64>(target, token.memoValue);
    return from + token.memoLength - 1;
  }
  const minute = changetype<usize>(token) + MINUTE;
  if (
    token.hasMinute == 0 ||
    load<u64>(from) != load<u64>(minute) ||
    load<u64>(from + 8) != load<u64>(minute + 8) ||
    load<u8>(from + 16) != load<u8>(minute + 16)
  ) {
    const micros = readMinute(from);
    if (micros < 0) return 0;
    token.minuteValue = micros;
    token.hasMinute = 1;
    store<u64>(minute, load<u64>(from));
    store<u64>(minute + 8, load<u64>(from + 8));
    store<u8>(minute + 16, load<u8>(from + 16));
  }
  const second = twoDigits(from + 17);
  if (second > 59) return 0;
  let at = from + 19;
  let micros: u64 = 0;
  if (load<u8>(at) == POINT) {
    at++;
    const word = load<u64>(at) ^ ASCII_ZEROS;
    const count = digitsOf(word);
    if (count == 0) return 0;
    if (count <= 6) micros = valueOf(word, count) * load<u64>(WHOLE_POWERS + (<usize>(6 - count) << 3));
    else micros = valueOf(word, 6); // digits below the µs count for nothing
    at += count;
    if (count == 8 && <u32>load<u8>(at) - ZERO <= 9) at++;
  }
  if (load<u8>(at) != 90 || load<u8>(at + 1) != QUOTE) return 0;
  const value = token.minuteValue + <f64>(<u64>second * 1_000_000 + micros);
  store<f64>(target, value);
  token.memoValue = value;
  remember(token, from, at + 2);
  return at + 1;
}

/** Two digits as a number; beyond 10,000 where a byte is none. */
// @ts-expect-error
@inline
function twoDigits(at: usize): i32 {
  const tens = <u32>load<u8>(at) - ZERO;
  const ones = <u32>load<u8>(at + 1) - ZERO;
  return tens <= 9 && ones <= 9 ? <i32>(tens * 10 + ones) : 10_000;
}

/** The µs of a date, hour and minute up to the colon behind it, or −1. */
function readMinute(from: usize): f64 {
  const century = twoDigits(from);
  const year = century * 100 + twoDigits(from + 2);
  const month = twoDigits(from + 5);
  const day = twoDigits(from + 8);
  const hour = twoDigits(from + 11);
  const minute = twoDigits(from + 14);
  if (year < 1970 || year > 2254 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59) return -1;
  // - - T : :
  if (load<u8>(from + 4) != 45 || load<u8>(from + 7) != 45 || load<u8>(from + 10) != 84) return -1;
  if (load<u8>(from + 13) != 58 || load<u8>(from + 16) != 58) return -1;
  const isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  if (day > load<i32>(DAYS_OF + (<usize>month << 2)) && !(isLeap && month == 2 && day == 29)) return -1;
  const before = year - 1;
  const leapDays = before / 4 - before / 100 + before / 400 - 477;
  const days =
    (year - 1970) * 365 +
    leapDays +
    load<i32>(DAYS_BEFORE + (<usize>month << 2)) +
    (isLeap && month > 2 ? 1 : 0) +
    day -
    1;
  return (<f64>days * 86_400 + <f64>(hour * 3600 + minute * 60)) * 1_000_000;
}

/** A whole count of seconds, milliseconds or microseconds. */
// @ts-expect-error
@inline
function readEpoch(token: Token, from: usize, row: i32): usize {
  const value = <f64>readDigits(from, 0);
  const at = behind;
  const length = <i32>(at - from);
  if (length == 0 || length > 16 || (length > 1 && load<u8>(from) == ZERO)) return 0;
  const byte: u32 = load<u8>(at);
  if (byte == POINT || (byte | 32) == 101 || byte - ZERO <= 9) return 0;
  const micros = value * (token.unit == 0 ? unitBySize(value) : token.unit);
  if (micros > MAX_SAFE) return 0;
  store<f64>(token.column + (<usize>row << 3), micros);
  return at;
}

let epochMs: f64 = 0;
let epochUs: f64 = 0;

/** From where on a count is one of ms, and one of µs; see src/timestamps.ts. */
export function setEpochBounds(ms: f64, us: f64): void {
  epochMs = ms;
  epochUs = us;
}

function unitBySize(value: f64): f64 {
  if (value >= epochUs) return 1;
  return value >= epochMs ? 1000 : 1_000_000;
}

/** A text that `teach` has told, by its bytes and the closing quote. */
// @ts-expect-error
@inline
function readDictionary(token: Token, at: usize, row: i32): usize {
  const target = token.column + (<usize>row << 2);
  const last = token.lastEntry;
  if (last < token.entries) {
    const entry = changetype<usize>(token) + ENTRIES + <usize>last * ENTRY_BYTES;
    const length = load<i32>(entry);
    if (matches(at, entry + ENTRY_TEXT, length >> 3, maskOf(length))) {
      store<u32>(target, load<u32>(entry + 4));
      return at + length - 1;
    }
  }
  return searchDictionary(token, at, target);
}

function searchDictionary(token: Token, at: usize, target: usize): usize {
  for (let index = 0; index < token.entries; index++) {
    const entry = changetype<usize>(token) + ENTRIES + <usize>index * ENTRY_BYTES;
    const length = load<i32>(entry);
    if (!matches(at, entry + ENTRY_TEXT, length >> 3, maskOf(length))) continue;
    token.lastEntry = index;
    store<u32>(target, load<u32>(entry + 4));
    return at + length - 1;
  }
  return 0;
}

/** Whether each of `count` numbers of a column is greater than the one before it, the first than `before` (or that a NaN). */
export function ascends(column: usize, count: i32, before: f64): bool {
  let least = before;
  for (let row = 0; row < count; row++) {
    const value = load<f64>(column + (<usize>row << 3));
    if (value <= least) return false;
    least = value;
  }
  return true;
}

/** Begins a token: nothing remembered, no dictionary. */
export function clearToken(pointer: usize): void {
  memory.fill(pointer, 0, TOKEN_BYTES);
}

export function setLiteral(pointer: usize, literal: usize, length: i32): void {
  const token = changetype<Token>(pointer);
  token.literal = literal;
  token.literalLength = length;
  token.literalWords = length >> 3;
  token.literalMask = maskOf(length);
}

export function setValue(pointer: usize, kind: i32, column: usize, minimum: f64, isExclusive: i32, unit: f64): void {
  const token = changetype<Token>(pointer);
  token.kind = kind;
  token.column = column;
  token.minimum = minimum;
  token.isExclusive = isExclusive;
  token.unit = unit;
}

/** Adds a text of a dictionary, its closing quote included, which lies at `text`; once, and while there is room. */
export function teach(pointer: usize, text: usize, length: i32, code: u32): void {
  const token = changetype<Token>(pointer);
  if (length > LONGEST_ENTRY || token.entries >= MOST_ENTRIES) return;
  for (let index = 0; index < token.entries; index++) {
    const known = pointer + ENTRIES + <usize>index * ENTRY_BYTES;
    if (load<i32>(known) == length && matches(text, known + ENTRY_TEXT, length >> 3, maskOf(length))) return;
  }
  const entry = pointer + ENTRIES + <usize>token.entries * ENTRY_BYTES;
  store<i32>(entry, length);
  store<u32>(entry + 4, code);
  memory.copy(entry + ENTRY_TEXT, text, length);
  token.entries++;
}
