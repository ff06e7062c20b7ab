/** Time and waiting, injected so that tests and simulations own both. */
export interface Clock {
  /** Milliseconds; only differences are used. A clock that is set back costs nothing: time then stands still. */
  readonly now: () => number;
  /** Resolves after `ms`; rejects when the signal aborts. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/** The default: the monotonic clock of the process and its timers. */
export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, Math.ceil(ms));
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};
