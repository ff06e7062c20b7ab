import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync, open as openCallback, read as readCallback } from 'node:fs';
import { type FileHandle, link, open, opendir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { codeOf, createFolderMaker, type MakeFolder, sync } from './durable-folder.js';
import { StoreError } from './errors.js';
import { checkKey, checkPrefix, isSegment } from './key.js';
import { versionOf, withVersion } from './memory.js';
import type { ObjectEntry, ObjectStore, StoredObject } from './port.js';
import { currentProcess, isProcessGone, type ProcessIdentity, parseProcessIdentity } from './process-identity.js';

export interface FolderStoreOptions {
  /** The folder; made when the first object is written. */
  readonly folder: string;
  /** Waits between two looks at a lock held by another live process. Default: a timer. */
  readonly sleep?: ((ms: number) => Promise<void>) | undefined;
  /** Identity of this process, for the locks of `putIfMatch`. Default: the real one. */
  readonly identity?: ProcessIdentity | undefined;
}

/** The store's own corner: half-written files and locks. Never listed, never part of a key. */
const PRIVATE = '.schemahub';
const LOCK_LOOK_MS = 10;
const LOCK_LOOKS = 1000;
/** Bytes of one read: Node takes the low 32 bits of more, so that 4 GiB would be nothing. */
const MOST_READ: number = 2 ** 30;

const openFile = promisify(openCallback);
const readPart = promisify(readCallback);

function explain(error: unknown, doing: string): unknown {
  if (error instanceof StoreError) return error;
  const code = codeOf(error);
  const cause = { cause: error };
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
    return new StoreError(
      'no-space',
      `${doing}: the disk is full (${code}). Free some space and run the same command again; nothing is lost.`,
      cause,
    );
  }
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') {
    return new StoreError(
      'read-only',
      `${doing}: not permitted (${code}). Make the folder writable for this user, or choose another with --lake.`,
      cause,
    );
  }
  if (code === 'ENOTDIR' || code === 'ENAMETOOLONG' || code === 'EISDIR') {
    return new StoreError(
      'io',
      `${doing}: ${code}; a file stands where a folder is needed, or a name is too long.`,
      cause,
    );
  }
  return code === '' ? error : new StoreError('io', `${doing}: ${code} (${(error as Error).message})`, cause);
}

async function writeAll(handle: FileHandle, body: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  if (body instanceof Uint8Array) await handle.writeFile(body);
  else for await (const part of body) await handle.writeFile(part);
  await handle.sync();
}

interface Folder {
  readonly root: string;
  readonly pathOf: (key: string) => string;
  readonly identity: ProcessIdentity;
  readonly sleep: (ms: number) => Promise<void>;
  readonly make: MakeFolder;
}

/** Opens a new file; its folder is made again when somebody has removed it meanwhile [a cleaner of empty folders]. */
async function openNew(folder: Folder, path: string): Promise<FileHandle> {
  await folder.make(dirname(path));
  try {
    return await open(path, 'wx');
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    await folder.make(dirname(path), true);
    return await open(path, 'wx');
  }
}

/** Writes a body to a private file, hands its path on, and removes it whatever happens. */
async function withPrivateFile<T>(
  folder: Folder,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const path = join(folder.root, PRIVATE, `${randomUUID()}.part`);
  const handle = await openNew(folder, path);
  try {
    try {
      await writeAll(handle, body);
    } finally {
      await handle.close();
    }
    return await use(path);
  } finally {
    await rm(path, { force: true });
  }
}

/** Link, not rename: only a link refuses an existing target. */
async function linkOnce(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(codeOf(error))) {
      throw new StoreError(
        'no-hard-links',
        `${dirname(to)}: this file system has no hard links, without which an object cannot be created exactly once. ` +
          'Put the lake on a local file system (ext4, xfs, btrfs, APFS, NTFS) or on s3://.',
        { cause: error },
      );
    }
    if (codeOf(error) === 'EXDEV') {
      throw new StoreError(
        'no-hard-links',
        `${dirname(to)}: lies on another file system than ${dirname(from)}, so an object cannot be created exactly once. ` +
          'A lake lies on one file system: move the whole folder, not a part of it.',
        { cause: error },
      );
    }
    throw error;
  }
}

/** Moves or links a file into a folder, which is made again when somebody has removed it meanwhile. */
async function intoFolder<T>(folder: Folder, path: string, put: () => Promise<T>): Promise<T> {
  await folder.make(dirname(path));
  try {
    return await put();
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    await folder.make(dirname(path), true);
    return await put();
  }
}

