import type { Clock } from '@schemahub/core';

/** A clock that stands still until it is moved. */
export interface ManualClock extends Clock {
  /** Moves time on and wakes, in order, every sleeper whose time has come. */
  readonly advance: (ms: number) => Promise<void>;
  /** Resolves as soon as somebody sleeps: nothing has to be awaited by real time. */
  readonly whenSleeping: () => Promise<void>;
  readonly sleepers: () => number;
}

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

export function createManualClock(startMs: number = Date.UTC(2026, 8, 27)): ManualClock {
  let now = startMs;
  const sleeping = new Set<Sleeper>();
  let announce: () => void = () => {};
  return {
    now: () => now,
    sleepers: () => sleeping.size,
    sleep: (ms, signal) =>
      new Promise<void>((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason);
          return;
        }
        const onAbort = (): void => {
          sleeping.delete(sleeper);
          reject(signal?.reason);
        };
        const sleeper: Sleeper = {
          until: now + ms,
          wake: () => {
            signal?.removeEventListener('abort', onAbort);
            resolve();
          },
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        sleeping.add(sleeper);
        announce();
      }),
    whenSleeping: () =>
      new Promise<void>((resolve) => {
        if (sleeping.size > 0) resolve();
        else announce = resolve;
      }),
    advance: async (ms) => {
      now += ms;
      const due = [...sleeping].filter((sleeper) => sleeper.until <= now).sort((a, b) => a.until - b.until);
      for (const sleeper of due) {
        sleeping.delete(sleeper);
        sleeper.wake();
        await Promise.resolve();
      }
    },
  };
}
