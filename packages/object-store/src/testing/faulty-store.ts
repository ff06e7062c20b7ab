import type { ObjectStore } from '../port.js';

/** One call to a store, numbered from 0 in the order of their beginning. */
export interface StoreCall {
  readonly number: number;
  readonly verb: 'get' | 'putIfAbsent' | 'putIfMatch' | 'list' | 'delete';
  readonly key: string;
}

/**
 * Decides what happens to a call: `before` throws instead of doing it, `after` does it and then throws (the answer of a
 * write that happened is lost), undefined lets it pass.
 */
export type FaultHook = (call: StoreCall) => { readonly when: 'before' | 'after'; readonly error: Error } | undefined;

/** A store whose every single call can fail or lose its answer; for tests of crashes and retries. */
export function faultyStore(store: ObjectStore, hook: FaultHook): ObjectStore {
  let number = 0;
  const guard = async <T>(verb: StoreCall['verb'], key: string, run: () => Promise<T>): Promise<T> => {
    const fault = hook({ number: number++, verb, key });
    if (fault?.when === 'before') throw fault.error;
    const result = await run();
    if (fault !== undefined) throw fault.error;
    return result;
  };
  return {
    ...store,
    get: (key, options) => guard('get', key, () => store.get(key, options)),
    putIfAbsent: (key, body) => guard('putIfAbsent', key, () => store.putIfAbsent(key, body)),
    putIfMatch: (key, body, version) => guard('putIfMatch', key, () => store.putIfMatch(key, body, version)),
    list: async function* (prefix, options) {
      await guard('list', prefix, async () => undefined);
      yield* store.list(prefix, options);
    },
    delete: (keys) => guard('delete', keys[0] ?? '', () => store.delete(keys)),
  };
}
