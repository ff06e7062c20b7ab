import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { MAX_ID } from '@schemahub/coverage';
import type { ObjectStore } from '@schemahub/object-store';
import { hash128, padNumber } from './keys.js';

const compress = promisify(gzip);
const NAME = /^unnumbered_(\d{20})-(\d{20})_([1-9]\d{0,7})_[0-9a-f]{32}\.jsonl\.gz$/;

/** What the name of an object of rows without ids says: the trades around them, and how many there are. */
export interface UnnumberedName {
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
}

/** Reads the name at the end of a key; undefined when it is not one of ours. */
export function parseUnnumberedName(key: string): UnnumberedName | undefined {
  const match = NAME.exec(key.slice(key.lastIndexOf('/') + 1));
  if (match === null) return undefined;
  const [lower, upper, count] = [Number(match[1]), Number(match[2]), Number(match[3])];
  return lower < upper && upper <= MAX_ID ? { lower, upper, count } : undefined;
}

/**
 * Lands rows that came between two trades and have no id (SPEC §2): beside the numbered ones, under a name that is a
 * function of their content, so that a second look at the same rows writes nothing. `lines` are whole lines. Gives the
 * key and whether it is new.
 */
export async function landUnnumberedRows(
  store: ObjectStore,
  prefix: string,
  rows: {
    readonly lower: number;
    readonly upper: number;
    readonly lines: readonly Uint8Array[];
    readonly ingestTs: string;
  },
): Promise<{ readonly key: string; readonly created: boolean }> {
  const { lower, upper, lines, ingestTs } = rows;
  const feed = Buffer.from('\n');
  const hash = hash128(...lines.flatMap((line) => [line, feed]));
  const key = `${prefix}unnumbered_${padNumber(lower)}-${padNumber(upper)}_${lines.length}_${hash}.jsonl.gz`;
  const end = Buffer.from(`,"_source_ingest_ts":"${ingestTs}"}\n`);
  const bytes = await compress(Buffer.concat(lines.flatMap((line) => [line, end])), { level: 6 });
  return { key, created: (await store.putIfAbsent(key, bytes)) === 'created' };
}
