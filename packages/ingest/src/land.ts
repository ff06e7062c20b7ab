import type { Checkpoint, CheckpointChange } from '@schemahub/checkpoint';
import type { TradeFacts } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import { landRawObject, type RawRows } from '@schemahub/lake';
import type { FinishedWindow } from './assembler.js';
import { condemnObjects } from './condemn.js';
import type { IngestContext } from './context.js';

/** One object's rows from the windows of a run. */
function rowsOf(run: readonly FinishedWindow[]): RawRows {
  const total = run.reduce((sum, { ids }) => sum + ids.length, 0);
  const ids = new Float64Array(total);
  const ingestTs: string[] = [];
  let at = 0;
  for (const window of run) {
    ids.set(window.ids, at);
    at += window.ids.length;
    for (let i = 0; i < window.ids.length; i++) ingestTs.push(window.ingestTs);
  }
  return { ids, lines: run.flatMap(({ lines }) => [...lines]), ingestTs };
}

export interface LandResult {
  readonly checkpoint: Checkpoint;
  readonly trades: number;
  readonly bytes: number;
  readonly created: boolean;
}

/**
 * Lands a run of windows as one raw object and credits its ids: the object first, then the checkpoint, so that nothing
 * is ever credited that is not durable. `extra` is credited in the same step.
 */
export async function landRun(
  context: IngestContext,
  productId: string,
  run: readonly FinishedWindow[],
  extra: CheckpointChange = {},
): Promise<LandResult> {
  const { connector, store, layout, readId, checkpoints } = context;
  const rows = rowsOf(run);
  const landed = await landRawObject(store, layout.raw(connector.exchange, productId), rows, readId);
  if (landed.condemned.length > 0) await condemnObjects(context, productId, landed.condemned);
  const lastTrade: TradeFacts = connector.parseTrade(closed(rows.lines.at(-1)!));
  const checkpoint = await checkpoints.update(connector.exchange, productId, {
    ...extra,
    fetched: landed.ids,
    lastTrade,
  });
  context.onEvent({
    type: 'object-landed',
    product: productId,
    key: landed.name.key,
    trades: rows.ids.length,
    bytes: landed.bytes,
    created: landed.created,
    remaining: 0,
  });
  return { checkpoint, trades: landed.created ? rows.ids.length : 0, bytes: landed.bytes, created: landed.created };
}

/** A raw line up to its ingest time is an object without its brace. */
export function closed(line: Uint8Array): Uint8Array {
  return Buffer.concat([line, Buffer.from('}')]);
}

/** Ids of finished windows as a set. */
export function idsOf(run: readonly FinishedWindow[]): RangeSet {
  return run.reduce((ids, window) => ids.union(RangeSet.fromIds(window.ids)), RangeSet.empty);
}
