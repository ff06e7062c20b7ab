import { StoreError } from './errors.js';
import { failureOf } from './s3-failure.js';
import { retried, type S3Retry, settled } from './s3-retry.js';
import type { S3Wire } from './s3-wire.js';

export interface UploadOptions {
  readonly wire: S3Wire;
  readonly retry: S3Retry;
  readonly createId: () => string;
  /** Bytes of a part; memory is bounded by this times `partsInFlight` + 1. */
  readonly partBytes: number;
  readonly partsInFlight: number;
}

const CREATE = { ifNoneMatch: '*' } as const;

type Created = { readonly etag: string };

/** The object, if it carries this write's id. */
export async function writtenBy(
  { wire, retry }: Pick<UploadOptions, 'wire' | 'retry'>,
  key: string,
  writeId: string,
): Promise<Created | undefined> {
  try {
    const held = await retried(retry, () => wire.head(key));
    return held.writeId === writeId ? { etag: held.etag } : undefined;
  } catch (error) {
    if (failureOf(error) === 'absent') return undefined;
    throw error;
  }
}

/** Creates an object from bytes in one conditional request. */
export async function createWhole(
  options: UploadOptions,
  key: string,
  body: Uint8Array,
): Promise<'created' | 'exists'> {
  const { wire, retry, createId } = options;
  const writeId = createId();
  const answer = await settled(retry, {
    write: () => wire.put(key, body, writeId, CREATE),
    mine: () => writtenBy(options, key, writeId),
  });
  return answer === 'refused' ? 'exists' : 'created';
}

/** Cuts a stream into pieces of exactly `size` bytes; the last may be shorter, and there is always one. */
async function* partsOf(body: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let length = 0;
  for await (const piece of body) {
    for (let at = 0; at < piece.length; ) {
      const take = piece.subarray(at, at + size - length);
      held.push(new Uint8Array(take)); // a copy (slice of a Buffer is none): the source may use its buffer again
      length += take.length;
      at += take.length;
      if (length < size) continue;
      yield Buffer.concat(held);
      held = [];
      length = 0;
    }
  }
  yield Buffer.concat(held);
}

/** Sends parts as they come, a few at a time. The first failure ends the reading of the source. */
async function sendParts(
  { wire, retry, partsInFlight }: UploadOptions,
  key: string,
  uploadId: string,
  parts: AsyncIterable<Uint8Array>,
): Promise<string[]> {
  const etags: string[] = [];
  const sending = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  let number = 0;
  try {
    for await (const part of parts) {
      if (part.length === 0 && number > 0) break;
      number++;
      const own = number;
      const sent = retried(retry, () => wire.putPart(key, uploadId, own, part)).then(
        (etag) => {
          etags[own - 1] = etag;
        },
        (error: unknown) => {
          failure ??= { error };
        },
      );
      const done = sent.finally(() => sending.delete(done));
      sending.add(done);
      if (sending.size >= partsInFlight) await Promise.race(sending);
      if (failure !== undefined) throw failure.error;
    }
  } finally {
    await Promise.all(sending);
  }
  if (failure !== undefined) throw failure.error;
  return etags;
}

async function* withFirst(first: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield first;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}

/** Creates an object from a stream: one request when it fits into a part, else a multipart upload. */
export async function createStreamed(
  options: UploadOptions,
  key: string,
  body: AsyncIterable<Uint8Array>,
): Promise<'created' | 'exists'> {
  const parts = partsOf(body, options.partBytes);
  const first = (await parts.next()).value as Uint8Array;
  if (first.length < options.partBytes) return await createWhole(options, key, first);
  const { wire, retry, createId } = options;
  const writeId = createId();
  let uploadId: string;
  try {
    uploadId = await retried(retry, () => wire.startUpload(key, writeId));
  } catch (error) {
    await parts.return(undefined);
    throw error;
  }
  let isComplete = false;
  try {
    const etags = await sendParts(options, key, uploadId, withFirst(first, parts));
    const answer = await settled(retry, {
      write: () => complete(options, key, uploadId, etags, writeId),
      mine: () => writtenBy(options, key, writeId),
    });
    isComplete = answer !== 'refused';
    return isComplete ? 'created' : 'exists';
  } finally {
    // What cannot be taken back now is taken back by the bucket's lifecycle rule for unfinished uploads.
    if (!isComplete) await wire.abortUpload(key, uploadId).catch(() => undefined);
  }
}

/** An upload that is gone was completed by an earlier try whose answer was lost, or the store took it back. */
async function complete(
  options: UploadOptions,
  key: string,
  uploadId: string,
  etags: readonly string[],
  writeId: string,
): Promise<Created> {
  try {
    return await options.wire.completeUpload(key, uploadId, etags, CREATE);
  } catch (error) {
    if ((error as { name?: unknown }).name !== 'NoSuchUpload') throw error;
    const mine = await writtenBy(options, key, writeId);
    if (mine !== undefined) return mine;
    throw new StoreError(
      'unavailable',
      `write ${key}: the store has forgotten the upload before it was complete. Run the same command again; nothing is lost.`,
      { retryable: true, cause: error },
    );
  }
}
