import {
  type Budget,
  type BudgetOptions,
  createBudget,
  penalizeBudget,
  recoverBudget,
  redeclareBudget,
  throttleBudget,
} from './budget.js';
import { RateLimitError } from './errors.js';
import { penalizedEvent, recoveredEvent, throttledEvent } from './events.js';
import { availableTokens, type Pace } from './gcra.js';
import type { RateLimiterSettings } from './options.js';
import type { Cost } from './plan.js';

/** One budget as people want to see it. */
export interface BudgetSnapshot {
  /** Tokens a second now. */
  readonly rate: number;
  /** Tokens a second without 429s: this process's share. */
  readonly configuredRate: number;
  readonly burst: number;
  /** Tokens in the bucket, below 0 while a debt is paid. */
  readonly available: number;
  /** Ms until a penalty ends, 0 without one. */
  readonly blockedForMs: number;
}

/** All budgets of one limiter: declared ones, and members of `name:*` families from their first use on. */
export interface BudgetBook {
  /** A call's cost, each budget once, in order of name. Throws `RateLimitError` for what can never pass. */
  readonly checkCost: (cost: readonly Cost[] | undefined) => readonly Cost[];
  readonly paces: (names: Iterable<string>) => Map<string, Pace>;
  readonly setPaces: (paces: ReadonlyMap<string, Pace>) => void;
  /** Applies the rises that are due. */
  readonly recover: (now: number) => void;
  readonly throttle: (name: string, now: number) => void;
  readonly penalize: (name: string | undefined, now: number, delayMs: number) => void;
  readonly redeclare: (name: string, options: BudgetOptions, now: number) => void;
  readonly snapshot: (now: number) => Record<string, BudgetSnapshot>;
}

export function createBudgetBook(settings: RateLimiterSettings, startedAt: number): BudgetBook {
  const { adaptive, onEvent } = settings;
  const budgets = new Map<string, Budget>();
  /** A penalty without a budget also holds for family members that were not used before. */
  let allBlockedUntil = startedAt;
  for (const [name, options] of settings.budgets) {
    if (!name.endsWith(':*')) budgets.set(name, createBudget(options, settings.rateShare, startedAt));
  }

  function find(name: string): Budget {
    const known = budgets.get(name);
    if (known !== undefined) return known;
    const family = settings.budgets.get(`${name.slice(0, name.indexOf(':') + 1)}*`);
    if (!name.includes(':') || family === undefined || name.endsWith(':*')) {
      const declared = [...settings.budgets.keys()].join(', ');
      throw new RateLimitError(
        'unknown-budget',
        `The budget "${name}" is not declared; declared are: ${declared}. Add it to createRateLimiter({ budgets }).`,
      );
    }
    const fresh = createBudget(family, settings.rateShare, startedAt);
    const budget = allBlockedUntil > startedAt ? penalizeBudget(fresh, allBlockedUntil, 0) : fresh;
    budgets.set(name, budget);
    return budget;
  }

  return {
    checkCost: (cost) => checkCost(cost ?? defaultCost(settings), find),
    paces: (names) => new Map([...new Set(names)].map((name) => [name, find(name).pace])),
    setPaces: (paces) => {
      for (const [name, pace] of paces) budgets.set(name, { ...find(name), pace });
    },
    recover: (now) => {
      for (const [name, budget] of budgets) {
        const risen = recoverBudget(budget, now, adaptive);
        if (risen === budget) continue;
        budgets.set(name, risen);
        if (risen.pace.rate > budget.pace.rate) onEvent(recoveredEvent(name, risen.pace.rate, risen.configuredRate));
      }
    },
    throttle: (name, now) => {
      const budget = throttleBudget(find(name), now, adaptive);
      budgets.set(name, budget);
      onEvent(throttledEvent(name, budget.pace.rate, budget.configuredRate));
    },
    penalize: (name, now, delayMs) => {
      if (name === undefined) allBlockedUntil = Math.max(allBlockedUntil, now + delayMs);
      for (const each of name === undefined ? [...budgets.keys()] : [name])
        budgets.set(each, penalizeBudget(find(each), now, delayMs));
      onEvent(penalizedEvent(name, delayMs));
    },
    redeclare: (name, options, now) => {
      budgets.set(name, redeclareBudget(find(name), options, settings.rateShare, now));
    },
    snapshot: (now) => Object.fromEntries([...budgets].map(([name, budget]) => [name, describe(budget, now)])),
  };
}

/** Each budget once, in order of name, so that calls with the same budgets share a lane. */
function checkCost(stated: readonly Cost[], find: (name: string) => Budget): readonly Cost[] {
  const totals = new Map<string, number>();
  for (const { budget, tokens } of stated) {
    if (!(Number.isFinite(tokens) && tokens > 0)) {
      throw new RateLimitError(
        'invalid-option',
        `The cost of a call on budget "${budget}" must be a number > 0, got ${String(tokens)}. Leave the budget out for a free call.`,
      );
    }
    const total = (totals.get(budget) ?? 0) + tokens;
    const { maxTokens } = find(budget);
    if (total > maxTokens) {
      throw new RateLimitError(
        'cost-exceeds-burst',
        `A call of ${total} tokens can never pass budget "${budget}" with a burst of ${maxTokens}. Raise the burst or split the call.`,
      );
    }
    totals.set(budget, total);
  }
  return [...totals].map(([budget, tokens]) => ({ budget, tokens })).sort((a, b) => (a.budget < b.budget ? -1 : 1));
}

function defaultCost(settings: RateLimiterSettings): readonly Cost[] {
  const [only, ...others] = [...settings.budgets.keys()];
  if (only === undefined || others.length > 0 || only.endsWith(':*')) {
    throw new RateLimitError(
      'invalid-option',
      `schedule: cost must be stated, because the limiter has several budgets (${[...settings.budgets.keys()].join(', ')}). Pass cost: [{ budget, tokens }].`,
    );
  }
  return [{ budget: only, tokens: 1 }];
}

function describe(budget: Budget, now: number): BudgetSnapshot {
  const { pace, configuredRate } = budget;
  return {
    rate: pace.rate,
    configuredRate,
    burst: pace.burst,
    available: availableTokens(pace, now),
    blockedForMs: Math.max(0, pace.blockedUntil - now),
  };
}
