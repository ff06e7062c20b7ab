import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { type IdRange, RangeSet } from '@schemahub/coverage';
import type { ObjectStore } from '@schemahub/object-store';
import { LakeError } from './errors.js';
import { hash128, type Layout, padNumber } from './keys.js';
import { MAX_UNPACKED_BYTES, openRawObject } from './open-raw-object.js';
import {
  hashedPart,
  hashRows,
  joinPacked,
  MAX_OBJECT_SPAN,
  type PackedRows,
  packRows,
  type RawRows,
} from './packed-rows.js';

const decompress = promisify(gunzip);

const SMALLEST_PIECE = 2 ** 14;
const LARGEST_PIECE = 2 ** 26;
const NEWLINE = 0x0a;
/** Small pieces lie in memory that is used again at once. */
const LAST_LINE_PIECE = 2 ** 17;
const NO_BYTES: Uint8Array = new Uint8Array(0);

/** What a raw object's name says; its create was atomic and followed its data, so the name is trusted. */
export interface RawName {
  readonly key: string;
  readonly first: number;
  readonly last: number;
  readonly count: number;
  /** 128 bits over the rows without their ingest time: same hash, same trades. */
  readonly hash: string;
  /** 1, or 2, 3 … for the good copy of a condemned object. */
  readonly revision: number;
}

const NAME = /^(\d{20})-(\d{20})_([1-9]\d{0,7})_([0-9a-f]{32})(?:\.r([2-9]|[1-9]\d{1,3}))?\.jsonl\.gz$/;

/** Reads the name at the end of a key; undefined when it is not one of ours. */
export function parseRawName(key: string): RawName | undefined {
  const match = NAME.exec(key.slice(key.lastIndexOf('/') + 1));
  if (match === null) return undefined;
  const [first, last, count] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last) || first > last) return undefined;
  if (count > last - first + 1 || last - first >= MAX_OBJECT_SPAN) return undefined;
  return { key, first, last, count, hash: match[4]!, revision: match[5] === undefined ? 1 : Number(match[5]) };
}

function rawKey(prefix: string, range: IdRange, count: number, hash: string, revision: number): string {
  const suffix = revision === 1 ? '' : `.r${revision}`;
  return `${prefix}${padNumber(range.first)}-${padNumber(range.last)}_${count}_${hash}${suffix}.jsonl.gz`;
}

/**
 * Names for ids whose raw objects are gone and that nobody knows the names of, to condemn them by: none of them ever was
 * or will be an object. `time` makes those of a second loss others.
 */
export function lostRawKeys(prefix: string, lost: RangeSet, time: string): string[] {
  const keys: string[] = [];
  for (let rest = lost; !rest.isEmpty; ) {
    const first = rest.first!;
    const part = rest.clip(first, first + MAX_OBJECT_SPAN - 1);
    const range = { first, last: part.last! };
    keys.push(rawKey(prefix, range, part.count, hash128('lost', part.toString(), time), 1));
    rest = rest.difference(part);
  }
  return keys;
}

/** Rows of one raw object, or pieces of it that were packed before, ascending. */
export type ObjectRows = RawRows | readonly PackedRows[];

/**
 * Rows as they are stored: name and gzip bytes, a member for each piece. Throws `RangeError` when ids do not strictly
 * ascend or span more than 1,000,000, or when a row holds a line feed: nothing is written that could not be read back.
 */
export async function encodeRawObject(
  prefix: string,
  rows: ObjectRows,
  revision: number = 1,
): Promise<{ readonly name: RawName; readonly ids: Float64Array; readonly bytes: Uint8Array }> {
  const { ids, bytes, hash } = await joinPacked('lines' in rows ? [packRows(rows)] : rows);
  const [first, last] = [ids[0]!, ids.at(-1)!];
  const key = rawKey(prefix, { first, last }, ids.length, hash, revision);
  return { name: { key, first, last, count: ids.length, hash, revision }, ids, bytes };
}

/** Reads the id of a raw line. Throws when there is none. */
export type ReadId = (line: Uint8Array) => number;

/** `ReadId` for the venue's id field. Lines that begin with it take a fast path; any other order is parsed. */
export function createIdReader(field: string): ReadId {
  const start = Buffer.from(`{"${field}":`);
  return (line) => {
    let id = 0;
    let at = start.length;
    if (line.length > at && Buffer.compare(line.subarray(0, at), start) === 0) {
      // At most 16 digits and no leading zero: every other spelling is for the parser to judge.
      while (at - start.length < 16 && line[at]! >= 0x30 && line[at]! <= 0x39) id = id * 10 + line[at++]! - 0x30;
      const isCanonical = at === start.length + 1 || line[start.length] !== 0x30;
      if (at > start.length && isCanonical && line[at] === 0x2c && Number.isSafeInteger(id)) return id;
    }
    const value = (JSON.parse(Buffer.from(line).toString('utf8')) as Record<string, unknown>)[field];
    const number = typeof value === 'string' && /^(0|[1-9]\d{0,15})$/.test(value) ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0) {
      throw new SyntaxError(`field ${field}: expected an id, got ${JSON.stringify(value)?.slice(0, 60)}`);
    }
    return number;
  };
}

