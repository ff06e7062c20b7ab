import { RangeSet } from '@schemahub/coverage';
import type { ObjectStore } from '@schemahub/object-store';
import {
  type CommitBody,
  type CommitKind,
  type CommitProduct,
  type CommitSource,
  createCommit,
  latestCommitNumber,
  readCommit,
} from './commit.js';
import { LakeError } from './errors.js';
import { type DataFile, type FileList, readFileList, writeFileList } from './file-list.js';
import type { Layout } from './keys.js';

/** A committed state of the table. */
export interface Snapshot {
  readonly number: number;
  readonly sha256: string;
  readonly commit: CommitBody;
  /** File lists by product. */
  readonly products: readonly FileList[];
}

export function fileListOf(snapshot: Snapshot | undefined, exchange: string, productId: string): FileList | undefined {
  return snapshot?.products.find((list) => list.exchange === exchange && list.productId === productId);
}

/** What is changed in one product. Ids that are re-derived are neither added nor removed. */
export interface ProductChange {
  readonly exchange: string;
  readonly productId: string;
  readonly symbol: string;
  readonly addFiles: readonly DataFile[];
  /** Paths of live files that go. */
  readonly removeFiles: readonly string[];
  readonly addPresent: RangeSet;
  readonly addQuarantined: RangeSet;
}

/** One change of the table, not yet numbered. */
export interface Change {
  readonly kind: CommitKind;
  readonly runId: string;
  readonly time: string;
  readonly products: readonly ProductChange[];
  readonly schemaHash: string;
  readonly mappingHashes: Readonly<Record<string, string>>;
  readonly sources: Readonly<Record<string, CommitSource>>;
  readonly quarantine: readonly string[];
  readonly tableVersion?: number | undefined;
  /** Rollback and release; absent keeps what the base has. */
  readonly pinned?: number | null | undefined;
  readonly retired?: readonly string[] | undefined;
  /** Rollback and rebuild: these lists replace those of the base instead of `products` changing them. */
  readonly replaceProducts?: readonly FileList[] | undefined;
  /** Rebuild and rollback: number that the base must still have. */
  readonly onlyOnBase?: number | undefined;
}

/** File lists that are read side by side: a lake of hundreds of products must not take a minute to open. */
const LISTS_AT_ONCE = 16;

/** Reads the snapshot of a commit. Throws `LakeError` when it is a tombstone, missing or damaged. */
export async function readSnapshot(store: ObjectStore, layout: Layout, number: number): Promise<Snapshot> {
  const stored = await readCommit(store, layout, number);
  if (stored === undefined)
    throw new LakeError('missing-object', `snapshot ${number}: there is no such commit in ${store.location}`, {
      key: layout.commit(number),
    });
  if (stored.kind === 'tombstone') {
    throw new LakeError(
      'retired',
      `snapshot ${number} of ${stored.body.time} was vacuumed; only its number is kept. See: schemahub snapshots`,
      { key: layout.commit(number) },
    );
  }
  const products: FileList[] = [];
  for (let from = 0; from < stored.body.products.length; from += LISTS_AT_ONCE) {
    const some = stored.body.products.slice(from, from + LISTS_AT_ONCE);
    const lists = await Promise.all(some.map(({ list }) => readFileList(store, list)));
    for (const [i, list] of lists.entries()) {
      checkEntry(layout.commit(number), some[i]!, list);
      products.push(list);
    }
  }
  return { number, sha256: stored.sha256, commit: stored.body, products };
}

/** No commit holds a hash of the newest one, so what it says of a list is compared with the list itself. */
function checkEntry(key: string, entry: CommitProduct, list: FileList): void {
  const { exchange, product_id, symbol, files, rows, bytes } = entry;
  const held = summaryOf(list);
  const isSame = exchange === list.exchange && product_id === list.productId && symbol === list.symbol;
  if (isSame && files === held.files && rows === held.rows && bytes === held.bytes) return;
  throw new LakeError(
    'damaged-commit',
    `${key}: says ${exchange} ${product_id} ${symbol}: ${files} files, ${rows} rows, ${bytes} bytes; its list ${entry.list} ` +
      `says ${list.exchange} ${list.productId} ${list.symbol}: ${held.files}, ${held.rows}, ${held.bytes}. ` +
      'Restore this object from a backup.',
    { key },
  );
}

function summaryOf(list: FileList): { readonly files: number; readonly rows: number; readonly bytes: number } {
  return {
    files: list.files.length,
    rows: list.files.reduce((sum, file) => sum + file.rows, 0),
    bytes: list.files.reduce((sum, file) => sum + file.bytes, 0),
  };
}

/** The latest snapshot; undefined in a lake without commits. */
export async function readHead(store: ObjectStore, layout: Layout): Promise<Snapshot | undefined> {
  const number = await latestCommitNumber(store, layout);
  return number === 0 ? undefined : await readSnapshot(store, layout, number);
}

function conflict(what: string): LakeError {
  return new LakeError('conflict', `${what}; another run committed first. Planning again.`);
}

