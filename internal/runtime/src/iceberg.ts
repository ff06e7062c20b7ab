import { tradesUnified, tradesUnifiedWithDecimals } from '@schemahub/core';
import {
  type CatalogEntry,
  currentSnapshot,
  defaultRetention,
  IcebergError,
  type IcebergSnapshot,
  type IcebergTable,
  isSameSchema,
  type LiveFile,
  type NewDataFile,
  schemaById,
  schemaOf,
  type TableChange,
} from '@schemahub/iceberg';
import { latestCommitNumber } from '@schemahub/lake';
import type { Config } from './config.js';
import { icebergFile, type ListedFile } from './iceberg-files.js';
import {
  allLists,
  commitOf,
  commitsAfter,
  type Difference,
  difference,
  differenceOfCommits,
  isOfThisLake,
  type LiveCommit,
  operationOf,
  schemaOfFiles,
  summaryOfCommit,
} from './iceberg-plan.js';
import { isPublishing, newTradesTable, openTrades, type PublishOptions } from './iceberg-table.js';
import type { OpenLake } from './lake.js';

export { publishRaw, type RawPublished } from './iceberg-raw.js';
export { isPublishing, type PublishOptions } from './iceberg-table.js';

export interface PublishResult {
  readonly location: string;
  /** Commits that became snapshots in this run, ascending. */
  readonly published: readonly number[];
  /** The current snapshot: its commit and its id; undefined in a lake without commits. */
  readonly commit: number | undefined;
  readonly snapshotId: string | undefined;
  /** The folder had been moved, and its metadata was written anew. */
  readonly relocated: boolean;
}

interface Face {
  readonly lake: OpenLake;
  readonly table: IcebergTable;
  readonly isReplacing: boolean;
}

const TRIES = 20;
const FILES_AT_ONCE = 8;

function foreign(face: Face, snapshot: IcebergSnapshot, why: string): IcebergError {
  const engine = snapshot.summary['engine-name'] ?? snapshot.summary['app-id'];
  const by = engine === undefined ? '' : ` (written by ${engine})`;
  return new IcebergError(
    'foreign-snapshot',
    `${face.table.location}: the current Iceberg snapshot ${snapshot['snapshot-id']}${by} ${why}. The commits of the lake stand; nothing was published. To put the newest commit in its place: schemahub iceberg publish --replace`,
  );
}

interface Step {
  readonly commit: LiveCommit;
  readonly change: TableChange;
}

async function newFiles(face: Face, files: readonly ListedFile[]): Promise<NewDataFile[]> {
  const found: NewDataFile[] = [];
  for (let from = 0; from < files.length; from += FILES_AT_ONCE) {
    const some = files.slice(from, from + FILES_AT_ONCE);
    found.push(
      ...(await Promise.all(some.map((file) => icebergFile(face.lake.store, file, tradesUnifiedWithDecimals)))),
    );
  }
  return found;
}

/** What the table's own manifests lack or have too much, for when the lake no longer knows what was published. */
async function differenceOfTable(face: Face, entry: CatalogEntry, next: LiveCommit): Promise<Difference> {
  const live = new Map((await face.table.files(entry)).map((file) => [file.key, file] as [string, LiveFile]));
  const { add } = difference([], await allLists(face.lake, next));
  const wanted = new Set(add.map(({ file }) => file.path));
  return {
    add: add.filter(({ file }) => !live.has(file.path)),
    remove: [...live.values()].filter(({ key }) => !wanted.has(key)).map(({ key, partition }) => ({ key, partition })),
  };
}

async function stepOf(
  face: Face,
  entry: CatalogEntry,
  commit: LiveCommit,
  change: Difference,
  replaceAll: boolean,
): Promise<Step | undefined> {
  const known = schemaById(entry.metadata).fields.some(({ name }) => name === 'price_dec');
  const columns = schemaOfFiles(change.add, known && !replaceAll ? tradesUnifiedWithDecimals : tradesUnified);
  const schema = schemaOf(columns);
  const isSame =
    change.add.length === 0 && change.remove.length === 0 && isSameSchema(schema, schemaById(entry.metadata));
  if (isSame && !replaceAll) return undefined;
  return {
    commit,
    change: {
      add: await newFiles(face, change.add),
      remove: change.remove,
      replaceAll,
      operation: replaceAll ? 'overwrite' : operationOf(commit.body.kind),
      schema,
      summary: summaryOfCommit(commit),
      timestampMs: Date.parse(commit.body.time),
      retention: { ...defaultRetention, now: face.lake.clock.now() },
    },
  };
}

/** The whole newest commit, for a table that is new or that another engine changed. */
async function wholeStep(face: Face, entry: CatalogEntry, replaceAll: boolean): Promise<Step | undefined> {
  const { commits } = await commitsAfter(face.lake, 0);
  const commit = commits.at(-1);
  if (commit === undefined) return undefined;
  return await stepOf(face, entry, commit, difference([], await allLists(face.lake, commit)), replaceAll);
}

