import type { Checkpoint, CheckpointChange } from '@schemahub/checkpoint';
import type { TradeFacts } from '@schemahub/core';
import { landRawObject, type RawRows, readCondemned } from '@schemahub/lake';
import type { FinishedWindow } from './assembler.js';
import { condemnObjects } from './condemn.js';
import type { IngestContext } from './context.js';

/** One object's rows from the windows of a run. */
function rowsOf(run: readonly FinishedWindow[]): RawRows {
  const ids = new Float64Array(run.reduce((sum, window) => sum + window.ids.length, 0));
  const ingestTs: string[] = [];
  let at = 0;
  for (const window of run) {
    ids.set(window.ids, at);
    at += window.ids.length;
    for (let i = 0; i < window.ids.length; i++) ingestTs.push(window.ingestTs);
  }
  return { ids, lines: run.flatMap(({ lines }) => [...lines]), ingestTs };
}

/** A raw line up to its ingest time is an object without its brace. */
function closed(line: Uint8Array): Uint8Array {
  return Buffer.concat([line, Buffer.from('}')]);
}

export interface LandResult {
  readonly checkpoint: Checkpoint;
  /** Rows that were not durable before. */
  readonly newTrades: number;
}

/**
 * Lands a run of windows as one raw object and credits its ids: the object first, then the checkpoint, so that nothing
 * is ever credited that is not durable. `extra` is credited in the same step.
 */
export async function landRun(
  context: IngestContext,
  productId: string,
  run: readonly FinishedWindow[],
  extra: CheckpointChange,
): Promise<LandResult> {
  const { connector, store, layout, readId, checkpoints, onEvent } = context;
  const { exchange } = connector;
  const rows = rowsOf(run);
  const condemned = await readCondemned(store, layout, exchange, productId);
  const landed = await landRawObject(store, layout.raw(exchange, productId), rows, readId, { condemned });
  if (landed.condemned.length > 0) await condemnObjects(context, productId, landed.condemned);
  const lastTrade: TradeFacts = connector.parseTrade(closed(rows.lines.at(-1)!));
  const checkpoint = await checkpoints.update(exchange, productId, {
    ...extra,
    fetched: landed.ids,
    lastTrade,
  });
  const { name, bytes, created } = landed;
  onEvent({ type: 'object-landed', product: productId, key: name.key, trades: rows.ids.length, bytes, created });
  return { checkpoint, newTrades: created ? rows.ids.length : 0 };
}
