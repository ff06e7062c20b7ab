import type { Checkpoint } from '@schemahub/checkpoint';
import type { TradeFacts } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import {
  idsOfRawObject,
  LakeError,
  listRawNames,
  parseRawName,
  type RawName,
  readCondemned,
  readRawObject,
  writeEvidence,
} from '@schemahub/lake';
import { type IngestContext, timeText } from './context.js';

type Reader = Pick<IngestContext, 'connector' | 'store' | 'layout' | 'readId'>;

/** The held trade with the greatest id, read from the object that holds it. Damage is thrown as `LakeError`. */
export async function readLastTrade(context: Reader, names: readonly RawName[]): Promise<TradeFacts | undefined> {
  const top = names.reduce<RawName | undefined>(
    (best, name) => (name.last > (best?.last ?? -1) ? name : best),
    undefined,
  );
  if (top === undefined) return undefined;
  const { lines } = await readRawObject(context.store, top, context.readId);
  return context.connector.parseTrade(lines.at(-1)!);
}

/**
 * Condemns raw objects: an evidence object names them, everybody ignores them from then on, and the checkpoint loses
 * the ids that no other sound object holds. This alone lowers a watermark; `epoch` counts it.
 */
export async function condemnObjects(
  context: IngestContext,
  productId: string,
  objects: readonly { readonly key: string; readonly reason: string }[],
): Promise<Checkpoint | undefined> {
  const { connector, store, layout, readId, clock, checkpoints } = context;
  const { exchange } = connector;
  const known = await readCondemned(store, layout, exchange, productId);
  const fresh = objects.filter(({ key }) => !known.has(key));
  if (fresh.length > 0) {
    await writeEvidence(store, layout, {
      version: 1,
      exchange,
      product_id: productId,
      time: timeText(clock.now()),
      condemned: fresh,
    });
    for (const { key, reason } of fresh) context.onEvent({ type: 'condemned', product: productId, key, reason });
  }
  const condemned = new Set([...known.keys(), ...fresh.map(({ key }) => key)]);
  const names = await listRawNames(store, layout, { exchange, product: productId, condemned });
  let lost = RangeSet.empty;
  for (const key of condemned) {
    const name = parseRawName(key);
    if (name === undefined) continue;
    let held = RangeSet.empty;
    for (const other of names) {
      if (other.last < name.first || other.first > name.last) continue;
      held = held.union(await soundIds(context, other));
    }
    lost = lost.union(RangeSet.of(name.first, name.last).difference(held));
  }
  if ((await checkpoints.read(exchange, productId)) === undefined) return undefined;
  const lastTrade = await readLastTrade({ connector, store, layout, readId }, names);
  return await checkpoints.update(exchange, productId, {
    condemned: { lost, epoch: condemned.size, lastTrade },
    lastUpdated: timeText(clock.now()),
  });
}

/** Ids of an object; none when it is damaged itself (it is condemned when its own turn comes). */
async function soundIds(context: Reader, name: RawName): Promise<RangeSet> {
  try {
    return await idsOfRawObject(context.store, name, context.readId);
  } catch (error) {
    if (error instanceof LakeError && (error.code === 'damaged-raw' || error.code === 'missing-object'))
      return RangeSet.empty;
    throw error;
  }
}
