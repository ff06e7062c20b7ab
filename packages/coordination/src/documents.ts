import type { ObjectStore } from '@schemahub/object-store';
import { CoordinationError } from './errors.js';

export interface Document {
  readonly value: unknown;
  /** Opaque; give it back to `write`. */
  readonly version: string;
}

/** Small JSON documents with compare-and-set: checkpoints, leases, breaker state, certificates. */
export interface Documents {
  /** The document, or undefined. Throws `CoordinationError` `damaged-document` when it is not JSON. */
  readonly read: (key: string) => Promise<Document | undefined>;
  /** The version of a document that `read` calls damaged, so that `write` can replace just that one. */
  readonly versionOfDamaged: (key: string) => Promise<string | undefined>;
  /** Writes if the document still has `version` (`undefined`: if it is absent). */
  readonly write: (
    key: string,
    value: unknown,
    version: string | undefined,
  ) => Promise<{ readonly version: string } | 'conflict'>;
}

/** Documents as objects of a store. */
export function createDocuments(store: ObjectStore): Documents {
  return {
    read: async (key) => {
      const stored = await store.get(key);
      if (stored === undefined) return undefined;
      try {
        return { value: JSON.parse(Buffer.from(stored.bytes).toString('utf8')) as unknown, version: stored.version };
      } catch (error) {
        throw new CoordinationError(
          'damaged-document',
          `${key} in ${store.location} is not JSON (${(error as Error).message})`,
          { cause: error },
        );
      }
    },
    versionOfDamaged: async (key) => (await store.get(key))?.version,
    write: (key, value, version) => store.putIfMatch(key, Buffer.from(`${JSON.stringify(value)}\n`), version),
  };
}

/** Conflicts in a row before an update gives up: far more than writers can cause while any of them gets through. */
const MAX_CONFLICTS = 1000;

/**
 * Reads, changes, writes back by compare-and-set, and starts over when somebody else was faster. `change` returns the
 * new value, or undefined to leave the document as it is; it must be pure, because it may run many times.
 */
export async function updateDocument<T>(
  documents: Documents,
  key: string,
  change: (value: unknown) => { readonly write?: unknown; readonly result: T },
): Promise<T> {
  for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
    const held = await documents.read(key);
    const { write, result } = change(held?.value);
    if (write === undefined) return result;
    if ((await documents.write(key, write, held?.version)) !== 'conflict') return result;
  }
  throw new CoordinationError(
    'too-many-conflicts',
    `${key}: ${MAX_CONFLICTS} writers in a row were faster; run the command again`,
  );
}
