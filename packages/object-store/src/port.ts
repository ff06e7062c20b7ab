/** What `get` returns. */
export interface StoredObject {
  /** The caller's own: nobody else reads or writes them. */
  readonly bytes: Uint8Array;
  /** Opaque; changes with the bytes. Give it to `putIfMatch`. */
  readonly version: string;
}

export interface ObjectEntry {
  readonly key: string;
  readonly size: number;
  /** Store's clock, whole ms since 1970: when the object was last written. */
  readonly modifiedAt: number;
}

export interface ListOptions {
  /** Only keys greater than this one (need not exist). */
  readonly startAfter?: string | undefined;
}

export interface GetOptions {
  /** Bytes `start` … `end` (exclusive); a negative start counts from the end, as a suffix range does. */
  readonly range?: { readonly start: number; readonly end?: number | undefined } | undefined;
}

/**
 * An object store as SchemaHub needs it: six verbs, of which two are atomic conditional writes.
 * Keys are `/`-separated segments of printable ASCII without `.`/`..` segments; every driver runs the suite in `./testing`.
 * Every write that returned is durable and visible to every later `get` and `list`. Errors are `StoreError`.
 */
export interface ObjectStore {
  /** Where it is, for people: a folder or an `s3://` URL. */
  readonly location: string;
  /** The object, or undefined. */
  readonly get: (key: string, options?: GetOptions) => Promise<StoredObject | undefined>;
  /**
   * Creates the object in one atomic step that follows its data, or says that the key is taken; never overwrites.
   * A stream may use its buffer again for the next piece.
   */
  readonly putIfAbsent: (key: string, body: Uint8Array | AsyncIterable<Uint8Array>) => Promise<'created' | 'exists'>;
  /** Replaces the object if it still has `version` (`undefined`: if it is absent). */
  readonly putIfMatch: (
    key: string,
    body: Uint8Array,
    version: string | undefined,
  ) => Promise<{ readonly version: string } | 'conflict'>;
  /** Entries whose key begins with `prefix`, ascending by the bytes of their key. */
  readonly list: (prefix: string, options?: ListOptions) => AsyncIterable<ObjectEntry>;
  /** Deletes; absent keys are no error. Only vacuum and the stores' own tests call it. */
  readonly delete: (keys: readonly string[]) => Promise<void>;
  /** An address that SQL engines can open directly: a path or an `s3://` URL. Memory has none. */
  readonly urlOf?: ((key: string) => string) | undefined;
}
