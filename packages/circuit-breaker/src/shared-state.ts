import { type ClosedReason, stateEvent, storeFailedEvent } from './events.js';
import type { CircuitBreakerSettings } from './options.js';
import { type CircuitState, closedState, isStale, parseCircuitState } from './state.js';

/**
 * This process's copy of the state, kept in step with the store. The store is asked on changes only: while the circuit is
 * closed, requests cost no call. A store that fails is told and then left aside: the copy goes on alone and is written
 * as soon as the store answers again, unless another process has written something newer.
 */
export interface SharedState {
  readonly current: () => CircuitState;
  /** Whether the store has been asked at least once. */
  readonly isKnown: () => boolean;
  /**
   * Applies `decide` to the newest state by compare-and-set: it may be called several times and returns the new state, or
   * undefined for none. A change is first tried on the copy; only "no change" and conflicts cost a read.
   */
  readonly change: (decide: Decide, closedReason: ClosedReason) => Promise<void>;
  /** Takes a state at once, then writes it. */
  readonly impose: (state: CircuitState, closedReason: ClosedReason) => Promise<void>;
  /** Reads what other processes have written. */
  readonly refresh: () => Promise<void>;
}

/** The state that follows, or undefined when none does. Pure, or nearly: it may be called several times. */
type Decide = (state: CircuitState) => CircuitState | undefined;

interface Copy {
  readonly state: CircuitState;
  readonly version: string | undefined;
  /** Not yet in the store. */
  readonly dirty: boolean;
}

/** Each conflict means that another process came first; so many in a row mean that the store is broken. */
const MAX_CONFLICTS = 50;

/** The copy alone: what it takes from the store, and what it tells. */
function createCopy(settings: CircuitBreakerSettings, onPhase: (state: CircuitState) => void) {
  const { store, clock, name, rules, onEvent } = settings;
  let copy: Copy = { state: closedState(clock.now()), version: undefined, dirty: false };

  function adopt(next: Copy, origin: 'here' | 'store', closedReason: ClosedReason): void {
    const changed = next.state.phase !== copy.state.phase;
    copy = next;
    if (!changed) return;
    onPhase(next.state);
    onEvent(stateEvent(next.state, { name, origin, closedReason, successesToClose: rules.successesToClose }));
  }

  /** What is stored; a damaged state counts as none and is overwritten by the next write. */
  async function read(): Promise<Copy> {
    const stored = await store.read();
    if (stored === undefined) return { state: closedState(0), version: undefined, dirty: false };
    try {
      return { state: parseCircuitState(stored.value), version: stored.version, dirty: false };
    } catch (error) {
      onEvent(storeFailedEvent(name, error));
      return { state: closedState(0), version: stored.version, dirty: false };
    }
  }

  /** The newest state: what is stored, unless our own unwritten one is newer or the stored one comes from a wrong clock. */
  async function refresh(): Promise<Copy> {
    const stored = await read();
    const now = clock.now();
    const ownIsNewer = copy.dirty && (stored.state.updatedAt <= copy.state.updatedAt || stored.state.updatedAt > now);
    if (ownIsNewer) copy = { ...copy, version: stored.version };
    else if (isStale(stored.state, now, rules)) adopt({ ...stored, state: closedState(now) }, 'store', 'stale');
    else adopt(stored, 'store', 'recovered');
    return copy;
  }

  return { get: () => copy, adopt, refresh };
}

export function createSharedState(
  settings: CircuitBreakerSettings,
  onPhase: (state: CircuitState) => void,
): SharedState {
  const { store, name, onEvent } = settings;
  const copy = createCopy(settings, onPhase);
  let known = false;
  let tail: Promise<void> = Promise.resolve();

  async function compareAndSet(decide: Decide, closedReason: ClosedReason): Promise<void> {
    let isFresh = !known || copy.get().dirty;
    let base = isFresh ? await copy.refresh() : copy.get();
    known = true;
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
      const next = decide(base.state) ?? (base.dirty ? base.state : undefined);
      if (next === undefined && isFresh) return;
      if (next !== undefined) {
        const written = await store.write(next, base.version);
        if (written !== 'conflict') {
          copy.adopt({ state: next, version: written.version, dirty: false }, 'here', closedReason);
          return;
        }
      }
      base = await copy.refresh();
      isFresh = true;
    }
    throw new Error(
      `${MAX_CONFLICTS} conflicts in a row: the store never accepts a version that it has just returned.`,
    );
  }

  function change(decide: Decide, closedReason: ClosedReason): Promise<void> {
    // One at a time: an answer that was overtaken by a later write must not be taken for news.
    const result = tail.then(async () => {
      try {
        await compareAndSet(decide, closedReason);
      } catch (error) {
        onEvent(storeFailedEvent(name, error));
        known = true;
        const { state, version } = copy.get();
        const next = decide(state);
        if (next !== undefined) copy.adopt({ state: next, version, dirty: true }, 'here', closedReason);
      }
    });
    tail = result.catch(() => {});
    return result;
  }

  return {
    current: () => copy.get().state,
    isKnown: () => known,
    change,
    impose: (state, closedReason) => {
      copy.adopt({ state, version: copy.get().version, dirty: true }, 'here', closedReason);
      return change(() => undefined, closedReason);
    },
    refresh: () => change(() => undefined, 'recovered'),
  };
}
