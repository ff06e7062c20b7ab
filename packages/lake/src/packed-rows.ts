import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzipSync } from 'node:zlib';
import { MAX_ID } from '@schemahub/coverage';
import { hash128 } from './keys.js';

const decompress = promisify(gunzip);

/** Ids that one raw object may span; a listing that starts this far below an id misses no object that holds it. */
export const MAX_OBJECT_SPAN = 1_000_000;
/** Rows are hashed by windows of this many ids, whatever page size they were fetched with. */
const HASH_WINDOW = 1000;
const INGEST_TS = ',"_source_ingest_ts":"';
const NEWLINE = 0x0a;

/** Rows to land: ids ascending, each with its line up to and without `,"_source_ingest_ts"`. */
export interface RawRows {
  readonly ids: Float64Array;
  readonly lines: readonly Uint8Array[];
  /** RFC 3339 with µs, one for each row (rows of a page share one string). */
  readonly ingestTs: readonly string[];
}

/**
 * Rows as they are stored: a gzip member of their own and the sha256 of each hash window. A raw object is the members
 * of its windows one after the other, so what waits for its object takes a tenth of its text.
 */
export interface PackedRows {
  /** Ascending, at least one. */
  readonly ids: Float64Array;
  readonly bytes: Uint8Array;
  /** sha256 of the rows of each hash window, in the order of the ids. */
  readonly digests: readonly Buffer[];
}

function windowOf(id: number): number {
  return Math.floor(id / HASH_WINDOW);
}

/** sha256 of each hash window's rows, a row being its line up to the ingest time and a line feed. */
function digestWindows(ids: Float64Array, lines: readonly Uint8Array[]): Buffer[] {
  const digests: Buffer[] = [];
  const feed = Buffer.of(NEWLINE);
  for (let i = 0; i < ids.length; ) {
    const window = windowOf(ids[i]!);
    const hash = createHash('sha256');
    for (; i < ids.length && windowOf(ids[i]!) === window; i++) hash.update(lines[i]!).update(feed);
    digests.push(hash.digest());
  }
  return digests;
}

/** h: over the sha256 of each 1000-id window's rows, a row being its line up to the ingest time and a line feed. */
export function hashRows(ids: Float64Array, lines: readonly Uint8Array[]): string {
  return hash128(Buffer.concat(digestWindows(ids, lines)));
}

