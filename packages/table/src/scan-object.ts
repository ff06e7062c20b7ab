import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { LakeError, type RawName } from '@schemahub/lake';
import type { Scanner, SourceScan } from '@schemahub/mapping-engine';
import { type ObjectStore, StoreError } from '@schemahub/object-store';
import type { TableContext } from './context.js';

/** A raw object that gave nothing: damaged, gone, or not to be had (archived). Nothing of it was used. */
export interface UnreadableObject {
  readonly exchange: string;
  readonly productId: string;
  readonly key: string;
  /** First and last id by its name. */
  readonly first: number;
  readonly last: number;
  /** `damaged-raw` is to be condemned by evidence. */
  readonly code: 'damaged-raw' | 'missing-object' | 'access-denied';
  readonly reason: string;
}

/** Bytes that one object may unpack to; more is damage or an attack. */
const MAX_UNPACKED_BYTES = 1_000_000_000;
/** Bytes of a stored object that are asked for at a time: most objects come in one part. */
const PART_BYTES = 2 ** 22;
const PIECE_BYTES = 2 ** 20;

/** A raw object on its way to the scanner. */
export interface LoadedObject {
  /** Bytes of it that came so far, as they are stored. */
  readonly bytesRead: () => number;
  /** Its lines, to be read once. */
  readonly pieces: AsyncIterable<Uint8Array>;
}

function damaged(name: RawName, reason: string, cause?: unknown): LakeError {
  return new LakeError('damaged-raw', `${name.key}: ${reason}`, { key: name.key, cause });
}

/** One object, read in parts and unpacked as it is scanned. Throws `LakeError` `missing-object`. */
export async function loadObject(store: ObjectStore, name: RawName): Promise<LoadedObject> {
  let bytes = 0;
  const read = async (): Promise<Uint8Array> => {
    const stored = await store.get(name.key, { range: { start: bytes, end: bytes + PART_BYTES } });
    if (stored === undefined)
      throw new LakeError('missing-object', `${name.key}: not in ${store.location}`, { key: name.key });
    bytes += stored.bytes.length;
    return stored.bytes;
  };
  const first = await read();
  async function* parts(): AsyncGenerator<Uint8Array> {
    let part = first;
    yield part;
    while (part.length === PART_BYTES) {
      part = await read();
      yield part;
    }
  }
  return { bytesRead: () => bytes, pieces: unpackPieces(name, parts()) };
}

/** Piece by piece: memory does not grow with the object, packed or not. */
async function* unpackPieces(name: RawName, parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const stream = createGunzip({ chunkSize: PIECE_BYTES });
  // A failure of the source comes out of the stream.
  pipeline(parts, stream, () => undefined);
  try {
    let unpacked = 0;
    for await (const piece of stream as AsyncIterable<Uint8Array>) {
      unpacked += piece.length;
      if (unpacked > MAX_UNPACKED_BYTES) throw damaged(name, `unpacks to more than ${MAX_UNPACKED_BYTES} bytes`);
      yield piece;
    }
  } catch (error) {
    throw notUnpacked(name, error);
  } finally {
    stream.destroy();
  }
}

function notUnpacked(name: RawName, error: unknown): unknown {
  return isZlibError(error) ? damaged(name, `does not unpack (${(error as Error).message})`, error) : error;
}

/**
 * Feeds an object's lines to the scanner and checks what they held against its name: count, first and last id,
 * ascending. On damage the scanner forgets the object. Throws `LakeError` `damaged-raw`.
 */
export async function scanObject(
  context: TableContext,
  scanner: Scanner,
  name: RawName,
  { pieces }: LoadedObject,
): Promise<SourceScan> {
  const { stopwatch } = context;
  scanner.begin(name.key);
  try {
    for await (const piece of pieces) {
      const start = stopwatch.now();
      scanner.feed(piece);
      stopwatch.add('map', start, { bytes: piece.length });
    }
    const scan = scanner.end();
    checkScan(name, scan, scanner);
    return scan;
  } catch (error) {
    scanner.discard();
    throw error;
  }
}

function isZlibError(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && (code.startsWith('Z_') || code === 'ERR_BUFFER_TOO_LARGE');
}

function checkScan(name: RawName, scan: SourceScan, scanner: Scanner): void {
  if (scan.damaged > 0) {
    const line = scanner.report().damaged.find(({ source }) => source === name.key);
    throw damaged(name, line === undefined ? `${scan.damaged} damaged lines` : `line ${line.line}: ${line.reason}`);
  }
  if (scan.records !== name.count) throw damaged(name, `holds ${scan.records} rows, its name says ${name.count}`);
  if (scan.firstId !== name.first || scan.lastId !== name.last) {
    throw damaged(name, `holds ids ${scan.firstId} … ${scan.lastId}, its name says ${name.first} … ${name.last}`);
  }
  if (!scan.ascending) throw damaged(name, 'its ids do not ascend');
}

/**
 * What kind of unreadable an error means; undefined for an error that is the run's own. `archived`: whether a store that
 * denies an object counts (raw moved to an archive class), or ends the run (wrong credentials).
 */
export function unreadableCode(error: unknown, archived: boolean): UnreadableObject['code'] | undefined {
  if (error instanceof LakeError && (error.code === 'damaged-raw' || error.code === 'missing-object'))
    return error.code;
  if (archived && error instanceof StoreError && error.code === 'access-denied') return 'access-denied';
  return undefined;
}
