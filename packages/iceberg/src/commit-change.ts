import { createHash } from 'node:crypto';
import type { CatalogEntry } from './catalog.js';
import { IcebergError } from './errors.js';
import { plainUri } from './location.js';
import {
  encodeDataFile,
  type ManifestEntry,
  type ManifestFile,
  type NewDataFile,
  STATUS,
  type TableShape,
} from './manifest.js';
import {
  currentSnapshot,
  type IcebergSnapshot,
  type SnapshotOperation,
  schemaById,
  specById,
  type TableMetadata,
  wholeMs,
} from './metadata.js';
import type { PartitionValues } from './partition.js';
import {
  arrangeEntries,
  FAN_IN,
  liveFiles,
  liveRows,
  MAX_ENTRIES,
  mayHold,
  partitionTypes,
  planMerges,
} from './plan-manifests.js';
import { expireSnapshots, type Retention } from './retention.js';
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
import { checkEvolution, type IcebergSchema, isSameSchema, lastFieldId } from './types.js';

/** A file that leaves the table. */
export interface RemovedFile {
  readonly key: string;
  /** Its partition, where known: fewer manifests are read then. */
  readonly partition?: PartitionValues | undefined;
}

/** One new snapshot. */
export interface TableChange {
  readonly add: readonly NewDataFile[];
  readonly remove: readonly RemovedFile[];
  /** `add` is the whole table: everything else goes, whoever put it there. Then `remove` must be empty. Default false. */
  readonly replaceAll?: boolean | undefined;
  /** Default: what `add` and `remove` make of it. */
  readonly operation?: SnapshotOperation | undefined;
  /** The table's schema from now on; its schema id is ignored. Default: as it is. */
  readonly schema?: IcebergSchema | undefined;
  /** Members of the snapshot's summary; counts are added. Default none. */
  readonly summary?: Readonly<Record<string, string>> | undefined;
  /** Table properties to set. Default none. */
  readonly properties?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds since 1970. Raised where the table's last change is newer. */
  readonly timestampMs: number;
  /** Snapshots that stay. Default: all. */
  readonly retention?: Retention | undefined;
  /** Entries a manifest, and manifests of a size that are joined. Defaults 256 and 10. */
  readonly maxEntries?: number | undefined;
  readonly fanIn?: number | undefined;
}

interface Numbers {
  readonly snapshotId: bigint;
  readonly parentId: bigint | undefined;
  readonly sequenceNumber: bigint;
}

interface Work {
  readonly io: CommitIo;
  readonly metadata: TableMetadata;
  readonly change: TableChange;
  readonly shape: TableShape;
  readonly numbers: Numbers;
}

const METADATA_LOG = 20;

/** 63 bits made from what the snapshot is: the same commit on the same table has the same id, whoever makes it. */
function numbersOf(metadata: TableMetadata, change: TableChange): Numbers {
  const parentId = metadata['current-snapshot-id'];
  const sequenceNumber = metadata['last-sequence-number'] + 1n;
  const taken = new Set(metadata.snapshots.map((snapshot) => snapshot['snapshot-id']));
  const facts = [metadata['table-uuid'], String(sequenceNumber), String(parentId), change.timestampMs, change.summary];
  const files = [change.add.map(({ key }) => key), change.remove.map(({ key }) => key)];
  for (let salt = 0; ; salt += 1) {
    const hash = createHash('sha256')
      .update(JSON.stringify([facts, files, salt]))
      .digest();
    const snapshotId = BigInt.asUintN(63, hash.readBigUInt64BE(0));
    if (snapshotId > 0n && !taken.has(snapshotId)) return { snapshotId, parentId, sequenceNumber };
  }
}

/** The metadata under the schema asked for: one that the table had is made current again, a new one is added. */
function withSchema(metadata: TableMetadata, wanted: IcebergSchema | undefined): TableMetadata {
  if (wanted === undefined || isSameSchema(wanted, schemaById(metadata))) return metadata;
  const known = metadata.schemas.find((schema) => isSameSchema(schema, wanted));
  // Columns that come back have their own ids; files written meanwhile must be readable all the same.
  checkEvolution(schemaById(metadata), wanted, known === undefined ? metadata['last-column-id'] : 0);
  if (known !== undefined) return { ...metadata, 'current-schema-id': known['schema-id'] };
  const id = Math.max(...metadata.schemas.map((schema) => schema['schema-id'])) + 1;
  return {
    ...metadata,
    schemas: [...metadata.schemas, { ...wanted, 'schema-id': id }],
    'current-schema-id': id,
    'last-column-id': Math.max(metadata['last-column-id'], lastFieldId(wanted)),
  };
}

