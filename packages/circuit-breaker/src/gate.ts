import type { Clock } from './clock.js';
import type { CircuitBreakerSettings } from './options.js';
import type { SharedState } from './shared-state.js';
import { admit, type Verdict } from './state.js';
import { type Admission, createWaiters, type GateRequest, type Waiters } from './waiters.js';

/** Where callers wait while the circuit is not closed: in order of arrival, one of them at a time as the probe. */
export interface Gate {
  readonly enter: (request: GateRequest) => Promise<Admission>;
  /** The state has changed: ask again at once. */
  readonly wake: () => void;
}

export interface GateOptions {
  readonly createTimeoutError: (until: number) => Error;
  /** Gives a probe back that nobody was left to take. */
  readonly returnProbe: (probeId: string) => Promise<void>;
}

/** An answer that holds until `recheckAt`, if the clock is not set back behind `askedAt`. */
interface Standing {
  readonly until: number;
  readonly firm: boolean;
  readonly askedAt: number;
  readonly recheckAt: number;
}

/** A long wait is cut, so that a clock that was set is seen; a timer holds at most 2^31 ms anyway. */
const LONGEST_SLEEP_MS = 60_000;

/** Asks the state, and through it the store, who may pass; lets them pass, or says until when all must wait. */
function createAsk(
  settings: CircuitBreakerSettings,
  shared: SharedState,
  options: GateOptions,
  waiters: Waiters,
): () => Promise<Standing | undefined> {
  const { clock, rules, pollMs, createId } = settings;
  let ownProbeId: string | undefined;

  function isOwnProbe(): boolean {
    const state = shared.current();
    return state.phase === 'half-open' && state.probe !== undefined && state.probe.id === ownProbeId;
  }

  async function follow(verdict: Verdict, askedAt: number, probeId: string): Promise<Standing | undefined> {
    switch (verdict.kind) {
      case 'pass':
        waiters.admitAll({ probeId: undefined });
        return undefined;
      case 'probe':
        ownProbeId = probeId;
        if (!waiters.admitFirst({ probeId })) await options.returnProbe(probeId);
        return undefined;
      case 'wait': {
        const { until, firm } = verdict;
        // The end of our own probe wakes us; the end of another process's is only seen by looking.
        const recheckAt = firm || isOwnProbe() ? until : Math.min(until, askedAt + pollMs);
        return { until, firm, askedAt, recheckAt };
      }
    }
  }

  return async () => {
    const probeId = createId();
    // Before the question: the clock may be set back while the store is slow.
    const askedAt = clock.now();
    let verdict: Verdict = { kind: 'pass' };
    await shared.change((state) => {
      verdict = admit(state, clock.now(), rules, probeId);
      return verdict.kind === 'wait' ? undefined : verdict.state;
    }, 'stale');
    return follow(verdict, askedAt, probeId);
  };
}

async function sleepUntilWoken(clock: Clock, ms: number, wake: AbortSignal): Promise<void> {
  try {
    await clock.sleep(Math.min(ms, LONGEST_SLEEP_MS), wake);
  } catch (error) {
    if (!wake.aborted) throw error;
  }
}

export function createGate(settings: CircuitBreakerSettings, shared: SharedState, options: GateOptions): Gate {
  const { clock } = settings;
  let standing: Standing | undefined;
  let driving = false;
  let sleep = new AbortController();
  // Nobody may be left: a sleep of minutes must not keep the process alive.
  const waiters = createWaiters(() => sleep.abort());
  const ask = createAsk(settings, shared, options, waiters);

  /** Rejects those who would not wait so long; the others wait until the returned time. */
  function keepWaiting({ until, firm, recheckAt }: Standing, now: number): number {
    const isOver = (deadline: number): boolean => deadline <= now || (firm && deadline < until);
    return Math.min(
      recheckAt,
      waiters.expire(isOver, () => options.createTimeoutError(until)),
    );
  }

  /** Serves the waiters until none is left. `driving` ends in the same breath as the last look at the list. */
  async function drive(): Promise<void> {
    driving = true;
    try {
      while (waiters.size() > 0) {
        const now = clock.now();
        if (standing === undefined || now < standing.askedAt || now >= standing.recheckAt) {
          standing = undefined;
          standing = await ask();
          continue;
        }
        const wakeAt = keepWaiting(standing, now);
        if (waiters.size() === 0) continue;
        sleep = new AbortController();
        await sleepUntilWoken(clock, wakeAt - now, sleep.signal);
      }
    } catch (error) {
      // A clock or an event handler that fails must not leave callers waiting in silence.
      waiters.failAll(error);
    } finally {
      driving = false;
    }
  }

  return {
    enter: (request) => {
      const admission = waiters.add(request);
      if (driving) sleep.abort();
      else void drive();
      return admission;
    },
    wake: () => {
      standing = undefined;
      sleep.abort();
    },
  };
}
