import type { ObjectStore } from '@schemahub/object-store';

/** Calls to a store, whatever it is. Grows while the run works. */
export type RequestCounts = Record<'get' | 'put' | 'list' | 'delete', number>;

export function createRequestCounts(): RequestCounts {
  return { get: 0, put: 0, list: 0, delete: 0 };
}

export function addRequests(requests: RequestCounts, more: RequestCounts): void {
  for (const kind of Object.keys(more) as (keyof RequestCounts)[]) requests[kind] += more[kind];
}

/** A store that counts what it is asked. */
export function countRequests(store: ObjectStore, requests: RequestCounts): ObjectStore {
  const count = <Args extends unknown[], Result>(
    kind: keyof RequestCounts,
    call: (...args: Args) => Result,
  ): ((...args: Args) => Result) => {
    return (...args) => {
      requests[kind] += 1;
      return call(...args);
    };
  };
  return {
    ...store,
    get: count('get', store.get),
    putIfAbsent: count('put', store.putIfAbsent),
    putIfMatch: count('put', store.putIfMatch),
    list: count('list', store.list),
    delete: count('delete', store.delete),
  };
}
