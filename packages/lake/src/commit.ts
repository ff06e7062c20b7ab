import { createHash } from 'node:crypto';
import type { ObjectStore } from '@schemahub/object-store';
import { LakeError } from './errors.js';
import type { Layout } from './keys.js';

/** How far a source was carried into a commit. */
export interface CommitSource {
  readonly state: 'complete' | 'partial' | 'absent';
  /** Greatest id that the source's products were wanted up to, by product. */
  readonly wanted_end: Readonly<Record<string, number>>;
}

export interface CommitProduct {
  readonly exchange: string;
  readonly product_id: string;
  readonly symbol: string;
  /** Key of its file list. */
  readonly list: string;
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
}

export type CommitKind = 'transform' | 'rebuild' | 'compact' | 'vacuum' | 'rollback' | 'release';

/** One commit as stored. Creating `commits/{number}.json` is the commit. */
export interface CommitBody {
  readonly version: 1;
  readonly number: number;
  /** RFC 3339 with ms. */
  readonly time: string;
  readonly kind: CommitKind;
  readonly run_id: string;
  readonly parent: { readonly number: number; readonly sha256: string } | null;
  /** The n of `v{n}/` that new data files go to; a rebuild raises it. */
  readonly table_version: number;
  readonly schema_hash: string;
  /** Hash of the checked mapping, by source table. */
  readonly mapping_hashes: Readonly<Record<string, string>>;
  readonly products: readonly CommitProduct[];
  /** Quarantine objects written up to and with this commit. */
  readonly quarantine: readonly string[];
  readonly sources: Readonly<Record<string, CommitSource>>;
  /** Number of the snapshot that a rollback pinned; null when the table is free. */
  readonly pinned: number | null;
  /** Vacuum only: data files that this commit retires; the next vacuum at least 24 h later deletes them. */
  readonly retired: readonly string[];
}

/** What vacuum leaves in the place of an old commit: its number stays taken for ever. */
export interface Tombstone {
  readonly version: 1;
  readonly tombstone: true;
  readonly number: number;
  readonly sha256: string;
  readonly time: string;
  readonly retired: readonly string[];
}

export type StoredCommit =
  | { readonly kind: 'commit'; readonly body: CommitBody; readonly sha256: string; readonly version: string }
  | { readonly kind: 'tombstone'; readonly body: Tombstone; readonly version: string };

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isListOf(value: unknown, isMember: (member: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isMember);
}

function isProduct(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { exchange, product_id, symbol, list, files, rows, bytes } = value;
  return [exchange, product_id, symbol, list].every(isText) && [files, rows, bytes].every(isCount);
}

/** Commit 1 has no parent, every other one the commit before it. */
function isParentOf(value: unknown, number: number): boolean {
  if (number === 1) return value === null;
  return isObject(value) && value.number === number - 1 && isText(value.sha256) && /^[0-9a-f]{64}$/.test(value.sha256);
}

/** Throws with the member that is wrong. */
function checkBody(value: Record<string, unknown>, number: number): void {
  const wrong = (
    [
      ['version', value.version === 1],
      ['number', value.number === number],
      ['time', isText(value.time)],
      ['kind', isText(value.kind)],
      ['run_id', isText(value.run_id)],
      ['parent', isParentOf(value.parent, number)],
      ['table_version', isCount(value.table_version)],
      ['schema_hash', isText(value.schema_hash)],
      ['mapping_hashes', isObject(value.mapping_hashes) && Object.values(value.mapping_hashes).every(isText)],
      ['products', isListOf(value.products, isProduct)],
      ['quarantine', isListOf(value.quarantine, isText)],
      ['sources', isObject(value.sources) && Object.values(value.sources).every(isObject)],
      ['pinned', value.pinned === null || isCount(value.pinned)],
      ['retired', isListOf(value.retired, isText)],
    ] as const
  ).find(([, right]) => !right);
  if (wrong === undefined) return;
  const got = JSON.stringify(value[wrong[0]])?.slice(0, 60);
  throw new TypeError(`expected a commit of version 1 with number ${number}; its ${wrong[0]} is ${got}`);
}

