import { LakeError, type OpenRawObject, type RawName } from '@schemahub/lake';
import type { Scanner, SourceScan } from '@schemahub/mapping-engine';
import { StoreError } from '@schemahub/object-store';
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

function damaged(name: RawName, reason: string): LakeError {
  return new LakeError('damaged-raw', `${name.key}: ${reason}`, { key: name.key });
}

/**
 * Feeds an object's lines to the scanner and checks what they held against its name: count, first and last id,
 * ascending. On damage the scanner forgets the object. Throws `LakeError` `damaged-raw`.
 */
export async function scanObject(
  context: TableContext,
  scanner: Scanner,
  name: RawName,
  { pieces }: OpenRawObject,
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