/** The product's next list. Throws `conflict` unless added ids are new and removed files are live. */
function changeList(base: FileList | undefined, change: ProductChange): FileList {
  const name = `${change.exchange} ${change.productId}`;
  const files = base?.files ?? [];
  const live = new Set(files.map(({ path }) => path));
  const gone = new Set(change.removeFiles);
  for (const path of gone) if (!live.has(path)) throw conflict(`${name}: ${path} is no longer live`);
  const present = base?.present ?? RangeSet.empty;
  const doubled = change.addPresent.intersect(present);
  if (!doubled.isEmpty) throw conflict(`${name}: ids ${doubled.toString().slice(0, 100)} are in the table already`);
  const nextPresent = present.union(change.addPresent);
  return {
    exchange: change.exchange,
    productId: change.productId,
    symbol: change.symbol,
    files: [...files.filter(({ path }) => !gone.has(path)), ...change.addFiles],
    present: nextPresent,
    quarantined: (base?.quarantined ?? RangeSet.empty).union(change.addQuarantined).difference(nextPresent),
  };
}

/** Rows in files and ids in `present` must agree before anyone may see the list; no file may be in it twice. */
function checkList(list: FileList): void {
  let rows = 0;
  let ids = RangeSet.empty;
  const paths = new Set<string>();
  for (const file of list.files) {
    rows += file.rows;
    ids = ids.union(file.ids);
    if (file.rows !== file.ids.count || paths.has(file.path)) {
      const what = paths.has(file.path) ? 'is in the list twice' : `has ${file.rows} rows but ${file.ids.count} ids`;
      throw new LakeError(
        'damaged-file-list',
        `${list.exchange} ${list.productId}: ${file.path} ${what}; nothing was committed`,
      );
    }
    paths.add(file.path);
  }
  if (rows !== list.present.count || !ids.equals(list.present)) {
    throw new LakeError(
      'damaged-file-list',
      `${list.exchange} ${list.productId}: ${rows} rows in files with ${ids.count} ids, but ${list.present.count} ids are said to be present; nothing was committed`,
    );
  }
}

async function describe(store: ObjectStore, layout: Layout, list: FileList): Promise<CommitProduct> {
  return {
    exchange: list.exchange,
    product_id: list.productId,
    symbol: list.symbol,
    list: await writeFileList(store, layout, list),
    ...summaryOf(list),
  };
}

function nextLists(base: Snapshot | undefined, change: Change): FileList[] {
  if (change.replaceProducts !== undefined) return [...change.replaceProducts];
  const lists = [...(base?.products ?? [])];
  for (const product of change.products) {
    const at = lists.findIndex((list) => list.exchange === product.exchange && list.productId === product.productId);
    const next = changeList(lists[at], product);
    if (at < 0) lists.push(next);
    else lists[at] = next;
  }
  return lists.sort((a, b) => (`${a.exchange} ${a.productId}` < `${b.exchange} ${b.productId}` ? -1 : 1));
}

/**
 * How far the sources are carried once a change is made. One that was about some products of a source leaves what is
 * known of the others, and is complete only if all that is known was; a rollback says what was said then.
 */
function nextSources(base: Snapshot | undefined, change: Change): CommitBody['sources'] {
  if (change.kind === 'rollback') return change.sources;
  const sources: Record<string, CommitSource> = { ...base?.commit.sources };
  for (const [source, next] of Object.entries(change.sources)) {
    const before = sources[source];
    const others = Object.keys(before?.wanted_end ?? {}).filter((product) => !(product in next.wanted_end));
    const isWhole = before === undefined || others.length === 0 || change.replaceProducts !== undefined;
    sources[source] = isWhole
      ? next
      : {
          state: before.state === next.state ? next.state : 'partial',
          wanted_end: { ...before.wanted_end, ...next.wanted_end },
        };
  }
  return sources;
}

/**
 * Commits a change on the head. A number lost to another writer means: read the new head, check the change against it
 * again, try the next number. Throws `LakeError` `conflict` when the change no longer fits, so that the caller plans
 * again; nothing is deleted then, vacuum finds the unreferenced files.
 */
export async function commitChange(store: ObjectStore, layout: Layout, change: Change): Promise<Snapshot> {
  for (;;) {
    const base = await readHead(store, layout);
    if (change.onlyOnBase !== undefined && (base?.number ?? 0) !== change.onlyOnBase) {
      throw conflict(`the table moved from snapshot ${change.onlyOnBase} to ${base?.number ?? 0}`);
    }
    const pinned = change.pinned === undefined ? (base?.commit.pinned ?? null) : change.pinned;
    if (change.kind === 'transform' && pinned !== null) {
      throw new LakeError(
        'pinned',
        `the table is pinned to snapshot ${pinned} by a rollback. Free it with: schemahub rollback --release`,
      );
    }
    const lists = nextLists(base, change);
    const products: CommitProduct[] = [];
    for (const list of lists) {
      // Lists that did not change keep their object: an unchanged product costs no write.
      const old = base?.products.includes(list)
        ? base.commit.products.find(
            (product) => product.exchange === list.exchange && product.product_id === list.productId,
          )
        : undefined;
      if (old === undefined) checkList(list);
      products.push(old ?? (await describe(store, layout, list)));
    }
    const body: CommitBody = {
      version: 1,
      number: (base?.number ?? 0) + 1,
      time: change.time,
      kind: change.kind,
      run_id: change.runId,
      parent: base === undefined ? null : { number: base.number, sha256: base.sha256 },
      table_version: change.tableVersion ?? base?.commit.table_version ?? 1,
      schema_hash: change.schemaHash,
      mapping_hashes: { ...base?.commit.mapping_hashes, ...change.mappingHashes },
      products,
      quarantine: [...new Set([...(base?.commit.quarantine ?? []), ...change.quarantine])].sort(),
      sources: nextSources(base, change),
      pinned,
      retired: change.retired ?? [],
    };
    if ((await createCommit(store, layout, body)) === 'created') return await readSnapshot(store, layout, body.number);
  }
}
