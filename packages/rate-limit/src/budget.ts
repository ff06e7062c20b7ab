import { block, createPace, drain, type Pace, retune } from './gcra.js';

/** What a budget allows. */
export interface BudgetOptions {
  /** Tokens a second. */
  readonly rate: number;
  /** Tokens that may pass at once after a pause. No call may cost more. */
  readonly burst: number;
}

/** How the rate answers to 429s. */
export interface AdaptiveOptions {
  /** The rate is multiplied by this at a 429. Default 0.5. */
  readonly cutFactor?: number | undefined;
  /** The rate never falls below this share of the configured one. Default 0.1. */
  readonly minShare?: number | undefined;
  /** 429s within this many ms of a cut belong to it: they come from calls that were in flight. Default 5,000. */
  readonly cutCooldownMs?: number | undefined;
  /** Quiet time in ms after the last 429 before the rate begins to rise. Default 60,000. */
  readonly quietMs?: number | undefined;
  /** Then every so many ms … Default 10,000. */
  readonly stepMs?: number | undefined;
  /** … the rate rises by this share of the configured one, never above it. Default 0.1. */
  readonly stepShare?: number | undefined;
}

export type AdaptiveSettings = { readonly [Name in keyof AdaptiveOptions]-?: number };

export const ADAPTIVE_DEFAULTS: AdaptiveSettings = {
  cutFactor: 0.5,
  minShare: 0.1,
  cutCooldownMs: 5_000,
  quietMs: 60_000,
  stepMs: 10_000,
  stepShare: 0.1,
};

/** One budget: its pace, and what it has learned from 429s. */
export interface Budget {
  readonly pace: Pace;
  /** This process's share; `pace.rate` is never above it. */
  readonly configuredRate: number;
  /** The heaviest call that is accepted. */
  readonly maxTokens: number;
  /** 429s before this time belong to the last cut. */
  readonly cutAgainAt: number;
  /** When the rate rises next; infinite when it is whole. */
  readonly risesAt: number;
}

/** A budget with a full bucket; `rateShare` processes divide rate and burst among them. */
export function createBudget(options: BudgetOptions, rateShare: number, now: number): Budget {
  const rate = options.rate / rateShare;
  const burst = Math.max(1, options.burst / rateShare);
  return {
    pace: createPace(rate, burst, now),
    configuredRate: rate,
    maxTokens: options.burst,
    cutAgainAt: now,
    risesAt: Number.POSITIVE_INFINITY,
  };
}

/** Another limit, as the exchange told its own: the tokens taken stay taken, and what 429s taught stays learned. */
export function redeclareBudget(budget: Budget, options: BudgetOptions, rateShare: number, now: number): Budget {
  const rate = options.rate / rateShare;
  const burst = Math.max(1, options.burst / rateShare);
  const pace = retune(budget.pace, now, (rate * budget.pace.rate) / budget.configuredRate);
  return { ...budget, pace: { ...pace, burst }, configuredRate: rate, maxTokens: options.burst };
}

/** After a 429: the bucket is emptied; the rate is cut once for all calls that were in flight. */
export function throttleBudget(budget: Budget, now: number, settings: AdaptiveSettings): Budget {
  const risesAt = now + settings.quietMs;
  if (now < budget.cutAgainAt) return { ...budget, risesAt };
  const rate = Math.max(budget.configuredRate * settings.minShare, budget.pace.rate * settings.cutFactor);
  return {
    ...budget,
    pace: drain(retune(budget.pace, now, rate), now),
    cutAgainAt: now + settings.cutCooldownMs,
    risesAt,
  };
}

/** The steps that the rate has risen by `now`. Returns the same object when there are none. */
export function recoverBudget(budget: Budget, now: number, settings: AdaptiveSettings): Budget {
  let { rate } = budget.pace;
  let { risesAt } = budget;
  while (risesAt <= now) {
    rate = Math.min(budget.configuredRate, rate + budget.configuredRate * settings.stepShare);
    risesAt = rate < budget.configuredRate ? risesAt + settings.stepMs : Number.POSITIVE_INFINITY;
  }
  return risesAt === budget.risesAt ? budget : { ...budget, pace: retune(budget.pace, now, rate), risesAt };
}

/** Nothing passes for `delayMs` (Retry-After, a ban). */
export function penalizeBudget(budget: Budget, now: number, delayMs: number): Budget {
  return { ...budget, pace: block(budget.pace, now + delayMs) };
}
