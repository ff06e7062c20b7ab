/**
 * Where processes share the state: one small JSON value with compare-and-set. Two verbs, so that a file, an object with
 * conditional writes or a database row fits. Every call must settle; a store that throws costs sharing, never a request.
 */
export interface CircuitStore {
  /** The value and its version, or undefined when there is none. */
  readonly read: () => Promise<{ readonly value: unknown; readonly version: string } | undefined>;
  /** Writes if the stored version is still `version` (undefined: if there is no value). */
  readonly write: (value: unknown, version: string | undefined) => Promise<{ readonly version: string } | 'conflict'>;
}

/** A store in memory: for one process, and for tests. Breakers that are given the same one share it. */
export function createMemoryStore(): CircuitStore {
  let stored: { readonly json: string; readonly version: string } | undefined;
  let writes = 0;
  return {
    read: async () => (stored === undefined ? undefined : { value: JSON.parse(stored.json), version: stored.version }),
    write: async (value, version) => {
      if (version !== stored?.version) return 'conflict';
      writes += 1;
      // Kept as text: what comes back is a copy that no caller can change.
      stored = { json: JSON.stringify(value), version: String(writes) };
      return { version: stored.version };
    },
  };
}
