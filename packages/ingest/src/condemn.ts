import { type Checkpoint, CheckpointError } from '@schemahub/checkpoint';
import type { TradeFacts } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import {
  idsOfRawObject,
  LakeError,
  listRawNames,
  parseRawName,
  type RawName,
  readCondemned,
  readLastLine,
  writeEvidence,
} from '@schemahub/lake';
import { type CheckpointContext, timeText } from './context.js';

/** A raw object that is not what its name says, and why. */
export interface Damage {
  readonly key: string;
  readonly reason: string;
}

type Reader = Pick<CheckpointContext, 'connector' | 'store' | 'layout' | 'readId'>;

/** Runs a reading; damage goes into the list, and the answer is undefined. */
export async function unlessDamaged<T>(damage: Damage[], read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    const isDamage = error instanceof LakeError && error.key !== undefined && error.code === 'damaged-raw';
    if (!isDamage) throw error;
    damage.push({ key: error.key!, reason: error.message });
    return undefined;
  }
}

/** The held trade with the greatest id, from the object that holds it. Damaged objects are passed over and listed. */
export async function readLastTrade(
  context: Pick<Reader, 'connector' | 'store' | 'readId'>,
  names: readonly RawName[],
  damage: Damage[],
): Promise<TradeFacts | undefined> {
  for (const name of [...names].sort((a, b) => b.last - a.last)) {
    const line = await unlessDamaged(damage, () => readLastLine(context.store, name, context.readId));
    if (line !== undefined) return await context.connector.parseTrade(line);
  }
  return undefined;
}

interface Loss {
  /** Ids of condemned objects that no sound object holds. */
  readonly lost: RangeSet;
  readonly lastTrade: TradeFacts | undefined;
  /** Further damage, met while the neighbours were read. */
  readonly damage: Damage[];
}

async function findLoss(context: Reader, productId: string, condemned: ReadonlySet<string>): Promise<Loss> {
  const { connector, store, layout, readId } = context;
  const names = await listRawNames(store, layout, { exchange: connector.exchange, product: productId, condemned });
  const damage: Damage[] = [];
  let lost = RangeSet.empty;
  let held = RangeSet.empty;
  for (const key of condemned) {
    const name = parseRawName(key);
    if (name === undefined) continue;
    lost = lost.union(RangeSet.of(name.first, name.last));
    for (const other of names) {
      if (other.last < name.first || other.first > name.last) continue;
      held = held.union((await unlessDamaged(damage, () => idsOfRawObject(store, other, readId))) ?? RangeSet.empty);
    }
  }
  return { lost: lost.difference(held), lastTrade: await readLastTrade(context, names, damage), damage };
}

/**
 * Condemns raw objects: an evidence object names them, everybody ignores them from then on, and the checkpoint loses
 * the ids that no other sound object holds. This alone lowers a watermark; `epoch` counts it. Damage that is met on the
 * way is condemned as well. Returns the checkpoint; undefined when there is none.
 */
export async function condemnObjects(
  context: CheckpointContext,
  productId: string,
  objects: readonly Damage[],
): Promise<Checkpoint | undefined> {
  const { connector, store, layout, clock, checkpoints, onEvent } = context;
  const { exchange } = connector;
  const known = await readCondemned(store, layout, exchange, productId);
  const fresh = new Map<string, string>();
  const add = (list: readonly Damage[]): void => {
    for (const { key, reason } of list) if (!known.has(key) && !fresh.has(key)) fresh.set(key, reason);
  };
  add(objects);
  const keys = (): Set<string> => new Set([...known.keys(), ...fresh.keys()]);
  let loss = await findLoss(context, productId, keys());
  while (loss.damage.length > 0) {
    add(loss.damage);
    loss = await findLoss(context, productId, keys());
  }
  const time = timeText(clock.now());
  const condemned = [...fresh].map(([key, reason]) => ({ key, reason }));
  if (condemned.length > 0) {
    await writeEvidence(store, layout, { version: 1, exchange, product_id: productId, time, condemned });
    for (const { key, reason } of condemned) onEvent({ type: 'condemned', product: productId, key, reason });
  }
  // Somebody else may have condemned others meanwhile: counted together, no two of them share an epoch.
  const all = await readCondemned(store, layout, exchange, productId);
  if (all.size > keys().size) loss = await findLoss(context, productId, new Set(all.keys()));
  try {
    if ((await checkpoints.read(exchange, productId)) === undefined) return undefined;
  } catch (error) {
    // A corrupt checkpoint is rebuilt by the next run, from what was just written among others.
    if (error instanceof CheckpointError) return undefined;
    throw error;
  }
  return await checkpoints.update(exchange, productId, {
    condemned: { lost: loss.lost, epoch: all.size, lastTrade: loss.lastTrade },
    lastUpdated: condemned.length > 0 ? time : undefined,
  });
}
