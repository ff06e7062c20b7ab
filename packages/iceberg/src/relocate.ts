import type { CatalogEntry } from './catalog.js';
import { IcebergError } from './errors.js';
import { keyOfUri } from './location.js';
import type { ManifestFile } from './manifest.js';
import { schemaById, specById, type TableMetadata } from './metadata.js';
import {
  type CommitIo,
  entriesOf,
  inParallel,
  isLive,
  manifestsOf,
  putManifest,
  putManifestList,
  type TableIo,
  uriOfKey,
} from './table-io.js';

/** Names of files that only another engine writes. */
interface ForeignMembers {
  readonly statistics?: unknown;
  readonly 'partition-statistics'?: unknown;
}

/**
 * Writes the metadata of a table whose folder was moved anew, so that every path in it begins with where it lies now.
 * Snapshots keep their ids, numbers and times; manifests that snapshots share are written once. The log of metadata
 * files begins anew: the old ones name paths that are gone, and so do statistics of other engines. Gives the metadata
 * that is to be committed. Throws `IcebergError` `unsupported` where a foreign writer left row-level deletes.
 */
export async function relocated(place: TableIo, entry: CatalogEntry): Promise<TableMetadata> {
  const { metadata } = entry;
  const io: CommitIo = { ...place, version: entry.version + 1 };
  const rebase = (uri: string): string => uriOfKey(io, keyOfUri(uri, metadata.location, io.prefix));
  const moved = new Map<string, Promise<ManifestFile>>();
  const move = async (manifest: ManifestFile): Promise<ManifestFile> => {
    if (manifest.content !== 0)
      throw new IcebergError(
        'unsupported',
        `${manifest.path}: holds row-level deletes of another engine, whose files name data by where it lay before the folder was moved. Move the folder back, or let that engine compact the table and expire its old snapshots.`,
      );
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
  const {
    statistics: _table,
    'partition-statistics': _partitions,
    ...rest
  } = metadata as TableMetadata & ForeignMembers;
  return { ...rest, location: io.location, snapshots, 'metadata-log': [] };
}
