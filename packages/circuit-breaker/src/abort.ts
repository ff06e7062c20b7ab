/** Calls `onAbort` when the signal aborts; the returned function takes that back. */
export type AbortWatch = (signal: AbortSignal, onAbort: () => void) => () => void;

/** One listener a signal, however many calls wait on it: a run has one signal, and Node warns at the 11th listener. */
export function createAbortWatch(): AbortWatch {
  const watched = new WeakMap<AbortSignal, Set<() => void>>();
  return (signal, onAbort) => {
    let callbacks = watched.get(signal);
    if (callbacks === undefined) {
      const all = new Set<() => void>();
      signal.addEventListener(
        'abort',
        () => {
          for (const callback of [...all]) callback();
        },
        { once: true },
      );
      watched.set(signal, all);
      callbacks = all;
    }
    // Wrapped, so that the same function may watch twice.
    const entry = (): void => onAbort();
    callbacks.add(entry);
    const known = callbacks;
    return () => known.delete(entry);
  };
}
