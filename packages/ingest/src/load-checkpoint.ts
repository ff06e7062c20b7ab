import {
  applyChange,
  type Checkpoint,
  type CheckpointChange,
  CheckpointError,
  emptyCheckpoint,
} from '@schemahub/checkpoint';
import { RangeSet } from '@schemahub/coverage';
import {
  type EvidenceFold,
  idsOfRawObject,
  listRawNames,
  parseUnnumberedName,
  type RawName,
  readEvidence,
} from '@schemahub/lake';
import { condemnObjects, type Damage, readLastTrade, unlessDamaged } from './condemn.js';
import type { CheckpointContext } from './context.js';

export interface LoadedProduct {
  readonly checkpoint: Checkpoint;
  /** Sound raw objects, ascending; only those that can hold ids ≥ `from` when that was given. */
  readonly names: readonly RawName[];
}

interface Credit {
  /** Ids of the objects that had to be looked at. */
  readonly ids: RangeSet;
  /** Objects that held something new. */
  readonly adopted: number;
}

/** Ids of objects that `known` does not account for. Only those with holes are opened (SPEC §3.3). */
async function creditNames(
  context: CheckpointContext,
  names: readonly RawName[],
  known: { readonly fetched: RangeSet; readonly void: RangeSet },
  damage: Damage[],
): Promise<Credit> {
  let ids = RangeSet.empty;
  let adopted = 0;
  for (const name of names) {
    const span = RangeSet.of(name.first, name.last);
    const absent = span.difference(known.fetched);
    // Nothing new in it: all its span is held, or what is not held is void and as many ids are held as it has rows.
    if (absent.isEmpty) continue;
    if (absent.difference(known.void).isEmpty && span.count - absent.count === name.count) continue;
    const own = await unlessDamaged(damage, () => idsOfRawObject(context.store, name, context.readId));
    if (own === undefined) continue;
    if (!own.difference(known.fetched).isEmpty) adopted++;
    ids = ids.union(own);
  }
  return { ids, adopted };
}

/** What evidence says, as a change to a checkpoint; condemnations apart. */
function changeOf(evidence: EvidenceFold): CheckpointChange {
  const { symbol, origin, asked, anchor, floor, head, closed, lastUpdated } = evidence;
  return { symbol, origin, asked, anchor, floor, head, void: evidence.void, closed, lastUpdated };
}

function without(names: readonly RawName[], damage: readonly Damage[]): RawName[] {
  const damaged = new Set(damage.map(({ key }) => key));
  return names.filter(({ key }) => !damaged.has(key));
}

async function soundNames(
  context: CheckpointContext,
  productId: string,
  condemned: ReadonlySet<string>,
  from: number,
): Promise<RawName[]> {
  const { connector, store, layout, onEvent } = context;
  const onForeign = (key: string): void => {
    if (parseUnnumberedName(key) === undefined) onEvent({ type: 'foreign-object', product: productId, key });
  };
  return await listRawNames(store, layout, {
    exchange: connector.exchange,
    product: productId,
    from,
    condemned,
    onForeign,
  });
}

/** Rebuilds a checkpoint from raw objects and evidence: everything but `recheck`. Writes nothing. */
export async function rebuildCheckpoint(
  context: CheckpointContext,
  productId: string,
): Promise<{ checkpoint: Checkpoint; names: RawName[]; damage: readonly Damage[] }> {
  const { connector, store, layout } = context;
  const { exchange } = connector;
  const evidence = await readEvidence(store, layout, exchange, productId);
  const condemned = new Set(evidence.condemned.keys());
  const all = await soundNames(context, productId, condemned, 0);
  const damage: Damage[] = [];
  const { ids } = await creditNames(context, all, { fetched: RangeSet.empty, void: RangeSet.empty }, damage);
  const lastTrade = await readLastTrade(context, without(all, damage), damage);
  const base = { ...emptyCheckpoint(exchange, productId), epoch: condemned.size };
  const checkpoint = applyChange(base, { ...changeOf(evidence), fetched: ids, lastTrade });
  return { checkpoint, names: without(all, damage), damage };
}

