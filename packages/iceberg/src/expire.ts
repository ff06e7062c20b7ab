import type { ObjectEntry } from '@schemahub/object-store';
import type { CatalogEntry } from './catalog.js';
import { IcebergError } from './errors.js';
import { keyOfUri } from './location.js';
import type { ManifestFile } from './manifest.js';
import { entriesOf, inParallel, isLive, manifestsOf, type TableIo } from './table-io.js';

/** Keys of metadata and data that any snapshot of the table names. */
export interface ReferencedKeys {
  readonly metadata: ReadonlySet<string>;
  readonly data: ReadonlySet<string>;
}

/** Every manifest of every snapshot, each once. */
async function allManifests(io: TableIo, { metadata }: CatalogEntry): Promise<ManifestFile[]> {
  const byPath = new Map<string, ManifestFile>();
  for (const manifests of await inParallel(metadata.snapshots, (snapshot) => manifestsOf(io, metadata, snapshot)))
    for (const manifest of manifests) byPath.set(manifest.path, manifest);
  return [...byPath.values()];
}

/** Keys of metadata files that readers of this table may follow. */
async function metadataKeys(
  io: TableIo,
  entry: CatalogEntry,
  manifests: readonly ManifestFile[],
): Promise<Set<string>> {
  const { metadata, metadataLocation } = entry;
  const uris = [
    metadataLocation,
    ...metadata['metadata-log'].map((log) => log['metadata-file']),
    ...metadata.snapshots.map((snapshot) => snapshot['manifest-list']),
    ...manifests.map(({ path }) => path),
  ];
  return new Set(uris.map((uri) => keyOfUri(uri, metadata.location, io.prefix)));
}

/** A file that another writer put outside of the table's folder is none of this store's. */
function addInside(keys: Set<string>, uri: string, location: string, prefix: string): void {
  try {
    keys.add(keyOfUri(uri, location, prefix));
  } catch (error) {
    if (!(error instanceof IcebergError) || error.code !== 'outside-location') throw error;
  }
}

/** What every snapshot that is still in the metadata needs. Reads every manifest once. */
export async function referencedKeys(io: TableIo, entry: CatalogEntry): Promise<ReferencedKeys> {
  const manifests = await allManifests(io, entry);
  const data = new Set<string>();
  const { metadata } = entry;
  for (const entries of await inParallel(manifests, (manifest) => entriesOf(io, metadata, manifest)))
    for (const { file } of entries.filter(isLive))
      addInside(data, String(file.file_path), metadata.location, io.prefix);
  return { metadata: await metadataKeys(io, entry, manifests), data };
}

/** Only what this package writes under its own names, with the number of the commit that it was written for. */
const OWN =
  /\/metadata\/(?:(\d{1,15})-[0-9a-f]{32}-m\.avro|snap-\d+-(\d{1,15})-[0-9a-f]{32}\.avro|v(\d{1,15})\.metadata\.json)$/;

/** The commit that an object of this package was written for; undefined for the objects of others. */
function commitOfKey(key: string): number | undefined {
  const [, ...numbers] = OWN.exec(`/${key}`) ?? [];
  const number = numbers.find((digits) => digits !== undefined);
  return number === undefined ? undefined : Number(number);
}

/**
 * Metadata objects that no snapshot needs and that are older than `minAgeMs`, for readers that follow an older metadata
 * file. What was written for a commit that is still to come stays whatever its age: a run may be about to make it, with
 * objects that a dead one left. The newest `v{n}.metadata.json` and all above it stay as well.
 */
export async function unreferencedMetadata(
  io: TableIo,
  entry: CatalogEntry,
  limits: { readonly now: number; readonly minAgeMs: number },
): Promise<ObjectEntry[]> {
  const needed = await metadataKeys(io, entry, await allManifests(io, entry));
  // Also where a catalog names another engine's file: the chain goes on from here.
  needed.add(`${io.prefix}/metadata/v${entry.version}.metadata.json`);
  const found: ObjectEntry[] = [];
  for await (const object of io.store.list(`${io.prefix}/metadata/`)) {
    const number = commitOfKey(object.key);
    if (number === undefined || number > entry.version || needed.has(object.key)) continue;
    if (limits.now - object.modifiedAt >= limits.minAgeMs) found.push(object);
  }
  return found;
}
