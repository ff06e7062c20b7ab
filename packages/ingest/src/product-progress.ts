import type { Checkpoint } from '@schemahub/checkpoint';
import type { CallPriority, Head, Product, TradePage } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import type { RawName } from '@schemahub/lake';
import type { ArchivePlan } from './archived-pages.js';
import type { IngestMode, RunContext } from './context.js';
import { fetchWindows } from './fetch-windows.js';
import type { LaterPage } from './fetch-windows-options.js';
import { createHeldRows } from './held-rows.js';

/** A product as far as a run has come with it. */
export interface ProductProgress {
  readonly product: Product;
  checkpoint: Checkpoint;
  /** The newest trade as this run saw it; undefined when the exchange shows none. */
  head: Head | undefined;
  /** Ids of this run's own range between floor and head. */
  wanted: RangeSet;
  /** Rows that this run made durable. */
  newTrades: number;
  /** Of a second look: ids that the lake neither held nor missed, and ids held with another trade. Both landed. */
  fresh: RangeSet;
  different: RangeSet;
  /** Of a second look: held ids that the exchange no longer shows. They are kept. */
  vanished: RangeSet;
  /** Ids to ask for before anything was fetched, and pages of the plan: what a dry run tells. */
  todo: number;
  pages: number;
  /** Of a dry run: what would come from the venue's files instead of pages. */
  archive: ArchivePlan | undefined;
}

/** Priority of a command's requests at the limiter. */
export const PRIORITY: Readonly<Record<IngestMode, CallPriority>> = {
  ingest: 'live',
  backfill: 'backfill',
  repair: 'repair',
};

export function startProgress(product: Product, checkpoint: Checkpoint): ProductProgress {
  const empty = RangeSet.empty;
  return {
    product,
    checkpoint,
    head: undefined,
    wanted: empty,
    newTrades: 0,
    fresh: empty,
    different: empty,
    vanished: empty,
    todo: 0,
    pages: 0,
    archive: undefined,
  };
}

/** Missing ids of a product's own range. */
export function missingOf({ checkpoint, wanted }: Pick<ProductProgress, 'checkpoint' | 'wanted'>): RangeSet {
  return wanted.difference(checkpoint.fetched).difference(checkpoint.void);
}

export interface FetchIdsOptions {
  readonly prefetched?: readonly TradePage[] | undefined;
  readonly archived?: AsyncIterable<TradePage> | undefined;
  readonly later?: LaterPage | undefined;
  /** Raw objects to compare with: a second look. */
  readonly compareWith?: readonly RawName[] | undefined;
}

/** Fetches ids of a product and counts what came, also when it ends in an error. */
export async function fetchIds(
  context: RunContext,
  progress: ProductProgress,
  todo: RangeSet,
  options: FetchIdsOptions = {},
): Promise<void> {
  const { product } = progress;
  const missing = missingOf(progress);
  const result = await fetchWindows({
    context,
    product,
    checkpoint: progress.checkpoint,
    todo,
    priority: PRIORITY[context.settings.mode],
    heldRows: options.compareWith && createHeldRows(context, product.id, options.compareWith),
    prefetched: options.prefetched,
    archived: options.archived,
    later: options.later,
  });
  progress.checkpoint = result.checkpoint;
  progress.newTrades += result.newTrades;
  progress.fresh = progress.fresh.union(result.fresh.difference(missing));
  progress.different = progress.different.union(result.different);
  progress.vanished = progress.vanished.union(result.vanished);
  if (result.failure !== undefined) throw result.failure;
}
