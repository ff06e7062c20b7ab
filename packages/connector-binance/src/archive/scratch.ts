import { randomUUID } from 'node:crypto';
import { mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/** What is used of a `FileHandle`. */
export interface Scratch {
  /** Read with `fs.read`. */
  readonly fd: number;
  readonly write: (
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ) => Promise<{ readonly bytesWritten: number }>;
  readonly close: () => Promise<void>;
}

/** Gives an empty file of one's own, open for reading and writing; closing it frees its space. */
export type OpenScratch = () => Promise<Scratch>;

/**
 * Scratch files in a folder. Their name is gone before the first byte is there, so a process that is killed leaves
 * nothing. Where a file in use cannot lose its name (Windows), it stays until somebody empties the folder.
 */
export function scratchIn(folder: string): OpenScratch {
  return async () => {
    await mkdir(folder, { recursive: true });
    const path = join(folder, `schemahub-${randomUUID()}.zip`);
    const handle = await open(path, 'wx+', 0o600);
    await unlink(path).catch(() => undefined);
    return handle;
  };
}
