import { setImmediate } from 'node:timers/promises';
import type { Clock } from '@schemahub/core';

/** Waits of this length and more are heartbeats and time-outs: they last until they are called off. */
const LONG_MS = 14_000;

/**
 * A clock that stands still until it is set. Short waits (retries, the gap between two probes) end at once, long ones
 * never: whatever a run writes bears one and the same time, on a folder and on S3, however fast either is.
 */
export function createStandingClock(startMs: number): Clock & { readonly set: (ms: number) => void } {
  let now = startMs;
  return {
    now: () => now,
    set: (ms) => {
      now = ms;
    },
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      if (ms < LONG_MS) {
        await setImmediate();
        signal?.throwIfAborted();
        return;
      }
      await new Promise<void>((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    },
  };
}
