import { type Checkpoint, type CheckpointChange, cursorOf } from '@schemahub/checkpoint';
import { seekTime } from '@schemahub/connector-kit';
import type { Head } from '@schemahub/core';
import { MAX_ID, RangeSet, wantedIds } from '@schemahub/coverage';
import type { Bound, IngestContext, IngestSettings } from './context.js';
import { retried } from './same-trades.js';

/** The ids that a run is about, and what it adds to what the user asked for. */
export interface Scope {
  /** Ids of this run, open upwards where the command is. */
  readonly range: RangeSet;
  readonly change: Pick<CheckpointChange, 'asked' | 'anchor'>;
}

export interface ScopeOptions {
  readonly context: IngestContext;
  readonly productId: string;
  readonly checkpoint: Checkpoint;
  readonly head: Head;
}

async function idOf(options: ScopeOptions, bound: Bound): Promise<number> {
  if ('id' in bound) return bound.id;
  const { context, productId, checkpoint, head } = options;
  const { connector, stop } = context;
  const { firstAt } = connector;
  if (firstAt !== undefined) {
    const asked = { priority: 'head' as const, signal: stop };
    const first = await retried(context, productId, () => firstAt(productId, bound.micros, asked));
    return first ?? head.trade.id + 1;
  }
  const found = await retried(context, productId, () =>
    seekTime({
      connector,
      product: productId,
      micros: bound.micros,
      floor: Math.min(checkpoint.floor ?? 0, head.trade.id),
      head: head.trade,
      signal: stop,
    }),
  );
  return found.id;
}

/** --from/--to and --after/--before as one range; undefined where the command line names no end. */
async function givenRange(options: ScopeOptions): Promise<{ first: number | undefined; last: number | undefined }> {
  const { from, to, after, before } = options.context.settings;
  const lower = [
    from === undefined ? undefined : await idOf(options, from),
    after === undefined ? undefined : after + 1,
  ];
  // An instant names the first trade at or after it; up to it means up to the trade below.
  const upper = [
    to === undefined ? undefined : (await idOf(options, to)) - ('id' in to ? 0 : 1),
    before === undefined ? undefined : before - 1,
  ];
  const given = (ids: readonly (number | undefined)[]): number[] => ids.filter((id) => id !== undefined);
  return {
    first: given(lower).length === 0 ? undefined : Math.max(...given(lower)),
    last: given(upper).length === 0 ? undefined : Math.min(...given(upper)),
  };
}

function rangeOf(first: number, last: number): RangeSet {
  return first > last ? RangeSet.empty : RangeSet.of(first, last);
}

/** The first trade younger than the cold-start time; head + 1 when the product is slower than that. */
async function coldStartAnchor(options: ScopeOptions): Promise<number> {
  const { clock, settings } = options.context;
  return await idOf(options, { micros: (clock.now() - settings.coldStartMs) * 1000 });
}

/**
 * What a command wants of a product. `ingest`: from the anchor on, which a cold start sets. `backfill`: everything, or
 * its bounds; one that reaches the head sets the anchor above it. `repair`: all that was ever asked.
 */
export async function planScope(options: ScopeOptions): Promise<Scope> {
  const { context, checkpoint, head } = options;
  const { mode, skipCheckpoint } = context.settings;
  const { first, last } = await givenRange(options);
  if (mode === 'repair') {
    return { range: checkpoint.asked.intersect(rangeOf(first ?? 0, last ?? MAX_ID)), change: {} };
  }
  if (mode === 'backfill') {
    const range = rangeOf(first ?? 0, last ?? MAX_ID);
    const anchor = checkpoint.anchor === undefined && last === undefined ? head.trade.id + 1 : undefined;
    return { range, change: { asked: range, anchor } };
  }
  const start =
    first ??
    (skipCheckpoint ? await coldStartAnchor(options) : (checkpoint.anchor ?? (await coldStartAnchor(options))));
  const range = rangeOf(start, last ?? MAX_ID);
  const anchor = checkpoint.anchor === undefined && last === undefined ? start : undefined;
  return { range, change: { asked: range, anchor } };
}

/** Ids of the scope that were asked for and lie between the floor (as far as it is known) and the head. */
export function scopeIds(checkpoint: Checkpoint, scope: RangeSet, provisionalFloor?: number | undefined): RangeSet {
  const { asked, head } = checkpoint;
  return scope.intersect(wantedIds({ asked, floor: checkpoint.floor ?? provisionalFloor, head: head?.id }));
}

/** The lowest id that a run can come to ask for, before the exchange was asked anything; 0 where only it can tell. */
export function lowestAsked(checkpoint: Checkpoint, settings: IngestSettings): number {
  const { mode, fullRefresh, skipCheckpoint, from, after } = settings;
  if (mode !== 'ingest' || fullRefresh || skipCheckpoint || (from !== undefined && !('id' in from))) return 0;
  const given = [from?.id, after === undefined ? undefined : after + 1].filter((id) => id !== undefined);
  return given.length > 0 ? Math.max(...given) : (cursorOf(checkpoint) ?? 0);
}
