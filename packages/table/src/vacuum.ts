import {
  buryCommit,
  type Change,
  type CommitBody,
  type CommitProduct,
  listCommitNumbers,
  readCommit,
  readFileList,
  type Snapshot,
} from '@schemahub/lake';
import type { ObjectEntry } from '@schemahub/object-store';
import { commitPlanned } from './commit-loop.js';
import type { TableContext } from './context.js';
import { TableError } from './errors.js';
import { type CommitFacts, keptCommits, planVacuum, type VacuumLimits, type VacuumPlan } from './plan-vacuum.js';

export interface VacuumOptions {
  /** Age up to which snapshots are kept, ms. Default 7 days. */
  readonly keepMs?: number | undefined;
  /** Snapshots that are never forgotten, whatever their age. Default 10. */
  readonly keepSnapshots?: number | undefined;
  /** Age that leftovers and retirements must have, ms. Default 24 h; less endangers readers and slow writers. */
  readonly minAgeMs?: number | undefined;
  /**
   * The store's clock, ms. Default: the newest time of an object below the table's prefix, so that a local clock that is
   * wrong deletes nothing. That stands still while nothing is written: give the store's real time where it is known.
   */
  readonly now?: number | undefined;
  /** Keys that published Iceberg metadata still names; they are not deleted. Default none. */
  readonly publishedPaths?: ReadonlySet<string> | undefined;
  /** Plan and count only. Default false. */
  readonly dryRun?: boolean | undefined;
}

export interface VacuumResult {
  readonly snapshot: Snapshot | undefined;
  /** Number of the commit that retired files; undefined when none was to be retired. */
  readonly commit: number | undefined;
  /** Keys deleted, or that would be. */
  readonly deleted: readonly string[];
  readonly deletedBytes: number;
  /** Keys retired by this run's commit, or that would be; a run at least 24 h later deletes them. */
  readonly retired: readonly string[];
  /** Commits replaced by tombstones, or that would be. */
  readonly buried: readonly number[];
}

const DAY_MS = 86_400_000;
const DELETE_KEYS = 1000;
/** Only what this package or the lake wrote under its own names is ever touched. */
const DATA_FILE =
  /\/v\d+\/exchange=[^/]+\/symbol=[^/]+\/month=\d{4}-\d{2}\/unified_trades_\d+_[A-Za-z0-9-]+_\d+\.parquet$/;
const FILE_LIST = /\/files\/[^/]+\/[^/]+\/[0-9a-f]{32}\.json\.gz$/;

/** Forgets old snapshots and the leftovers of dead runs: see `Table.vacuum`. */
export async function vacuum(context: TableContext, options: VacuumOptions = {}): Promise<VacuumResult> {
  checkOptions(options);
  let plan: VacuumPlan = { remove: [], retire: [], bury: [] };
  const deleted = new Map<string, number>();
  const committed = await commitPlanned(context, {
    plan: async (base) => {
      if (base === undefined) return undefined;
      const survey = await takeSurvey(context, base, options);
      plan = await leaveEmptyLists(context, survey, survey.plan);
      const sizes = new Map(survey.objects.map(({ key, size }) => [key, size]));
      for (const key of plan.remove) deleted.set(key, sizes.get(key) ?? 0);
      if (options.dryRun === true) return undefined;
      await removeObjects(context, plan.remove);
      return plan.retire.length === 0 ? undefined : retirement(context, base, plan.retire);
    },
  });
  if (options.dryRun !== true) {
    for (const number of plan.bury) {
      context.signal?.throwIfAborted();
      await buryCommit(context.store, context.layout, number);
    }
  }
  return {
    ...committed,
    deleted: [...deleted.keys()],
    deletedBytes: [...deleted.values()].reduce((sum, size) => sum + size, 0),
    retired: plan.retire,
    buried: plan.bury,
  };
}

function checkOptions(options: VacuumOptions): void {
  const wrong = (name: string, expected: string, got: unknown): TableError =>
    new TableError('invalid-option', `${name}: expected ${expected}, got ${String(got)}.`);
  for (const name of ['keepMs', 'minAgeMs', 'now'] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isFinite(value) && value >= 0)) throw wrong(name, 'milliseconds ≥ 0', value);
  }
  const { keepSnapshots } = options;
  if (keepSnapshots !== undefined && !(Number.isSafeInteger(keepSnapshots) && keepSnapshots >= 1)) {
    throw wrong('keepSnapshots', 'a whole number of at least 1', keepSnapshots);
  }
}