const asExisting = (entry: ManifestEntry): ManifestEntry => ({ ...entry, status: STATUS.existing });

/** Rewrites the manifests that hold removed files. Throws `invalid-change` when one is in no manifest. */
async function takeOut(work: Work, manifests: readonly ManifestFile[]): Promise<ManifestFile[]> {
  const { io, metadata, change, numbers } = work;
  const left = new Map(change.remove.map((file) => [plainUri(uriOfKey(io, file.key)), file]));
  if (left.size === 0) return [...manifests];
  const types = new Map(
    metadata['partition-specs'].map((spec) => [spec['spec-id'], partitionTypes(spec, schemaById(metadata))]),
  );
  const isCandidate = (manifest: ManifestFile): boolean =>
    manifest.content === 0 &&
    change.remove.some(
      ({ partition }) => partition === undefined || mayHold(manifest, partition, types.get(manifest.specId) ?? []),
    );
  const kept = await inParallel(manifests, async (manifest) => {
    if (!isCandidate(manifest)) return manifest;
    const entries = (await entriesOf(io, metadata, manifest)).filter(isLive);
    const next = entries.map((entry) => {
      const isRemoved = left.delete(plainUri(String(entry.file.file_path)));
      return isRemoved ? { ...entry, status: STATUS.deleted, snapshotId: numbers.snapshotId } : asExisting(entry);
    });
    if (next.every(isLive)) return manifest;
    const shape = { schema: work.shape.schema, spec: specById(metadata, manifest.specId) };
    return await putManifest(io, { ...shape, ...numbers, entries: next });
  });
  const [missing] = left.values();
  if (missing === undefined) return kept;
  throw new IcebergError('invalid-change', `${missing.key}: is to leave the table, but is not in it.`);
}

/** Joins many small manifests, see `planMerges`. */
async function join(work: Work, manifests: readonly ManifestFile[]): Promise<ManifestFile[]> {
  const { io, metadata, change, shape, numbers } = work;
  const { maxEntries = MAX_ENTRIES, fanIn = FAN_IN } = change;
  // What this commit rewrote holds its deletions, which must be told once.
  const old = manifests.filter(({ addedSnapshotId }) => addedSnapshotId !== numbers.snapshotId);
  const joined = new Set<ManifestFile>();
  const made: ManifestFile[] = [];
  for (const group of planMerges(old, shape.spec['spec-id'], maxEntries, fanIn)) {
    const entries = (await inParallel(group, (manifest) => entriesOf(io, metadata, manifest))).flat().filter(isLive);
    for (const piece of arrangeEntries(entries.map(asExisting), shape, maxEntries))
      made.push(await putManifest(io, { ...shape, ...numbers, entries: piece }));
    for (const manifest of group) joined.add(manifest);
  }
  return [...made, ...manifests.filter((manifest) => !joined.has(manifest))];
}

async function putIn({ io, change, shape, numbers }: Work): Promise<ManifestFile[]> {
  const entries = change.add.map(
    (file): ManifestEntry => ({
      status: STATUS.added,
      snapshotId: numbers.snapshotId,
      sequenceNumber: numbers.sequenceNumber,
      fileSequenceNumber: numbers.sequenceNumber,
      file: encodeDataFile(file, uriOfKey(io, file.key), shape),
    }),
  );
  return await inParallel(arrangeEntries(entries, shape, change.maxEntries), (piece) =>
    putManifest(io, { ...shape, ...numbers, entries: piece }),
  );
}

const total = (manifests: readonly ManifestFile[], of: (manifest: ManifestFile) => number | bigint): bigint =>
  manifests.reduce((sum, manifest) => sum + BigInt(of(manifest)), 0n);