function isId(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** The end of a line: rows of a page have one ingest time, and so one end between them. */
function createLineEnds(): (ingestTs: string) => Uint8Array {
  let time: string | undefined;
  let end: Uint8Array = Buffer.alloc(0);
  return (ingestTs) => {
    if (ingestTs !== time) end = Buffer.from(`${INGEST_TS}${ingestTs}"}\n`);
    time = ingestTs;
    return end;
  };
}

/**
 * Packs rows, at once: a page takes a millisecond or two, and no pages pile up before a pool of threads. Throws `RangeError` when ids do not strictly ascend or span more than 1,000,000, or when a row holds a
 * line feed: nothing is written that could not be read back.
 */
export function packRows({ ids, lines, ingestTs }: RawRows): PackedRows {
  if (ids.length === 0 || lines.length !== ids.length || ingestTs.length !== ids.length) {
    throw new RangeError(
      `raw object: expected as many lines as ids and at least one, got ${lines.length} and ${ids.length}`,
    );
  }
  checkSpan(ids[0]!, ids.at(-1)!);
  const parts: Uint8Array[] = [];
  const lineEnd = createLineEnds();
  for (let i = 0; i < ids.length; i++) {
    if (!isId(ids[i]!)) throw new RangeError(`raw object: ids must ascend, got ${ids[i]} after ${ids[i - 1]}`);
    if (i > 0) checkOrder(ids[i - 1]!, ids[i]!);
    if (lines[i]!.includes(NEWLINE))
      throw new RangeError(`raw object: a row is one line, got a line feed in that of id ${ids[i]}`);
    parts.push(lines[i]!, lineEnd(ingestTs[i]!));
  }
  return { ids, bytes: gzipSync(Buffer.concat(parts), { level: 6 }), digests: digestWindows(ids, lines) };
}

function checkOrder(before: number, id: number): void {
  if (!(id > before)) throw new RangeError(`raw object: ids must ascend, got ${id} after ${before}`);
}

/** A name that `parseRawName` refuses would hide its rows from every listing. */
function checkSpan(first: number, last: number): void {
  if (isId(first) && isId(last) && last - first < MAX_OBJECT_SPAN) return;
  throw new RangeError(
    `raw object: expected ids 0 … ${MAX_ID} within a span of ${MAX_OBJECT_SPAN}, got ${first} … ${last}`,
  );
}

/** The part of a raw line that the hash covers. */
export function hashedPart(line: Uint8Array): Uint8Array {
  const at = Buffer.from(line.buffer, line.byteOffset, line.byteLength).lastIndexOf(INGEST_TS);
  return at < 0 ? line : line.subarray(0, at);
}

/** The ingest time of a raw line as text; undefined when it has none. */
export function ingestTsOf(line: Uint8Array): string | undefined {
  const buffer = Buffer.from(line.buffer, line.byteOffset, line.byteLength);
  const at = buffer.lastIndexOf(INGEST_TS);
  if (at < 0) return undefined;
  const end = buffer.indexOf('"', at + INGEST_TS.length);
  return end < 0 ? undefined : buffer.toString('utf8', at + INGEST_TS.length, end);
}

/** Lines of unpacked rows, without line feed. */
function splitLines(text: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < text.length; ) {
    const feed = text.indexOf(NEWLINE, start);
    const end = feed < 0 ? text.length : feed;
    lines.push(text.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

/** Digests of pieces whose neighbours share a hash window [a window of the grid that was fetched in two]. */
async function redigest(pieces: readonly PackedRows[]): Promise<Buffer[]> {
  const texts = await Promise.all(pieces.map(({ bytes }) => decompress(bytes)));
  return digestWindows(joinIds(pieces), texts.flatMap(splitLines).map(hashedPart));
}

function joinIds(pieces: readonly PackedRows[]): Float64Array {
  const ids = new Float64Array(pieces.reduce((sum, piece) => sum + piece.ids.length, 0));
  let at = 0;
  for (const piece of pieces) {
    ids.set(piece.ids, at);
    at += piece.ids.length;
  }
  return ids;
}

/** Pieces in groups that share no hash window with the next group. */
function groupByWindow(pieces: readonly PackedRows[]): PackedRows[][] {
  const groups: PackedRows[][] = [];
  for (const piece of pieces) {
    const before = groups.at(-1)?.at(-1)?.ids.at(-1);
    if (before !== undefined && windowOf(before) === windowOf(piece.ids[0]!)) groups.at(-1)!.push(piece);
    else groups.push([piece]);
  }
  return groups;
}

/**
 * Pieces, ascending, as the rows of one object, with its hash. Throws `RangeError` when they do not ascend or span more
 * than an object may. Memory: the packed bytes once more; of pieces that share a hash window also their text.
 */
export async function joinPacked(
  pieces: readonly PackedRows[],
): Promise<{ readonly ids: Float64Array; readonly bytes: Uint8Array; readonly hash: string }> {
  const ids = joinIds(pieces);
  if (ids.length === 0) throw new RangeError('raw object: expected at least one row, got none');
  checkSpan(ids[0]!, ids.at(-1)!);
  for (let i = 1; i < pieces.length; i++) checkOrder(pieces[i - 1]!.ids.at(-1)!, pieces[i]!.ids[0]!);
  const digests: Buffer[] = [];
  for (const group of groupByWindow(pieces))
    digests.push(...(group.length === 1 ? group[0]!.digests : await redigest(group)));
  return { ids, bytes: Buffer.concat(pieces.map(({ bytes }) => bytes)), hash: hash128(Buffer.concat(digests)) };
}
