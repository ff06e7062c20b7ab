import type { ObjectEntry, ObjectStore } from '@schemahub/object-store';
import type { AvroCodec } from './avro/container.js';
import type { AvroRecord } from './avro/schema.js';
import { type Catalog, type CatalogEntry, createFolderCatalog } from './catalog.js';
import { metadataLog, prepareChange, type TableChange } from './commit-change.js';
import { IcebergError } from './errors.js';
import { type ReferencedKeys, referencedKeys, unreferencedMetadata } from './expire.js';
import { keyOfUri, locationOf } from './location.js';
import { type ColumnFacts, type ManifestEntry, partitionOfFile } from './manifest.js';
import {
  currentSnapshot,
  type IcebergSnapshot,
  type NewTable,
  newTable,
  schemaById,
  snapshotById,
  specById,
  wholeMs,
} from './metadata.js';
import type { PartitionValues } from './partition.js';
import { relocated } from './relocate.js';
import { defaultRetention, expireSnapshots } from './retention.js';
import { entriesOf, inParallel, isLive, manifestsOf, named, type TableIo } from './table-io.js';
import { fieldsById, parsePrimitive } from './types.js';
import { decodeValue } from './values.js';

export interface IcebergTableOptions {
  readonly store: ObjectStore;
  /** Key of the table's folder, without a slash at the end. Data files lie below it, metadata in its `metadata/`. */
  readonly prefix: string;
  /** URI of that folder, as other engines will open it. Default: made from the store's `urlOf`, see `locationOf`. */
  readonly location?: string | undefined;
  /** Default: a folder catalog at the same place. */
  readonly catalog?: Catalog | undefined;
  /** Compression of manifests. Default `deflate`. */
  readonly codec?: AvroCodec | undefined;
}

/** A data file of a snapshot. */
export interface LiveFile {
  readonly key: string;
  readonly format: string;
  readonly partition: PartitionValues;
  readonly rows: number;
  readonly bytes: number;
  readonly columns: readonly ColumnFacts[];
  readonly splitOffsets: readonly number[];
  readonly sortOrderId: number;
  /** Snapshot that added it, and its sequence number. */
  readonly snapshotId: bigint;
  readonly sequenceNumber: bigint;
}

export interface ExpireOptions {
  /** See `Retention`. Defaults 7 days, 10, 100. */
  readonly keepMs?: number | undefined;
  readonly keepSnapshots?: number | undefined;
  readonly maxSnapshots?: number | undefined;
  /** The store's clock, ms since 1970. */
  readonly now: number;
  /** Age that an unreferenced metadata object must have to be deleted, ms. Default 24 h: a commit may be under way. */
  readonly minAgeMs?: number | undefined;
  /** Only plan. Default false. */
  readonly dryRun?: boolean | undefined;
}

export interface ExpireResult {
  readonly entry: CatalogEntry;
  readonly expired: readonly IcebergSnapshot[];
  /** Metadata objects deleted, or that would be. Data files are never deleted here. */
  readonly deleted: readonly ObjectEntry[];
}

/** One Iceberg table. It is read once by `load`; every other verb works on what `load` gave. */
export interface IcebergTable {
  readonly location: string;
  readonly catalog: Catalog;
  /** The table as it is; undefined when there is none. */
  readonly load: () => Promise<CatalogEntry | undefined>;
  /** Makes an empty table. `conflict` when there is one. */
  readonly create: (options: Omit<NewTable, 'location'>) => Promise<CatalogEntry | 'conflict'>;
  /**
   * Adds a snapshot on `base`: manifests of files that stay are used again, so the cost is that of the change.
   * `conflict` when another writer was first: load and plan again. Throws `IcebergError` `invalid-change`.
   */
  readonly commit: (base: CatalogEntry, change: TableChange) => Promise<CatalogEntry | 'conflict'>;
  /** Data files of a snapshot, the current one by default. Throws `unsupported` where a foreign writer left row-level deletes. */
  readonly files: (entry: CatalogEntry, snapshotId?: bigint) => Promise<LiveFile[]>;
  /** Whether the metadata names another place than the one where the table lies. */
  readonly isMoved: (entry: CatalogEntry) => boolean;
  /** Makes the metadata of a moved table name where it lies. */
  readonly relocate: (entry: CatalogEntry) => Promise<CatalogEntry | 'conflict'>;
  /** Forgets old snapshots, then deletes metadata objects that nothing needs. */
  readonly expire: (entry: CatalogEntry, options: ExpireOptions) => Promise<ExpireResult | 'conflict'>;
  /** Keys that snapshots in the metadata still need: a data file that is not among them may go. */
  readonly referenced: (entry: CatalogEntry) => Promise<ReferencedKeys>;
}

function intMap(file: AvroRecord, name: string): ReadonlyMap<number, unknown> {
  const entries = file[name] as readonly { key: number; value: unknown }[] | null | undefined;
  return new Map((entries ?? []).map(({ key, value }) => [key, value]));
}

const numbers = (map: ReadonlyMap<number, unknown>, id: number): number | undefined =>
  map.has(id) ? Number(map.get(id)) : undefined;

