import type { TableSchema } from '@schemahub/columns';
import { tradesUnifiedWithDecimals } from '@schemahub/core';
import type { IcebergSnapshot, RemovedFile, SnapshotOperation } from '@schemahub/iceberg';
import {
  type CommitBody,
  type FileList,
  LakeError,
  listCommitNumbers,
  readCommit,
  readFileList,
  type StoredCommit,
} from '@schemahub/lake';
import { type ListedFile, partitionOfListed } from './iceberg-files.js';
import type { OpenLake } from './lake.js';

/** Members of a snapshot's summary that say which commit it shows. */
const COMMIT = 'schemahub.commit';
const COMMIT_SHA256 = 'schemahub.commit-sha256';
const WATERMARK_CHARACTERS = 2000;

export interface CommitName {
  readonly number: number;
  readonly sha256: string;
}

/** The commit that a snapshot shows; undefined where we did not publish it. */
export function commitOf(snapshot: IcebergSnapshot | undefined): CommitName | undefined {
  const summary: Readonly<Record<string, string>> = snapshot?.summary ?? {};
  const { [COMMIT]: number, [COMMIT_SHA256]: sha256 } = summary;
  return /^[1-9]\d{0,14}$/.test(number ?? '') && sha256 !== undefined ? { number: Number(number), sha256 } : undefined;
}

/** Greatest wanted ids as `BTC-USD=12 ETH-USD=34`, cut where there are too many products for a summary. */
function watermarkText(ends: Readonly<Record<string, number>>): string {
  let text = '';
  const names = Object.keys(ends).sort();
  for (const [at, name] of names.entries()) {
    const next = `${text}${at === 0 ? '' : ' '}${name}=${ends[name]}`;
    if (next.length > WATERMARK_CHARACTERS) return `${text} … ${names.length - at} more`;
    text = next;
  }
  return text;
}

/** What the summary says of a commit: number, run, and per source how far it goes. */
export function summaryOfCommit({ body, sha256 }: LiveCommit): Record<string, string> {
  const summary: Record<string, string> = {
    [COMMIT]: String(body.number),
    [COMMIT_SHA256]: sha256,
    'schemahub.kind': body.kind,
    'schemahub.run-id': body.run_id,
  };
  for (const [source, { state, wanted_end }] of Object.entries(body.sources)) {
    summary[`schemahub.source.${source}`] = state;
    summary[`schemahub.watermark.${source}`] = watermarkText(wanted_end);
  }
  return summary;
}

/** Compaction and rebuilds that lose nothing keep every row; only a compaction is sure to. */
export function operationOf(kind: CommitBody['kind']): SnapshotOperation | undefined {
  return kind === 'compact' ? 'replace' : undefined;
}

export type LiveCommit = StoredCommit & { readonly kind: 'commit' };

async function liveCommit(lake: OpenLake, number: number): Promise<LiveCommit | undefined> {
  const stored = await readCommit(lake.store, lake.layout, number);
  return stored?.kind === 'commit' ? stored : undefined;
}

/** How many commits that nobody published are made up for one by one; older ones are passed over. */
const CATCH_UP = 20;

/** Commits after `published` that are not forgotten, ascending, and everything that they retire. */
export async function commitsAfter(
  lake: OpenLake,
  published: number,
): Promise<{ readonly commits: readonly LiveCommit[]; readonly retired: ReadonlySet<string> }> {
  const numbers = await listCommitNumbers(lake.store, lake.layout, published + 1);
  const first = published === 0 ? -1 : -CATCH_UP;
  const commits: LiveCommit[] = [];
  for (const number of numbers.slice(first)) {
    const commit = await liveCommit(lake, number);
    if (commit !== undefined) commits.push(commit);
  }
  return { commits, retired: new Set(commits.flatMap(({ body }) => body.retired)) };
}

/** Whether the published commit is one of this lake: same number, same bytes, also after vacuum forgot it. */
export async function isOfThisLake(lake: OpenLake, published: CommitName): Promise<boolean> {
  const stored = await readCommit(lake.store, lake.layout, published.number);
  if (stored === undefined) return false;
  return (stored.kind === 'commit' ? stored.sha256 : stored.body.sha256) === published.sha256;
}

export interface Difference {
  readonly add: readonly ListedFile[];
  readonly remove: readonly RemovedFile[];
}

const filesOf = (lists: readonly FileList[]): Map<string, ListedFile> =>
  new Map(lists.flatMap((list) => list.files.map((file) => [file.path, { list, file }] as const)));

/** Files that only one side has. Pure. */
export function difference(before: readonly FileList[], after: readonly FileList[]): Difference {
  const [old, next] = [filesOf(before), filesOf(after)];
  return {
    add: [...next.values()].filter(({ file }) => !old.has(file.path)),
    remove: [...old.values()]
      .filter(({ file }) => !next.has(file.path))
      .map((listed) => ({ key: listed.file.path, partition: partitionOfListed(listed) })),
  };
}

async function readLists(lake: OpenLake, body: CommitBody, isWanted: (key: string) => boolean): Promise<FileList[]> {
  const keys = body.products.map(({ list }) => list).filter(isWanted);
  const lists: FileList[] = [];
  for (let from = 0; from < keys.length; from += 16)
    lists.push(...(await Promise.all(keys.slice(from, from + 16).map((key) => readFileList(lake.store, key)))));
  return lists;
}

export async function allLists(lake: OpenLake, { body }: LiveCommit): Promise<FileList[]> {
  return await readLists(lake, body, () => true);
}

/**
 * What changes from the published commit to the next one, read from the lists that changed only. Undefined when the
 * published commit or one of its lists is gone: then the table's own manifests say what it holds.
 */
export async function differenceOfCommits(
  lake: OpenLake,
  published: number,
  next: LiveCommit,
): Promise<Difference | undefined> {
  const base = await liveCommit(lake, published);
  if (base === undefined) return undefined;
  const [old, wanted] = [base.body, next.body].map(({ products }) => new Set(products.map(({ list }) => list))) as [
    Set<string>,
    Set<string>,
  ];
  const after = await readLists(lake, next.body, (key) => !old.has(key));
  try {
    return difference(await readLists(lake, base.body, (key) => !wanted.has(key)), after);
  } catch (error) {
    if (error instanceof LakeError && error.code === 'missing-object') return undefined;
    throw error;
  }
}

/** The table's shape with those files: with exact decimals as soon as one file has them. */
export function schemaOfFiles(files: readonly ListedFile[], current: TableSchema): TableSchema {
  const has = files.some(({ file }) => file.columns.includes('price_dec'));
  return has ? tradesUnifiedWithDecimals : current;
}
