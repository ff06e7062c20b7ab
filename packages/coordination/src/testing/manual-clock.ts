import type { LeaseClock } from '../leases.js';

/** A clock that stands still until told: `advance` wakes every sleeper whose time has come, in order. */
export interface ManualClock extends LeaseClock {
  readonly advance: (ms: number) => Promise<void>;
  readonly sleepers: () => number;
}

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** Lets everything that is ready run: promises, and what they wait for in the store drivers in memory. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise<void>((done) => setImmediate(done));
}

export function createManualClock(start = 1_750_000_000_000): ManualClock {
  let now = start;
  let sleeping: Sleeper[] = [];
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((done, fail) => {
        if (signal?.aborted) return fail(signal.reason);
        const abort = (): void => {
          sleeping = sleeping.filter((other) => other !== sleeper);
          fail(signal?.reason);
        };
        const wake = (): void => {
          signal?.removeEventListener('abort', abort);
          done();
        };
        const sleeper = { at: now + ms, wake };
        sleeping.push(sleeper);
        signal?.addEventListener('abort', abort, { once: true });
      }),
    sleepers: () => sleeping.length,
    advance: async (ms) => {
      const until = now + ms;
      await settle();
      for (;;) {
        const next = sleeping.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        sleeping = sleeping.filter((other) => other !== next);
        now = Math.max(now, next.at);
        next.wake();
        await settle();
      }
      now = until;
      await settle();
    },
  };
}
