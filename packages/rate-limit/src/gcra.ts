/**
 * The generic cell rate algorithm as pure functions: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
 * `tat` (theoretical arrival time) is when the bucket will be full again; that one number is the whole bucket.
 * Over any window of w seconds at most `burst + rate * w` tokens are let through.
 */
export interface Pace {
  /** Tokens a second. */
  readonly rate: number;
  /** Size of the bucket in tokens; it starts full. */
  readonly burst: number;
  /** Milliseconds. At or before `now`: the bucket is full. */
  readonly tat: number;
  /** Milliseconds. Nothing passes before it. */
  readonly blockedUntil: number;
}

/** `waitMs` 0: take the tokens now by going on with `pace`. Otherwise `pace` is unchanged: nothing was taken. */
export interface Decision {
  readonly waitMs: number;
  readonly pace: Pace;
}

function intervalMs(pace: Pace): number {
  return 1000 / pace.rate;
}

/** A full bucket. */
export function createPace(rate: number, burst: number, now: number): Pace {
  return { rate, burst, tat: now, blockedUntil: now };
}

/** How far `tat` may lie ahead of the moment in which `tokens` pass. */
export function toleranceMs(pace: Pace, tokens: number): number {
  return Math.max(0, pace.burst - tokens) * intervalMs(pace);
}

/** The first moment from `from` on in which `tokens` may pass when the bucket stands at `tat`. */
export function earliestPass(pace: Pace, tat: number, from: number, tokens: number): number {
  const open = Math.max(from, pace.blockedUntil);
  return Math.max(open, tat - toleranceMs(pace, tokens));
}

/** Where the bucket stands after `tokens` passed at `at`, whether or not they were allowed to. */
export function tatAfter(pace: Pace, tat: number, at: number, tokens: number): number {
  return Math.max(tat, at, pace.blockedUntil) + tokens * intervalMs(pace);
}

/**
 * Whether `tokens` may pass at `now`, and if not, how long they must wait when nobody else takes any.
 * More tokens than the bucket holds pass when it is full, and the debt is paid before anything else passes.
 */
export function decide(pace: Pace, now: number, tokens: number): Decision {
  const at = earliestPass(pace, pace.tat, now, tokens);
  if (at > now) return { waitMs: at - now, pace };
  return { waitMs: 0, pace: take(pace, now, tokens) };
}

/** The pace after `tokens` passed at `now`. */
export function take(pace: Pace, now: number, tokens: number): Pace {
  return { ...pace, tat: tatAfter(pace, pace.tat, now, tokens) };
}

/** Tokens in the bucket at `now` (at the end of a block, while blocked); negative while a debt is paid. */
export function availableTokens(pace: Pace, now: number): number {
  const from = Math.max(now, pace.blockedUntil);
  return pace.burst - Math.max(0, pace.tat - from) / intervalMs(pace);
}

/** Another rate from `now` on; the tokens in the bucket stay what they are, so that a cut gives nothing away. */
export function retune(pace: Pace, now: number, rate: number): Pace {
  const from = Math.max(now, pace.blockedUntil);
  const missing = Math.max(0, pace.tat - from) / intervalMs(pace);
  return { ...pace, rate, tat: from + missing * (1000 / rate) };
}

/** Empties the bucket. */
export function drain(pace: Pace, now: number): Pace {
  const from = Math.max(now, pace.blockedUntil);
  return { ...pace, tat: Math.max(pace.tat, from + pace.burst * intervalMs(pace)) };
}

/** Nothing passes before `until`, and then one token first, not a whole burst. A longer block stays as it is. */
export function block(pace: Pace, until: number): Pace {
  const blockedUntil = Math.max(pace.blockedUntil, until);
  return {
    ...pace,
    blockedUntil,
    tat: Math.max(pace.tat, blockedUntil + Math.max(0, pace.burst - 1) * intervalMs(pace)),
  };
}
