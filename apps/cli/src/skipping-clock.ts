import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Clock } from '@schemahub/core';

/** Waits up to this long are skipped: pacing, back-off, the 5 s between two probes. Longer ones are time-outs and heartbeats. */
const SKIPPED_MS = 10_000;

/**
 * A clock for offline tours: it starts at `startMs` and runs as the machine's does, but short waits pass at once and
 * move it on. Rate limits and probe intervals keep their meaning; nobody sits through them.
 */
export function createSkippingClock(startMs: number): Clock {
  const begun = performance.now();
  let skipped = 0;
  return {
    now: () => Math.floor(startMs + performance.now() - begun + skipped),
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      if (ms > SKIPPED_MS) {
        await setTimeout(ms, undefined, signal === undefined ? {} : { signal }).catch(() => signal?.throwIfAborted());
        return;
      }
      const until = performance.now() + skipped + ms;
      await setImmediate();
      signal?.throwIfAborted();
      // Waits that overlap pass together: time moves to the end of this one, not by its length.
      skipped = Math.max(skipped, until - performance.now());
    },
  };
}
