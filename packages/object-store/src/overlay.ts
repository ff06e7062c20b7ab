import { createMemoryStore } from './memory.js';
import type { ObjectEntry, ObjectStore } from './port.js';

/**
 * A store that reads through to another one and keeps every write in memory: what a dry run works on. A key that was
 * deleted here is gone here; the other store never changes. Holds what is written, so it suits plans, not histories.
 */
export function createOverlayStore(base: ObjectStore): ObjectStore {
  const own = createMemoryStore();
  const gone = new Set<string>();
  const readBase = async (key: string): Promise<{ bytes: Uint8Array; version: string } | undefined> =>
    gone.has(key) ? undefined : await base.get(key);
  return {
    location: base.location,
    get: async (key, options) =>
      (await own.get(key, options)) ?? (gone.has(key) ? undefined : await base.get(key, options)),
    putIfAbsent: async (key, body) => {
      if ((await readBase(key)) !== undefined) return 'exists';
      return await own.putIfAbsent(key, body);
    },
    putIfMatch: async (key, body, version) => {
      const mine = await own.get(key);
      const held = mine ?? (await readBase(key));
      if (held?.version !== version) return 'conflict';
      return await own.putIfMatch(key, body, mine?.version);
    },
    list: async function* (prefix, options) {
      const entries: ObjectEntry[] = [];
      for await (const entry of own.list(prefix, options)) entries.push(entry);
      const mine = new Set(entries.map(({ key }) => key));
      for await (const entry of base.list(prefix, options)) {
        while (entries.length > 0 && entries[0]!.key < entry.key) yield entries.shift()!;
        if (!mine.has(entry.key) && !gone.has(entry.key)) yield entry;
      }
      yield* entries;
    },
    delete: async (keys) => {
      await own.delete(keys);
      for (const key of keys) gone.add(key);
    },
    ...(base.urlOf === undefined ? {} : { urlOf: base.urlOf }),
  };
}
