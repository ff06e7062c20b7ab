import { checkKey, checkPrefix } from './key.js';
import type { GetOptions, ObjectEntry, ObjectStore, StoredObject } from './port.js';
import { explainS3, failureOf } from './s3-failure.js';
import { retried, type S3Retry, settled } from './s3-retry.js';
import { createStreamed, createWhole, type UploadOptions, writtenBy } from './s3-upload.js';
import type { S3Wire } from './s3-wire.js';

export interface WireStoreOptions {
  readonly wire: S3Wire;
  readonly bucket: string;
  readonly region: string;
  /** Keys of the store lie below this one, without a slash at its end; empty: at the bucket's root. */
  readonly prefix: string;
  /** Beginnings of keys that are taken from the bucket's root instead, without a slash at their end. */
  readonly fromRoot: readonly string[];
  readonly retry: S3Retry;
  readonly createId: () => string;
  readonly partBytes: number;
  readonly partsInFlight: number;
}

const KEYS_A_DELETE = 1000;

function isOwnKey(key: string): boolean {
  try {
    return checkKey(key) === key;
  } catch {
    return false; // a folder marker of a console, or a name that is none of ours
  }
}

/** The header of a range; `empty` when it can hold nothing. Both ends from the end are for the caller to resolve. */
function rangeHeader(range: NonNullable<GetOptions['range']>): string | 'empty' | 'needs-size' {
  const { start, end } = range;
  if (start < 0) return end === undefined ? `bytes=${start}` : 'needs-size';
  if (end === undefined) return `bytes=${start}-`;
  if (end < 0) return 'needs-size';
  return end <= start ? 'empty' : `bytes=${start}-${end - 1}`;
}

function createReader({
  wire,
  retry,
}: WireStoreOptions): (key: string, range: GetOptions['range']) => Promise<StoredObject | undefined> {
  const head = async (key: string): Promise<{ etag: string; size: number }> =>
    await retried(retry, () => wire.head(key));
  const empty = async (key: string): Promise<StoredObject> => ({
    bytes: new Uint8Array(),
    version: (await head(key)).etag,
  });
  const read = async (key: string, range: GetOptions['range']): Promise<StoredObject> => {
    let header = range && rangeHeader(range);
    if (header === 'needs-size' && range !== undefined) {
      const { size } = await head(key);
      const at = (bound: number): number => (bound < 0 ? Math.max(0, size + bound) : bound);
      header = rangeHeader({ start: at(range.start), end: at(range.end ?? size) });
    }
    if (header === 'empty') return await empty(key);
    try {
      const { bytes, etag } = await retried(retry, () => wire.get(key, header));
      return { bytes, version: etag };
    } catch (error) {
      if (failureOf(error) === 'range') return await empty(key);
      throw error;
    }
  };
  return async (key, range) => {
    try {
      return await read(key, range);
    } catch (error) {
      if (failureOf(error) === 'absent') return undefined;
      throw error;
    }
  };
}

async function replace(
  options: WireStoreOptions,
  key: string,
  body: Uint8Array,
  version: string | undefined,
): Promise<{ version: string } | 'conflict'> {
  const { wire, retry, createId } = options;
  const writeId = createId();
  const condition = version === undefined ? ({ ifNoneMatch: '*' } as const) : { ifMatch: version };
  const answer = await settled(retry, {
    write: () => wire.put(key, body, writeId, condition),
    mine: () => writtenBy(options, key, writeId),
  });
  return answer === 'refused' ? 'conflict' : { version: answer.etag };
}

async function deleteAll({ wire, retry }: WireStoreOptions, keys: readonly string[]): Promise<void> {
  for (let at = 0; at < keys.length; at += KEYS_A_DELETE) {
    const batch = keys.slice(at, at + KEYS_A_DELETE);
    // The answer may be 200 and say that some of them failed; deleting again what is gone harms nothing.
    await retried(retry, async () => {
      const [failed] = await wire.delete(batch);
      if (failed !== undefined)
        throw Object.assign(new Error(`${failed.key}: ${failed.message}`), { name: failed.code });
    });
  }
}

/** The port on top of S3's operations: retries, lost answers, multipart, listings. No SDK in it. */
export function createWireStore(options: WireStoreOptions): ObjectStore {
  const { wire, bucket, region, prefix, fromRoot, retry } = options;
  const location = `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`;
  const base = prefix === '' ? '' : `${prefix}/`;
  const isFromRoot = (key: string): boolean => fromRoot.some((part) => key === part || key.startsWith(`${part}/`));
  const baseOf = (key: string): string => (isFromRoot(key) ? '' : base);
  const wholeKey = (key: string): string => `${baseOf(checkKey(key))}${key}`;
  const upload: UploadOptions = options;
  const read = createReader(options);
  const explain = (error: unknown, doing: string): unknown =>
    error instanceof SourceError ? error.cause : explainS3(error, { doing: `${doing} in ${location}`, bucket, region });
  const attempt = async <T>(doing: string, run: () => Promise<T>): Promise<T> => {
    try {
      return await run();
    } catch (error) {
      throw explain(error, doing);
    }
  };
  async function* list(keyPrefix: string, startAfter: string | undefined): AsyncGenerator<ObjectEntry> {
    const own = baseOf(keyPrefix);
    for (let token: string | undefined, isFirst = true; isFirst || token !== undefined; isFirst = false) {
      const after = isFirst && startAfter !== undefined && startAfter !== '' ? `${own}${startAfter}` : undefined;
      const current = token;
      const { entries, next } = await attempt(`list ${keyPrefix}`, () =>
        retried(retry, () => wire.list(`${own}${keyPrefix}`, { startAfter: after, token: current })),
      );
      for (const entry of entries) {
        const key = entry.key.slice(own.length);
        if (isOwnKey(key)) yield { ...entry, key };
      }
      token = next;
    }
  }
  return {
    location,
    get: (key, getOptions) => attempt(`read ${key}`, async () => await read(wholeKey(key), getOptions?.range)),
    putIfAbsent: (key, body) =>
      attempt(`write ${key}`, async () =>
        body instanceof Uint8Array
          ? await createWhole(upload, wholeKey(key), body)
          : await createStreamed(upload, wholeKey(key), sourceOf(body)),
      ),
    putIfMatch: (key, body, version) =>
      attempt(`write ${key}`, async () => await replace(options, wholeKey(key), body, version)),
    list: (keyPrefix, listOptions) => list(checkPrefix(keyPrefix), listOptions?.startAfter),
    delete: (keys) => attempt('delete', async () => await deleteAll(options, keys.map(wholeKey))),
    urlOf: (key) => `s3://${bucket}/${wholeKey(key)}`,
  };
}

/** An error of the caller's own stream: it is passed on as it is, and never taken for the store's. */
class SourceError {
  readonly cause: unknown;
  constructor(cause: unknown) {
    this.cause = cause;
  }
}

async function* sourceOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw new SourceError(error);
  }
}
