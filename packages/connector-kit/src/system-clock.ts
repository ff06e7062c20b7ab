import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '@schemahub/core';

/** The clock of this computer: the default where no clock is given. */
export const systemClock: Clock = {
  now: () => Date.now(),
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
