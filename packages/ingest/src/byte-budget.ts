/** Bytes of fetched and not yet landed trades, over all products of a process. */
export interface ByteBudget {
  /** Waits until `bytes` may be held. Windows reserve before they are asked for. */
  readonly reserve: (bytes: number, signal: AbortSignal) => Promise<void>;
  /** Corrects a reservation to what a page really holds; never waits. */
  readonly adjust: (by: number) => void;
  readonly release: (bytes: number) => void;
  /** True while somebody waits: finished windows should be landed as they are. */
  readonly isShort: () => boolean;
  readonly used: () => number;
  readonly peak: () => number;
  /** Calls `listener` whenever the budget becomes short; returns the way to stop. */
  readonly onShort: (listener: () => void) => () => void;
}

interface Waiter {
  readonly bytes: number;
  readonly grant: () => void;
}

/**
 * A counter with a queue. It cannot lock up: what is reserved is either in flight and will finish, finished and landed
 * because the budget is short, or being written and released after. A reservation larger than the limit passes alone.
 */
export function createByteBudget(limit: number): ByteBudget {
  let used = 0;
  let peak = 0;
  const waiters: Waiter[] = [];
  const listeners = new Set<() => void>();
  const fits = (bytes: number): boolean => used === 0 || used + bytes <= limit;
  const take = (bytes: number): void => {
    used += bytes;
    peak = Math.max(peak, used);
  };
  const grantNext = (): void => {
    while (waiters.length > 0 && fits(waiters[0]!.bytes)) {
      const { bytes, grant } = waiters.shift()!;
      take(bytes);
      grant();
    }
  };
  return {
    reserve: (bytes, signal) =>
      new Promise((done, fail) => {
        if (signal.aborted) return fail(signal.reason);
        if (waiters.length === 0 && fits(bytes)) {
          take(bytes);
          return done();
        }
        const abort = (): void => {
          waiters.splice(waiters.indexOf(waiter), 1);
          fail(signal.reason);
          grantNext();
        };
        const waiter: Waiter = {
          bytes,
          grant: () => {
            signal.removeEventListener('abort', abort);
            done();
          },
        };
        signal.addEventListener('abort', abort, { once: true });
        waiters.push(waiter);
        for (const listener of listeners) listener();
      }),
    adjust: (by) => {
      take(by);
      grantNext();
    },
    release: (bytes) => {
      used -= bytes;
      grantNext();
    },
    isShort: () => waiters.length > 0,
    used: () => used,
    peak: () => peak,
    onShort: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
