/** Time and waiting, injected so that tests and simulations own both. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC: the state is shared between processes, so all must read the same kind of time. */
  readonly now: () => number;
  /** Resolves after `ms`; rejects when the signal aborts. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/** The default: the machine's clock and the process's timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
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
