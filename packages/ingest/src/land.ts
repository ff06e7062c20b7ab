import type { Checkpoint, CheckpointChange } from '@schemahub/checkpoint';
import { landRawObject, readCondemned } from '@schemahub/lake';
import type { FinishedWindow } from './assembler.js';
import { condemnObjects } from './condemn.js';
import type { IngestContext } from './context.js';
import type { IngestEvent } from './events.js';

/**
 * Credits an object unless it was condemned meanwhile. A checkpoint that counts more condemned objects than are known
 * here takes nothing, so they are read again; it may also count some whose evidence somebody has deleted.
 */
async function creditObject(
  { connector, store, layout, checkpoints }: IngestContext,
  productId: string,
  key: string,
  known: ReadonlyMap<string, string>,
  change: CheckpointChange,
): Promise<Checkpoint> {
  const { exchange } = connector;
  let seen = known;
  for (;;) {
    const credit = seen.has(key) ? {} : change;
    const checkpoint = await checkpoints.update(exchange, productId, { ...credit, seenEpoch: seen.size });
    if (checkpoint.epoch <= seen.size) return checkpoint;
    const again = await readCondemned(store, layout, exchange, productId);
    if (again.size === seen.size) return await checkpoints.update(exchange, productId, credit);
    seen = again;
  }
}

type Landed = Extract<IngestEvent, { type: 'object-landed' }>;

export interface LandResult {
  readonly checkpoint: Checkpoint;
  /** Rows that were not durable before. */
  readonly newTrades: number;
}

/**
 * Lands a run of windows as one raw object and credits its ids: the object first, then the checkpoint, so that nothing
 * is ever credited that is not durable. `extra` is credited in the same step; `wait` is told with the object.
 */
export async function landRun(
  context: IngestContext,
  productId: string,
  run: readonly FinishedWindow[],
  { extra, wait }: { readonly extra: CheckpointChange; readonly wait: Pick<Landed, 'waitedSeconds' | 'queued'> },
): Promise<LandResult> {
  const { connector, store, layout, readId, onEvent, clock } = context;
  const begun = clock.now();
  const { exchange } = connector;
  const rows = run.map((window) => window.rows);
  const condemned = await readCondemned(store, layout, exchange, productId);
  const landed = await landRawObject(store, layout.raw(exchange, productId), rows, readId, { condemned });
  if (landed.condemned.length > 0) await condemnObjects(context, productId, landed.condemned);
  const checkpoint = await creditObject(context, productId, landed.name.key, condemned, {
    ...extra,
    fetched: landed.ids,
    lastTrade: run.at(-1)!.lastTrade,
  });
  const { name, bytes, created } = landed;
  const seconds = Math.max(0, clock.now() - begun) / 1000;
  const facts = { key: name.key, trades: name.count, bytes, created, seconds, ...wait };
  onEvent({ type: 'object-landed', product: productId, ...facts });
  return { checkpoint, newTrades: created ? name.count : 0 };
}
