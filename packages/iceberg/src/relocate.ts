import type { CatalogEntry } from './catalog.js';
import { keyOfUri } from './location.js';
import type { ManifestFile } from './manifest.js';
import { schemaById, specById, type TableMetadata } from './metadata.js';
import {
  entriesOf,
  inParallel,
  isLive,
  manifestsOf,
  putManifest,
  putManifestList,
  type TableIo,
  uriOfKey,
} from './table-io.js';

/**
 * Writes the metadata of a table whose folder was moved anew, so that every path in it begins with where it lies now.
 * Snapshots keep their ids, numbers and times; manifests that snapshots share are written once. The log of metadata
 * files begins anew: the old ones name paths that are gone. Gives the metadata that is to be committed.
 */
export async function relocated(io: TableIo, entry: CatalogEntry): Promise<TableMetadata> {
  const { metadata } = entry;
  const rebase = (uri: string): string => uriOfKey(io, keyOfUri(uri, metadata.location, io.prefix));
  const moved = new Map<string, Promise<ManifestFile>>();
  const move = async (manifest: ManifestFile): Promise<ManifestFile> => {
    const entries = await entriesOf(io, metadata, manifest);
    const written = await putManifest(io, {
      schema: schemaById(metadata),
      spec: specById(metadata, manifest.specId),
      snapshotId: manifest.addedSnapshotId,
      sequenceNumber: manifest.sequenceNumber,
      // Files that left may lie where nobody knows any more; only history would miss them.
      entries: entries
        .filter(isLive)
        .map((one) => ({ ...one, file: { ...one.file, file_path: rebase(String(one.file.file_path)) } })),
    });
    return { ...manifest, ...written, minSequenceNumber: manifest.minSequenceNumber };
  };
  const moveOnce = (manifest: ManifestFile): Promise<ManifestFile> => {
    const known = moved.get(manifest.path) ?? move(manifest);
    moved.set(manifest.path, known);
    return known;
  };
  const snapshots: TableMetadata['snapshots'][number][] = [];
  for (const snapshot of metadata.snapshots) {
    const manifests = await inParallel(await manifestsOf(io, metadata, snapshot), moveOnce);
    const list = await putManifestList(io, {
      manifests,
      snapshotId: snapshot['snapshot-id'],
      parentId: snapshot['parent-snapshot-id'],
      sequenceNumber: snapshot['sequence-number'],
    });
    snapshots.push({ ...snapshot, 'manifest-list': list });
  }
  return { ...metadata, location: io.location, snapshots, 'metadata-log': [] };
}