/** What the store holds, and what is to be done about it. */
interface Survey {
  readonly objects: readonly ObjectEntry[];
  /** Live commits and what each says of its products. */
  readonly bodies: readonly CommitBody[];
  readonly plan: VacuumPlan;
}

async function takeSurvey(context: TableContext, base: Snapshot, options: VacuumOptions): Promise<Survey> {
  const { layout } = context;
  const times = new Map<string, number>();
  const objects: ObjectEntry[] = [];
  let newest = 0;
  for await (const entry of context.store.list(layout.unified)) {
    newest = Math.max(newest, entry.modifiedAt);
    if (entry.key.startsWith(layout.commits)) times.set(entry.key, entry.modifiedAt);
    else if (DATA_FILE.test(entry.key) || FILE_LIST.test(entry.key)) objects.push(entry);
  }
  const limits: VacuumLimits = {
    now: options.now ?? newest,
    keepMs: options.keepMs ?? 7 * DAY_MS,
    keepSnapshots: options.keepSnapshots ?? 10,
    minAgeMs: options.minAgeMs ?? DAY_MS,
  };
  const bodies = await readLiveCommits(context, base.number);
  const commits = bodies.map(
    ({ number, kind, retired }): CommitFacts => ({
      number,
      kind,
      retired,
      // Listed before it was read: a commit that came between is as young as can be.
      createdAt: times.get(layout.commit(number)) ?? limits.now,
    }),
  );
  const kept = keptCommits(commits, limits);
  const referenced = await referencedKeys(
    context,
    bodies.filter(({ number }) => kept.has(number)),
  );
  const published = options.publishedPaths ?? new Set<string>();
  return { objects, bodies, plan: planVacuum({ limits, commits, objects, referenced, published }) };
}

/** Commits from `head` down to the newest tombstone: tombstones are a prefix. Ascending. */
async function readLiveCommits(context: TableContext, head: number): Promise<CommitBody[]> {
  const bodies: CommitBody[] = [];
  const numbers = await listCommitNumbers(context.store, context.layout);
  for (const number of numbers.filter((found) => found <= head).reverse()) {
    const stored = await readCommit(context.store, context.layout, number);
    if (stored?.kind !== 'commit') break;
    bodies.push(stored.body);
  }
  return bodies.reverse();
}

/** File lists and data files that commits name. A list that several share is read once. */
async function referencedKeys(context: TableContext, bodies: readonly CommitBody[]): Promise<ReadonlySet<string>> {
  const keys = new Set<string>();
  for (const { list } of bodies.flatMap(({ products }) => products)) {
    if (keys.has(list)) continue;
    keys.add(list);
    for (const { path } of (await readFileList(context.store, list)).files) keys.add(path);
  }
  return keys;
}

/**
 * A list without files (all of a product's records refused) has the same name whenever it is written again, so it may
 * come back to life: it is never retired. All others name files of their run and cannot come back but by a rollback,
 * which looks at what was retired.
 */
async function leaveEmptyLists(context: TableContext, { bodies }: Survey, plan: VacuumPlan): Promise<VacuumPlan> {
  const known = new Map<string, CommitProduct>();
  for (const product of bodies.flatMap(({ products }) => products)) known.set(product.list, product);
  const retire: string[] = [];
  for (const key of plan.retire) {
    if (!FILE_LIST.test(key) || (known.get(key)?.files ?? (await countFiles(context, key))) > 0) retire.push(key);
  }
  return { ...plan, retire };
}

/** 0 for a list that cannot be read: it stays, and verify tells. */
async function countFiles(context: TableContext, key: string): Promise<number> {
  try {
    return (await readFileList(context.store, key)).files.length;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'damaged-file-list') return 0;
    throw error;
  }
}

/** Data files first: a list without its files is harmless, and the next run finds what is left. */
async function removeObjects(context: TableContext, keys: readonly string[]): Promise<void> {
  const ordered = [...keys.filter((key) => !FILE_LIST.test(key)), ...keys.filter((key) => FILE_LIST.test(key))];
  for (let at = 0; at < ordered.length; at += DELETE_KEYS) {
    context.signal?.throwIfAborted();
    await context.store.delete(ordered.slice(at, at + DELETE_KEYS));
  }
}

function retirement(context: TableContext, base: Snapshot, retire: readonly string[]): Change {
  return {
    kind: 'vacuum',
    runId: context.runId,
    time: context.timestamp(),
    products: [],
    schemaHash: base.commit.schema_hash,
    mappingHashes: {},
    sources: {},
    quarantine: [],
    retired: retire,
    // What a commit in between references must not be retired: then everything is looked at again.
    onlyOnBase: base.number,
  };
}