/** The next snapshot to publish; undefined when the table shows the newest commit. */
async function nextStep(face: Face, entry: CatalogEntry): Promise<Step | undefined> {
  const { lake } = face;
  const current = currentSnapshot(entry.metadata);
  if (current === undefined) return await wholeStep(face, entry, false);
  const published = commitOf(current);
  if (published === undefined || !(await isOfThisLake(lake, published))) {
    if (face.isReplacing) return await wholeStep(face, entry, true);
    throw foreign(
      face,
      current,
      published === undefined
        ? 'was not published by schemahub'
        : `shows commit ${published.number} of another lake, or of this one before it was put back`,
    );
  }
  const { commits, retired } = await commitsAfter(lake, published.number);
  for (const commit of commits) {
    const isNewest = commit === commits.at(-1);
    try {
      const change =
        (await differenceOfCommits(lake, published.number, commit)) ?? (await differenceOfTable(face, entry, commit));
      // Vacuum may have deleted what an old commit names: only the newest must be shown.
      if (!isNewest && change.add.some(({ file }) => retired.has(file.path))) continue;
      const step = await stepOf(face, entry, commit, change, false);
      if (step !== undefined) return step;
    } catch (error) {
      if (isNewest || (error as { code?: unknown }).code !== 'missing-object') throw error;
    }
  }
  return undefined;
}

async function loadOrCreate(face: Face): Promise<CatalogEntry | undefined> {
  const entry = await face.table.load();
  if (entry !== undefined) return entry;
  const { commits } = await commitsAfter(face.lake, 0);
  const newest = commits.at(-1);
  if (newest === undefined) return undefined;
  const made = await face.table.create(newTradesTable(newest.sha256, Date.parse(newest.body.time)));
  return made === 'conflict' ? await face.table.load() : made;
}

const isConflict = (error: unknown): boolean => error instanceof IcebergError && error.code === 'conflict';

interface Round {
  readonly entry: CatalogEntry | undefined;
  readonly commit?: number;
  readonly relocated?: boolean;
  readonly isDone: boolean;
}

/** One try: at most one commit of the catalog. A conflict is answered by the next round. */
async function round(face: Face): Promise<Round> {
  const entry = await loadOrCreate(face);
  if (entry === undefined) return { entry, isDone: true };
  if (face.table.isMoved(entry)) {
    const moved = await face.table.relocate(entry);
    return moved === 'conflict' ? { entry, isDone: false } : { entry: moved, relocated: true, isDone: false };
  }
  const step = await nextStep(face, entry);
  if (step === undefined) {
    // A run that died after its commit may have left a pointer behind.
    await face.table.catalog.sync(entry);
    return { entry, isDone: true };
  }
  const next = await face.table.commit(entry, step.change);
  return next === 'conflict'
    ? { entry, isDone: false }
    : { entry: next, commit: step.commit.body.number, isDone: false };
}

/**
 * Brings the Iceberg face up to the newest commit, commit by commit, whatever an earlier run left undone. Keyed by
 * commit number and hash in the summary of each snapshot, so running it again changes nothing. Throws `IcebergError`
 * `foreign-snapshot`.
 */
export async function publish(options: PublishOptions): Promise<PublishResult> {
  const { lake, config } = options;
  const face: Face = {
    lake,
    table: await openTrades(lake, config, options.dryRun),
    isReplacing: options.replace === true,
  };
  const published: number[] = [];
  let relocated = false;
  for (let conflicts = 0; conflicts < TRIES; ) {
    try {
      const { entry, commit, relocated: moved, isDone } = await round(face);
      relocated ||= moved === true;
      if (commit !== undefined) published.push(commit);
      if (isDone) {
        const current = entry === undefined ? undefined : currentSnapshot(entry.metadata);
        return {
          location: face.table.location,
          published,
          commit: commitOf(current)?.number,
          snapshotId: current === undefined ? undefined : String(current['snapshot-id']),
          relocated,
        };
      }
      if (commit === undefined && moved === undefined) conflicts += 1;
    } catch (error) {
      if (!isConflict(error)) throw error;
      conflicts += 1;
    }
  }
  throw new IcebergError(
    'conflict',
    `${face.table.location}: other publishers were faster ${TRIES} times. Run it again: schemahub iceberg publish`,
  );
}

export interface PublishedSnapshot {
  readonly id: string;
  readonly commit: number | undefined;
  readonly time: string;
  readonly operation: string;
  readonly files: number;
  readonly rows: number;
}

export interface FaceStatus {
  readonly location: string;
  readonly catalog: string;
  /** `none`: never published. `behind`: newer commits are not shown. `foreign`: another engine made it current. */
  readonly state: 'none' | 'current' | 'behind' | 'moved' | 'foreign';
  readonly metadata: string | undefined;
  readonly commit: number | undefined;
  readonly newestCommit: number;
  /** Newest first. */
  readonly snapshots: readonly PublishedSnapshot[];
}

