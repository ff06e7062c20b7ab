import { earliestPass, type Pace, take, tatAfter, toleranceMs } from './gcra.js';

/** Tokens that a call draws on one budget. */
export interface Cost {
  readonly budget: string;
  readonly tokens: number;
}

/** A call whose turn it is in its lane. */
export interface Candidate {
  /** Smaller goes first. */
  readonly priority: number;
  /** Order of arrival. */
  readonly sequence: number;
  readonly cost: readonly Cost[];
  /** Others wait behind it in its lane: once it starts, worse priorities let the next of them come forward first. */
  readonly followed: boolean;
}

export interface StartPlan<C extends Candidate> {
  /** In the order in which they start. */
  readonly starts: readonly C[];
  /** The paces after these starts. */
  readonly paces: ReadonlyMap<string, Pace>;
  /** When another candidate may start if nothing else happens; undefined when no passing of time helps. */
  readonly wakeMs: number | undefined;
}

/** A better-ranked call that must wait until `at`, and the tokens that it will then take. */
interface Reservation {
  readonly at: number;
  readonly tokens: number;
}

/** Rounding of times that were computed as `now + wait`; nothing is let through early by it. */
const ROUNDING_MS = 1e-6;

/** What better-ranked calls will take from one budget, ascending by time. */
interface Reservations {
  readonly list: Reservation[];
  /** For each: where the bucket may stand before it, so that it and all after it are on time. */
  latestTats: number[];
}

/** From the last reservation back: each must be on time itself and leave room for those after it. */
function latestTats(pace: Pace, list: readonly Reservation[]): number[] {
  const latest: number[] = new Array(list.length);
  let room = Number.POSITIVE_INFINITY;
  for (let index = list.length - 1; index >= 0; index--) {
    const { at, tokens } = list[index]!;
    const taken = tatAfter(pace, at, at, tokens) - at;
    room = Math.min(at + toleranceMs(pace, tokens), room - taken);
    latest[index] = room;
  }
  return latest;
}

/** The first time from `from` on at which `tokens` can pass without making any reservation late. */
function earliestFit(pace: Pace, reservations: Reservations | undefined, from: number, tokens: number): number {
  let { tat } = pace;
  let start = from;
  for (const [index, next] of reservations?.list.entries() ?? []) {
    const at = earliestPass(pace, tat, start, tokens);
    const leaves = tatAfter(pace, tat, at, tokens);
    if (at <= next.at && leaves <= reservations!.latestTats[index]! + ROUNDING_MS) return at;
    tat = tatAfter(pace, tat, next.at, next.tokens);
    start = Math.max(from, next.at);
  }
  return earliestPass(pace, tat, start, tokens);
}

/** The same over all budgets of a call: later for one of them may be too late or too early for another. */
function earliestStart(
  cost: readonly Cost[],
  paces: ReadonlyMap<string, Pace>,
  reserved: ReadonlyMap<string, Reservations>,
  now: number,
): number {
  let at = now;
  // Each round that moves the time moves it past a reservation or a refill: it ends after at most all of them.
  for (;;) {
    const from = at;
    for (const { budget, tokens } of cost) at = earliestFit(paces.get(budget)!, reserved.get(budget), at, tokens);
    if (at - from <= ROUNDING_MS) return at;
  }
}

function reserve(
  reserved: Map<string, Reservations>,
  paces: ReadonlyMap<string, Pace>,
  cost: readonly Cost[],
  at: number,
): void {
  for (const { budget, tokens } of cost) {
    const own = reserved.get(budget) ?? { list: [], latestTats: [] };
    own.list.push({ at, tokens });
    own.list.sort((a, b) => a.at - b.at);
    own.latestTats = latestTats(paces.get(budget)!, own.list);
    reserved.set(budget, own);
  }
}

/** Whether a call of worse priority would pass calls that wait behind `waiting` in its lane and draw on nothing else. */
function wouldPass(candidate: Candidate, waiting: Candidate): boolean {
  if (candidate.priority <= waiting.priority) return false;
  return waiting.cost.every(({ budget }) => candidate.cost.some((own) => own.budget === budget));
}

/**
 * Which candidates start at `now`: in order of priority, then of arrival. Each gets the first time at which it makes no
 * better-ranked call late (conservative backfilling), and starts if that is now. So a call that waits for one budget does
 * not stop calls that do not need it, and a heavy call is never starved by light ones.
 */
export function planStarts<C extends Candidate>(options: {
  readonly now: number;
  readonly candidates: readonly C[];
  readonly paces: ReadonlyMap<string, Pace>;
  /** How many more calls may be in flight. */
  readonly slots: number;
  /** Worse priorities than this one do not start: a better call is on its way to the head of its lane. */
  readonly worstPriority: number;
}): StartPlan<C> {
  const { now, slots } = options;
  const paces = new Map(options.paces);
  const reserved = new Map<string, Reservations>();
  const starts: C[] = [];
  const followedWaiters: C[] = [];
  let worstPriority = options.worstPriority;
  let wakeAt = Number.POSITIVE_INFINITY;
  const ranked = [...options.candidates].sort((a, b) => a.priority - b.priority || a.sequence - b.sequence);
  for (const candidate of ranked) {
    if (starts.length >= slots || candidate.priority > worstPriority) break;
    if (followedWaiters.some((waiting) => wouldPass(candidate, waiting))) continue;
    const at = earliestStart(candidate.cost, paces, reserved, now);
    if (at <= now) {
      for (const { budget, tokens } of candidate.cost) paces.set(budget, take(paces.get(budget)!, now, tokens));
      starts.push(candidate);
      if (candidate.followed) worstPriority = candidate.priority;
    } else {
      reserve(reserved, paces, candidate.cost, at);
      if (candidate.followed) followedWaiters.push(candidate);
      wakeAt = Math.min(wakeAt, at);
    }
  }
  return { starts, paces, wakeMs: Number.isFinite(wakeAt) ? wakeAt - now : undefined };
}
