import type { Readable } from 'node:stream';
import yauzl from 'yauzl';

/** The one member of a checked zip file. */
export interface ZipMember {
  /** Its bytes from the start, unpacked as they are read. */
  readonly read: () => Promise<Readable>;
}

/**
 * Opens a zip file that must hold one member of the given name and nothing else. Nothing is ever written under a
 * member's name, so a name cannot lead anywhere. Throws `SyntaxError` for a file that is none, and for other contents.
 */
export async function openZipMember(fd: number, name: string): Promise<ZipMember> {
  const expected = `zip file: expected one member ${name}`;
  try {
    const zip = await yauzl.fromFdPromise(fd, { autoClose: false, lazyEntries: true, strictFileNames: true });
    let found: yauzl.Entry | undefined;
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName !== name) throw new SyntaxError(`${expected}, found ${JSON.stringify(entry.fileName)}`);
      if (found !== undefined) throw new SyntaxError(`${expected}, found it twice`);
      found = entry;
    }
    if (found === undefined) throw new SyntaxError(`${expected}, found none`);
    const member = found;
    return { read: () => zip.openReadStreamPromise(member) };
  } catch (error) {
    if (error instanceof SyntaxError) throw error;
    throw new SyntaxError(`${expected}, but it cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
