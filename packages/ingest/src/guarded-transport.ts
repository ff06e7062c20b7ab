import {
  type CallCost,
  type CallPriority,
  type Clock,
  type ExchangeCall,
  ExchangeError,
  type ExchangeReply,
  type Transport,
} from '@schemahub/core';
import { IngestError } from './errors.js';
import type { OnEvent } from './events.js';
import type { Load } from './flights.js';

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
  /** Tokens a second that each budget gives now. */
  readonly snapshot: () => { readonly budgets: Readonly<Record<string, { readonly rate: number }>> };
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
  /** Called when a call has its token and permit; what it aborts is not sent. For leases: their `check`. */
  readonly beforeSend?: (() => void) | undefined;
}

/** A transport that knows how busy its exchange can be kept. */
export interface GuardedTransport extends Transport {
  readonly load: () => Load;
}

/** Weight of the newest latency in the mean: some twenty requests count. */
const NEWEST_WEIGHT = 0.05;

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

/** How long the exchange may ask us to stay away before it counts as unavailable. */
function requirePatience(error: ExchangeError, maxWaitMs: number): void {
  const { retryAfterMs } = error;
  if (retryAfterMs === undefined || retryAfterMs <= maxWaitMs) return;
  const seconds = (ms: number): string => `${Math.ceil(ms / 1000)} s`;
  throw new IngestError(
    'exchange-unavailable',
    `the exchange asks to stay away for ${seconds(retryAfterMs)}, longer than --max-wait allows (${seconds(maxWaitMs)}). What was fetched is kept; run the same command again after that.`,
    { cause: error },
  );
}

/** A request that may be sent now. */
interface Ready {
  readonly permit: PermitPort | undefined;
  /** How long it waited for that, and how many others still wait. */
  readonly waitedMs: number;
  readonly queued: number;
}

/** Sends what has a token and a permit: tells breaker, limiter and the measure of load how it went. */
function createAttempt(options: GuardedTransportOptions): {
  readonly send: (ready: Ready, ...args: Parameters<Transport['send']>) => Promise<ExchangeReply>;
  readonly load: () => Load;
} {
  const { transport, limiter, clock, maxWaitMs, onEvent } = options;
  let latencySeconds: number | undefined;
  let cost: readonly CallCost[] = [];

  const ended = (
    { waitedMs, queued }: Ready,
    { begunAt, parseMs }: { readonly begunAt: number; readonly parseMs: number },
    { error, bytes }: { readonly error?: unknown; readonly bytes: number },
  ): number => {
    const elapsedMs = Math.max(0, clock.now() - begunAt - parseMs);
    // An abort says nothing about the exchange.
    if (error !== undefined && !(error instanceof ExchangeError)) return elapsedMs;
    const seconds = elapsedMs / 1000;
    // A refusal by the rate limit is no measure of how long an answer takes.
    if (error?.kind !== 'rate')
      latencySeconds = (latencySeconds ?? seconds) + NEWEST_WEIGHT * (seconds - (latencySeconds ?? seconds));
    const times = { seconds, waitedSeconds: waitedMs / 1000, parseSeconds: parseMs / 1000 };
    onEvent({ type: 'answered', ...times, queued, bytes, error });
    return elapsedMs;
  };
  const throttle = (call: ExchangeCall, error: ExchangeError): void => {
    for (const { budget } of call.cost) {
      limiter.throttled(budget);
      if (error.retryAfterMs !== undefined) limiter.penalize({ budget, delayMs: error.retryAfterMs });
    }
  };

  return {
    load: () => {
      const { budgets } = limiter.snapshot();
      // A budget of one product (`pair:XBTUSD`) bounds that product, not the run.
      const shared = cost.filter(({ budget }) => !budget.includes(':'));
      const rates = shared.map(({ budget, tokens }) => (budgets[budget]?.rate ?? Number.POSITIVE_INFINITY) / tokens);
      return { requestsPerSecond: Math.min(Number.POSITIVE_INFINITY, ...rates), latencySeconds };
    },
    send: async (ready, call, sendOptions) => {
      const { permit } = ready;
      const times = { begunAt: clock.now(), parseMs: 0 };
      ({ cost } = call);
      const judge: ExchangeCall['judge'] = (reply) => {
        const at = clock.now();
        try {
          call.judge?.(reply);
        } finally {
          times.parseMs += Math.max(0, clock.now() - at);
        }
      };
      try {
        options.beforeSend?.();
        sendOptions?.signal?.throwIfAborted();
        const reply = await transport.send({ ...call, judge }, sendOptions);
        const elapsedMs = ended(ready, times, { bytes: reply.body.length });
        await settle(permit, undefined);
        return { ...reply, elapsedMs };
      } catch (error) {
        ended(ready, times, { error, bytes: 0 });
        // Before anything that waits: the next token must not be given out.
        if (error instanceof ExchangeError && error.kind === 'rate') throttle(call, error);
        await settle(permit, error);
        if (error instanceof ExchangeError) requirePatience(error, maxWaitMs);
        throw error;
      }
    },
  };
}

/**
 * One attempt = breaker not open → limiter → breaker's permit → fetch with body → classify. The breaker is asked first
 * without a place in the limiter, so that nobody queues behind an outage, and again when the token is there, so that
 * what waited in the limiter while it opened is not sent. The probe alone takes its permit along.
 */
export function createGuardedTransport(options: GuardedTransportOptions): GuardedTransport {
  const { limiter, breaker, clock, maxWaitMs } = options;
  const attempt = createAttempt(options);
  let waiting = 0;
  return {
    load: attempt.load,
    send: async (call, sendOptions = {}) => {
      const { signal } = sendOptions;
      const askedAt = clock.now();
      const deadline = askedAt + maxWaitMs;
      for (;;) {
        signal?.throwIfAborted();
        const first = await waitForBreaker(options, deadline, signal);
        const probe = first?.isProbe === true ? first : undefined;
        if (probe === undefined) await first?.ignored();
        let isWaiting = true;
        waiting++;
        const endWait = (): void => {
          if (isWaiting) waiting--;
          isWaiting = false;
        };
        const run = async (): Promise<ExchangeReply> => {
          endWait();
          const permit = probe ?? (await breaker?.acquire({ signal, maxWaitMs: 0 }));
          const ready = { permit, waitedMs: Math.max(0, clock.now() - askedAt), queued: waiting };
          return await attempt.send(ready, call, sendOptions);
        };
        try {
          return await limiter.schedule(run, { cost: call.cost, priority: call.priority, signal });
        } catch (error) {
          endWait();
          // Aborted in the limiter's queue: the probe was never sent. Said twice, the second is ignored.
          await probe?.ignored();
          if (!isCircuitOpen(error)) throw error;
        }
      }
    },
  };
}
