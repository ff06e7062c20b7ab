import type { TradeFacts } from '@schemahub/core';
import { RangeSet, requireFewRanges, watermark } from '@schemahub/coverage';
import { CheckpointError } from './errors.js';

/** Progress of one product, derived from its raw objects and evidence; a cache of both. */
export interface Checkpoint {
  readonly exchange: string;
  readonly productId: string;
  /** Canonical BASE-QUOTE; undefined until the catalogue was seen. */
  readonly symbol: string | undefined;
  /** Base URL that the trades came from. */
  readonly origin: string | undefined;
  /** How many raw objects were condemned: the watermark may fall only when this rises. */
  readonly epoch: number;
  /** Ids that the user wants; a range that is open upwards ends at 2^53−1. */
  readonly asked: RangeSet;
  readonly anchor: number | undefined;
  readonly floor: number | undefined;
  readonly head: { readonly id: number; readonly seenAt: string } | undefined;
  /** The held trade with the greatest id. */
  readonly lastTrade: TradeFacts | undefined;
  /** Ids in sound raw objects. */
  readonly fetched: RangeSet;
  /** Ids attested as never issued. */
  readonly void: RangeSet;
  /** Ids that a full refresh still has to compare; lost with the checkpoint. */
  readonly recheck: RangeSet;
  /** The venue no longer serves the product: status and when it was seen. */
  readonly closed: { readonly status: string; readonly seenAt: string } | undefined;
  /** Time of the newest evidence folded in. */
  readonly lastUpdated: string | undefined;
}

/** The lowest id ≥ anchor neither fetched nor void; undefined without an anchor. */
export function cursorOf(checkpoint: Checkpoint): number | undefined {
  return watermark({ anchor: checkpoint.anchor, fetched: checkpoint.fetched, void: checkpoint.void });
}

export function emptyCheckpoint(exchange: string, productId: string): Checkpoint {
  return {
    exchange,
    productId,
    symbol: undefined,
    origin: undefined,
    epoch: 0,
    asked: RangeSet.empty,
    anchor: undefined,
    floor: undefined,
    head: undefined,
    lastTrade: undefined,
    fetched: RangeSet.empty,
    void: RangeSet.empty,
    recheck: RangeSet.empty,
    closed: undefined,
    lastUpdated: undefined,
  };
}

/** One writer's own news. Applied to whatever is stored, so that no writer undoes another's. */
export interface CheckpointChange {
  readonly symbol?: string | undefined;
  readonly origin?: string | undefined;
  readonly asked?: RangeSet | undefined;
  readonly anchor?: number | undefined;
  readonly floor?: number | undefined;
  readonly head?: { readonly id: number; readonly seenAt: string } | undefined;
  readonly lastTrade?: TradeFacts | undefined;
  /** Ids credited: they are in durable objects. */
  readonly fetched?: RangeSet | undefined;
  /**
   * Condemned objects that the writer knew of when it saw `fetched` and `lastTrade`. Where more are counted by now, its
   * objects may be among them: the two are not taken, the epoch of the merged checkpoint says so, and the writer looks again.
   */
  readonly seenEpoch?: number | undefined;
  readonly void?: RangeSet | undefined;
  /** A condemned object: the ids that no other sound object holds, the number of condemned objects, the new last trade. */
  readonly condemned?:
    | { readonly lost: RangeSet; readonly epoch: number; readonly lastTrade: TradeFacts | undefined }
    | undefined;
  readonly recheckAdded?: RangeSet | undefined;
  readonly recheckDone?: RangeSet | undefined;
  readonly closed?: { readonly status: string; readonly seenAt: string } | null | undefined;
  readonly lastUpdated?: string | undefined;
}

function later(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a > b ? a : b;
}

function higher(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}

/**
 * The merge of a change into a checkpoint. The order of changes does not matter, but for condemnations and for what the
 * venue says anew each time (symbol, origin, floor, closed), of which the last counts.
 */
export function applyChange(base: Checkpoint, change: CheckpointChange): Checkpoint {
  const head = change.head !== undefined && change.head.id > (base.head?.id ?? -1) ? change.head : base.head;
  const isCredited = change.seenEpoch === undefined || change.seenEpoch >= base.epoch;
  let fetched = base.fetched.union((isCredited ? change.fetched : undefined) ?? RangeSet.empty);
  let lastTrade =
    isCredited && change.lastTrade !== undefined && change.lastTrade.id > (base.lastTrade?.id ?? -1)
      ? change.lastTrade
      : base.lastTrade;
  if (change.condemned !== undefined) {
    fetched = fetched.difference(change.condemned.lost);
    if (lastTrade !== undefined && !fetched.contains(lastTrade.id)) lastTrade = change.condemned.lastTrade;
  }
  const name = `${base.exchange} ${base.productId}`;
  return {
    ...base,
    symbol: change.symbol ?? base.symbol,
    origin: change.origin ?? base.origin,
    epoch: Math.max(base.epoch, change.condemned?.epoch ?? 0),
    asked: base.asked.union(change.asked ?? RangeSet.empty),
    // Set once. Of two that raced the higher one counts: it lets no watermark fall, and what was asked stays asked.
    anchor: higher(base.anchor, change.anchor),
    floor: change.floor ?? base.floor,
    head,
    lastTrade,
    fetched: requireFewRanges(fetched, `fetched ids of ${name}`),
    void: requireFewRanges(base.void.union(change.void ?? RangeSet.empty), `void ids of ${name}`),
    recheck: base.recheck.union(change.recheckAdded ?? RangeSet.empty).difference(change.recheckDone ?? RangeSet.empty),
    closed: change.closed === undefined ? base.closed : (change.closed ?? undefined),
    lastUpdated: later(base.lastUpdated, change.lastUpdated),
  };
}

