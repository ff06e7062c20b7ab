import { RangeSet } from '@schemahub/coverage';
import { checkDataFile, type ListedProduct, readList, readRaw, sha256Of } from './check-files.js';
import { createFaceWitness, type FaceWitness, METADATA_FILE } from './face.js';
import type { Truth } from './truth.js';
import type { SimVenue } from './venues.js';

/** A promise that was broken. */
export interface Violation {
  /** The promise, stable: `raw-rewritten`. */
  readonly rule: string;
  readonly text: string;
}

export interface StoredWrite {
  readonly key: string;
  readonly before: Uint8Array | undefined;
  readonly after: Uint8Array;
}

/** Watches every object that is written or deleted and refutes the promises where it can. */
export interface Oracle {
  readonly written: (write: StoredWrite) => void;
  readonly deleted: (keys: readonly string[]) => void;
  /** Somebody outside of the pipeline damaged this object or took it away: what rests on it is excused. */
  readonly harmed: (key: string, bytes: Uint8Array | undefined) => void;
  /** Checks that take more than one look; between two steps. */
  readonly settle: () => Promise<void>;
  readonly violate: (rule: string, text: string) => void;
  readonly violations: readonly Violation[];
  /** The latest commit's products; undefined before the first. */
  readonly head: () => CommitView | undefined;
  readonly commit: (number: number) => CommitView | undefined;
  readonly object: (key: string) => Uint8Array | undefined;
  readonly rawKeys: () => readonly string[];
}

export interface CommitView {
  readonly number: number;
  readonly kind: string;
  readonly sha256: string;
  readonly pinned: number | null;
  readonly createdAt: number;
  readonly products: readonly ListedProduct[];
  readonly retired: readonly string[];
}

interface StoredCheckpoint {
  readonly product_id: string;
  readonly epoch: number;
  readonly cursor: number | null | undefined;
  readonly anchor: number | null | undefined;
  readonly fetched: string;
  readonly void: string;
}

const DAY_MS = 86_400_000;

const classes = {
  raw: /^raw_\w+_trades\//,
  evidence: /^coverage_\w+\//,
  data: /^unified_trades\/v\d+\//,
  list: /^unified_trades\/files\//,
  commit: /^unified_trades\/commits\/\d{20}\.json$/,
  face: METADATA_FILE,
  quarantine: /^quarantine\//,
  checkpoint: /^checkpoints\//,
  certificate: /^certificates\//,
} as const;

type ObjectClass = keyof typeof classes;

function classOf(key: string): ObjectClass | undefined {
  return (Object.keys(classes) as ObjectClass[]).find((name) => classes[name].test(key));
}

export interface OracleOptions {
  readonly venue: SimVenue;
  readonly truth: Truth;
  /** The store's clock. */
  readonly now: () => number;
  /** What vacuum is told to keep. */
  readonly keep: { readonly keepMs: number; readonly keepSnapshots: number };
}

interface Books extends OracleOptions {
  readonly face: FaceWitness;
  readonly objects: Map<string, Uint8Array>;
  readonly rawIds: Map<string, { readonly product: string; readonly ids: RangeSet }>;
  readonly condemned: Set<string>;
  readonly harmed: Set<string>;
  readonly commits: Map<number, CommitView>;
  readonly retiredAt: Map<string, number>;
  readonly checkpoints: Map<string, StoredCheckpoint>;
  readonly checkedFiles: Set<string>;
  readonly pending: (() => Promise<void>)[];
  readonly violations: Violation[];
  head: number;
}

