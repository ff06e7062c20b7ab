import { setTimeout as realSleep } from 'node:timers/promises';

/** Time and waiting as the simulator needs them; the `Clock` of @schemahub/core fits. */
export interface SimClock {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly now: () => number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/** A clock that stands still until the test moves it. */
export interface ManualClock extends SimClock {
  /** Moves time, waking sleepers in the order of their deadlines; a woken sleeper may sleep again within the same move. */
  readonly advance: (ms: number) => Promise<void>;
  /** How many callers sleep now. */
  readonly sleepers: () => number;
}

interface Sleeper {
  readonly deadlineMs: number;
  readonly wake: () => void;
}

interface SleepQueue {
  readonly sleep: (nowMs: number, ms: number, signal: AbortSignal | undefined) => Promise<void>;
  /** Removes and returns the earliest sleeper due at or before `untilMs`; equal deadlines first come, first served. */
  readonly takeDue: (untilMs: number) => Sleeper | undefined;
  readonly size: () => number;
}

function createSleepQueue(): SleepQueue {
  const sleepers = new Set<Sleeper>();
  return {
    sleep: (nowMs, ms, signal) =>
      new Promise<void>((resolve, reject) => {
        if (signal?.aborted === true) return reject(signal.reason);
        if (!(ms > 0)) return resolve();
        const onAbort = (): void => {
          sleepers.delete(sleeper);
          reject(signal?.reason);
        };
        const sleeper: Sleeper = {
          deadlineMs: nowMs + ms,
          wake: () => {
            signal?.removeEventListener('abort', onAbort);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
    takeDue: (untilMs) => {
      let earliest: Sleeper | undefined;
      for (const sleeper of sleepers) {
        if (sleeper.deadlineMs <= untilMs && (earliest === undefined || sleeper.deadlineMs < earliest.deadlineMs)) {
          earliest = sleeper;
        }
      }
      if (earliest !== undefined) sleepers.delete(earliest);
      return earliest;
    },
    size: () => sleepers.size,
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** A clock for tests that say when time passes. */
export function createManualClock(options: { readonly nowMs: number }): ManualClock {
  let nowMs = options.nowMs;
  const queue = createSleepQueue();
  return {
    now: () => nowMs,
    sleep: (ms, signal) => queue.sleep(nowMs, ms, signal),
    sleepers: queue.size,
    advance: async (ms) => {
      const target = nowMs + ms;
      for (let due = queue.takeDue(target); due !== undefined; due = queue.takeDue(target)) {
        nowMs = Math.max(nowMs, due.deadlineMs);
        due.wake();
        await nextTurn();
      }
      nowMs = Math.max(nowMs, target);
    },
  };
}

/**
 * A clock that jumps: when the program has been idle for some turns of the event loop, time moves to the earliest
 * sleeper's deadline. Hours of waiting pass in no time, in the right order. File or socket work that takes longer than
 * `idleTurns` turns (default 8) sees time pass meanwhile, so use it with in-process fetch and keep time-outs generous.
 */
export function createVirtualClock(options: {
  readonly nowMs: number;
  readonly idleTurns?: number | undefined;
}): SimClock {
  let nowMs = options.nowMs;
  const idleTurns = options.idleTurns ?? 8;
  const queue = createSleepQueue();
  let idle = 0;
  let pumping = false;
  const pump = (): void => {
    if (queue.size() === 0) {
      pumping = false;
      return;
    }
    idle += 1;
    if (idle >= idleTurns) {
      idle = 0;
      const due = queue.takeDue(Number.POSITIVE_INFINITY);
      if (due !== undefined) {
        nowMs = Math.max(nowMs, due.deadlineMs);
        due.wake();
      }
    }
    setImmediate(pump);
  };
  return {
    now: () => nowMs,
    sleep: (ms, signal) => {
      idle = 0;
      const slept = queue.sleep(nowMs, ms, signal);
      if (!pumping && queue.size() > 0) {
        pumping = true;
        setImmediate(pump);
      }
      return slept;
    },
  };
}

/** The machine's own clock; what `serve` uses unless a simulator was given another. */
export function createSystemClock(): SimClock {
  return {
    now: () => Date.now(),
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      if (!(ms > 0)) return;
      try {
        await realSleep(ms, undefined, signal === undefined ? {} : { signal });
      } catch (error) {
        throw signal?.aborted === true ? signal.reason : error;
      }
    },
  };
}

/** The clock given, or a virtual one that a server may replace by the machine's. */
export function defaultClock(
  given: SimClock | undefined,
  nowMs: number,
): { readonly clock: SimClock; readonly adoptClock: ((clock: SimClock) => void) | undefined } {
  if (given !== undefined) return { clock: given, adoptClock: undefined };
  let current = createVirtualClock({ nowMs });
  return {
    clock: { now: () => current.now(), sleep: (ms, signal) => current.sleep(ms, signal) },
    adoptClock: (clock) => {
      current = clock;
    },
  };
}
