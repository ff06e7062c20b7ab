import { createHash } from 'node:crypto';
import type { ObjectStore } from '@schemahub/object-store';
import type { AvroCodec } from './avro/container.js';
import { IcebergError } from './errors.js';
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

function named<T>(uri: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof IcebergError)) throw error;
    throw new IcebergError(error.code, `${uri}: ${error.message}`, { cause: error });
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

/** Creates an object named by its content: the same bytes are the same object, whoever writes them and how often. */
async function put(io: TableIo, bytes: Uint8Array, nameOf: (hash: string) => string): Promise<string> {
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 32);
  const key = `${io.prefix}/metadata/${nameOf(hash)}`;
  await io.store.putIfAbsent(key, bytes);
  return uriOfKey(io, key);
}

export async function putManifest(io: TableIo, options: WriteManifestOptions): Promise<ManifestFile> {
  const { bytes, facts } = writeManifest({ ...options, codec: io.codec });
  return { ...facts, path: await put(io, bytes, (hash) => `${hash}-m.avro`), length: bytes.length };
}

export async function putManifestList(io: TableIo, options: WriteManifestListOptions): Promise<string> {
  const bytes = writeManifestList({ ...options, codec: io.codec });
  return await put(io, bytes, (hash) => `snap-${options.snapshotId}-${hash}.avro`);
}
