import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '@schemahub/core';

/**
 * A wall clock that never goes back within a process: where `wall` steps back, time goes on from where it was. Whoever
 * waits until an instant (pace of the rate limit, retries) would else wait for as long as the step was.
 */
export function neverBack(wall: () => number): () => number {
  let ahead = 0;
  let latest = Number.NEGATIVE_INFINITY;
  return () => {
    const now = wall();
    if (now + ahead < latest) ahead = latest - now;
    latest = now + ahead;
    return latest;
  };
}

/** The clock of this computer: the default where no clock is given. Never goes back, also where the computer's is set back. */
export const systemClock: Clock = {
  now: neverBack(() => Date.now()),
  sleep: async (ms, signal) => {
    signal?.throwIfAborted();
    try {
      await wait(ms, undefined, signal === undefined ? {} : { signal });
    } catch (cause) {
      // The port rejects with the signal's own reason, not with Node's AbortError around it.
      if (signal?.aborted) throw signal.reason;
      throw cause;
    }
  },
};
