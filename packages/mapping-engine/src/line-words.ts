// Reading lines four bytes at a time, through a DataView of the same bytes. A word that reaches over the end of the view
// is never read: where one would, the byte-wise way is taken or nothing matches.

const WORD = 4;

/** The bytes of lines, the same as a view, and how many they are (the view's own length is read a hundred times slower). */
export interface LineBytes {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly length: number;
  /** Another number for each chunk of a scanner, from 1 on. */
  readonly chunk: number;
}

export function createLineBytes(bytes: Uint8Array, chunk: number): LineBytes {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), length: bytes.length, chunk };
}

/** The fixed bytes of a line. */
export type Literal = LineBytes;

export function createLiteral(bytes: Uint8Array): Literal {
  return createLineBytes(bytes.slice(), 0);
}

/** Where the text that a value had the last time stands, its closing quote included, and what was read from it. */
export interface TextMemo {
  /** The chunk it stands in; 0 while nothing is remembered. A number, so that the memo keeps no chunk in memory. */
  chunk: number;
  at: number;
  length: number;
  value: number;
}

export function createTextMemo(): TextMemo {
  return { chunk: 0, at: 0, length: 0, value: Number.NaN };
}

export function rememberText(memo: TextMemo, line: LineBytes, from: number, to: number, value: number): void {
  memo.chunk = line.chunk;
  memo.at = from;
  memo.length = to - from;
  memo.value = value;
}

/** Whether the text of the memo stands at `at`, too. */
export function isRemembered(line: LineBytes, at: number, memo: TextMemo): boolean {
  return memo.chunk === line.chunk && matchesWords(line, at, line.view, memo.at, memo.length);
}

export function matchesLiteral(line: LineBytes, at: number, literal: Literal): boolean {
  return matchesWords(line, at, literal.view, 0, literal.length);
}

function matchesWords(line: LineBytes, at: number, wanted: DataView, from: number, length: number): boolean {
  if (at + length > line.length) return false;
  const { view } = line;
  const last = length - WORD;
  if (last < 0) {
    for (let index = 0; index < length; index += 1) {
      if (view.getUint8(at + index) !== wanted.getUint8(from + index)) return false;
    }
    return true;
  }
  for (let index = 0; index < last; index += WORD) {
    if (view.getInt32(at + index, true) !== wanted.getInt32(from + index, true)) return false;
  }
  // The last word overlaps the one before it.
  return view.getInt32(at + last, true) === wanted.getInt32(from + last, true);
}

/** Four decimal digits as a number, or −1 where one of the bytes is none. */
export function fourDigits(line: LineBytes, at: number): number {
  if (at + WORD > line.length) return -1;
  const word = line.view.getInt32(at, true);
  // '0' … '9' are 0x30 … 0x39: the high half is 3, also after 6 is added.
  if ((word & 0xf0f0f0f0) !== 0x30303030 || ((word + 0x06060606) & 0xf0f0f0f0) !== 0x30303030) return -1;
  const digits = word & 0x0f0f0f0f;
  // Bytes 0 and 2 become the numbers of two digits each; the first digit stands in the lowest byte.
  const pairs = (digits * 10 + (digits >>> 8)) & 0x00ff00ff;
  return (pairs & 0xff) * 100 + (pairs >>> 16);
}

/** Steps over bytes that stand for themselves in a JSON string, four at a time; stops before any other, or earlier. */
export function skipPlainWords({ view, length }: LineBytes, from: number): number {
  const end = length - WORD;
  let at = from;
  while (at <= end) {
    const word = view.getInt32(at, true);
    const quote = word ^ 0x22222222;
    const backslash = word ^ 0x5c5c5c5c;
    // The high bit of a byte: a quote, a backslash, a control character, or a byte above ASCII.
    const odd =
      ((quote - 0x01010101) & ~quote) | ((backslash - 0x01010101) & ~backslash) | ((word - 0x20202020) & ~word) | word;
    if ((odd & 0x80808080) !== 0) return at;
    at += WORD;
  }
  return at;
}
