import {
  type CallCost,
  type CallPriority,
  type Clock,
  ExchangeError,
  type ExchangeReply,
  type Transport,
} from '@schemahub/core';
import { IngestError } from './errors.js';
import type { OnEvent } from './events.js';

/** A rate limiter as the transport needs it; `@schemahub/rate-limit` fits. */
export interface LimiterPort {
  readonly schedule: <T>(
    task: (signal: AbortSignal | undefined) => Promise<T>,
    options: { cost: readonly CallCost[]; priority?: CallPriority | undefined; signal?: AbortSignal | undefined },
  ) => Promise<T>;
  /** A 429 came back. */
  readonly throttled: (budget: string) => void;
  /** Retry-After. */
  readonly penalize: (options: { readonly budget?: string | undefined; readonly delayMs: number }) => void;
}

/** A circuit breaker as the transport needs it; `@schemahub/circuit-breaker` fits. */
export interface BreakerPort {
  readonly acquire: (options?: {
    signal?: AbortSignal | undefined;
    maxWaitMs?: number | undefined;
  }) => Promise<PermitPort>;
}

export interface PermitPort {
  readonly succeeded: () => Promise<void> | void;
  readonly failed: (error: unknown) => Promise<void> | void;
  readonly ignored: () => Promise<void> | void;
}

export interface GuardedTransportOptions {
  /** One attempt with body and classification. */
  readonly transport: Transport;
  readonly limiter: LimiterPort;
  readonly breaker: BreakerPort | undefined;
  readonly clock: Clock;
  /** How long a call waits for an open breaker before the run is told that the exchange is unavailable. */
  readonly maxWaitMs: number;
  readonly onEvent: OnEvent;
}

function isCircuitOpen(error: unknown): error is Error & { reopensAt: number } {
  return error instanceof Error && error.name === 'CircuitOpenError';
}

/**
 * One attempt = breaker not open → limiter → breaker's permit → fetch with body → classify. The breaker is asked first
 * without a place in the limiter, so that nobody queues behind an outage, and again when the token is there, so that
 * what waited in the limiter while it opened is not sent.
 */
export function createGuardedTransport(options: GuardedTransportOptions): Transport {
  const { transport, limiter, breaker, clock, maxWaitMs } = options;

  const settle = async (permit: PermitPort | undefined, error: unknown): Promise<void> => {
    if (permit === undefined) return;
    if (error === undefined) await permit.succeeded();
    else if (error instanceof ExchangeError && error.kind === 'transient') await permit.failed(error);
    else await permit.ignored();
  };

  return {
    send: async (call, sendOptions = {}) => {
      const { signal } = sendOptions;
      const deadline = clock.now() + maxWaitMs;
      for (;;) {
        signal?.throwIfAborted();
        try {
          return await limiter.schedule<ExchangeReply>(
            async () => {
              const permit = await breaker?.acquire({ signal, maxWaitMs: 0 });
              try {
                const reply = await transport.send(call, sendOptions);
                await settle(permit, undefined);
                return reply;
              } catch (error) {
                await settle(permit, error);
                if (error instanceof ExchangeError && error.kind === 'rate') {
                  for (const { budget } of call.cost) {
                    limiter.throttled(budget);
                    if (error.retryAfterMs !== undefined) limiter.penalize({ budget, delayMs: error.retryAfterMs });
                  }
                }
                throw error;
              }
            },
            { cost: call.cost, priority: call.priority, signal },
          );
        } catch (error) {
          if (!isCircuitOpen(error)) throw error;
          const now = clock.now();
          if (now >= deadline) {
            throw new IngestError(
              'exchange-unavailable',
              `the exchange has been unavailable for longer than --max-wait (${Math.round(maxWaitMs / 1000)} s): ${error.message}. What was fetched is kept; run the same command again later.`,
              { cause: error },
            );
          }
          const until = Math.min(deadline, Math.max(error.reopensAt, now + 1));
          options.onEvent({ type: 'waiting-for-exchange', until, reason: error.message });
          await clock.sleep(until - now, signal);
        }
      }
    },
  };
}