/** Members that engines show and some rely on: https://iceberg.apache.org/spec/#optional-snapshot-summary-fields */
function summaryOf(
  change: TableChange,
  before: readonly ManifestFile[],
  after: readonly ManifestFile[],
): Record<string, string> {
  const data = (manifests: readonly ManifestFile[]): ManifestFile[] => manifests.filter(({ content }) => content === 0);
  const [old, next] = [data(before), data(after)];
  const addedRows = change.add.reduce((sum, { rows }) => sum + rows, 0);
  const files = { old: total(old, liveFiles), next: total(next, liveFiles) };
  const rows = { old: total(old, liveRows), next: total(next, liveRows) };
  const removed = files.old + BigInt(change.add.length) - files.next;
  const derived = change.add.length === 0 ? 'delete' : removed === 0n ? 'append' : 'overwrite';
  return {
    ...change.summary,
    operation: change.operation ?? derived,
    'added-data-files': String(change.add.length),
    'added-records': String(addedRows),
    'added-files-size': String(change.add.reduce((sum, { bytes }) => sum + bytes, 0)),
    'deleted-data-files': String(removed),
    'deleted-records': String(rows.old + BigInt(addedRows) - rows.next),
    'total-data-files': String(files.next),
    'total-records': String(rows.next),
    'total-delete-files': '0',
    'total-position-deletes': '0',
    'total-equality-deletes': '0',
  };
}

function checkChange({ io, metadata, change }: Work): void {
  if (metadata.location !== io.location)
    throw new IcebergError(
      'invalid-change',
      `The table says that it lies at ${metadata.location}, but it lies at ${io.location}: relocate it first.`,
    );
  const keys = new Set(change.add.map(({ key }) => key));
  if (keys.size !== change.add.length) throw new IcebergError('invalid-change', 'add: a file is in it twice.');
  if (change.replaceAll === true && change.remove.length > 0)
    throw new IcebergError('invalid-change', 'replaceAll and remove: expected one of them, got both.');
}

/** Writes everything that a new snapshot needs but its metadata file, and gives that file's content. */
export async function prepareChange(
  io: TableIo,
  entry: CatalogEntry,
  change: TableChange,
): Promise<{ readonly metadata: TableMetadata; readonly snapshot: IcebergSnapshot }> {
  const metadata = withSchema(entry.metadata, change.schema);
  const shape = { schema: schemaById(metadata), spec: specById(metadata) };
  const numbers = numbersOf(metadata, change);
  const writing: CommitIo = { ...io, version: entry.version + 1 };
  const work: Work = { io: writing, metadata, change, shape, numbers };
  checkChange(work);
  const current = currentSnapshot(metadata);
  const before = current === undefined ? [] : await manifestsOf(io, metadata, current);
  const carried =
    change.replaceAll === true ? [] : before.filter((manifest) => manifest.content !== 0 || liveFiles(manifest) > 0);
  const after = [...(await putIn(work)), ...(await join(work, await takeOut(work, carried)))];
  const list = await putManifestList(writing, { ...numbers, manifests: after });
  const timestampMs = Math.max(wholeMs(change.timestampMs), metadata['last-updated-ms']);
  const snapshot: IcebergSnapshot = {
    'snapshot-id': numbers.snapshotId,
    ...(numbers.parentId === undefined ? {} : { 'parent-snapshot-id': numbers.parentId }),
    'sequence-number': numbers.sequenceNumber,
    'timestamp-ms': timestampMs,
    summary: summaryOf(change, before, after) as IcebergSnapshot['summary'],
    'manifest-list': list,
    'schema-id': metadata['current-schema-id'],
  };
  const next = nextMetadata({ entry, metadata, snapshot, properties: change.properties });
  return {
    snapshot,
    metadata: change.retention === undefined ? next : expireSnapshots(next, change.retention).metadata,
  };
}

/** The log of metadata files with the one that is being replaced. */
export function metadataLog(entry: CatalogEntry): TableMetadata['metadata-log'] {
  const last = { 'timestamp-ms': entry.metadata['last-updated-ms'], 'metadata-file': entry.metadataLocation };
  return [...entry.metadata['metadata-log'], last].slice(-METADATA_LOG);
}

function nextMetadata(options: {
  readonly entry: CatalogEntry;
  readonly metadata: TableMetadata;
  readonly snapshot: IcebergSnapshot;
  readonly properties: Readonly<Record<string, string>> | undefined;
}): TableMetadata {
  const { entry, metadata, snapshot } = options;
  const id = snapshot['snapshot-id'];
  const time = snapshot['timestamp-ms'];
  return {
    ...metadata,
    'last-sequence-number': snapshot['sequence-number'],
    'last-updated-ms': time,
    properties: { ...metadata.properties, ...options.properties },
    'current-snapshot-id': id,
    refs: { ...metadata.refs, main: { ...metadata.refs.main, 'snapshot-id': id, type: 'branch' } },
    snapshots: [...metadata.snapshots, snapshot],
    'snapshot-log': [...metadata['snapshot-log'], { 'timestamp-ms': time, 'snapshot-id': id }],
    'metadata-log': metadataLog(entry),
  };
}
