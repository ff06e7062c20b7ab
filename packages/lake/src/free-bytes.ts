import { MessageChannel, type MessagePort } from 'node:worker_threads';

/** Below it memory comes from pools that others share, and is not worth it. */
const LEAST_BYTES = 65_536;

/** A port whose other end is closed: what is sent there is given up at once. */
let nowhere: MessagePort | undefined;

interface Transferable {
  /** Node 21 and later. */
  readonly transfer?: (newLength: number) => ArrayBuffer;
}

/**
 * Gives the memory of bytes back now, not when a collection finds them: the next buffer of this size lies where these
 * lay, in pages that are there and in the cache. All views of them are empty from then on, so they must be the caller's
 * alone. Bytes that are part of a larger buffer stay as they are.
 */
export function freeBytes(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (bytes.length < LEAST_BYTES || bytes.length !== buffer.byteLength || !(buffer instanceof ArrayBuffer)) return;
  const { transfer } = buffer as Transferable;
  if (transfer !== undefined) {
    transfer.call(buffer, 0);
    return;
  }
  if (nowhere === undefined) {
    const { port1, port2 } = new MessageChannel();
    port2.close();
    nowhere = port1;
  }
  nowhere.postMessage(undefined, [buffer]);
}