export function createOracle(options: OracleOptions): Oracle {
  const objects = new Map<string, Uint8Array>();
  const violations: Violation[] = [];
  const violate = (rule: string, text: string): void => void violations.push({ rule, text });
  const filesOf = (commit: number): ReadonlySet<string> | undefined => {
    const found = books.commits.get(commit);
    return found && new Set(found.products.flatMap(({ files }) => files.map(({ path }) => path)));
  };
  const books: Books = {
    ...options,
    face: createFaceWitness({ objects, filesOf, violate }),
    objects,
    rawIds: new Map(),
    condemned: new Set(),
    harmed: new Set(),
    commits: new Map(),
    retiredAt: new Map(),
    checkpoints: new Map(),
    checkedFiles: new Set(),
    pending: [],
    violations,
    head: 0,
  };
  const guard = (rule: string, key: string, check: () => void): void => {
    try {
      check();
    } catch (error) {
      violate(rule, `${key}: ${(error as Error).message}`);
    }
  };
  return {
    violate,
    violations: books.violations,
    head: () => books.commits.get(books.head),
    commit: (number) => books.commits.get(number),
    object: (key) => books.objects.get(key),
    rawKeys: () => [...books.rawIds.keys()].sort(),
    harmed: (key, bytes) => {
      books.harmed.add(key);
      if (bytes === undefined) books.objects.delete(key);
      else books.objects.set(key, bytes);
    },
    written: (write) => {
      const kind = classOf(write.key);
      if (kind !== undefined) guard('unreadable', write.key, () => checkWrite(books, violate, kind, write));
      books.objects.set(write.key, write.after);
      if (kind !== undefined) guard('unreadable', write.key, () => digest(books, violate, kind, write));
    },
    deleted: (keys) => {
      for (const key of keys) checkDelete(books, violate, key);
      for (const key of keys) books.objects.delete(key);
    },
    settle: async () => {
      for (let check = books.pending.shift(); check !== undefined; check = books.pending.shift()) await check();
    },
  };
}

type Violate = Oracle['violate'];

/** What is written once is never written again. */
function checkWrite(books: Books, violate: Violate, kind: ObjectClass, { key, before, after }: StoredWrite): void {
  if (before === undefined || kind === 'checkpoint' || kind === 'certificate') return;
  if (kind !== 'commit') {
    violate('rewritten', `${key}: ${kind} objects are create-only`);
    return;
  }
  const stone = JSON.parse(Buffer.from(after).toString('utf8')) as Record<string, unknown>;
  const number = Number(key.slice(-25, -5));
  const isOwn = stone.tombstone === true && stone.number === number && stone.sha256 === sha256Of(before);
  if (!isOwn) violate('rewritten', `${key}: a live commit was replaced by something else than its tombstone`);
  if (number === books.head) violate('rewritten', `${key}: the latest commit was buried`);
}

/** Only vacuum deletes, only what a commit retired a day ago, only what nobody needs. */
function checkDelete(books: Books, violate: Violate, key: string): void {
  const kind = classOf(key);
  if (!books.objects.has(key) || kind === undefined) return;
  // Old metadata files are the Iceberg face's own affair.
  if (kind === 'face') return;
  if (kind !== 'data' && kind !== 'list') {
    violate('deleted', `${key}: ${kind} objects are never deleted`);
    return;
  }
  const retiredAt = books.retiredAt.get(key);
  if (retiredAt === undefined) violate('deleted-early', `${key}: no commit retired it`);
  else if (books.now() - retiredAt < DAY_MS)
    violate('deleted-early', `${key}: retired ${Math.round((books.now() - retiredAt) / 60_000)} minutes ago`);
  if (keysOf(books.commits.get(books.head)).has(key)) violate('deleted-live', `${key}: the latest commit names it`);
  if (books.face.published().has(key)) violate('deleted-published', `${key}: a published snapshot names it`);
}

function keysOf(commit: CommitView | undefined): Set<string> {
  const keys = new Set<string>();
  for (const { key, files } of commit?.products ?? []) {
    keys.add(key);
    for (const { path } of files) keys.add(path);
  }
  return keys;
}

function digest(books: Books, violate: Violate, kind: ObjectClass, write: StoredWrite): void {
  const { key, before, after } = write;
  if (kind === 'raw') {
    const product = decodeURIComponent(key.split('/')[1]!);
    books.rawIds.set(key, { product, ids: readRaw(books, product, key, after) });
  } else if (kind === 'evidence') digestEvidence(books, violate, write);
  else if (kind === 'commit' && before === undefined) digestCommit(books, violate, write);
  else if (kind === 'checkpoint') digestCheckpoint(books, violate, write);
  else if (kind === 'certificate') checkCertificate(books, violate, write);
  else if (kind === 'face') books.pending.push(() => books.face.look(key));
  else if (kind === 'quarantine') violate('quarantined', `${key}: no trade of the exchange deserves it`);
}

function digestEvidence(books: Books, violate: Violate, { key, after }: StoredWrite): void {
  const evidence = JSON.parse(Buffer.from(after).toString('utf8')) as {
    product_id: string;
    void?: { first: number; last: number }[];
    condemned?: { key: string }[];
  };
  for (const one of evidence.condemned ?? []) {
    books.condemned.add(one.key);
    if (!books.harmed.has(one.key)) violate('condemned-sound', `${key}: condemns ${one.key}, which nobody harmed`);
  }
  requireVoid(books, violate, key, evidence.product_id, RangeSet.fromRanges(evidence.void ?? []));
}

