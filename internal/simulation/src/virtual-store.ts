import { type ObjectEntry, type ObjectStore, StoreError } from '@schemahub/object-store';
import { createCalls, type VirtualStoreOptions } from './virtual-calls.js';

/** The lake as one process sees it: every call takes a while, may go wrong, and may be its last. */
export function createVirtualStore(options: VirtualStoreOptions): ObjectStore {
  const { base, scenario } = options;
  const perform = createCalls(
    options,
    (where) => new StoreError('unavailable', `simulated: ${where}`, { retryable: true }),
  );

  const collect = async (body: Uint8Array | AsyncIterable<Uint8Array>): Promise<Uint8Array> => {
    if (body instanceof Uint8Array) return body.slice();
    const parts: Uint8Array[] = [];
    for await (const part of body) parts.push(part);
    return Buffer.concat(parts);
  };

  async function* list(prefix: string, listOptions?: { readonly startAfter?: string | undefined }) {
    let startAfter = listOptions?.startAfter;
    for (;;) {
      const readPage = async (): Promise<ObjectEntry[]> => {
        const page: ObjectEntry[] = [];
        for await (const entry of base.list(prefix, { startAfter })) {
          page.push(entry);
          if (page.length === scenario.listPage) break;
        }
        return page;
      };
      const page = await perform('list', prefix, readPage, (entries) => `${entries.length} keys`);
      yield* page;
      if (page.length < scenario.listPage) return;
      startAfter = page.at(-1)!.key;
    }
  }

  return {
    location: 'the simulated lake',
    get: (key, getOptions) =>
      perform(
        'get',
        key,
        () => base.get(key, getOptions),
        (found) => (found === undefined ? 'absent' : `${found.bytes.length} bytes`),
      ),
    putIfAbsent: async (key, body) => {
      const bytes = await collect(body);
      return await perform('create', key, () => base.putIfAbsent(key, bytes), String);
    },
    putIfMatch: (key, body, version) =>
      perform(
        'replace',
        key,
        () => base.putIfMatch(key, body, version),
        (result) => (result === 'conflict' ? result : 'written'),
      ),
    list,
    delete: (keys) =>
      perform(
        'delete',
        keys.join(' '),
        () => base.delete(keys),
        () => 'done',
      ),
  };
}
