import type { ObjectEntry } from '@schemahub/object-store';
import { type CatalogEntry, versionOfUri } from './catalog.js';
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

/** Only what this package writes under its own names. */
const OWN = /\/metadata\/(?:[0-9a-f]{32}-m\.avro|snap-\d+-[0-9a-f]{32}\.avro|v\d+\.metadata\.json)$/;

/**
 * Metadata objects that no snapshot needs and that are older than `minAgeMs`: younger ones may belong to a commit that
 * is under way. The newest `v{n}.metadata.json` and all above it always stay.
 */
export async function unreferencedMetadata(
  io: TableIo,
  entry: CatalogEntry,
  limits: { readonly now: number; readonly minAgeMs: number },
): Promise<ObjectEntry[]> {
  const needed = await metadataKeys(io, entry, await allManifests(io, entry));
  const found: ObjectEntry[] = [];
  for await (const object of io.store.list(`${io.prefix}/metadata/`)) {
    const isCurrent = (versionOfUri(`/${object.key}`) ?? 0) >= entry.version;
    if (!OWN.test(`/${object.key}`) || needed.has(object.key) || isCurrent) continue;
    if (limits.now - object.modifiedAt >= limits.minAgeMs) found.push(object);
  }
  return found;
}