/** The stored form, members in the order of SPEC 3.4. */
export function encodeCheckpoint(checkpoint: Checkpoint): Record<string, unknown> {
  const { head, lastTrade } = checkpoint;
  return {
    version: 1,
    epoch: checkpoint.epoch,
    exchange: checkpoint.exchange,
    product_id: checkpoint.productId,
    symbol: checkpoint.symbol ?? null,
    origin: checkpoint.origin ?? null,
    asked: checkpoint.asked.toString(),
    cursor: cursorOf(checkpoint) ?? null,
    anchor: checkpoint.anchor ?? null,
    floor: checkpoint.floor ?? null,
    head: head === undefined ? null : { id: head.id, seen_at: head.seenAt },
    last_trade: lastTrade ?? null,
    trades_processed: checkpoint.fetched.count,
    fetched: checkpoint.fetched.toString(),
    void: checkpoint.void.toString(),
    recheck: checkpoint.recheck.toString(),
    closed:
      checkpoint.closed === undefined ? null : { status: checkpoint.closed.status, seen_at: checkpoint.closed.seenAt },
    last_updated: checkpoint.lastUpdated ?? null,
  };
}

type Members = Record<string, unknown>;

function members(value: unknown, what: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new CheckpointError(`${what}: expected an object`);
  return value as Members;
}

function id(value: unknown, what: string): number | undefined {
  if (value === null || value === undefined) return undefined;
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw new CheckpointError(`${what}: expected an id or null, got ${JSON.stringify(value)?.slice(0, 60)}`);
  return value as number;
}

function requiredId(value: unknown, what: string): number {
  const number = id(value, what);
  if (number === undefined)
    throw new CheckpointError(`${what}: expected an id, got ${JSON.stringify(value) ?? 'nothing'}`);
  return number;
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string')
    throw new CheckpointError(`${what}: expected text, got ${JSON.stringify(value)?.slice(0, 60)}`);
  return value;
}

function optionalText(value: unknown, what: string): string | undefined {
  return value === null || value === undefined ? undefined : text(value, what);
}

function ranges(value: unknown, what: string): RangeSet {
  try {
    return RangeSet.parse(text(value, what));
  } catch (error) {
    throw new CheckpointError(`${what}: ${(error as Error).message}`, { cause: error });
  }
}

function trade(value: unknown, what: string): TradeFacts | undefined {
  if (value === null || value === undefined) return undefined;
  const row = members(value, what);
  return {
    id: requiredId(row.id, `${what}.id`),
    ts: text(row.ts, `${what}.ts`),
    side: text(row.side, `${what}.side`),
    price: text(row.price, `${what}.price`),
    quantity: text(row.quantity, `${what}.quantity`),
  };
}

/** Reads a stored checkpoint. Throws `CheckpointError` that names the member, also when derived members disagree. */
export function parseCheckpoint(value: unknown, where: string): Checkpoint {
  const stored = members(value, where);
  const at = (name: string): string => `${where}: ${name}`;
  if (stored.version !== 1)
    throw new CheckpointError(`${at('version')}: expected 1, got ${JSON.stringify(stored.version)}`);
  const head = stored.head === null ? undefined : members(stored.head, at('head'));
  const closed =
    stored.closed === null || stored.closed === undefined ? undefined : members(stored.closed, at('closed'));
  const checkpoint: Checkpoint = {
    exchange: text(stored.exchange, at('exchange')),
    productId: text(stored.product_id, at('product_id')),
    symbol: optionalText(stored.symbol, at('symbol')),
    origin: optionalText(stored.origin, at('origin')),
    epoch: requiredId(stored.epoch, at('epoch')),
    asked: ranges(stored.asked, at('asked')),
    anchor: id(stored.anchor, at('anchor')),
    floor: id(stored.floor, at('floor')),
    head: head && { id: requiredId(head.id, at('head.id')), seenAt: text(head.seen_at, at('head.seen_at')) },
    lastTrade: trade(stored.last_trade, at('last_trade')),
    fetched: ranges(stored.fetched, at('fetched')),
    void: ranges(stored.void, at('void')),
    recheck: ranges(stored.recheck, at('recheck')),
    closed: closed && {
      status: text(closed.status, at('closed.status')),
      seenAt: text(closed.seen_at, at('closed.seen_at')),
    },
    lastUpdated: optionalText(stored.last_updated, at('last_updated')),
  };
  if (stored.trades_processed !== checkpoint.fetched.count || (stored.cursor ?? undefined) !== cursorOf(checkpoint)) {
    throw new CheckpointError(
      `${where}: cursor or trades_processed do not follow from fetched and void; the file was edited`,
    );
  }
  return checkpoint;
}
