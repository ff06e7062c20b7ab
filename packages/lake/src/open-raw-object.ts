import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { ObjectStore } from '@schemahub/object-store';
import { LakeError } from './errors.js';
import { freeBytes } from './free-bytes.js';

/** Bytes that one raw object may unpack to: 100,000 trades with payloads, with room. Beyond it is damage or an attack. */
export const MAX_UNPACKED_BYTES = 1_000_000_000;
/** Bytes of a stored object that are asked for at a time: most objects come in one part. */
const PART_BYTES = 2 ** 22;
const PIECE_BYTES = 2 ** 20;

interface NamedObject {
  readonly key: string;
}

/** A raw object on its way to who reads its lines. */
export interface OpenRawObject {
  /** Bytes of it that came so far, as they are stored. */
  readonly bytesRead: () => number;
  /** Its lines, cut anywhere, to be read once; a piece is void when the next is asked for. Throws `LakeError` `damaged-raw` where it does not unpack. */
  readonly pieces: AsyncIterable<Uint8Array>;
}

/**
 * One object, read in parts and unpacked as it is read: memory grows neither with it nor with what it unpacks to.
 * Throws `LakeError` `missing-object`.
 */
export async function openRawObject(
  store: ObjectStore,
  name: NamedObject,
  { pieceBytes = PIECE_BYTES }: { readonly pieceBytes?: number | undefined } = {},
): Promise<OpenRawObject> {
  let bytes = 0;
  const read = async (): Promise<Uint8Array> => {
    const stored = await store.get(name.key, { range: { start: bytes, end: bytes + PART_BYTES } });
    if (stored === undefined)
      throw new LakeError('missing-object', `${name.key}: not in ${store.location}`, { key: name.key });
    bytes += stored.bytes.length;
    return stored.bytes;
  };
  const first = await read();
  async function* parts(): AsyncGenerator<Uint8Array> {
    let part = first;
    let isLast = part.length < PART_BYTES;
    yield part;
    // Whoever asks for the next part has read this one.
    while (!isLast) {
      freeBytes(part);
      part = await read();
      isLast = part.length < PART_BYTES;
      yield part;
    }
  }
  return { bytesRead: () => bytes, pieces: unpackPieces(name, parts(), pieceBytes) };
}

async function* unpackPieces(
  name: NamedObject,
  parts: AsyncIterable<Uint8Array>,
  pieceBytes: number,
): AsyncGenerator<Uint8Array> {
  const stream = createGunzip({ chunkSize: pieceBytes });
  // A failure of the source comes out of the stream.
  pipeline(parts, stream, () => undefined);
  try {
    let unpacked = 0;
    for await (const piece of stream as AsyncIterable<Uint8Array>) {
      unpacked += piece.length;
      if (unpacked > MAX_UNPACKED_BYTES) throw damaged(name, `unpacks to more than ${MAX_UNPACKED_BYTES} bytes`);
      yield piece;
      // The unpacker cuts pieces off a buffer until it is full: the piece that ends it is the last that lies in it.
      if (piece.byteOffset + piece.length === piece.buffer.byteLength) freeBytes(new Uint8Array(piece.buffer));
    }
  } catch (error) {
    throw isZlibError(error) ? damaged(name, `does not unpack (${(error as Error).message})`, error) : error;
  } finally {
    stream.destroy();
  }
}

function damaged(name: NamedObject, reason: string, cause?: unknown): LakeError {
  return new LakeError('damaged-raw', `${name.key}: ${reason}`, { key: name.key, cause });
}

function isZlibError(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && (code.startsWith('Z_') || code === 'ERR_BUFFER_TOO_LARGE');
}
