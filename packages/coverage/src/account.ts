import { CoverageError } from './errors.js';
import { RangeSet } from './range-set.js';

/** The sets of one product that an account is made of. */
export interface AccountSets {
  /** asked ∩ floor … head. */
  readonly wanted: RangeSet;
  /** Ids of committed rows. */
  readonly present: RangeSet;
  /** Ids attested as never issued. */
  readonly void: RangeSet;
  /** Ids whose record the mapping refused. */
  readonly quarantined: RangeSet;
  /** Ids in sound raw objects. */
  readonly raw: RangeSet;
}

/** Every wanted id, in exactly one of five sets. */
export interface Account {
  readonly wanted: RangeSet;
  readonly inTable: RangeSet;
  readonly void: RangeSet;
  readonly quarantined: RangeSet;
  readonly rawOnly: RangeSet;
  readonly missing: RangeSet;
}

/**
 * Divides wanted ids into in table, quarantined, raw only, void and missing. The order of precedence is that of the
 * evidence: a held trade is never void, whatever was attested before it appeared. The only place where "missing" is
 * computed.
 */
export function account(sets: AccountSets): Account {
  const inTable = sets.wanted.intersect(sets.present);
  let rest = sets.wanted.difference(inTable);
  const quarantined = rest.intersect(sets.quarantined);
  rest = rest.difference(quarantined);
  const rawOnly = rest.intersect(sets.raw);
  rest = rest.difference(rawOnly);
  const voids = rest.intersect(sets.void);
  return { wanted: sets.wanted, inTable, void: voids, quarantined, rawOnly, missing: rest.difference(voids) };
}

/**
 * The lowest id ≥ `anchor` that is neither fetched nor void: where an incremental run goes on. Undefined without an
 * anchor. The only place where a cursor is computed.
 */
export function watermark(sets: {
  readonly anchor: number | undefined;
  readonly fetched: RangeSet;
  readonly void: RangeSet;
}): number | undefined {
  if (sets.anchor === undefined) return undefined;
  return sets.fetched.union(sets.void).firstAbsent(sets.anchor);
}

/** The greatest number of ranges one product may have; more means that its ids are not a sequence. */
export const MAX_RANGES = 100_000;

/** Refuses a set of more than 100,000 ranges with a sentence. `what` names it: `fetched ids of coinbase BTC-USD`. */
export function requireFewRanges(set: RangeSet, what: string): RangeSet {
  if (set.rangeCount > MAX_RANGES) {
    throw new CoverageError(
      'too-many-ranges',
      `${what}: ${set.rangeCount} separate ranges of ids, at most ${MAX_RANGES} are kept. ` +
        'The ids of this product are not a sequence; it cannot be collected by coverage.',
    );
  }
  return set;
}

/** asked ∩ floor … head; empty while the head is unknown. */
export function wantedIds(options: {
  readonly asked: RangeSet;
  readonly floor: number | undefined;
  readonly head: number | undefined;
}): RangeSet {
  return options.head === undefined ? RangeSet.empty : options.asked.clip(options.floor ?? 0, options.head);
}