async function create(
  folder: Folder,
  key: string,
  body: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<'created' | 'exists'> {
  const path = folder.pathOf(key);
  return await withPrivateFile(folder, body, async (part) => {
    const created = await intoFolder(folder, path, () => linkOnce(part, path));
    // Durable before anyone is told, also when somebody else's link is a moment old.
    await sync(dirname(path));
    return created ? 'created' : 'exists';
  });
}

interface Holder {
  readonly identity: ProcessIdentity;
  /** Names this taking of the lock, so that a claim on it can never mean a later one. */
  readonly nonce: string;
}

/** Of a lock that says nothing readable [an older version, a torn disk]: nobody can be known to be dead. */
const UNKNOWN: Holder = { identity: { host: 'an unknown host', pid: 0, startedAt: '' }, nonce: '' };

async function readHolder(path: string): Promise<Holder | undefined> {
  const held = await read(path);
  if (held === undefined) return undefined;
  try {
    const value = JSON.parse(Buffer.from(held.bytes).toString('utf8')) as { nonce?: unknown };
    const identity = parseProcessIdentity(value);
    const isOurs = typeof value.nonce === 'string' && /^[\w-]{1,64}$/.test(value.nonce); // it becomes part of a path
    return identity && isOurs ? { identity, nonce: value.nonce as string } : UNKNOWN;
  } catch {
    return UNKNOWN;
  }
}

/**
 * Frees a lock whose holder died. Whoever links the claim `{lock}.{nonce of the dead}` is the only one who may remove
 * that holder's lock; a claimer that died is itself claimed in the same way. The lock is read again under the claim:
 * if it changed, an earlier claimer has done the work. Returns the live process that is in the way, if any.
 */
async function freeFromDead(folder: Folder, lock: string, part: string): Promise<Holder | undefined> {
  const found = await readHolder(lock);
  const claims: string[] = [];
  for (let victim = found; victim !== undefined; ) {
    if (!isProcessGone(victim.identity, folder.identity)) return victim;
    const claim = `${lock}.${victim.nonce}`;
    claims.push(claim);
    if (await linkOnce(part, claim)) {
      if ((await readHolder(lock))?.nonce === found?.nonce) await rm(lock, { force: true });
      for (const path of claims) await rm(path, { force: true });
      return undefined;
    }
    victim = await readHolder(claim);
  }
  return undefined;
}

/** Runs `use` while holding the lock of a key. The lock covers a compare and a rename: milliseconds. */
async function withLock<T>(folder: Folder, key: string, use: () => Promise<T>): Promise<T> {
  const lock = join(folder.root, PRIVATE, `${versionOf(Buffer.from(key))}.lock`);
  const self = Buffer.from(JSON.stringify({ ...folder.identity, nonce: randomUUID() }));
  await withPrivateFile(folder, self, async (part) => {
    for (let look = 0; !(await linkOnce(part, lock)); look++) {
      const holder = await freeFromDead(folder, lock, part);
      if (holder === undefined) continue;
      if (look >= LOCK_LOOKS) {
        const { pid, host } = holder.identity;
        throw new StoreError(
          'locked',
          `${key}: locked by process ${pid} on ${host}. Try again; if that process is gone for good, delete ${lock}`,
          { retryable: true },
        );
      }
      await folder.sleep(LOCK_LOOK_MS);
    }
  });
  try {
    return await use();
  } finally {
    await rm(lock, { force: true });
  }
}

async function read(
  path: string,
  range?: { start: number; end?: number | undefined },
): Promise<StoredObject | undefined> {
  let file: number;
  try {
    file = await openFile(path, 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  // Of a file that is open for reading, size and end wait for no disk: a thread for each would take longer than they do.
  try {
    const { size, mtimeMs } = fstatSync(file);
    const from = range?.start ?? 0;
    const start = from < 0 ? Math.max(0, size + from) : Math.min(from, size);
    const end = Math.min(range?.end ?? size, size);
    // Only what was read is handed on.
    const room = Buffer.allocUnsafeSlow(Math.max(0, end - start));
    let done = 0;
    while (done < room.length) {
      const { bytesRead } = await readPart(file, room, done, Math.min(room.length - done, MOST_READ), start + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    const bytes = room.subarray(0, done);
    // A range does not see the whole; objects that are read by range are immutable, so size and time name them.
    return range === undefined ? withVersion(bytes) : { bytes, version: `${size}-${mtimeMs}` };
  } finally {
    closeSync(file);
  }
}

async function replace(
  folder: Folder,
  key: string,
  body: Uint8Array,
  version: string | undefined,
): Promise<{ version: string } | 'conflict'> {
  const path = folder.pathOf(key);
  return await withLock(folder, key, async () => {
    const held = await read(path);
    if (held?.version !== version) return 'conflict';
    await withPrivateFile(folder, body, async (part) => {
      await intoFolder(folder, path, () => rename(part, path));
      await sync(dirname(path));
    });
    return { version: versionOf(body) };
  });
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

/** Every entry below a folder in key order: names sort as `name` for files and `name/` for folders. */
async function* walk(root: string, key: string, prefix: string, startAfter: string): AsyncGenerator<ObjectEntry> {
  let names: { name: string; folder: boolean }[];
  try {
    const entries = await readdir(join(root, key), { withFileTypes: true });
    names = await Promise.all(
      entries
        .filter(({ name }) => isSegment(name))
        .map(async (entry) => ({
          name: entry.name,
          // A link to a folder [a part of the lake on another disk] is a folder: its objects must not be overlooked.
          folder: entry.isDirectory() || (entry.isSymbolicLink() && (await isFolder(join(root, key, entry.name)))),
        })),
    );
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return;
    throw error;
  }
  const keys = names.map(({ name, folder }) => (folder ? `${key}${name}/` : `${key}${name}`)).sort();
  for (const child of keys) {
    if (child === `${PRIVATE}/`) continue;
    if (child.endsWith('/')) {
      const mayHold = child.startsWith(prefix) || prefix.startsWith(child);
      // Everything below sorts before `child` + the greatest character.
      if (mayHold && `${child}\u007f` > startAfter) yield* walk(root, child, prefix, startAfter);
    } else if (child.startsWith(prefix) && child > startAfter) {
      const facts = await stat(join(root, child)).catch(() => undefined); // deleted while we listed
      if (facts !== undefined) yield { key: child, size: facts.size, modifiedAt: Math.floor(facts.mtimeMs) };
    }
  }
}

async function deleteAll(folder: Folder, keys: readonly string[]): Promise<void> {
  const parents = new Set<string>();
  for (const key of keys) {
    const path = folder.pathOf(key);
    await rm(path, { force: true });
    parents.add(dirname(path));
  }
  for (const parent of parents) await sync(parent).catch(() => undefined); // the folder itself may be gone
}

/** Removes private files that dead processes of this host left; young ones may belong to a live process elsewhere. */
async function sweepPrivate(folder: Folder, now: number): Promise<void> {
  const day = 24 * 3600 * 1000;
  const path = join(folder.root, PRIVATE);
  try {
    for await (const entry of await opendir(path)) {
      if (!entry.name.endsWith('.part')) continue;
      const facts = await stat(join(path, entry.name)).catch(() => undefined);
      if (facts !== undefined && now - facts.mtimeMs > day) await rm(join(path, entry.name), { force: true });
    }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/**
 * An object store on a folder. A create is: file written and synced, linked to its name, folder synced; so a name is
 * there only with its whole data, also after a power cut. Refuses file systems without hard links.
 */
export function createFolderStore(
  options: FolderStoreOptions,
): ObjectStore & { readonly sweep: (now: number) => Promise<void> } {
  if (options.folder === '') throw new StoreError('invalid-key', 'folder store: expected a folder, got an empty path');
  const root = resolve(options.folder);
  const folder: Folder = {
    root,
    pathOf: (key) => join(root, checkKey(key)),
    identity: options.identity ?? currentProcess(),
    sleep: options.sleep ?? ((ms) => new Promise((done) => setTimeout(done, ms))),
    make: createFolderMaker(root),
  };
  const attempt = async <T>(doing: string, run: () => Promise<T>): Promise<T> => {
    try {
      return await run();
    } catch (error) {
      throw explain(error, doing);
    }
  };
  return {
    location: root,
    get: (key, getOptions) => attempt(`read ${key} in ${root}`, () => read(folder.pathOf(key), getOptions?.range)),
    putIfAbsent: (key, body) => attempt(`write ${key} in ${root}`, () => create(folder, key, body)),
    putIfMatch: (key, body, version) => attempt(`write ${key} in ${root}`, () => replace(folder, key, body, version)),
    list: async function* (prefix, listOptions) {
      // Start at the deepest folder that the prefix names.
      const start = checkPrefix(prefix).slice(0, prefix.lastIndexOf('/') + 1);
      try {
        yield* walk(root, start, prefix, listOptions?.startAfter ?? '');
      } catch (error) {
        throw explain(error, `list ${prefix} in ${root}`);
      }
    },
    delete: (keys) => attempt(`delete in ${root}`, () => deleteAll(folder, keys)),
    urlOf: (key) => folder.pathOf(key),
    sweep: (now) => attempt(`clean ${root}`, () => sweepPrivate(folder, now)),
  };
}
