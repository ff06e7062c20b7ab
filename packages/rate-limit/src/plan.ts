import { decide, type Pace, take } from './gcra.js';

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

/** Takes the tokens at `now` and then every reservation at its time; undefined if anything would be late. */
function fits(pace: Pace, now: number, tokens: number, reservations: readonly Reservation[]): Pace | undefined {
  const taken = decide(pace, now, tokens);
  if (taken.waitMs > 0) return undefined;
  let future = taken.pace;
  for (const { at, tokens: later } of reservations) {
    if (decide(future, at, later).waitMs > ROUNDING_MS) return undefined;
    future = take(future, at, later);
  }
  return taken.pace;
}

/** When the call could start after all reservations; ascending by construction. */
function reservationTime(pace: Pace, now: number, tokens: number, reservations: readonly Reservation[]): number {
  let future = pace;
  let last = now;
  for (const { at, tokens: earlier } of reservations) {
    last = Math.max(last, at);
    future = take(future, last, earlier);
  }
  return last + decide(future, last, tokens).waitMs;
}

/**
 * Which candidates start at `now`: in order of priority, then of arrival. A call that must wait for one budget does not
 * stop calls behind it, as long as they leave it every token that it will need at the moment when it can start
 * (conservative backfilling): nothing waits while its tokens are there, and a heavy call is never starved by light ones.
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
  const { now } = options;
  const paces = new Map(options.paces);
  const reserved = new Map<string, Reservation[]>();
  const starts: C[] = [];
  let worstPriority = options.worstPriority;
  let wakeMs = Number.POSITIVE_INFINITY;
  const ranked = [...options.candidates].sort((a, b) => a.priority - b.priority || a.sequence - b.sequence);
  for (const candidate of ranked) {
    if (starts.length >= options.slots || candidate.priority > worstPriority) break;
    const taken = candidate.cost.map(({ budget, tokens }) =>
      fits(paces.get(budget)!, now, tokens, reserved.get(budget) ?? []),
    );
    if (taken.every((pace) => pace !== undefined)) {
      for (const [index, { budget }] of candidate.cost.entries()) paces.set(budget, taken[index]!);
      starts.push(candidate);
      if (candidate.followed) worstPriority = candidate.priority;
      continue;
    }
    const waits = candidate.cost.map(({ budget, tokens }) => decide(paces.get(budget)!, now, tokens).waitMs);
    const at = Math.max(
      ...candidate.cost.map(({ budget, tokens }) =>
        reservationTime(paces.get(budget)!, now, tokens, reserved.get(budget) ?? []),
      ),
    );
    const soonestMs = Math.max(...waits);
    wakeMs = Math.min(wakeMs, soonestMs > 0 ? soonestMs : at - now);
    for (const { budget, tokens } of candidate.cost) {
      const list = reserved.get(budget);
      if (list === undefined) reserved.set(budget, [{ at, tokens }]);
      else list.push({ at, tokens });
    }
  }
  return { starts, paces, wakeMs: Number.isFinite(wakeMs) ? wakeMs : undefined };
}
