/** What a limiter tells. `text` is one line for a log. */
export type RateLimitEvent =
  /** Once per declared budget, when the limiter is made. Rate and burst are this process's share. */
  | {
      readonly type: 'initialized';
      readonly budget: string;
      readonly rate: number;
      readonly burst: number;
      readonly text: string;
    }
  /** A 429 was reported. `rate` is what remains; 429s that belong to the cut before leave it as it is. */
  | {
      readonly type: 'throttled';
      readonly budget: string;
      readonly rate: number;
      readonly configuredRate: number;
      readonly text: string;
    }
  /** Nothing passes for `delayMs`; without `budget`, on none. */
  | { readonly type: 'penalized'; readonly budget: string | undefined; readonly delayMs: number; readonly text: string }
  /** Quiet time has raised the rate. */
  | {
      readonly type: 'recovered';
      readonly budget: string;
      readonly rate: number;
      readonly configuredRate: number;
      readonly text: string;
    };

const TAG = '[RATE_LIMITER]';

/** At most three decimals, as a person would write it. */
function short(value: number): string {
  return String(Math.round(value * 1000) / 1000);
}

export function initializedEvent(budget: string, rate: number, burst: number): RateLimitEvent {
  // Saved log queries match the text of the budget "requests" (SPEC §7).
  const text =
    budget === 'requests'
      ? `${TAG} Initialized: rate=${short(rate)} req/sec, burst=${short(burst)} tokens`
      : `${TAG} Initialized: budget=${budget}, rate=${short(rate)} tokens/sec, burst=${short(burst)} tokens`;
  return { type: 'initialized', budget, rate, burst, text };
}

export function throttledEvent(budget: string, rate: number, configuredRate: number): RateLimitEvent {
  const text = `${TAG} Throttled: budget=${budget}, rate=${short(rate)} of ${short(configuredRate)} tokens/sec`;
  return { type: 'throttled', budget, rate, configuredRate, text };
}

export function penalizedEvent(budget: string | undefined, delayMs: number): RateLimitEvent {
  const text = `${TAG} Penalized: budget=${budget ?? 'all'}, waiting ${short(delayMs / 1000)} s`;
  return { type: 'penalized', budget, delayMs, text };
}

export function recoveredEvent(budget: string, rate: number, configuredRate: number): RateLimitEvent {
  const text = `${TAG} Recovering: budget=${budget}, rate=${short(rate)} of ${short(configuredRate)} tokens/sec`;
  return { type: 'recovered', budget, rate, configuredRate, text };
}
