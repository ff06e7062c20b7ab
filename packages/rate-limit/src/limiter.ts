import { createElapsed } from './alarm.js';
import type { BudgetOptions } from './budget.js';
import { type BudgetSnapshot, createBudgetBook } from './budgets.js';
import { RateLimitError } from './errors.js';
import { initializedEvent } from './events.js';
import { checkBudgets, checkMaxInFlight, checkOptions, type RateLimiterOptions } from './options.js';
import type { Cost } from './plan.js';
import { createScheduler } from './scheduler.js';

/** Best first: the newest trades, then live work, then history, then repair. */
export type Priority = 'head' | 'live' | 'backfill' | 'repair';

const PRIORITY_RANK: Readonly<Record<Priority, number>> = { head: 0, live: 1, backfill: 2, repair: 3 };

export interface ScheduleOptions {
  /** What the call draws on each budget. Default: one token of the only budget. `[]`: none, only the in-flight cap holds. */
  readonly cost?: readonly Cost[] | undefined;
  /** Default `live`. A better priority always goes first, so a flood of it holds back the others. */
  readonly priority?: Priority | undefined;
  /** Aborted while waiting: rejects at once with the signal's reason and takes no token. It is handed to the task. */
  readonly signal?: AbortSignal | undefined;
}

export interface RateLimiterSnapshot {
  readonly budgets: Readonly<Record<string, BudgetSnapshot>>;
  /** Tasks that run now. */
  readonly inFlight: number;
  readonly maxInFlight: number;
  /** Calls that have not started. */
  readonly waiting: number;
}

export interface RateLimiter {
  /** Runs the task when its tokens and a slot are there, and settles as it does. The task must end: nothing else frees its slot. */
  readonly schedule: <T>(
    task: (signal: AbortSignal | undefined) => Promise<T>,
    options?: ScheduleOptions,
  ) => Promise<T>;
  /** Retry-After, a ban: nothing that draws on the budget (without one: nothing with a cost) starts for `delayMs`; then one token first. */
  readonly penalize: (options: { readonly budget?: string | undefined; readonly delayMs: number }) => void;
  /** A 429 came back: empties the bucket and cuts the rate, once for all calls that were in flight. */
  readonly throttled: (budget: string) => void;
  /** The exchange told another limit: from now on the budget has this rate and burst. */
  readonly setBudget: (budget: string, options: BudgetOptions) => void;
  /** Takes effect with the next start; running tasks are left alone. */
  readonly setMaxInFlight: (maxInFlight: number) => void;
  readonly snapshot: () => RateLimiterSnapshot;
}

/** Paces calls by budgets (GCRA), priorities and an in-flight cap. Throws `RateLimitError` for options that make no sense. */
export function createRateLimiter(options: RateLimiterOptions = {}): RateLimiter {
  const settings = checkOptions(options);
  const elapsed = createElapsed(settings.clock);
  const book = createBudgetBook(settings, elapsed());
  const scheduler = createScheduler(settings, book, elapsed);
  for (const [name, budget] of Object.entries(book.snapshot(elapsed()))) {
    settings.onEvent(initializedEvent(name, budget.rate, budget.burst));
  }
  return {
    schedule: async (task, request = {}) => {
      const cost = book.checkCost(request.cost);
      const { priority = 'live', signal } = request;
      checkPriority(priority);
      signal?.throwIfAborted();
      return scheduler.enqueue({ task, cost, priority: PRIORITY_RANK[priority], signal });
    },
    penalize: ({ budget, delayMs }) => {
      checkDelay(delayMs);
      book.penalize(budget, elapsed(), delayMs);
      scheduler.pump();
    },
    throttled: (budget) => {
      book.throttle(budget, elapsed());
      scheduler.pump();
    },
    setBudget: (budget, request) => {
      for (const [name, options] of checkBudgets({ [budget]: request })) book.redeclare(name, options, elapsed());
      scheduler.pump();
    },
    setMaxInFlight: (value) => scheduler.setMaxInFlight(checkMaxInFlight(value)),
    snapshot: () => {
      const now = elapsed();
      book.recover(now);
      return { budgets: book.snapshot(now), ...scheduler.counts() };
    },
  };
}

function checkPriority(priority: Priority): void {
  if (Object.hasOwn(PRIORITY_RANK, priority)) return;
  const known = Object.keys(PRIORITY_RANK).join(', ');
  throw new RateLimitError(
    'invalid-option',
    `schedule: priority must be one of ${known}, got ${String(priority)}. Leave it out for "live".`,
  );
}

function checkDelay(delayMs: number): void {
  if (Number.isFinite(delayMs) && delayMs >= 0) return;
  const remedy = 'Parse Retry-After into milliseconds first.';
  throw new RateLimitError(
    'invalid-option',
    `penalize: delayMs must be a number ≥ 0, got ${String(delayMs)}. ${remedy}`,
  );
}
