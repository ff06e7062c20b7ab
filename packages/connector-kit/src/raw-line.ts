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

export interface RawLineOptions {
  /** Members to add where the object lacks them at its top level, in this order. */
  readonly fields: Readonly<Record<string, string>>;
  /** Add `_raw_payload`: the object once more as a JSON text. Doubles the size. */
  readonly rawPayload: boolean;
}

function membersToAdd({ fields, rawPayload }: RawLineOptions, text: string): [string, string][] {
  const members = Object.entries(fields);
  if (rawPayload) members.push(['_raw_payload', text]);
  return members;
}

/**
 * The line of one record up to where the writer appends `,"_source_ingest_ts":"…"}`: the exchange's bytes, then the
 * added members (SPEC §3.2). Line breaks between the object's tokens become spaces, because a record is one line;
 * inside a JSON string there can be none. Throws `SyntaxError` unless the record is a JSON object.
 */
export function rawLine(record: Uint8Array, options: RawLineOptions): Uint8Array {
  const text = utf8.decode(record);
  const value = objectOf(text, 'record');
  let tail = '';
  for (const [key, member] of membersToAdd(options, text)) {
    if (!Object.hasOwn(value, key)) tail += `${tail === '' ? '' : ','}${JSON.stringify(key)}:${JSON.stringify(member)}`;
  }
  if (tail !== '' && Object.keys(value).length > 0) tail = `,${tail}`;
  const open = record.lastIndexOf(0x7d);
  // From Node's pool and written in place: memory of its own would cost each of a million rows twice its bytes.
  const line = Buffer.allocUnsafe(open + Buffer.byteLength(tail));
  line.set(record.subarray(0, open));
  for (let i = 0; i < open; i++) if (line[i] === LINE_FEED || line[i] === CARRIAGE_RETURN) line[i] = SPACE;
  line.write(tail, open);
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
