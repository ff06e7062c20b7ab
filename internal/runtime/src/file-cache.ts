import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { LakeError } from '@schemahub/lake';
import type { ObjectStore } from '@schemahub/object-store';
import { UsageError } from './errors.js';

export interface RemoteFile {
  readonly key: string;
  /** Bytes that it must have. */
  readonly bytes: number;
  /** Checked when it is fetched. */
  readonly sha256?: string | undefined;
}

/** Objects as files that a SQL engine can open. */
export interface LocalFiles {
  /** Where the file of a key is, or would be. */
  readonly pathOf: (key: string) => string;
  /** Brings objects here, those that are not here yet; their paths in the same order. */
  readonly bring: (files: readonly RemoteFile[]) => Promise<readonly string[]>;
}

/** Files on their way at the same time: with data files of some MB the memory stays small. */
const FETCHES = 4;
/** A file that no query has used for so long is taken away. */
const KEEP_MS = 7 * 24 * 3_600_000;

/** The user's cache folder, as the XDG base directory specification has it. */
export function defaultCacheFolder(xdgCacheHome: string | undefined): string {
  return join(
    xdgCacheHome === undefined || xdgCacheHome === '' ? join(homedir(), '.cache') : xdgCacheHome,
    'schemahub',
  );
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

function tooMuch(
  location: string,
  { files, bytes, maxBytes }: { readonly files: number; readonly bytes: number; readonly maxBytes: number },
): UsageError {
  const megabytes = (value: number): number => Math.ceil(value / 1_000_000);
  return new UsageError(
    `this query would fetch ${files} files with ${megabytes(bytes)} MB from ${location}, more than --max-fetch allows (${megabytes(maxBytes)} MB). Nothing was fetched. Ask trades_unified instead of raw tables, use --engine athena, which reads in place, or allow it: --max-fetch ${megabytes(bytes)}`,
  );
}

/**
 * Copies of a remote store's immutable objects in a local folder: data files, raw objects and quarantine objects never
 * change under their name, so that what is here with the right size is right. Files that were not used for 7 days go.
 */
export function createFileCache(options: {
  readonly store: ObjectStore;
  /** Holds the caches of all lakes. */
  readonly folder: string;
  readonly now: () => number;
  /** What may be fetched in all; more is refused before anything is. Default: any amount. */
  readonly maxBytes?: number | undefined;
}): LocalFiles {
  const { store, now, maxBytes = Number.POSITIVE_INFINITY } = options;
  let fetched = 0;
  const name = createHash('sha256').update(store.location).digest('hex').slice(0, 16);
  const folder = join(options.folder, name);
  const pathOf = (key: string): string => join(folder, key);

  const isHere = async ({ key, bytes }: RemoteFile): Promise<boolean> => {
    const path = pathOf(key);
    if ((await stat(path).catch(() => undefined))?.size !== bytes) return false;
    const used = new Date(now());
    await utimes(path, used, used).catch(() => undefined);
    return true;
  };

  const fetchOne = async ({ key, bytes, sha256 }: RemoteFile): Promise<void> => {
    const path = pathOf(key);
    const stored = await store.get(key);
    if (stored === undefined)
      throw new LakeError(
        'missing-object',
        `${key}: not in ${store.location}; another run may have retired it: ask again`,
        { key },
      );
    const isWrong =
      stored.bytes.length !== bytes ||
      (sha256 !== undefined && createHash('sha256').update(stored.bytes).digest('hex') !== sha256);
    if (isWrong)
      throw new LakeError(
        'missing-object',
        `${key}: is not the file that the commit names (size or sha256 differs). See: schemahub verify --deep`,
        { key },
      );
    await mkdir(dirname(path), { recursive: true });
    const part = `${path}.${randomUUID()}.part`;
    try {
      await writeFile(part, stored.bytes);
      await rename(part, path);
    } finally {
      await rm(part, { force: true });
    }
  };

  const sweep = async (): Promise<void> => {
    for (const path of await filesBelow(folder)) {
      const facts = await stat(path).catch(() => undefined);
      if (facts !== undefined && now() - facts.mtimeMs > KEEP_MS) await rm(path, { force: true });
    }
  };

  return {
    pathOf,
    bring: async (files) => {
      const queue: RemoteFile[] = [];
      for (const file of files) if (!(await isHere(file))) queue.push(file);
      const bytes = queue.reduce((sum, file) => sum + Math.max(0, file.bytes), 0);
      if (fetched + bytes > maxBytes) throw tooMuch(store.location, { files: queue.length, bytes, maxBytes });
      fetched += bytes;
      const work = async (): Promise<void> => {
        for (let file = queue.shift(); file !== undefined; file = queue.shift()) await fetchOne(file);
      };
      await Promise.all(Array.from({ length: FETCHES }, work));
      await sweep();
      return files.map(({ key }) => pathOf(key));
    },
  };
}
