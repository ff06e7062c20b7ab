import type { ObjectStore } from '@schemahub/object-store';
import { IcebergError } from './errors.js';
import { keyOfUri } from './location.js';
import { parseMetadata, printMetadata, type TableMetadata } from './metadata.js';

/** What a catalog says of a table. */
export interface CatalogEntry {
  /** URI of the metadata file. */
  readonly metadataLocation: string;
  /** Number of the newest `v{n}.metadata.json`; the next commit takes n + 1. */
  readonly version: number;
  readonly metadata: TableMetadata;
}

/**
 * Where the current metadata of one table is written down. Every driver runs the suite in `./testing`.
 *
 *     load ──▶ plan, write manifests ──▶ commit (one atomic create) ──▶ sync (pointers that others read)
 */
export interface Catalog {
  /** For people. */
  readonly name: string;
  /** The table as it is now; undefined when there is none. Throws `IcebergError` `damaged-file`, `unsupported`. */
  readonly load: () => Promise<CatalogEntry | undefined>;
  /**
   * Makes `metadata` current if `base` still is. A lost answer is settled by reading back; a throw means that the
   * outcome is not known, and the same commit may be tried again.
   */
  readonly commit: (base: CatalogEntry | undefined, metadata: TableMetadata) => Promise<CatalogEntry | 'conflict'>;
  /** Brings every pointer to this entry or beyond it; does nothing where all are. */
  readonly sync: (entry: CatalogEntry) => Promise<void>;
}

export interface FolderCatalogOptions {
  readonly store: ObjectStore;
  /** Key of the table's folder, without a slash at the end. */
  readonly prefix: string;
  /** URI of that folder: see `locationOf`. */
  readonly location: string;
}

const METADATA_FILE = /\/metadata\/v(\d{1,15})\.metadata\.json$/;

/** The n of a `v{n}.metadata.json`; undefined for other names. */
export function versionOfUri(uri: string): number | undefined {
  const match = METADATA_FILE.exec(uri);
  return match === null ? undefined : Number(match[1]);
}

/** Reads a metadata file; undefined when it is not there. */
async function readMetadata(store: ObjectStore, key: string): Promise<TableMetadata | undefined> {
  const stored = await store.get(key);
  if (stored === undefined) return undefined;
  try {
    return parseMetadata(stored.bytes);
  } catch (error) {
    if (!(error instanceof IcebergError)) throw error;
    throw new IcebergError(error.code, `${key}: ${error.message}`, { cause: error });
  }
}

/**
 * The catalog of Hadoop tables: https://iceberg.apache.org/spec/#file-system-tables. The commit is the create of
 * `v{n}.metadata.json`, which succeeds once; `version-hint.text` is a cache that only moves on.
 */
export function createFolderCatalog(options: FolderCatalogOptions): Catalog {
  const { store, prefix, location } = options;
  const keyOf = (version: number): string => `${prefix}/metadata/v${version}.metadata.json`;
  const hintKey = `${prefix}/metadata/version-hint.text`;
  const entryOf = (version: number, metadata: TableMetadata): CatalogEntry => ({
    metadataLocation: `${location}/metadata/v${version}.metadata.json`,
    version,
    metadata,
  });
  const readHint = async (): Promise<{ number: number; version: string | undefined }> => {
    const stored = await store.get(hintKey);
    const text = stored === undefined ? '' : Buffer.from(stored.bytes).toString('utf8').trim();
    return { number: /^\d{1,15}$/.test(text) ? Number(text) : 0, version: stored?.version };
  };
  const highest = async (): Promise<number> => {
    let found = 0;
    for await (const { key } of store.list(`${prefix}/metadata/v`))
      found = Math.max(found, versionOfUri(`/${key}`) ?? 0);
    return found;
  };
  return {
    name: `folder ${location}`,
    load: async () => {
      let { number } = await readHint();
      let metadata = number === 0 ? undefined : await readMetadata(store, keyOf(number));
      if (metadata === undefined) {
        number = await highest();
        metadata = number === 0 ? undefined : await readMetadata(store, keyOf(number));
      }
      if (metadata === undefined) return undefined;
      for (;;) {
        const next = await readMetadata(store, keyOf(number + 1));
        if (next === undefined) return entryOf(number, metadata);
        number += 1;
        metadata = next;
      }
    },
    commit: async (base, metadata) => {
      const version = (base?.version ?? 0) + 1;
      const bytes = printMetadata(metadata);
      let isCreated = false;
      let failure: unknown;
      try {
        isCreated = (await store.putIfAbsent(keyOf(version), bytes)) === 'created';
      } catch (error) {
        failure = error; // it may have happened: the object decides
      }
      if (!isCreated) {
        const stored = await store.get(keyOf(version));
        if (stored === undefined)
          throw failure ?? new IcebergError('catalog', `${keyOf(version)}: exists, but cannot be read.`);
        if (Buffer.compare(stored.bytes, bytes) !== 0) return 'conflict';
      }
      return entryOf(version, metadata);
    },
    sync: async (entry) => {
      for (;;) {
        const hint = await readHint();
        if (hint.number >= entry.version) return;
        if ((await store.putIfMatch(hintKey, Buffer.from(String(entry.version)), hint.version)) !== 'conflict') return;
      }
    },
  };
}

/** Reads the metadata that a catalog outside of the store points at. Throws `IcebergError` `outside-location`, `missing-object`. */
export async function readMetadataAt(options: FolderCatalogOptions, uri: string): Promise<TableMetadata> {
  const key = keyOfUri(uri, options.location, options.prefix);
  const metadata = await readMetadata(options.store, key);
  if (metadata === undefined)
    throw new IcebergError('missing-object', `${uri}: a catalog names this metadata file, but it is not there.`);
  return metadata;
}
