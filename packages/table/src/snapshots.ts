import {
  type DataFile,
  LakeError,
  latestCommitNumber,
  readCommit,
  readFileList,
  type StoredCommit,
} from '@schemahub/lake';
import type { TableContext } from './context.js';

/** A data file as lists for people and scripts show it. */
export interface SnapshotFile {
  /** Relative to the lake. */
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  /** `1-5000,5046`. */
  readonly ids: string;
  readonly sha256: string;
}

export interface SnapshotEntry {
  readonly number: number;
  /** RFC 3339. */
  readonly time: string;
  readonly kind: string;
  /** The snapshot that a rollback pinned; null when the table was free. */
  readonly pinned: number | null;
  readonly rows: number;
  readonly bytes: number;
  /** Whether it can still be read and come back by a rollback; false once vacuum retired any of its files. */
  readonly available: boolean;
  /** Live files; empty when they were not asked for or its lists are gone. */
  readonly files: readonly SnapshotFile[];
}

export interface SnapshotList {
  /** Number of the latest; 0 in a lake without commits. */
  readonly current: number;
  /** Newest first; those that vacuum forgot are left out. */
  readonly snapshots: readonly SnapshotEntry[];
}

export interface SnapshotsOptions {
  /** Read the file lists, too; costs one read a list. Default true. */
  readonly files?: boolean | undefined;
}

/** All snapshots that are not forgotten: see `Table.snapshots`. */
export async function listSnapshots(context: TableContext, options: SnapshotsOptions = {}): Promise<SnapshotList> {
  const current = await latestCommitNumber(context.store, context.layout);
  const lists = new Map<string, readonly DataFile[] | undefined>();
  const retired = new Set<string>();
  const snapshots: SnapshotEntry[] = [];
  for (let number = current; number > 0; number -= 1) {
    const stored = await readCommit(context.store, context.layout, number);
    if (stored?.kind !== 'commit') break; // older ones are tombstones, too
    const held = await filesOf(context, stored, lists, options.files ?? true);
    snapshots.push(describe(stored, held, retired));
    for (const path of stored.body.retired) retired.add(path); // counts for older snapshots
  }
  return { current, snapshots };
}

type LiveCommit = StoredCommit & { readonly kind: 'commit' };

/** Its files; undefined when one of its lists is gone. */
async function filesOf(
  context: TableContext,
  { body }: LiveCommit,
  lists: Map<string, readonly DataFile[] | undefined>,
  wanted: boolean,
): Promise<readonly DataFile[] | undefined> {
  if (!wanted) return [];
  const files: DataFile[] = [];
  for (const { list } of body.products) {
    if (!lists.has(list)) lists.set(list, await readList(context, list));
    const held = lists.get(list);
    if (held === undefined) return undefined;
    files.push(...held);
  }
  return files;
}

async function readList(context: TableContext, key: string): Promise<readonly DataFile[] | undefined> {
  try {
    return (await readFileList(context.store, key)).files;
  } catch (error) {
    if (error instanceof LakeError && error.code === 'missing-object') return undefined;
    throw error;
  }
}

function describe(
  { body }: LiveCommit,
  files: readonly DataFile[] | undefined,
  retired: ReadonlySet<string>,
): SnapshotEntry {
  const keys = [...body.products.map(({ list }) => list), ...(files ?? []).map(({ path }) => path)];
  return {
    number: body.number,
    time: body.time,
    kind: body.kind,
    pinned: body.pinned,
    rows: body.products.reduce((sum, { rows }) => sum + rows, 0),
    bytes: body.products.reduce((sum, { bytes }) => sum + bytes, 0),
    available: files !== undefined && !keys.some((key) => retired.has(key)),
    files: (files ?? []).map(({ path, rows, bytes, ids, sha256 }) => ({
      path,
      rows,
      bytes,
      ids: ids.toString(),
      sha256,
    })),
  };
}
