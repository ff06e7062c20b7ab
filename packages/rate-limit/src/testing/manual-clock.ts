import type { Clock } from '../clock.js';

/** A clock that moves only when it is told to. */
export interface ManualClock extends Clock {
  /** Moves to each due sleep in turn and lets everything that follows from it happen, up to `now + ms`. */
  readonly advance: (ms: number) => Promise<void>;
  /** Sets the reading without letting any sleep end: a machine's clock that is set. */
  readonly step: (ms: number) => void;
  /** Milliseconds that were advanced, whatever the reading says. */
  readonly elapsed: () => number;
  /** Sleeps that have not ended. */
  readonly sleepers: () => number;
}

/** All promise reactions that are due run before a macrotask. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export function createManualClock(start = 0): ManualClock {
  let time = 0;
  let offset = start;
  let sleepers: { readonly at: number; readonly wake: () => void }[] = [];

  function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper = { at: time + ms, wake: resolve };
      sleepers.push(sleeper);
      signal?.addEventListener('abort', () => {
        sleepers = sleepers.filter((each) => each !== sleeper);
        reject(signal.reason);
      });
    });
  }

  async function advance(ms: number): Promise<void> {
    const until = time + ms;
    await settle();
    for (;;) {
      const next = Math.min(...sleepers.map(({ at }) => at));
      if (!(next <= until)) break;
      time = Math.max(time, next);
      const due = sleepers.filter(({ at }) => at <= time);
      sleepers = sleepers.filter(({ at }) => at > time);
      for (const { wake } of due) wake();
      await settle();
    }
    time = until;
  }

  return {
    now: () => time + offset,
    sleep,
    advance,
    step: (ms) => {
      offset += ms;
    },
    elapsed: () => time,
    sleepers: () => sleepers.length,
  };
}
