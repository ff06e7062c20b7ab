import { constants } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes a folder durably; `isGone` when it was made before and has vanished. */
export type MakeFolder = (path: string, isGone?: boolean) => Promise<void>;

export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? '';
}

/** Makes a folder's entries, or a file's bytes, survive a power cut. */
export async function sync(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function makeOne(folder: string): Promise<string | undefined> {
  try {
    await mkdir(folder);
    return folder;
  } catch (error) {
    if (codeOf(error) === 'EEXIST' && (await stat(folder)).isDirectory()) return undefined;
    throw error;
  }
}

/** Gives the topmost folder that was made. Node's recursive mkdir never ends where a file system makes no folders [/proc]. */
async function makeAll(folder: string): Promise<string | undefined> {
  try {
    return await makeOne(folder);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(folder) === folder) throw error;
  }
  const above = await makeAll(dirname(folder));
  const own = await makeOne(folder);
  return above ?? own;
}

/** Makes a folder whose entry survives a power cut: each level below the root, and each new one above, is synced into its parent. */
async function makeDurable(root: string, folder: string): Promise<void> {
  const made = await makeAll(folder);
  const isOurs = (path: string): boolean =>
    path.length > root.length || (made !== undefined && path.length >= made.length);
  for (let path = folder; isOurs(path); path = dirname(path)) await sync(dirname(path));
}

/**
 * Makes each folder once. Who finds it made, or being made by another, waits until it is durable: an object in a folder
 * that a power cut takes away is lost with it.
 */
export function createFolderMaker(root: string): MakeFolder {
  const folders = new Map<string, Promise<void>>();
  return (folder, isGone = false) => {
    const known = isGone ? undefined : folders.get(folder);
    if (known !== undefined) return known;
    const making = makeDurable(root, folder).catch((error: unknown) => {
      folders.delete(folder);
      throw error;
    });
    folders.set(folder, making);
    return making;
  };
}