function shown(snapshot: IcebergSnapshot): PublishedSnapshot {
  return {
    id: String(snapshot['snapshot-id']),
    commit: commitOf(snapshot)?.number,
    time: new Date(snapshot['timestamp-ms']).toISOString(),
    operation: snapshot.summary.operation,
    files: Number(snapshot.summary['total-data-files'] ?? Number.NaN),
    rows: Number(snapshot.summary['total-records'] ?? Number.NaN),
  };
}

async function stateOf(face: Face, entry: CatalogEntry): Promise<FaceStatus['state']> {
  if (face.table.isMoved(entry)) return 'moved';
  try {
    return (await nextStep(face, entry)) === undefined ? 'current' : 'behind';
  } catch (error) {
    if (error instanceof IcebergError && error.code === 'foreign-snapshot') return 'foreign';
    throw error;
  }
}

/** What is published and whether it is what the lake has. Writes nothing. */
export async function faceStatus({ lake, config }: PublishOptions): Promise<FaceStatus> {
  const face: Face = { lake, table: await openTrades(lake, config), isReplacing: false };
  const entry = await face.table.load();
  const newestCommit = await latestCommitNumber(lake.store, lake.layout);
  const snapshots = [...(entry?.metadata.snapshots ?? [])].reverse().map(shown);
  return {
    location: face.table.location,
    catalog: face.table.catalog.name,
    state: entry === undefined ? 'none' : await stateOf(face, entry),
    metadata: entry?.metadataLocation,
    commit: entry === undefined ? undefined : commitOf(currentSnapshot(entry.metadata))?.number,
    newestCommit,
    snapshots,
  };
}

export interface ExpiredFace {
  readonly expired: readonly PublishedSnapshot[];
  readonly deleted: readonly string[];
  readonly deletedBytes: number;
}

/** Forgets old Iceberg snapshots and deletes metadata that nothing needs. The lake's own snapshots are vacuum's. */
export async function expireFace(
  options: PublishOptions & {
    readonly keepMs?: number | undefined;
    /** The store's clock, ms. Default: this computer's. */
    readonly now?: number | undefined;
  },
): Promise<ExpiredFace> {
  const { lake, config, keepMs, dryRun, now = lake.clock.now() } = options;
  const table = await openTrades(lake, config);
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const entry = await table.load();
    if (entry === undefined) return { expired: [], deleted: [], deletedBytes: 0 };
    const result = await table.expire(entry, { now, keepMs, dryRun });
    if (result === 'conflict') continue;
    return {
      expired: result.expired.map(shown),
      deleted: result.deleted.map(({ key }) => key),
      deletedBytes: result.deleted.reduce((sum, { size }) => sum + size, 0),
    };
  }
  throw new IcebergError(
    'conflict',
    `${table.location}: other writers were faster ${TRIES} times. Run it again: schemahub iceberg expire`,
  );
}

/** Keys that the published metadata still names, for vacuum. Empty where nothing was ever published. */
export async function publishedPaths(lake: OpenLake, config: Config): Promise<ReadonlySet<string>> {
  // Also with publishing switched off: readers may still follow what was published before.
  const table = await openTrades(lake, config);
  const entry = await table.load();
  return entry === undefined ? new Set() : (await table.referenced(entry)).data;
}

/** `publish`, or undefined where publishing is switched off. */
export async function publishIfWanted(options: PublishOptions): Promise<PublishResult | undefined> {
  return isPublishing(options.config) ? await publish(options) : undefined;
}

/** Data files of an Iceberg snapshot, read through the metadata alone. */
export async function publishedFiles(
  options: PublishOptions & { readonly commit?: number | undefined },
): Promise<
  | { readonly commit: number | undefined; readonly files: readonly LiveFile[]; readonly hasDecimals: boolean }
  | undefined
> {
  const table = await openTrades(options.lake, options.config);
  const entry = await table.load();
  if (entry === undefined) return undefined;
  const { metadata } = entry;
  const wanted = options.commit;
  // A commit without a change of files is shown by the snapshot of the one before it.
  const shows = (snapshot: IcebergSnapshot): boolean =>
    (commitOf(snapshot)?.number ?? Number.POSITIVE_INFINITY) <= wanted!;
  const snapshot = wanted === undefined ? currentSnapshot(metadata) : metadata.snapshots.findLast(shows);
  if (snapshot === undefined) return undefined;
  const schema = schemaById(metadata, snapshot['schema-id']);
  return {
    commit: commitOf(snapshot)?.number,
    files: await table.files(entry, snapshot['snapshot-id']),
    hasDecimals: schema.fields.some(({ name }) => name === 'price_dec'),
  };
}
