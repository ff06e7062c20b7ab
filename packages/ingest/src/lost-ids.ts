import type { Checkpoint } from '@schemahub/checkpoint';
import { RangeSet } from '@schemahub/coverage';
import { idsOfRawObject, listRawNames, lostRawKeys, type RawName, readCondemned } from '@schemahub/lake';
import { condemnObjects, type Damage, unlessDamaged } from './condemn.js';
import { type IngestContext, timeText } from './context.js';

type Context = Pick<IngestContext, 'connector' | 'store' | 'layout' | 'readId' | 'clock' | 'checkpoints' | 'onEvent'>;

/** Ids that a checkpoint claims as fetched and no raw object holds. Opens only objects that leave a doubt. */
async function lostIds(
  context: Context,
  { fetched }: Checkpoint,
  names: readonly RawName[],
  damage: Damage[],
): Promise<RangeSet> {
  const isDense = ({ first, last, count }: RawName): boolean => count === last - first + 1;
  let held = RangeSet.fromRanges(names.filter(isDense));
  for (const name of names) {
    if (isDense(name)) continue;
    const claimed = fetched.clip(name.first, name.last);
    if (claimed.difference(held).isEmpty) continue;
    // As many ids are claimed as it has rows: they are its own.
    const own =
      claimed.count === name.count
        ? claimed
        : await unlessDamaged(damage, () => idsOfRawObject(context.store, name, context.readId));
    // What a damaged object held is not known; it is condemned for itself.
    held = held.union(own ?? claimed);
  }
  return fetched.difference(held);
}

/**
 * What somebody deleted from the raw layer before any certificate saw it: the checkpoint claims the ids and no object
 * holds them, so nobody would ask for them again. They are condemned under a name that stands for the one nobody knows,
 * which lowers the watermark and raises the epoch as for any damage. Returns the checkpoint, changed or not.
 */
export async function condemnLost(
  context: Context,
  checkpoint: Checkpoint,
  names: readonly RawName[],
): Promise<Checkpoint> {
  const { connector, store, layout, clock } = context;
  const { exchange } = connector;
  const { productId } = checkpoint;
  const damage: Damage[] = [];
  if ((await lostIds(context, checkpoint, names, damage)).isEmpty) return checkpoint;
  // Listed again: another run may have landed and credited an object since.
  const condemned = new Set((await readCondemned(store, layout, exchange, productId)).keys());
  const again = await listRawNames(store, layout, { exchange, product: productId, condemned });
  const lost = await lostIds(context, checkpoint, again, damage);
  const keys = lostRawKeys(layout.raw(exchange, productId), lost, timeText(clock.now()));
  const reason = 'the checkpoint says that its ids were fetched, and no raw object holds them: it was deleted';
  const objects = [...damage, ...keys.map((key) => ({ key, reason }))];
  if (objects.length === 0) return checkpoint;
  return (await condemnObjects(context, productId, objects)) ?? checkpoint;
}