/** Reads a commit or its tombstone; undefined when the number is free. Throws `LakeError` `damaged-commit`. */
export async function readCommit(
  store: ObjectStore,
  layout: Layout,
  number: number,
): Promise<StoredCommit | undefined> {
  const key = layout.commit(number);
  const stored = await store.get(key);
  if (stored === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(stored.bytes).toString('utf8'));
    if (!isObject(value)) throw new TypeError('expected a JSON object');
    if ('tombstone' in value) {
      const isOwn = value.version === 1 && value.tombstone === true && value.number === number;
      if (!isOwn || !isText(value.sha256) || !isText(value.time) || !isListOf(value.retired, isText))
        throw new TypeError(`expected the tombstone of number ${number}`);
      return { kind: 'tombstone', body: value as unknown as Tombstone, version: stored.version };
    }
    checkBody(value, number);
    const sha256 = createHash('sha256').update(stored.bytes).digest('hex');
    return { kind: 'commit', body: value as unknown as CommitBody, sha256, version: stored.version };
  } catch (error) {
    throw new LakeError(
      'damaged-commit',
      `${key}: ${(error as Error).message}. Commits are never rewritten: restore this object from a backup.`,
      { key, cause: error },
    );
  }
}

function encodeCommit(body: CommitBody): Uint8Array {
  return Buffer.from(`${JSON.stringify(body, null, 1)}\n`);
}

/** Numbers of all commits and tombstones from `from` on, ascending. */
export async function listCommitNumbers(store: ObjectStore, layout: Layout, from = 0): Promise<number[]> {
  const numbers: number[] = [];
  const options = from > 0 ? { startAfter: layout.commit(from - 1) } : {};
  for await (const { key } of store.list(layout.commits, options)) {
    const number = Number(key.slice(layout.commits.length, -'.json'.length));
    // Only what is written exactly as we write it: a copy in a folder below, or number 0, is no commit.
    if (Number.isSafeInteger(number) && number > 0 && key === layout.commit(number)) numbers.push(number);
  }
  return numbers;
}

/** The pointer's number: a cache of where to begin listing, never more than that. */
async function readPointer(
  store: ObjectStore,
  layout: Layout,
): Promise<{ number: number; version: string | undefined }> {
  const stored = await store.get(layout.commitPointer);
  if (stored === undefined) return { number: 0, version: undefined };
  try {
    const { number } = JSON.parse(Buffer.from(stored.bytes).toString('utf8')) as { number: unknown };
    return {
      number: Number.isSafeInteger(number) && (number as number) > 0 ? (number as number) : 0,
      version: stored.version,
    };
  } catch {
    return { number: 0, version: stored.version }; // a damaged cache is no cache
  }
}

/** The highest commit number; 0 when there is none. */
export async function latestCommitNumber(store: ObjectStore, layout: Layout): Promise<number> {
  const { number } = await readPointer(store, layout);
  const found = await listCommitNumbers(store, layout, number);
  if (found.length > 0) return found.at(-1)!;
  return number === 0 ? 0 : ((await listCommitNumbers(store, layout)).at(-1) ?? 0);
}

/** Creates commit `body.number`. `taken` when another commit has the number; a lost answer is settled by reading back. */
export async function createCommit(store: ObjectStore, layout: Layout, body: CommitBody): Promise<'created' | 'taken'> {
  const key = layout.commit(body.number);
  const bytes = encodeCommit(body);
  let answer: 'created' | 'exists' | undefined;
  let failure: unknown;
  try {
    answer = await store.putIfAbsent(key, bytes);
  } catch (error) {
    failure = error; // the create may have happened: the object decides
  }
  if (answer !== 'created') {
    const stored = await store.get(key);
    if (stored === undefined)
      throw failure ?? new LakeError('missing-object', `${key}: exists, but cannot be read`, { key });
    if (Buffer.compare(stored.bytes, bytes) !== 0) return 'taken';
  }
  await movePointer(store, layout, body.number);
  return 'created';
}

async function movePointer(store: ObjectStore, layout: Layout, number: number): Promise<void> {
  try {
    const pointer = await readPointer(store, layout);
    if (pointer.number >= number) return;
    await store.putIfMatch(layout.commitPointer, Buffer.from(`{"number":${number}}\n`), pointer.version);
  } catch {
    // A cache: the commit stands, and the next listing finds it from an older pointer.
  }
}

/** Replaces an old commit by its tombstone. The number stays taken. */
export async function buryCommit(store: ObjectStore, layout: Layout, number: number): Promise<void> {
  const stored = await readCommit(store, layout, number);
  if (stored === undefined || stored.kind === 'tombstone') return;
  const { body, sha256 } = stored;
  const tombstone: Tombstone = { version: 1, tombstone: true, number, sha256, time: body.time, retired: body.retired };
  await store.putIfMatch(layout.commit(number), Buffer.from(`${JSON.stringify(tombstone)}\n`), stored.version);
}
