import { createBottleneckQueue } from './bottleneck-queue.js';
import { ADAPTIVE_DEFAULTS, type AdaptiveOptions, type AdaptiveSettings, type BudgetOptions } from './budget.js';
import { type Clock, systemClock } from './clock.js';
import { RateLimitError } from './errors.js';
import type { RateLimitEvent } from './events.js';
import type { TurnQueue } from './queue.js';

export interface RateLimiterOptions {
  /**
   * What may be drawn on, by name. A name that ends in `:*` stands for one budget per name with that beginning:
   * `'pair:*'` paces `pair:XBTUSD` and `pair:ETHUSD` each on its own. Default `{ requests: { rate: 10, burst: 5 } }`.
   */
  readonly budgets?: Readonly<Record<string, BudgetOptions>> | undefined;
  /** Default: the process's monotonic clock and timers. */
  readonly clock?: Clock | undefined;
  /** Makes the queue of a lane. Default Bottleneck; `createFifoQueue` has no timers. */
  readonly createQueue?: (() => TurnQueue) | undefined;
  /** How many tasks may run at once, a whole number ≥ 1 or Infinity. Default Infinity. */
  readonly maxInFlight?: number | undefined;
  /** How many processes share the limit: each takes 1/n of rate and burst. A whole number ≥ 1; default 1. */
  readonly rateShare?: number | undefined;
  /** How 429s change the rate; false keeps it (a 429 still empties the bucket). */
  readonly adaptive?: AdaptiveOptions | false | undefined;
  /** Told of every change. Must not throw. */
  readonly onEvent?: ((event: RateLimitEvent) => void) | undefined;
}

export interface RateLimiterSettings {
  readonly budgets: ReadonlyMap<string, BudgetOptions>;
  readonly clock: Clock;
  readonly createQueue: () => TurnQueue;
  readonly maxInFlight: number;
  readonly rateShare: number;
  readonly adaptive: AdaptiveSettings;
  readonly onEvent: (event: RateLimitEvent) => void;
}

/** The user's default: Coinbase allows 10 a second with bursts to 15; 5 keeps clear of it. */
const DEFAULT_BUDGETS: Readonly<Record<string, BudgetOptions>> = { requests: { rate: 10, burst: 5 } };

function refuse(name: string, expected: string, got: unknown, remedy: string): never {
  throw new RateLimitError(
    'invalid-option',
    `createRateLimiter: ${name} must be ${expected}, got ${String(got)}. ${remedy}`,
  );
}

/** One slot more or less needs no restart, so `setMaxInFlight` checks by the same rule. */
export function checkMaxInFlight(value: number): number {
  if (value !== Number.POSITIVE_INFINITY && !(Number.isInteger(value) && value >= 1)) {
    refuse('maxInFlight', 'a whole number ≥ 1, or Infinity', value, 'Leave it out for no cap.');
  }
  return value;
}

export function checkBudgets(budgets: Readonly<Record<string, BudgetOptions>>): ReadonlyMap<string, BudgetOptions> {
  const checked = new Map<string, BudgetOptions>();
  for (const [name, budget] of Object.entries(budgets)) {
    const { rate, burst } = budget;
    if (!(Number.isFinite(rate) && rate > 0)) {
      refuse(
        `budgets.${name}.rate`,
        'a number > 0 (tokens a second)',
        rate,
        'A budget without a limit needs no entry.',
      );
    }
    if (!(Number.isFinite(burst) && burst >= 1)) {
      refuse(`budgets.${name}.burst`, 'a number ≥ 1 (tokens)', burst, 'Use 1 for even spacing.');
    }
    checked.set(name, { rate, burst });
  }
  if (checked.size === 0)
    refuse('budgets', 'a record with at least one budget', '{}', 'Leave it out for 10 requests a second.');
  return checked;
}

function checkAdaptive(options: AdaptiveOptions | false | undefined): AdaptiveSettings {
  if (options === false) return { ...ADAPTIVE_DEFAULTS, cutFactor: 1, minShare: 1 };
  const settings = { ...ADAPTIVE_DEFAULTS };
  for (const name of Object.keys(ADAPTIVE_DEFAULTS) as (keyof AdaptiveSettings)[]) {
    const value = options?.[name];
    if (value === undefined) continue;
    const isTime = name.endsWith('Ms');
    if (isTime ? !(Number.isFinite(value) && value >= (name === 'stepMs' ? 1 : 0)) : !(value >= 0.001 && value <= 1)) {
      refuse(
        `adaptive.${name}`,
        isTime ? 'milliseconds ≥ 0 (stepMs ≥ 1)' : 'a share from 0.001 to 1',
        value,
        'Leave it out for the default.',
      );
    }
    Object.assign(settings, { [name]: value });
  }
  return settings;
}

/** Checks everything at the door, completely. */
export function checkOptions(options: RateLimiterOptions): RateLimiterSettings {
  const rateShare = options.rateShare ?? 1;
  if (!(Number.isInteger(rateShare) && rateShare >= 1)) {
    refuse('rateShare', 'a whole number ≥ 1', rateShare, 'It is the number of processes that share the limit.');
  }
  return {
    budgets: checkBudgets(options.budgets ?? DEFAULT_BUDGETS),
    clock: options.clock ?? systemClock,
    createQueue: options.createQueue ?? createBottleneckQueue,
    maxInFlight: checkMaxInFlight(options.maxInFlight ?? Number.POSITIVE_INFINITY),
    rateShare,
    adaptive: checkAdaptive(options.adaptive),
    onEvent: options.onEvent ?? (() => {}),
  };
}
