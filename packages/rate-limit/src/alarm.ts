import type { Clock } from './clock.js';

/** A clock that never runs back: when the machine's clock is set back, nobody waits for it to catch up. */
export function createElapsed(clock: Clock): () => number {
  let last = clock.now();
  let elapsed = 0;
  return () => {
    const now = clock.now();
    elapsed += Math.max(0, now - last);
    last = now;
    return elapsed;
  };
}

/** A long wait is cut, so that a clock that was set forward is seen; a timer holds at most 2^31 ms anyway. */
const LONGEST_SLEEP_MS = 60_000;

/** One alarm: setting it again replaces the time, `undefined` switches it off. It may ring early. */
export function createAlarm(clock: Clock, onRing: () => void): (now: number, waitMs: number | undefined) => void {
  let current: { readonly at: number; readonly controller: AbortController } | undefined;
  return (now, waitMs) => {
    // Whole milliseconds: a timer knows no less, and the bucket keeps what is left over.
    const at = waitMs === undefined ? undefined : now + Math.min(Math.ceil(waitMs), LONGEST_SLEEP_MS);
    if (current?.at === at) return;
    current?.controller.abort();
    current = undefined;
    if (at === undefined) return;
    const controller = new AbortController();
    current = { at, controller };
    void clock.sleep(at - now, controller.signal).then(
      () => {
        if (controller.signal.aborted) return;
        current = undefined;
        onRing();
      },
      (error: unknown) => {
        // Only our own abort may end a sleep early; a broken clock must not leave callers waiting in silence.
        if (!controller.signal.aborted) throw error;
      },
    );
  };
}
