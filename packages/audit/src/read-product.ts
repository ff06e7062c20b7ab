import type { Checkpoint } from '@schemahub/checkpoint';
import { CheckpointError } from '@schemahub/checkpoint';
import { RangeSet } from '@schemahub/coverage';
import {
  type Evidence,
  type EvidenceFold,
  foldEvidence,
  hash128,
  idsOfRawObject,
  LakeError,
  type Layout,
  listRawNames,
  parseEvidence,
  parseUnnumberedName,
  type RawName,
  type ReadId,
  type UnnumberedName,
  type VoidRun,
} from '@schemahub/lake';
import type { ObjectStore } from '@schemahub/object-store';
import type { Finding } from './certificate/index.js';
import { type FindingCode, findingOf } from './findings.js';

/** One product as its raw objects, evidence and checkpoint tell it. */
export interface AuditProduct {
  readonly exchange: string;
  readonly productId: string;
  readonly evidence: EvidenceFold;
  /** Evidence object of each void run, to name it. */
  readonly voidKeys: ReadonlyMap<VoidRun, string>;
  /** Sound raw objects: condemned ones and those found damaged left out. */
  readonly rawNames: readonly RawName[];
  /** Ids that those objects hold; exact. */
  readonly rawIds: RangeSet;
  readonly checkpoint: Checkpoint | undefined;
  /** Strength of proof: `id-contiguous` or `cursor-chained`. */
  readonly proof: string;
  /** Missing ids that are too young to be settled. */
  readonly unsettled: RangeSet;
  /** Rows without an id that are kept beside the numbered ones. */
  readonly unnumbered: number;
  /** What was met while reading. */
  readonly findings: readonly Finding[];
}

export interface ReadProductOptions {
  readonly store: ObjectStore;
  readonly layout: Layout;
  readonly exchange: string;
  readonly productId: string;
  readonly readId: ReadId;
  /** Reads the stored checkpoint, as `CheckpointStore.read` does. */
  readonly readCheckpoint: (exchange: string, productId: string) => Promise<Checkpoint | undefined>;
  readonly proof: string;
  /**
   * Believe the checkpoint about the ids of sparse raw objects instead of opening them: for a quick look, never for a
   * certificate. Default false.
   */
  readonly trustCheckpoint?: boolean | undefined;
}

interface ReadEvidence {
  readonly fold: EvidenceFold;
  readonly voidKeys: Map<VoidRun, string>;
}

type Report = (code: FindingCode, key: string, message: string) => void;

/** Reads all evidence; what is damaged is reported and left out, what was edited keeps all but its voids. */
async function readEvidence(options: ReadProductOptions, report: Report): Promise<ReadEvidence> {
  const { store, layout, exchange, productId } = options;
  const list: Evidence[] = [];
  const voidKeys = new Map<VoidRun, string>();
  for await (const { key } of store.list(layout.evidence(exchange, productId))) {
    const stored = await store.get(key);
    if (stored === undefined) continue; // deleted since it was listed
    let evidence: Evidence;
    try {
      evidence = parseEvidence(key, stored.bytes);
    } catch (error) {
      if (!(error instanceof LakeError)) throw error;
      report('damaged-evidence', key, error.message);
      continue;
    }
    if (evidence.exchange !== exchange || evidence.product_id !== productId) {
      const problem = `is evidence of ${evidence.exchange} ${evidence.product_id}, it lies with ${exchange} ${productId}`;
      report('damaged-evidence', key, `${key}: ${problem}. Restore the folder from a backup of the lake.`);
      continue;
    }
    if (!key.endsWith(`_${hash128(stored.bytes)}.json`)) {
      report(
        'edited-evidence',
        key,
        `${key}: its content does not fit its name: it was edited. Its voids are not believed. Restore it from a backup, or delete it and run: schemahub repair`,
      );
      evidence = { ...evidence, void: undefined };
    }
    for (const run of evidence.void ?? []) voidKeys.set(run, key);
    list.push(evidence);
  }
  return { fold: foldEvidence(exchange, productId, list), voidKeys };
}

/** Exact ids; an object that must be opened and is damaged is reported and left out. */
async function readRawIds(
  options: ReadProductOptions,
  names: readonly RawName[],
  checkpoint: Checkpoint | undefined,
  report: Report,
): Promise<{ readonly sound: RawName[]; readonly ids: RangeSet }> {
  const sound: RawName[] = [];
  const dense: { first: number; last: number }[] = [];
  const sparse: RangeSet[] = [];
  const trusted = options.trustCheckpoint === true ? checkpoint : undefined;
  for (const name of names) {
    if (name.count === name.last - name.first + 1) dense.push(name);
    else if (trusted !== undefined) sparse.push(trusted.fetched.clip(name.first, name.last));
    else {
      try {
        sparse.push(await idsOfRawObject(options.store, name, options.readId));
      } catch (error) {
        if (!(error instanceof LakeError)) throw error;
        report(
          'damaged-raw',
          name.key,
          `${error.message}. It is to be condemned: schemahub verify --deep, then repair.`,
        );
        continue;
      }
    }
    sound.push(name);
  }
  let ids = RangeSet.fromRanges(dense);
  for (const own of sparse) ids = ids.union(own);
  return { sound, ids };
}

/**
 * Reads one product: checkpoint, evidence, raw names, in this order, so that a run that works at the same time makes
 * nothing look missing. Dense objects are taken by their names; sparse ones are opened. Throws only for the store.
 */
export async function readProduct(options: ReadProductOptions): Promise<AuditProduct> {
  const { store, layout, exchange, productId } = options;
  const findings: Finding[] = [];
  const report: Report = (code, key, message) => findings.push(findingOf(code, { exchange, productId, key }, message));
  let checkpoint: Checkpoint | undefined;
  try {
    checkpoint = await options.readCheckpoint(exchange, productId);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    const key = layout.checkpoint(exchange, productId);
    report(
      'damaged-checkpoint',
      key,
      `${error.message}. It is a cache: delete it, and the next ingest or repair rebuilds it from raw objects and evidence.`,
    );
  }
  const { fold, voidKeys } = await readEvidence(options, report);
  const unnumbered: UnnumberedName[] = [];
  const onForeign = (key: string): void => {
    const name = parseUnnumberedName(key);
    if (name !== undefined) unnumbered.push(name);
    else report('foreign-object', key, `${key}: is no raw object of this lake; it is not read. Move it elsewhere.`);
  };
  const condemned = new Set(fold.condemned.keys());
  const names = await listRawNames(store, layout, { exchange, product: productId, condemned, onForeign });
  const { sound, ids } = await readRawIds(options, names, checkpoint, report);
  return {
    exchange,
    productId,
    evidence: fold,
    voidKeys,
    rawNames: sound,
    rawIds: ids,
    checkpoint,
    proof: options.proof,
    unsettled: RangeSet.empty,
    unnumbered: unnumbered.reduce((sum, { count }) => sum + count, 0),
    findings,
  };
}
