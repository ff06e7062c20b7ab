import type { Product } from '@schemahub/core';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const INGEST_TS_MARK: Buffer = Buffer.from(',"_source_ingest_ts":"');

function objectOf(text: string, what: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SyntaxError(`${what}: expected a JSON object, got ${text.slice(0, 60)}`);
  }
  return value as Record<string, unknown>;
}

/** Parses a record; throws `SyntaxError` when it is no JSON object in UTF-8. */
export function parseRecord(record: Uint8Array): Record<string, unknown> {
  let text: string;
  try {
    text = utf8.decode(record);
  } catch {
    throw new SyntaxError(`record: expected UTF-8, got ${record.length} bytes that are none`);
  }
  return objectOf(text, 'record');
}

/** The members that the raw layer adds to a product's records (SPEC §3.2): always the same object for one product. */
export function createRawFields(exchange: string): (product: Product) => RawLineOptions['fields'] {
  const known = new WeakMap<Product, RawLineOptions['fields']>();
  return (product) => {
    const fields = known.get(product) ?? { product_id: product.id, _source: exchange, _symbol: product.symbol };
    known.set(product, fields);
    return fields;
  };
}

export interface RawLineOptions {
  /** Members to add where the object lacks them at its top level, in this order. Their bytes are made once an object. */
  readonly fields: Readonly<Record<string, string>>;
  /** Add `_raw_payload`: the object once more as a JSON text. Doubles the size. */
  readonly rawPayload: boolean;
}

/** The members to add to a record that lacks all of them, as bytes; one product's records share one set of fields. */
interface Tail {
  readonly keys: readonly Buffer[];
  readonly suffix: Uint8Array;
}
const tails = new WeakMap<RawLineOptions['fields'], Tail>();

function membersOf(added: readonly (readonly [string, string])[]): string {
  return added.map(([key, member]) => `${JSON.stringify(key)}:${JSON.stringify(member)}`).join(',');
}

function tailOf(fields: RawLineOptions['fields']): Tail {
  const known = tails.get(fields);
  if (known !== undefined) return known;
  const keys = Object.keys(fields).map((key) => Buffer.from(JSON.stringify(key)));
  const tail = { keys, suffix: Buffer.from(`,${membersOf(Object.entries(fields))}`) };
  tails.set(fields, tail);
  return tail;
}

/** What is added to a record, found by parsing it. Throws `SyntaxError` unless it is a JSON object. */
function parsedSuffix(record: Uint8Array, { fields, rawPayload }: RawLineOptions): Uint8Array {
  const text = utf8.decode(record);
  const value = objectOf(text, 'record');
  const added: [string, string][] = Object.entries(fields);
  if (rawPayload) added.push(['_raw_payload', text]);
  const tail = membersOf(added.filter(([key]) => !Object.hasOwn(value, key)));
  return Buffer.from((tail !== '' && Object.keys(value).length > 0 ? ',' : '') + tail);
}

/** `{"…"…}` without an escape and without the text of any key: nothing in it can be one of the members. */
function lacksAll(record: Buffer, keys: readonly Buffer[]): boolean {
  const { length } = record;
  if (length < 4 || record[0] !== 0x7b || record[1] !== 0x22 || record[length - 1] !== 0x7d) return false;
  return !record.includes(0x5c) && keys.every((key) => !record.includes(key));
}

/**
 * The line of one record up to where the writer appends `,"_source_ingest_ts":"…"}`: the exchange's bytes, then the
 * added members (SPEC §3.2). Line breaks between the object's tokens become spaces, because a record is one line;
 * inside a JSON string there can be none. The record is an element of a body that was parsed; what does not look like
 * `{"…"}` is parsed again, and throws `SyntaxError` unless it is a JSON object.
 */
export function rawLine(record: Uint8Array, options: RawLineOptions): Uint8Array {
  const bytes = Buffer.from(record.buffer, record.byteOffset, record.byteLength);
  const tail = tailOf(options.fields);
  const isPlain = !options.rawPayload && tail.keys.length > 0 && lacksAll(bytes, tail.keys);
  const suffix = isPlain ? tail.suffix : parsedSuffix(record, options);
  const open = bytes.lastIndexOf(0x7d);
  // From Node's pool: memory of its own would cost each of a million rows twice its bytes.
  const line = Buffer.allocUnsafe(open + suffix.length);
  line.set(record.subarray(0, open));
  for (let i = 0; i < open; i++) if (line[i] === LINE_FEED || line[i] === CARRIAGE_RETURN) line[i] = SPACE;
  line.set(suffix, open);
  return line;
}

/** A line of the raw layer, read back. */
export interface RawLine {
  /** The bytes up to `,"_source_ingest_ts"`: what the raw object's hash is made of. */
  readonly row: Uint8Array;
  /** RFC 3339 with microseconds. */
  readonly ingestTs: string;
  readonly value: Readonly<Record<string, unknown>>;
}

/** Reads a whole raw line (without its line end) back; throws `SyntaxError` on damage. */
export function parseRawLine(line: Uint8Array): RawLine {
  const bytes = Buffer.from(line.buffer, line.byteOffset, line.byteLength);
  // The last one is ours: the writer appends it after everything the exchange sent.
  const mark = bytes.lastIndexOf(INGEST_TS_MARK);
  if (mark < 0) throw new SyntaxError('raw line: expected it to end in "_source_ingest_ts", found none');
  const value = parseRecord(line);
  const ingestTs = value._source_ingest_ts;
  if (typeof ingestTs !== 'string' || bytes.toString('latin1', mark + INGEST_TS_MARK.length) !== `${ingestTs}"}`) {
    throw new SyntaxError('raw line: expected "_source_ingest_ts" as its last member');
  }
  return { row: line.subarray(0, mark), ingestTs, value };
}
