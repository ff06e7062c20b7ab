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
const UNPACK_CHUNK_BYTES = 128 * 1024;

function damaged(name: RawName, reason: string, cause?: unknown): LakeError {
  return new LakeError('damaged-raw', `${name.key}: ${reason}`, { key: name.key, cause });
}

/** The bytes of one object. Throws `LakeError` `missing-object`. */
export async function fetchObject(store: ObjectStore, name: RawName): Promise<Uint8Array> {
  const stored = await store.get(name.key);
  if (stored !== undefined) return stored.bytes;
  throw new LakeError('missing-object', `${name.key}: not in ${store.location}`, { key: name.key });
}

/**
 * Feeds an object's lines to the scanner and checks what they held against its name: gzip CRC, count, first and last
 * id, ascending. On damage the scanner forgets the object. Unpacked piece by piece: memory does not grow with it.
 * Throws `LakeError` `damaged-raw`.
 */
export async function scanObject(
  context: TableContext,
  scanner: Scanner,
  name: RawName,
  bytes: Uint8Array,
): Promise<SourceScan> {
  const { stopwatch } = context;
  const gunzip = createGunzip({ chunkSize: UNPACK_CHUNK_BYTES });
  scanner.begin(name.key);
  try {
    let unpacked = 0;
    gunzip.end(bytes);
    for await (const chunk of gunzip as AsyncIterable<Uint8Array>) {
      const start = stopwatch.now();
      unpacked += chunk.length;
      if (unpacked > MAX_UNPACKED_BYTES) throw damaged(name, `unpacks to more than ${MAX_UNPACKED_BYTES} bytes`);
      scanner.feed(chunk);
      stopwatch.add('map', start, { bytes: chunk.length });
    }
    const scan = scanner.end();
    checkScan(name, scan, scanner);
    return scan;
  } catch (error) {
    scanner.discard();
    if (error instanceof LakeError || !isZlibError(error)) throw error;
    throw damaged(name, `does not unpack (${(error as Error).message})`, error);
  } finally {
    gunzip.destroy();
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