/** A raw object taken apart. */
export interface RawContents {
  readonly name: RawName;
  /** Unpacked JSON lines. */
  readonly text: Uint8Array;
  readonly ids: Float64Array;
  /** Whole lines without line feed. */
  readonly lines: readonly Uint8Array[];
}

function damaged(name: RawName, reason: string, cause?: unknown): LakeError {
  return new LakeError('damaged-raw', `${name.key}: ${reason}`, { key: name.key, cause });
}

/** What an object of one gzip member unpacks to, and a byte more, so that it comes in one piece; a guess, and bounded. */
function likelySize(bytes: Uint8Array): number {
  if (bytes.length < 4) return SMALLEST_PIECE;
  const size = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readUInt32LE(bytes.length - 4) + 1;
  return Math.min(Math.max(size, SMALLEST_PIECE), LARGEST_PIECE);
}

async function unpack(name: RawName, bytes: Uint8Array): Promise<Buffer> {
  try {
    return await decompress(bytes, { maxOutputLength: MAX_UNPACKED_BYTES, chunkSize: likelySize(bytes) });
  } catch (error) {
    throw damaged(name, `does not unpack (${(error as Error).message})`, error);
  }
}

/**
 * Unpacks an object and checks it: gzip CRC, count, first and last id, ascending ids; with `deep` also the hash over
 * its rows. Throws `LakeError` `damaged-raw` with the reason.
 */
export async function decodeRawObject(
  name: RawName,
  bytes: Uint8Array,
  readId: ReadId,
  options: { readonly deep?: boolean | undefined } = {},
): Promise<RawContents> {
  const text = await unpack(name, bytes);
  const lines: Uint8Array[] = [];
  const ids = new Float64Array(name.count);
  for (let start = 0; start < text.length; ) {
    const feed = text.indexOf(NEWLINE, start);
    const end = feed < 0 ? text.length : feed;
    const line = text.subarray(start, end);
    if (lines.length === name.count) throw damaged(name, `holds more than the ${name.count} rows its name says`);
    try {
      ids[lines.length] = readId(line);
    } catch (error) {
      throw damaged(name, `line ${lines.length + 1} has no readable id (${(error as Error).message})`, error);
    }
    if (lines.length > 0 && !(ids[lines.length]! > ids[lines.length - 1]!)) {
      throw damaged(name, `line ${lines.length + 1}: id ${ids[lines.length]} does not ascend`);
    }
    lines.push(line);
    start = end + 1;
  }
  if (lines.length !== name.count) throw damaged(name, `holds ${lines.length} rows, its name says ${name.count}`);
  if (ids[0] !== name.first || ids[name.count - 1] !== name.last) {
    throw damaged(name, `holds ids ${ids[0]} … ${ids[name.count - 1]}, its name says ${name.first} … ${name.last}`);
  }
  if (options.deep === true && hashRows(ids, lines.map(hashedPart)) !== name.hash) {
    throw damaged(name, 'its rows are not those that its name was made from (hash differs)');
  }
  return { name, text, ids, lines };
}

/** Reads one raw object. Throws `LakeError` `missing-object` or `damaged-raw`. */
export async function readRawObject(
  store: ObjectStore,
  name: RawName,
  readId: ReadId,
  options: { readonly deep?: boolean | undefined } = {},
): Promise<RawContents> {
  const stored = await store.get(name.key);
  if (stored === undefined)
    throw new LakeError('missing-object', `${name.key}: not in ${store.location}`, { key: name.key });
  return await decodeRawObject(name, stored.bytes, readId, options);
}

/**
 * The line of the object's last id, for who needs no other: gzip CRC, the number of lines, first and last id are
 * checked, the lines between are not looked at. Throws `LakeError` `missing-object` or `damaged-raw`.
 */
export async function readLastLine(store: ObjectStore, name: RawName, readId: ReadId): Promise<Uint8Array> {
  const { pieces } = await openRawObject(store, name, { pieceBytes: LAST_LINE_PIECE });
  const ends = { count: 0, first: NO_BYTES, last: NO_BYTES };
  // The line that the next piece goes on with.
  let open: Uint8Array[] = [];
  const endLine = (line: Uint8Array): void => {
    ends.last = Buffer.from(line);
    if (ends.count === 0) ends.first = ends.last;
    ends.count += 1;
  };
  for await (const bytes of pieces) {
    const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const feed = piece.indexOf(NEWLINE);
    if (feed < 0) {
      open.push(Buffer.from(piece));
      continue;
    }
    endLine(Buffer.concat([...open, piece.subarray(0, feed)]));
    const lastFeed = piece.lastIndexOf(NEWLINE);
    if (lastFeed > feed) {
      ends.count += countNewlines(piece, feed + 1, lastFeed);
      endLine(piece.subarray(piece.lastIndexOf(NEWLINE, lastFeed - 1) + 1, lastFeed));
    }
    open = lastFeed + 1 < piece.length ? [Buffer.from(piece.subarray(lastFeed + 1))] : [];
  }
  if (open.length > 0) endLine(Buffer.concat(open));
  const { count, first, last } = ends;
  if (count !== name.count) throw damaged(name, `holds ${count} rows, its name says ${name.count}`);
  const [firstId, lastId] = [idOf(name, first, readId), idOf(name, last, readId)];
  if (firstId !== name.first || lastId !== name.last) {
    throw damaged(name, `holds ids ${firstId} … ${lastId}, its name says ${name.first} … ${name.last}`);
  }
  return last;
}

