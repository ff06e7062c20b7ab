import { createHash } from 'node:crypto';
import { checkKey, checkPrefix } from './key.js';
import type { GetOptions, ObjectEntry, ObjectStore, StoredObject } from './port.js';

export interface MemoryStoreOptions {
  /** Milliseconds since 1970, for `modifiedAt`. Default: a counter that starts at 0. */
  readonly now?: (() => number) | undefined;
}

interface Held {
  readonly bytes: Uint8Array;
  readonly modifiedAt: number;
}

/** The bytes of a body, collected. */
async function collectBytes(body: Uint8Array | AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  // Copies: `slice` of a Buffer would be none, and a source may use its buffer again.
  if (body instanceof Uint8Array) return new Uint8Array(body);
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(new Uint8Array(part));
  return Buffer.concat(parts);
}

/** The version of an object on stores that have none of their own: sha256 of its bytes. */
export function versionOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** An object whose version is made when it is asked for: most readers of large objects never ask. */
export function withVersion(bytes: Uint8Array): StoredObject {
  return {
    bytes,
    get version() {
      return versionOf(bytes);
    },
  };
}

/** Applies `GetOptions.range`; bounds beyond the object are cut. */
function sliceRange(bytes: Uint8Array, range: GetOptions['range']): Uint8Array {
  return range === undefined ? bytes : bytes.slice(range.start, range.end ?? bytes.length);
}

/** An object store in memory: the reference for the port's semantics, and the fake for tests. */
export function createMemoryStore(options: MemoryStoreOptions = {}): ObjectStore {
  const objects = new Map<string, Held>();
  let ticks = 0;
  const now = options.now ?? ((): number => ticks++);
  return {
    location: 'memory',
    get: async (key, getOptions): Promise<StoredObject | undefined> => {
      const held = objects.get(checkKey(key));
      if (held === undefined) return undefined;
      return { bytes: new Uint8Array(sliceRange(held.bytes, getOptions?.range)), version: versionOf(held.bytes) };
    },
    putIfAbsent: async (key, body) => {
      const bytes = await collectBytes(body);
      // Check and set without an await between them: atomic in one process.
      if (objects.has(checkKey(key))) return 'exists';
      objects.set(key, { bytes, modifiedAt: now() });
      return 'created';
    },
    putIfMatch: async (key, body, version) => {
      const held = objects.get(checkKey(key));
      if ((held && versionOf(held.bytes)) !== version) return 'conflict';
      objects.set(key, { bytes: new Uint8Array(body), modifiedAt: now() });
      return { version: versionOf(body) };
    },
    async *list(prefix, listOptions): AsyncGenerator<ObjectEntry> {
      checkPrefix(prefix);
      const startAfter = listOptions?.startAfter ?? '';
      const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > startAfter).sort();
      for (const key of keys) {
        const held = objects.get(key);
        if (held !== undefined) yield { key, size: held.bytes.length, modifiedAt: held.modifiedAt };
      }
    },
    delete: async (keys) => {
      for (const key of keys) objects.delete(checkKey(key));
    },
  };
}
