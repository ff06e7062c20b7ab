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
  /** It is the one request that tests recovery. */
  readonly isProbe?: boolean | undefined;
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

/** What the breaker keeps and tells of a failure: `HTTP 503`, or the kind of trouble (SPEC §7). */
function shortError(error: ExchangeError): Error {
  const text =
    error.transient === 'server' || error.transient === undefined
      ? `HTTP ${error.status ?? 'unknown'}`
      : error.transient;
  return new Error(text, { cause: error });
}

async function settle(permit: PermitPort | undefined, error: unknown): Promise<void> {
  if (permit === undefined) return;
  if (error === undefined) await permit.succeeded();
  else if (error instanceof ExchangeError && error.kind === 'transient') await permit.failed(shortError(error));
  else await permit.ignored();
}

/** Waits through an open breaker, at most until `deadline`: what passes then is a permit that has not been used. */
async function waitForBreaker(
  { breaker, clock, maxWaitMs, onEvent }: GuardedTransportOptions,
  deadline: number,
  signal: AbortSignal | undefined,
): Promise<PermitPort | undefined> {
  if (breaker === undefined) return undefined;
  try {
    return await breaker.acquire({ signal, maxWaitMs: 0 });
  } catch (error) {
    if (!isCircuitOpen(error)) throw error;
    const until = Math.max(clock.now(), Math.min(deadline, error.reopensAt));
    onEvent({ type: 'waiting-for-exchange', until, reason: error.message.replace(/\. The next try .*$/s, '') });
  }
  try {
    // The breaker wakes its waiters when a probe ends; sleeping until it expires would outlast the outage.
    return await breaker.acquire({ signal, maxWaitMs: Math.max(0, deadline - clock.now()) });
  } catch (error) {
    if (!isCircuitOpen(error)) throw error;
    throw new IngestError(
      'exchange-unavailable',
      `the exchange has been unavailable for longer than --max-wait allows (${Math.round(maxWaitMs / 1000)} s); the next try is possible by ${new Date(error.reopensAt).toISOString()}. What was fetched is kept; run the same command again later.`,
      { cause: error },
    );
  }
}

/**
 * One attempt = breaker not open → limiter → breaker's permit → fetch with body → classify. The breaker is asked first
 * without a place in the limiter, so that nobody queues behind an outage, and again when the token is there, so that
 * what waited in the limiter while it opened is not sent. The probe alone takes its permit along.
 */
export function createGuardedTransport(options: GuardedTransportOptions): Transport {
  const { transport, limiter, breaker, clock, maxWaitMs } = options;

  const attempt: (probe: PermitPort | undefined, ...args: Parameters<Transport['send']>) => Promise<ExchangeReply> =
    async (probe, call, sendOptions = {}) => {
      const { signal } = sendOptions;
      const permit = probe ?? (await breaker?.acquire({ signal, maxWaitMs: 0 }));
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
    };

  return {
    send: async (call, sendOptions = {}) => {
      const { signal } = sendOptions;
      const deadline = clock.now() + maxWaitMs;
      for (;;) {
        signal?.throwIfAborted();
        const first = await waitForBreaker(options, deadline, signal);
        const probe = first?.isProbe === true ? first : undefined;
        if (probe === undefined) await first?.ignored();
        try {
          return await limiter.schedule(() => attempt(probe, call, sendOptions), {
            cost: call.cost,
            priority: call.priority,
            signal,
          });
        } catch (error) {
          // Aborted in the limiter's queue: the probe was never sent. Said twice, the second is ignored.
          await probe?.ignored();
          if (!isCircuitOpen(error)) throw error;
        }
      }
    },
  };
}