/** Void is what never had a trade; ids that got theirs later are excused. */
function requireVoid(books: Books, violate: Violate, key: string, product: string, claimed: RangeSet): void {
  const wrong = claimed.intersect(books.truth.issued(product)).difference(books.truth.filled(product));
  if (!wrong.isEmpty) violate('void-untrue', `${key}: says that ${product} ${wrong} were never issued`);
}

/** Ids in sound raw objects of a product; those in harmed ones are excused apart. */
function rawIdsOf(books: Books, product: string): { sound: RangeSet; excused: RangeSet } {
  let sound = RangeSet.empty;
  let excused = RangeSet.empty;
  for (const [key, raw] of books.rawIds) {
    if (raw.product !== product) continue;
    if (books.harmed.has(key)) excused = excused.union(raw.ids);
    else if (!books.condemned.has(key)) sound = sound.union(raw.ids);
  }
  return { sound, excused };
}

function digestCheckpoint(books: Books, violate: Violate, { key, after }: StoredWrite): void {
  const stored = JSON.parse(Buffer.from(after).toString('utf8')) as StoredCheckpoint;
  const product = stored.product_id;
  const { sound, excused } = rawIdsOf(books, product);
  const unfounded = RangeSet.parse(stored.fetched).difference(sound).difference(excused);
  if (!unfounded.isEmpty) violate('coverage-untrue', `${key}: claims ${unfounded}, which no raw object holds`);
  requireVoid(books, violate, key, product, RangeSet.parse(stored.void));
  const known = books.checkpoints.get(product);
  if (known !== undefined && known.epoch === stored.epoch && Number(stored.cursor ?? -1) < Number(known.cursor ?? -1))
    violate('watermark-fell', `${key}: from ${known.cursor} to ${stored.cursor} in epoch ${stored.epoch}`);
  if (known !== undefined && stored.epoch < known.epoch)
    violate('epoch-fell', `${key}: from ${known.epoch} to ${stored.epoch}`);
  if (Number(stored.anchor ?? -1) < Number(known?.anchor ?? -1))
    violate('anchor-fell', `${key}: from ${known?.anchor} to ${stored.anchor}`);
  books.checkpoints.set(product, stored);
}

function parseCommit(
  books: Books,
  after: Uint8Array,
): CommitView & { parent: { number: number; sha256: string } | null } {
  const body = JSON.parse(Buffer.from(after).toString('utf8')) as {
    number: number;
    kind: string;
    parent: { number: number; sha256: string } | null;
    pinned: number | null;
    products: { list: string }[];
    retired: string[];
  };
  const products = body.products.map(({ list }) => {
    const bytes = books.objects.get(list);
    if (bytes === undefined) throw new Error(`names ${list}, which is not there`);
    return readList(list, bytes);
  });
  return { ...body, sha256: sha256Of(after), createdAt: books.now(), products };
}

function digestCommit(books: Books, violate: Violate, { key, after }: StoredWrite): void {
  const commit = parseCommit(books, after);
  const before = books.commits.get(books.head);
  if (
    commit.number !== books.head + 1 ||
    key !== `unified_trades/commits/${String(commit.number).padStart(20, '0')}.json`
  )
    violate('commit-chain', `${key}: number ${commit.number} after ${books.head}`);
  if ((commit.parent?.sha256 ?? undefined) !== before?.sha256)
    violate('commit-chain', `${key}: its parent is another commit`);
  for (const listed of commit.products) checkListed(books, violate, key, listed);
  checkKind(books, violate, commit, before);
  for (const path of commit.retired) if (!books.retiredAt.has(path)) books.retiredAt.set(path, books.now());
  const kept = keptKeys(books, commit);
  const wrong = commit.retired.find((path) => kept.has(path));
  if (wrong !== undefined) violate('retired-live', `${key}: retires ${wrong}, which a kept snapshot names`);
  books.commits.set(commit.number, commit);
  books.head = commit.number;
  const revived = [...keysOf(commit)].find((path) => books.retiredAt.has(path));
  if (revived !== undefined) violate('retired-live', `${key}: names ${revived}, which vacuum has retired`);
}