/** Puts a rebuilt checkpoint in the place of an absent or corrupt one. */
async function restore(
  context: CheckpointContext,
  productId: string,
  reason: string | undefined,
): Promise<LoadedProduct> {
  let rebuilt = await rebuildCheckpoint(context, productId);
  // Before anything is put back: ids that a damaged object held may be lost only by an epoch that counts it.
  while (rebuilt.damage.length > 0) {
    await condemnObjects(context, productId, rebuilt.damage);
    rebuilt = await rebuildCheckpoint(context, productId);
  }
  const { checkpoint, names } = rebuilt;
  const restored = await context.checkpoints.restore(checkpoint);
  if (names.length > 0 || reason !== undefined) {
    context.onEvent({
      type: 'checkpoint-rebuilt',
      product: productId,
      reason: reason ?? 'there is none',
      objects: names.length,
      trades: checkpoint.fetched.count,
    });
  }
  // Another run restored it from less evidence: what is condemned is taken from it as well.
  if (restored.epoch >= checkpoint.epoch) return { checkpoint: restored, names };
  return { checkpoint: (await condemnObjects(context, productId, [])) ?? restored, names };
}

/** `20261121T120000.000Z` of an evidence key, from RFC 3339 text: keys of a product sort by it. */
function keyTime(time: string): string {
  return time.replaceAll(/[:-]/g, '');
}

export interface LoadOptions {
  /** The lowest id that will be asked for: objects that cannot hold it are not listed. Default: 0. */
  readonly from?: ((checkpoint: Checkpoint) => number) | undefined;
  /**
   * Reads evidence that is older than the checkpoint as well: a run that slept for hours may have dated the checkpoint
   * beyond evidence that it never saw. Default: false.
   */
  readonly allEvidence?: boolean | undefined;
}

/**
 * Lists names once and credits what the checkpoint lacks: evidence and raw objects that a run wrote before it died.
 * Evidence is read from the newest that the checkpoint knows on.
 */
async function adopt(
  context: CheckpointContext,
  productId: string,
  stored: Checkpoint,
  { from, allEvidence = false }: LoadOptions,
  isSecondLook = false,
): Promise<LoadedProduct> {
  const { connector, store, layout, checkpoints, onEvent } = context;
  const { exchange } = connector;
  const since = layout.evidence(exchange, productId) + keyTime(stored.lastUpdated ?? '');
  const isNews = (key: string): boolean => allEvidence || key >= since || key.includes('_condemned_');
  const evidence = await readEvidence(store, layout, exchange, productId, isNews);
  const condemned = new Set(evidence.condemned.keys());
  const all = await soundNames(context, productId, condemned, from?.(stored) ?? 0);
  const damage: Damage[] = [];
  const { ids, adopted } = await creditNames(context, all, stored, damage);
  const fresh = ids.difference(stored.fetched);
  const lastTrade = fresh.isEmpty ? undefined : await readLastTrade(context, without(all, damage), damage);
  let checkpoint = await checkpoints.update(exchange, productId, {
    ...changeOf(evidence),
    fetched: fresh,
    lastTrade,
    // It may count condemned objects whose evidence somebody has deleted: the second look takes what it finds.
    seenEpoch: isSecondLook ? undefined : condemned.size,
  });
  // Objects were condemned meanwhile, perhaps those just seen: once more, with what is known now.
  if (checkpoint.epoch > condemned.size && !isSecondLook)
    return await adopt(context, productId, checkpoint, { from, allEvidence }, true);
  if (!fresh.isEmpty) onEvent({ type: 'adopted', product: productId, objects: adopted, trades: fresh.count });
  if (condemned.size > stored.epoch || damage.length > 0) {
    // Condemned by a run that died before the checkpoint knew, or found damaged just now.
    checkpoint = (await condemnObjects(context, productId, damage)) ?? checkpoint;
  }
  return { checkpoint, names: without(all, damage) };
}

/**
 * The product's checkpoint, adopted or rebuilt: what a dead run left durable is credited, so that it is not fetched
 * again.
 */
export async function loadCheckpoint(
  context: CheckpointContext,
  productId: string,
  options: LoadOptions = {},
): Promise<LoadedProduct> {
  const { connector, checkpoints } = context;
  let stored: Checkpoint | undefined;
  try {
    stored = await checkpoints.read(connector.exchange, productId);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    return await restore(context, productId, error.message);
  }
  if (stored === undefined) return await restore(context, productId, undefined);
  return await adopt(context, productId, stored, options);
}
