import { type Clock, ExchangeError } from '@schemahub/core';
import type { OnEvent } from './events.js';

/** Tries of one request or window, by kind of failure (SPEC §5). */
const TRIES = { rate: 10, transient: 5 } as const;
const BASE_MS = 1000;
const CAP_MS = { rate: 60_000, transient: 30_000 } as const;

export interface RetryDecision {
  /** Tries that this kind of failure has. */
  readonly attempts: number;
  /** How long to wait before the next one; undefined: give up. */
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
  /** In [0, 1): jitter. */
  readonly random: () => number;
  /** Named in events. */
  readonly product: string;
  readonly onEvent: OnEvent;
  readonly signal: AbortSignal;
}

/** Counts the failures of one request. */
export interface Tries {
  /** Tells the failure and returns the wait before the next try; undefined: give up. */
  readonly failed: (error: ExchangeError) => number | undefined;
}

/** Each kind of failure has its own tries: nine 429s must not use up those of a 503. */
export function createTries(options: Omit<RetryOptions, 'signal' | 'clock'>): Tries {
  const counts = { rate: 0, transient: 0, other: 0 };
  return {
    failed: (error) => {
      const kind = error.kind === 'rate' || error.kind === 'transient' ? error.kind : 'other';
      const attempt = ++counts[kind];
      const { attempts, delayMs } = planRetry(error, attempt, options.random());
      const { product } = options;
      options.onEvent({ type: 'request-failed', product, error, attempt, attempts, retryInMs: delayMs });
      return delayMs;
    },
  };
}

/** Repeats a small request (catalogue, head, probe) until it succeeds or its tries are used up. */
export async function withRetries<T>(options: RetryOptions, call: () => Promise<T>): Promise<T> {
  const tries = createTries(options);
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      const delayMs = tries.failed(error);
      if (delayMs === undefined) throw error;
      await options.clock.sleep(delayMs, options.signal);
    }
  }
}
