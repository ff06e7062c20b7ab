import { type Clock, ExchangeError } from '@schemahub/core';
import type { OnEvent } from './events.js';

/** Tries of one request or window, by kind of failure (SPEC §5). */
const TRIES = { rate: 10, transient: 5 } as const;
const BASE_MS = 1000;
const CAP_MS = { rate: 60_000, transient: 30_000 } as const;

export interface RetryDecision {
  readonly attempts: number;
  /** Undefined: give up. */
  readonly delayMs: number | undefined;
}

/** Exponential back-off with full jitter; Retry-After is the least. `attempt` counts from 1; `random` is in [0, 1). */
export function planRetry(error: ExchangeError, attempt: number, random: number): RetryDecision {
  if (error.kind !== 'rate' && error.kind !== 'transient') return { attempts: attempt, delayMs: undefined };
  const attempts = TRIES[error.kind];
  if (attempt >= attempts) return { attempts, delayMs: undefined };
  const ceiling = Math.min(CAP_MS[error.kind], BASE_MS * 2 ** (attempt - 1));
  return { attempts, delayMs: Math.max(error.retryAfterMs ?? 0, Math.floor(ceiling * random)) };
}

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly product: string;
  readonly onEvent: OnEvent;
  readonly signal: AbortSignal;
}

/** Repeats a small request (catalogue, head, probe) until it succeeds or its tries are used up. */
export async function withRetries<T>(options: RetryOptions, call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      const { attempts, delayMs } = planRetry(error, attempt, options.random());
      options.onEvent({
        type: 'request-failed',
        product: options.product,
        error,
        attempt,
        attempts,
        retryInMs: delayMs,
      });
      if (delayMs === undefined) throw error;
      await options.clock.sleep(delayMs, options.signal);
    }
  }
}
