import { MAX_PAGE_BYTES, MAX_TEXT_BYTES } from '../limits.js';
import { type Cursor, createCursor, readUint32, take } from './cursor.js';
import { decodeDelta } from './decode-values.js';
import { damaged, unsupported } from './errors.js';

/** Text values of a page: numbers while all are canonical ids, else strings. */
export type PageTexts =
  | { readonly kind: 'ids'; readonly values: Float64Array }
  | { readonly kind: 'texts'; readonly values: string[] };

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Takes the UTF-8 of one value after the other. */
interface TextSink {
  readonly add: (bytes: Uint8Array, from: number, to: number) => void;
  readonly finish: () => PageTexts;
}

function createTextSink(count: number): TextSink {
  let ids: Float64Array | undefined = new Float64Array(count);
  let texts: string[] = [];
  let row = 0;
  return {
    add: (bytes, from, to) => {
      if (ids !== undefined) {
        const id = idOf(bytes, from, to);
        if (id >= 0) {
          ids[row++] = id;
          return;
        }
        texts = Array.from(ids.subarray(0, row), String);
        ids = undefined;
      }
      try {
        texts.push(decoder.decode(bytes.subarray(from, to)));
      } catch (cause) {
        throw damaged('a text is not UTF-8', cause);
      }
    },
    finish: () => (ids === undefined ? { kind: 'texts', values: texts } : { kind: 'ids', values: ids }),
  };
}

/** The number of a canonical decimal integer 0 … 2^53−1, or −1. */
function idOf(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from;
  if (length < 1 || length > 16 || (length > 1 && bytes[from] === 48)) return -1;
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = bytes[at]! - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value <= Number.MAX_SAFE_INTEGER ? value : -1;
}

/** PLAIN byte arrays. */
export function decodePlainTexts(cursor: Cursor, count: number): PageTexts {
  refuseMoreThanBytes(cursor, count, 4);
  const sink = createTextSink(count);
  for (let row = 0; row < count; row++) {
    const length = readUint32(cursor);
    const at = take(cursor, length);
    sink.add(cursor.bytes, at, at + length);
  }
  return sink.finish();
}

/** DELTA_LENGTH_BYTE_ARRAY: all lengths, then all bytes. */
export function decodeDeltaLengthTexts(cursor: Cursor, count: number): PageTexts {
  const lengths = decodeLengths(cursor, count);
  const sink = createTextSink(count);
  for (const length of lengths) {
    const at = take(cursor, length);
    sink.add(cursor.bytes, at, at + length);
  }
  return sink.finish();
}

/** DELTA_BYTE_ARRAY: lengths of shared prefixes, then the rests as above. */
export function decodeDeltaTexts(cursor: Cursor, count: number): PageTexts {
  const prefixes = decodeLengths(cursor, count);
  const suffixes = decodeLengths(cursor, count);
  const sink = createTextSink(count);
  let current = new Uint8Array(64);
  let length = 0;
  let total = 0;
  for (let row = 0; row < count; row++) {
    const prefix = prefixes[row]!;
    const suffix = suffixes[row]!;
    const at = take(cursor, suffix);
    if (prefix > length) throw damaged('a text shares more with the one before it than that one has');
    length = prefix + suffix;
    total += length;
    // A few bytes can repeat one long text for every row: the sum must stay that of a page.
    if (length > MAX_TEXT_BYTES || total > MAX_PAGE_BYTES) throw unsupported('it holds a page of too much text');
    if (length > current.length) {
      const larger = new Uint8Array(length * 2);
      larger.set(current.subarray(0, prefix));
      current = larger;
    }
    for (let byte = 0; byte < suffix; byte++) current[prefix + byte] = cursor.bytes[at + byte]!;
    sink.add(current, 0, length);
  }
  return sink.finish();
}

function decodeLengths(cursor: Cursor, count: number): Float64Array {
  const lengths = new Float64Array(count);
  decodeDelta(cursor, lengths);
  if (lengths.some((length) => length < 0)) throw damaged('a text has a negative length');
  return lengths;
}

function refuseMoreThanBytes(cursor: Cursor, count: number, bytesEach: number): void {
  if (count * bytesEach > cursor.end - cursor.at) throw damaged('a page holds fewer values than it says');
}

/** A dictionary page of text. */
export function decodeTextDictionary(bytes: Uint8Array, count: number): PageTexts {
  return decodePlainTexts(createCursor(bytes), count);
}
