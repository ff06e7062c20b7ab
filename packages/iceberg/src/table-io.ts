import { createHash } from 'node:crypto';
import type { ObjectStore } from '@schemahub/object-store';
import type { AvroCodec } from './avro/container.js';
import { damaged, IcebergError } from './errors.js';
import { keyOfUri } from './location.js';
import {
  type ManifestEntry,
  type ManifestFile,
  readManifest,
  readManifestList,
  STATUS,
  type WriteManifestListOptions,
  type WriteManifestOptions,
  writeManifest,
  writeManifestList,
} from './manifest.js';
import { type IcebergSnapshot, schemaById, specById, type TableMetadata } from './metadata.js';

/** Manifests that are read or written side by side. */
const AT_ONCE = 8;

export interface TableIo {
  readonly store: ObjectStore;
  /** Key of the table's folder. */
  readonly prefix: string;
  /** URI that new paths begin with. */
  readonly location: string;
  readonly codec: AvroCodec | undefined;
}

/** For a commit. */
export interface CommitIo extends TableIo {
  /** Number of the metadata file that is going to name what is written: no other commit can. */
  readonly version: number;
}

/** `work` on every item, a few at a time, results in order. */
export async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let from = 0; from < items.length; from += AT_ONCE)
    results.push(...(await Promise.all(items.slice(from, from + AT_ONCE).map(work))));
  return results;
}

export function uriOfKey({ prefix, location }: TableIo, key: string): string {
  if (!key.startsWith(`${prefix}/`))
    throw new IcebergError('outside-location', `${key}: expected a key below ${prefix}/, where the table lies.`);
  return `${location}/${key.slice(prefix.length + 1)}`;
}

/** Bytes of a file that metadata names. `named`: who names it. */
async function readNamed(io: TableIo, uri: string, location: string, named: string): Promise<Uint8Array> {
  const key = keyOfUri(uri, location, io.prefix);
  const stored = await io.store.get(key);
  if (stored === undefined)
    throw new IcebergError('missing-object', `${key}: ${named} names it, but it is not in ${io.store.location}.`);
  return stored.bytes;
}

/**
 * Errors of `parse` with the file's name. An Avro file brings its own schema, so a damaged one may hold values of other
 * types than the format's: whatever fails on them is its damage.
 */
export function named<T>(uri: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof IcebergError) throw new IcebergError(error.code, `${uri}: ${error.message}`, { cause: error });
    throw damaged(`${uri}: it holds other values than the format says (${(error as Error).message})`, error);
  }
}

export async function manifestsOf(
  io: TableIo,
  metadata: TableMetadata,
  snapshot: IcebergSnapshot,
): Promise<ManifestFile[]> {
  const uri = snapshot['manifest-list'];
  const bytes = await readNamed(io, uri, metadata.location, `snapshot ${snapshot['snapshot-id']}`);
  return named(uri, () => readManifestList(bytes));
}

/** All entries of a manifest, deleted ones too. */
export async function entriesOf(
  io: TableIo,
  metadata: TableMetadata,
  manifest: ManifestFile,
): Promise<ManifestEntry[]> {
  const bytes = await readNamed(io, manifest.path, metadata.location, 'a manifest list');
  const shape = { schema: schemaById(metadata), spec: specById(metadata, manifest.specId) };
  return named(manifest.path, () => readManifest(bytes, manifest, shape));
}

export const isLive = ({ status }: ManifestEntry): boolean => status !== STATUS.deleted;

/**
 * Creates an object named by the commit's number and its content: the same bytes are the same object, whoever writes
 * them and how often. Once there is a metadata file of that number, what it does not name is nobody's for ever.
 */
async function put(io: CommitIo, bytes: Uint8Array, nameOf: (unique: string) => string): Promise<string> {
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 32);
  const key = `${io.prefix}/metadata/${nameOf(`${io.version}-${hash}`)}`;
  await io.store.putIfAbsent(key, bytes);
  return uriOfKey(io, key);
}

export async function putManifest(io: CommitIo, options: WriteManifestOptions): Promise<ManifestFile> {
  const { bytes, facts } = writeManifest({ ...options, codec: io.codec });
  return { ...facts, path: await put(io, bytes, (unique) => `${unique}-m.avro`), length: bytes.length };
}

export async function putManifestList(io: CommitIo, options: WriteManifestListOptions): Promise<string> {
  const bytes = writeManifestList({ ...options, codec: io.codec });
  return await put(io, bytes, (unique) => `snap-${options.snapshotId}-${unique}.avro`);
}