/** Facts of the columns that the schema still has. */
function columnFacts(file: AvroRecord, types: ReadonlyMap<number, { readonly type: unknown }>): ColumnFacts[] {
  const maps = [
    'column_sizes',
    'value_counts',
    'null_value_counts',
    'nan_value_counts',
    'lower_bounds',
    'upper_bounds',
  ];
  const [sizes, values, nulls, nans, lower, upper] = maps.map((name) => intMap(file, name)) as [
    ReadonlyMap<number, unknown>,
    ReadonlyMap<number, unknown>,
    ReadonlyMap<number, unknown>,
    ReadonlyMap<number, unknown>,
    ReadonlyMap<number, unknown>,
    ReadonlyMap<number, unknown>,
  ];
  const ids = new Set([sizes, values, nulls, nans, lower, upper].flatMap((map) => [...map.keys()]));
  return [...ids]
    .sort((a, b) => a - b)
    .flatMap((fieldId) => {
      const field = types.get(fieldId);
      if (field === undefined) return [];
      const bound = (map: ReadonlyMap<number, unknown>): ColumnFacts['lower'] =>
        map.has(fieldId)
          ? decodeValue(parsePrimitive(field.type as string), map.get(fieldId) as Uint8Array)
          : undefined;
      return [
        {
          fieldId,
          size: numbers(sizes, fieldId),
          values: numbers(values, fieldId),
          nulls: numbers(nulls, fieldId),
          nans: numbers(nans, fieldId),
          lower: bound(lower),
          upper: bound(upper),
        },
      ];
    });
}

async function filesOf(io: TableIo, { metadata }: CatalogEntry, snapshotId: bigint | undefined): Promise<LiveFile[]> {
  const snapshot = snapshotId === undefined ? currentSnapshot(metadata) : snapshotById(metadata, snapshotId);
  if (snapshot === undefined) return [];
  const manifests = await manifestsOf(io, metadata, snapshot);
  if (manifests.some(({ content }) => content !== 0))
    throw new IcebergError(
      'unsupported',
      `Snapshot ${snapshot['snapshot-id']} has row-level deletes, which are not read.`,
    );
  const types = fieldsById(schemaById(metadata));
  const perManifest = await inParallel(manifests, async (manifest) => {
    const shape = { schema: schemaById(metadata), spec: specById(metadata, manifest.specId) };
    const entries = (await entriesOf(io, metadata, manifest)).filter(isLive);
    const fileOf = ({ file, snapshotId: id, sequenceNumber }: ManifestEntry): LiveFile => ({
      key: keyOfUri(String(file.file_path), metadata.location, io.prefix),
      format: String(file.file_format).toLowerCase(),
      partition: partitionOfFile(file, shape),
      rows: Number(file.record_count),
      bytes: Number(file.file_size_in_bytes),
      columns: columnFacts(file, types),
      splitOffsets: ((file.split_offsets ?? []) as readonly bigint[]).map(Number),
      sortOrderId: Number(file.sort_order_id ?? 0),
      snapshotId: id,
      sequenceNumber,
    });
    return named(manifest.path, () => entries.map(fileOf));
  });
  return perManifest.flat();
}

const DAY_MS = 86_400_000;

async function expire(
  io: TableIo,
  catalog: Catalog,
  entry: CatalogEntry,
  options: ExpireOptions,
): Promise<ExpireResult | 'conflict'> {
  const { keepMs, keepSnapshots, maxSnapshots, now, minAgeMs = DAY_MS, dryRun = false } = options;
  const { metadata, expired } = expireSnapshots(entry.metadata, {
    now,
    keepMs: keepMs ?? defaultRetention.keepMs,
    keepSnapshots: Math.max(1, keepSnapshots ?? defaultRetention.keepSnapshots),
    maxSnapshots: Math.max(1, maxSnapshots ?? defaultRetention.maxSnapshots),
  });
  let after: CatalogEntry | 'conflict' = { ...entry, metadata };
  if (expired.length > 0 && !dryRun) {
    const time = Math.max(wholeMs(now), metadata['last-updated-ms']);
    after = await catalog.commit(entry, { ...metadata, 'last-updated-ms': time, 'metadata-log': metadataLog(entry) });
    if (after === 'conflict') return after;
    await catalog.sync(after);
  }
  const deleted = await unreferencedMetadata(io, after, { now, minAgeMs });
  if (!dryRun && deleted.length > 0) await io.store.delete(deleted.map(({ key }) => key));
  return { entry: after, expired, deleted };
}

/** A table at a place in a store. Throws `IcebergError` `invalid-option`. */
export function openIcebergTable(options: IcebergTableOptions): IcebergTable {
  const { store, prefix } = options;
  if (prefix === '' || prefix.startsWith('/') || prefix.endsWith('/'))
    throw new IcebergError(
      'invalid-option',
      `prefix: expected a key without slashes around it, got ${JSON.stringify(prefix)}.`,
    );
  const location = (options.location ?? locationOf(store, prefix)).replace(/\/+$/, '');
  const io: TableIo = { store, prefix, location, codec: options.codec };
  const catalog = options.catalog ?? createFolderCatalog({ store, prefix, location });
  const publish = async (
    base: CatalogEntry | undefined,
    metadata: CatalogEntry['metadata'],
  ): Promise<CatalogEntry | 'conflict'> => {
    const entry = await catalog.commit(base, metadata);
    if (entry !== 'conflict') await catalog.sync(entry);
    return entry;
  };
  return {
    location,
    catalog,
    load: catalog.load,
    create: (table) => publish(undefined, newTable({ ...table, location })),
    commit: async (base, change) => publish(base, (await prepareChange(io, base, change)).metadata),
    files: (entry, snapshotId) => filesOf(io, entry, snapshotId),
    isMoved: ({ metadata }) => metadata.location !== location,
    relocate: async (entry) => publish(entry, await relocated(io, entry)),
    expire: (entry, expireOptions) => expire(io, catalog, entry, expireOptions),
    referenced: (entry) => referencedKeys(io, entry),
  };
}
