import { contractBreak } from './errors.js';

/** A JSON array body, cut into its elements. */
export interface SlicedRecords {
  /** Each element exactly as the venue sent it: a view on the body, without the whitespace around it. */
  readonly records: readonly Uint8Array[];
  /** The same elements, parsed. */
  readonly values: readonly unknown[];
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN = 0x5b;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Parses bytes as JSON; a body that is no UTF-8 or no JSON (cut short, an error page) is a transient `body` error. */
export function parseJsonBody(body: Uint8Array, url?: string): unknown {
  try {
    return JSON.parse(utf8.decode(body)) as unknown;
  } catch (cause) {
    throw contractBreak(`expected a JSON body, got ${body.length} bytes that are none (cut short or damaged)`, {
      url,
      cause,
    });
  }
}

/** The element between two separators, trimmed; undefined when only whitespace lies between them. */
function trimmed(body: Uint8Array, from: number, to: number): Uint8Array | undefined {
  let first = from;
  let last = to;
  while (first < last && isSpace(body[first]!)) first++;
  while (last > first && isSpace(body[last - 1]!)) last--;
  return first === last ? undefined : body.subarray(first, last);
}

/**
 * Cuts the valid JSON array that a body begins with at the commas of its own level. Only ASCII bytes are compared: no byte of a longer UTF-8
 * sequence is below 0x80, so none can be mistaken for a quote or a bracket.
 */
export function sliceElements(body: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  let depth = 0;
  let inString = false;
  let start = 0;
  const take = (end: number): void => {
    const record = trimmed(body, start, end);
    if (record !== undefined) records.push(record);
    start = end + 1;
  };
  for (let i = 0; i < body.length; i++) {
    const byte = body[i]!;
    if (inString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === 0x5b || byte === 0x7b) {
      depth++;
      if (depth === 1) start = i + 1;
    } else if (byte === 0x5d || byte === 0x7d) {
      depth--;
      if (depth === 0) {
        take(i);
        return records;
      }
    } else if (byte === COMMA && depth === 1) take(i);
  }
  return records;
}

/**
 * Where the array of a member begins in a valid JSON body, or −1: behind the first `"member":` that has one. A value that
 * reads like the member's name is followed by no colon.
 */
export function arrayStart(body: Uint8Array, member: string): number {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const name = Buffer.from(JSON.stringify(member));
  const skipSpace = (from: number): number => {
    let at = from;
    while (at < bytes.length && isSpace(bytes[at]!)) at++;
    return at;
  };
  for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name, at + 1)) {
    const colon = skipSpace(at + name.length);
    const value = skipSpace(colon + 1);
    if (bytes[colon] === COLON && bytes[value] === OPEN) return value;
  }
  return -1;
}

/**
 * The elements of a JSON array body as verbatim byte slices, with their parsed values alongside. The body is validated
 * first; what is no JSON array is a transient `body` error (a truncated page must never pass for a short one).
 * Memory: the slices are views and keep the whole body alive. `member`: the body is an object, and this member of it is
 * the array.
 */
export function sliceRecords(body: Uint8Array, url?: string, member?: string): SlicedRecords {
  const whole = parseJsonBody(body, url);
  const values = member === undefined ? whole : (whole as Readonly<Record<string, unknown>> | null)?.[member];
  if (!Array.isArray(values)) {
    const where = member === undefined ? '' : ` in ${JSON.stringify(member)}`;
    throw contractBreak(`expected a JSON array of rows${where}, got another JSON value`, { url });
  }
  const records = sliceElements(member === undefined ? body : body.subarray(arrayStart(body, member)));
  if (records.length !== values.length) {
    throw contractBreak(`expected ${values.length} rows in the body, cut ${records.length}`, { url });
  }
  return { records, values };
}
