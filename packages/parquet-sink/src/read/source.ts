import { damaged, ParquetReadError } from './errors.js';

/** Where a file lies: in memory, or behind ranged reads. */
export type ParquetSource =
  | { readonly bytes: Uint8Array }
  | {
      /** Size of the file in bytes. */
      readonly size: number;
      /** Gives bytes [start, end). Its errors reach the caller as they are. */
      readonly read: (start: number, end: number) => Promise<Uint8Array>;
    };

export interface RangeReader {
  readonly size: number;
  readonly read: (start: number, end: number) => Promise<Uint8Array>;
}

/** Throws ParquetReadError INVALID_OPTION at the door, DAMAGED when a read comes short. */
export function createRangeReader(source: ParquetSource): RangeReader {
  if ('bytes' in source) {
    const { bytes } = source;
    return { size: bytes.length, read: async (start, end) => bytes.subarray(start, end) };
  }
  if (!Number.isSafeInteger(source.size) || source.size < 0 || typeof source.read !== 'function') {
    throw new ParquetReadError(
      'INVALID_OPTION',
      `openParquet needs { bytes } or { size, read }: size an integer 0 or more, got ${String(source.size)}; read a function, got ${typeof source.read}.`,
    );
  }
  return {
    size: source.size,
    read: async (start, end) => {
      const bytes = await source.read(start, end);
      if (bytes.length !== end - start) {
        throw damaged(`bytes ${start} to ${end} were asked for and ${bytes.length} bytes came`);
      }
      return bytes;
    },
  };
}