/** What the last ten states, the young ones and the new head name. */
function keptKeys(books: Books, commit: CommitView): Set<string> {
  const kept = keysOf(commit);
  const states = [...books.commits.values()]
    .filter(({ kind }) => kind !== 'vacuum')
    .sort((a, b) => b.number - a.number);
  for (const [at, state] of states.entries())
    if (at < books.keep.keepSnapshots || books.now() - state.createdAt < books.keep.keepMs)
      for (const key of keysOf(state)) kept.add(key);
  return kept;
}

function checkListed(books: Books, violate: Violate, key: string, listed: ListedProduct): void {
  const { product, present, quarantined, files } = listed;
  let held = RangeSet.empty;
  for (const file of files) {
    const twice = held.intersect(file.ids);
    if (!twice.isEmpty) violate('duplicate', `${key}: ${product} ${twice} are in two files`);
    held = held.union(file.ids);
    const bytes = books.objects.get(file.path);
    if (bytes === undefined) violate('half-commit', `${key}: names ${file.path}, which is not there`);
    else if (!books.checkedFiles.has(file.path)) {
      books.checkedFiles.add(file.path);
      books.pending.push(async () => {
        await checkDataFile(books, product, file, bytes).catch((error: Error) =>
          violate('wrong-row', `${file.path}: ${error.message}`),
        );
      });
    }
  }
  if (!held.equals(present)) violate('present-untrue', `${key}: ${product} has ${held} in files, says ${present}`);
  if (!present.difference(books.truth.issued(product)).isEmpty)
    violate('invented', `${key}: ${product} has ids that were never issued`);
  if (!quarantined.isEmpty) violate('quarantined', `${key}: ${product} ${quarantined}`);
}

function presentOf(commit: CommitView | undefined, product: string): RangeSet {
  return commit?.products.find((listed) => listed.product === product)?.present ?? RangeSet.empty;
}

/** Which ids a kind of commit may add or lose. */
function checkKind(books: Books, violate: Violate, commit: CommitView, before: CommitView | undefined): void {
  const where = `commit ${commit.number} (${commit.kind})`;
  if (commit.kind === 'transform' && before?.pinned != null) violate('pinned', `${where}: the table was pinned`);
  const origin = commit.kind === 'rollback' ? books.commits.get(commit.pinned ?? 0) : before;
  const products = new Set([...(origin?.products ?? []), ...commit.products].map(({ product }) => product));
  for (const product of products) {
    const lost = presentOf(origin, product).difference(presentOf(commit, product));
    const gained = presentOf(commit, product).difference(presentOf(origin, product));
    if (!lost.isEmpty) violate('ids-lost', `${where}: ${product} lost ${lost}`);
    if (!gained.isEmpty && commit.kind !== 'transform' && commit.kind !== 'rebuild')
      violate('ids-gained', `${where}: ${product} gained ${gained}`);
  }
}

/** The certificate says of its commit what that commit holds, and calls complete only what is. */
function checkCertificate(books: Books, violate: Violate, { key, after }: StoredWrite): void {
  const certificate = JSON.parse(Buffer.from(after).toString('utf8')) as {
    verdict: string;
    commit: { number: number } | null;
    products: {
      product_id: string;
      verdict: string;
      wanted: { ids: string };
      account: Record<'in_table' | 'void' | 'quarantined' | 'raw_only' | 'missing', { ids: string }>;
    }[];
  };
  const commit = books.commits.get(certificate.commit?.number ?? 0);
  for (const { product_id: product, verdict, wanted, account } of certificate.products) {
    const ids = (name: keyof typeof account): RangeSet => RangeSet.parse(account[name].ids);
    const held = presentOf(commit, product);
    const all = RangeSet.parse(wanted.ids);
    if (!ids('in_table').equals(held.intersect(all)))
      violate('certificate-untrue', `${key}: ${product} in_table ${ids('in_table')}, the table has ${held}`);
    requireVoid(books, violate, key, product, ids('void'));
    const told = [ids('in_table'), ids('void'), ids('quarantined'), ids('raw_only'), ids('missing')];
    const sum = told.reduce((count, set) => count + set.count, 0);
    const union = told.reduce((set, one) => set.union(one), RangeSet.empty);
    if (sum !== all.count || !union.equals(all))
      violate('certificate-untrue', `${key}: ${product}: its parts are not what is wanted`);
    if (verdict === 'complete' && !ids('missing').union(ids('raw_only')).isEmpty)
      violate('certificate-untrue', `${key}: ${product} is called complete`);
  }
}
