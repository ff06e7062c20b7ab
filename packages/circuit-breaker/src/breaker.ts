import { CircuitBreakerError, CircuitOpenError } from './errors.js';
import { describeError } from './events.js';
import { createGate } from './gate.js';
import { type CircuitBreakerOptions, type CircuitBreakerSettings, checkOptions } from './options.js';
import { createSharedState, type SharedState } from './shared-state.js';
import { type CircuitState, endProbe, openState, type ProbeOutcome, parseCircuitState } from './state.js';
import type { FailureCounter } from './strategy.js';

/** The right to send one request. Say how it went, once; what is said after that is ignored. The promises never reject. */
export interface Permit {
  /** It is the one that tests recovery. */
  readonly isProbe: boolean;
  /** The other side answered as it should. */
  readonly succeeded: () => Promise<void>;
  /** A failure that counts: 5xx, time-out, reset, a body that is none. */
  readonly failed: (error: unknown) => Promise<void>;
  /** Says nothing about the other side's health: 429, 404, an abort. */
  readonly ignored: () => Promise<void>;
}

export interface AcquireOptions {
  /** Aborted while waiting: rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** The longest wait; 0 never waits. Default Infinity. When it does not suffice: `CircuitOpenError`, as soon as that is certain. */
  readonly maxWaitMs?: number | undefined;
}

export interface CircuitBreaker {
  /** Returns at once while closed, else waits until it is closed or this is the probe. */
  readonly acquire: (options?: AcquireOptions) => Promise<Permit>;
  /** The state as this process knows it; JSON as it is. */
  readonly state: () => CircuitState;
  /** Puts a state in place, here and in the store, after checking it: one that was kept, or an operator's `closed`. */
  readonly restore: (state: unknown) => Promise<void>;
}

/** What happens to requests while the circuit is closed. */
interface Closed {
  counter: FailureCounter;
  /** Raised by every counted failure and every change of phase: results of requests sent before are of one incident. */
  incident: number;
  /** Raised by every change of phase: results of requests sent before it say nothing about now. */
  era: number;
}

/** A circuit breaker that processes can share. Throws `CircuitBreakerError` for options that make no sense. */
export function createCircuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  const settings = checkOptions(options);
  const { clock, strategy, rules } = settings;
  const closed: Closed = { counter: strategy.start(), incident: 0, era: 0 };
  const shared = createSharedState(settings, () => {
    closed.counter = strategy.start();
    closed.incident += 1;
    closed.era += 1;
    gate.wake();
  });

  async function finishProbe(probeId: string, outcome: ProbeOutcome): Promise<void> {
    await shared.change((state) => endProbe(state, clock.now(), rules, probeId, outcome), 'recovered');
    gate.wake();
  }

  const gate = createGate(settings, shared, {
    createTimeoutError: (until) => createOpenError(settings.name, shared.current(), until),
    returnProbe: (probeId) => finishProbe(probeId, { kind: 'ignored' }),
  });

  return {
    acquire: async ({ signal, maxWaitMs = Number.POSITIVE_INFINITY } = {}) => {
      if (!(maxWaitMs >= 0)) {
        const message = `acquire: maxWaitMs must be a number ≥ 0, got ${String(maxWaitMs)}. Leave it out to wait for ever.`;
        throw new CircuitBreakerError('invalid-option', message);
      }
      signal?.throwIfAborted();
      if (shared.isKnown() && shared.current().phase === 'closed') return closedPermit(settings, shared, closed);
      const { probeId } = await gate.enter({ signal, deadline: clock.now() + maxWaitMs });
      return probeId === undefined
        ? closedPermit(settings, shared, closed)
        : once(true, (outcome) => finishProbe(probeId, outcome));
    },
    state: shared.current,
    restore: async (value) => {
      const state = parseCircuitState(value);
      await shared.change(() => state, 'restored');
      gate.wake();
    },
  };
}

/** Takes the first result only. */
function once(isProbe: boolean, settle: (outcome: ProbeOutcome) => Promise<void>): Permit {
  let isSettled = false;
  async function tell(outcome: ProbeOutcome): Promise<void> {
    if (isSettled) return;
    isSettled = true;
    await settle(outcome);
  }
  return {
    isProbe,
    succeeded: () => tell({ kind: 'succeeded' }),
    failed: (error) => tell({ kind: 'failed', lastError: describeError(error) }),
    ignored: () => tell({ kind: 'ignored' }),
  };
}

function closedPermit(settings: CircuitBreakerSettings, shared: SharedState, closed: Closed): Permit {
  const { clock, rules } = settings;
  const sent = { era: closed.era, incident: closed.incident };
  return once(false, async (outcome) => {
    if (outcome.kind === 'ignored' || sent.era !== closed.era) return;
    if (outcome.kind === 'succeeded') return closed.counter.succeeded(clock.now());
    const sameIncident = sent.incident !== closed.incident;
    if (!sameIncident) closed.incident += 1;
    const reason = closed.counter.failed(clock.now(), sameIncident);
    if (reason !== undefined)
      return shared.impose(openState(clock.now(), rules, reason, outcome.lastError), 'recovered');
    // Another process may have opened it: the first failure here is when that begins to matter.
    if (!sameIncident) await shared.refresh();
  });
}

function createOpenError(name: string, state: CircuitState, until: number): CircuitOpenError {
  const why =
    state.phase === 'open' ? `opened after ${state.reason}. Last error: ${state.lastError}` : 'a probe is under way';
  const when = new Date(until).toISOString();
  const message = `${name} circuit is not closed (${why}). The next try is possible by ${when}; retry then or raise maxWaitMs.`;
  return new CircuitOpenError(message, { reopensAt: until });
}
