import { applyChange, type Checkpoint, CheckpointError, emptyCheckpoint } from '@schemahub/checkpoint';
import { RangeSet } from '@schemahub/coverage';
import { idsOfRawObject, LakeError, listRawNames, type RawName, readCondemned, readEvidence } from '@schemahub/lake';
import { condemnObjects, readLastTrade } from './condemn.js';
import type { IngestContext } from './context.js';

type Context = Pick<IngestContext, 'connector' | 'store' | 'layout' | 'readId' | 'checkpoints' | 'clock' | 'onEvent'>;

export interface LoadedProduct {
  readonly checkpoint: Checkpoint;
  /** Sound raw objects, ascending; only those that can hold ids ≥ `from` when that was given. */
  readonly names: readonly RawName[];
}

/** Damaged objects that a listing's reading met. */
type Damage = { readonly key: string; readonly reason: string }[];

async function creditNames(
  context: Context,
  names: readonly RawName[],
  known: { readonly fetched: RangeSet; readonly void: RangeSet },
): Promise<{ ids: RangeSet; adopted: number; damage: Damage }> {
  let ids = RangeSet.empty;
  let adopted = 0;
  const damage: Damage = [];
  for (const name of names) {
    const span = RangeSet.of(name.first, name.last);
    const absent = span.difference(known.fetched);
    const held = span.count - absent.count;
    // Nothing new in it, when as many ids are held as it has rows and every other id is attested as void.
    if (held === name.count && absent.difference(known.void).isEmpty) continue;
    try {
      const own = await idsOfRawObject(context.store, name, context.readId);
      if (!own.difference(known.fetched).isEmpty) adopted++;
      ids = ids.union(own);
    } catch (error) {
      if (!(error instanceof LakeError) || error.code !== 'damaged-raw') throw error;
      damage.push({ key: name.key, reason: error.message });
    }
  }
  return { ids, adopted, damage };
}

/** Rebuilds a checkpoint from raw objects and evidence: everything but `recheck`. */
export async function rebuildCheckpoint(
  context: Context,
  productId: string,
): Promise<{ checkpoint: Checkpoint; names: RawName[]; damage: Damage }> {
  const { connector, store, layout, onEvent } = context;
  const { exchange } = connector;
  const evidence = await readEvidence(store, layout, exchange, productId);
  const condemned = new Set(evidence.condemned.keys());
  const onForeign = (key: string): void => onEvent({ type: 'foreign-object', product: productId, key });
  const all = await listRawNames(store, layout, { exchange, product: productId, condemned, onForeign });
  const { ids, damage } = await creditNames(context, all, { fetched: RangeSet.empty, void: RangeSet.empty });
  const damaged = new Set(damage.map(({ key }) => key));
  const names = all.filter(({ key }) => !damaged.has(key));
  const checkpoint = applyChange(emptyCheckpoint(exchange, productId), {
    symbol: evidence.symbol,
    origin: evidence.origin,
    asked: evidence.asked,
    anchor: evidence.anchor,
    floor: evidence.floor,
    head: evidence.head,
    fetched: ids,
    void: evidence.void,
    closed: evidence.closed,
    lastTrade: await readLastTrade(context, names),
    lastUpdated: evidence.lastUpdated,
  });
  return { checkpoint: { ...checkpoint, epoch: condemned.size }, names, damage };
}

/**
 * The product's checkpoint, adopted or rebuilt: what a dead run left durable is credited, so that it is not fetched
 * again. `from`: the lowest id that will be asked for; older objects are not listed.
 */
export async function loadCheckpoint(
  context: IngestContext,
  productId: string,
  from?: (checkpoint: Checkpoint) => number,
): Promise<LoadedProduct> {
  const { connector, store, layout, checkpoints, onEvent } = context;
  const { exchange } = connector;
  let stored: Checkpoint | undefined;
  let reason = 'there is none';
  try {
    stored = await checkpoints.read(exchange, productId);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    reason = error.message;
  }
  if (stored === undefined) {
    const { checkpoint, names, damage } = await rebuildCheckpoint(context, productId);
    const restored = await checkpoints.restore(checkpoint);
    if (names.length > 0 || reason !== 'there is none') {
      onEvent({
        type: 'checkpoint-rebuilt',
        product: productId,
        reason,
        objects: names.length,
        trades: checkpoint.fetched.count,
      });
    }
    if (damage.length === 0) return { checkpoint: restored, names };
    return { checkpoint: (await condemnObjects(context, productId, damage)) ?? restored, names };
  }
  return await adopt(context, productId, stored, from?.(stored) ?? 0, { store, layout });
}

/** Lists names once and credits what the checkpoint lacks. */
async function adopt(
  context: IngestContext,
  productId: string,
  stored: Checkpoint,
  from: number,
  { store, layout }: Pick<IngestContext, 'store' | 'layout'>,
): Promise<LoadedProduct> {
  const { connector, checkpoints, onEvent } = context;
  const { exchange } = connector;
  const condemned = new Set((await readCondemned(store, layout, exchange, productId)).keys());
  const onForeign = (key: string): void => onEvent({ type: 'foreign-object', product: productId, key });
  const names = await listRawNames(store, layout, { exchange, product: productId, from, condemned, onForeign });
  const { ids, adopted, damage } = await creditNames(context, names, stored);
  let checkpoint = stored;
  if (!ids.difference(stored.fetched).isEmpty) {
    const damaged = new Set(damage.map(({ key }) => key));
    const lastTrade = await readLastTrade(
      context,
      names.filter(({ key }) => !damaged.has(key)),
    );
    checkpoint = await checkpoints.update(exchange, productId, { fetched: ids, lastTrade });
    onEvent({ type: 'adopted', product: productId, objects: adopted, trades: ids.difference(stored.fetched).count });
  }
  if (condemned.size > stored.epoch || damage.length > 0) {
    // Condemned by a run that died before the checkpoint knew, or found damaged just now.
    checkpoint = (await condemnObjects(context, productId, damage)) ?? checkpoint;
  }
  const gone = new Set(damage.map(({ key }) => key));
  return { checkpoint, names: names.filter(({ key }) => !gone.has(key)) };
}