/** Of `bytes[from … to−1]`. */
function countNewlines(bytes: Buffer, from: number, to: number): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE, from); at >= 0 && at < to; at = bytes.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}

function idOf(name: RawName, line: Uint8Array, readId: ReadId): number {
  try {
    return readId(line);
  } catch (error) {
    throw damaged(name, `a line has no readable id (${(error as Error).message})`, error);
  }
}

export interface Landed {
  /** The object that now holds the rows, and its compressed size. */
  readonly name: RawName;
  readonly bytes: number;
  readonly created: boolean;
  /** Ids that the object was seen to hold: credit these and no others. */
  readonly ids: RangeSet;
  /** Older objects of the same name that turned out damaged: condemn them. */
  readonly condemned: readonly { readonly key: string; readonly reason: string }[];
}

/**
 * Lands rows in one conditional create. When the name is taken the stored object is read and credited with what it
 * really holds; when it is damaged it is reported and the good copy lands beside it as `.r2`, `.r3` …. Names in
 * `condemned` are passed over, also where the object is sound again [put back from a backup]: nobody reads them.
 */
export async function landRawObject(
  store: ObjectStore,
  prefix: string,
  rows: ObjectRows,
  readId: ReadId,
  options: { readonly condemned?: { readonly has: (key: string) => boolean } | undefined } = {},
): Promise<Landed> {
  const condemned: { key: string; reason: string }[] = [];
  const { name: first, bytes, ids: landed } = await encodeRawObject(prefix, rows);
  const ids = RangeSet.fromIds(landed);
  for (let revision = 1; ; revision++) {
    const key = rawKey(prefix, first, first.count, first.hash, revision);
    if (options.condemned?.has(key) === true) continue;
    const name: RawName = { ...first, key, revision };
    if ((await store.putIfAbsent(name.key, bytes)) === 'created') {
      return { name, bytes: bytes.length, created: true, ids, condemned };
    }
    try {
      const held = await readRawObject(store, name, readId, { deep: true });
      return { name, bytes: bytes.length, created: false, ids: RangeSet.fromIds(held.ids), condemned };
    } catch (error) {
      if (!(error instanceof LakeError) || error.code !== 'damaged-raw') throw error;
      condemned.push({ key: name.key, reason: error.message });
    }
  }
}

/**
 * Names of a product's raw objects, ascending by first id, those in `condemned` left out. `from`: only objects that can
 * hold ids ≥ `from` (no object spans more than 1,000,000 ids). Foreign names are passed to `onForeign`.
 */
export async function listRawNames(
  store: ObjectStore,
  layout: Layout,
  options: {
    readonly exchange: string;
    readonly product: string;
    readonly from?: number | undefined;
    readonly condemned?: ReadonlySet<string> | undefined;
    readonly onForeign?: ((key: string) => void) | undefined;
  },
): Promise<RawName[]> {
  const prefix = layout.raw(options.exchange, options.product);
  const from = Math.max(0, (options.from ?? 0) - MAX_OBJECT_SPAN);
  const names: RawName[] = [];
  for await (const { key } of store.list(prefix, from > 0 ? { startAfter: `${prefix}${padNumber(from)}` } : {})) {
    if (options.condemned?.has(key)) continue;
    const name = parseRawName(key);
    // Only what lies directly in the product's folder: a copy in a folder below it is somebody's backup.
    if (name === undefined || key.includes('/', prefix.length)) options.onForeign?.(key);
    else names.push(name);
  }
  return names;
}

/** Ids of a raw object: from its name when it is dense, else by opening it. */
export async function idsOfRawObject(store: ObjectStore, name: RawName, readId: ReadId): Promise<RangeSet> {
  if (name.count === name.last - name.first + 1) return RangeSet.of(name.first, name.last);
  return RangeSet.fromIds((await readRawObject(store, name, readId)).ids);
}

/** Digest of the sorted names of raw objects: what a data file says it was made from. */
export function digestOfRawNames(names: Iterable<RawName>): string {
  const files = [...names].map(({ key }) => key.slice(key.lastIndexOf('/') + 1)).sort();
  return hash128(files.join('\n'));
}
