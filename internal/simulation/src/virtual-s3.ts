import type { ObjectStore } from '@schemahub/object-store';
import { createWireStore, type S3Condition, type S3Wire } from '@schemahub/object-store/testing';
import { createDraws } from './draws.js';
import { createCalls, type PerformCall, type VirtualStoreOptions } from './virtual-calls.js';

interface Upload {
  readonly writeId: string;
  readonly parts: Map<number, Uint8Array>;
}

/** A bucket as S3 keeps it: objects, and what S3 knows besides their bytes. */
export interface VirtualBucket {
  readonly base: ObjectStore;
  /** Whose write made an object: its metadata. */
  readonly writeIds: Map<string, string>;
  readonly uploads: Map<string, Upload>;
  /** Uploads that were ever begun. */
  begun: number;
}

export function createVirtualBucket(base: ObjectStore): VirtualBucket {
  return { base, writeIds: new Map(), uploads: new Map(), begun: 0 };
}

/** An error as the SDK makes it: with a status when there was an answer. */
function wireError(name: string, status: number | undefined, where: string): Error {
  return Object.assign(new Error(`simulated: ${where}`), { name, $metadata: { httpStatusCode: status } });
}

const refusals = {
  fail: (where: string) => wireError('SlowDown', 503, where),
  lose: (where: string) => wireError('TimeoutError', undefined, where),
  undecided: (where: string) => wireError('ConditionalRequestConflict', 409, where),
};

/** The one way in which bytes come into a bucket; undefined: the condition did not hold. */
async function write(
  { base, writeIds }: VirtualBucket,
  key: string,
  body: Uint8Array,
  { writeId, condition }: { readonly writeId: string; readonly condition: S3Condition },
): Promise<{ etag: string } | undefined> {
  if ('ifMatch' in condition) {
    const answer = await base.putIfMatch(key, body, condition.ifMatch);
    if (answer === 'conflict') return undefined;
    writeIds.set(key, writeId);
    return { etag: answer.version };
  }
  if ((await base.putIfAbsent(key, body)) === 'exists') return undefined;
  writeIds.set(key, writeId);
  return { etag: (await base.get(key))!.version };
}

function rangeOf(header: string | undefined): { start: number; end: number | undefined } | undefined {
  const [, start = '', end = ''] = /^bytes=(-?\d+)-?(\d*)$/.exec(header ?? '') ?? [];
  return header === undefined ? undefined : { start: Number(start), end: end === '' ? undefined : Number(end) + 1 };
}

function readingVerbs({ base, writeIds }: VirtualBucket, perform: PerformCall, pageSize: number) {
  const found = async (verb: string, key: string) => {
    const object = await perform(
      verb,
      key,
      () => base.get(key),
      (held) => (held === undefined ? 'absent' : `${held.bytes.length} bytes`),
    );
    if (object === undefined) throw wireError('NoSuchKey', 404, key);
    return object;
  };
  return {
    get: async (key, header) => {
      const { bytes, version } = await found('get', key);
      const range = rangeOf(header);
      if (range !== undefined && range.start >= bytes.length) throw wireError('InvalidRange', 416, key);
      return { bytes: range === undefined ? bytes : bytes.slice(range.start, range.end), etag: version };
    },
    head: async (key) => {
      const { bytes, version } = await found('head', key);
      return { etag: version, size: bytes.length, writeId: writeIds.get(key) };
    },
    list: async (prefix, { startAfter, token }) => {
      const readPage = async () => {
        const entries = [];
        for await (const entry of base.list(prefix, { startAfter: token ?? startAfter })) {
          entries.push(entry);
          if (entries.length === pageSize) break;
        }
        return entries;
      };
      const entries = await perform('list', prefix, readPage, (page) => `${page.length} keys`);
      return { entries, next: entries.length < pageSize ? undefined : entries.at(-1)!.key };
    },
  } satisfies Pick<S3Wire, 'get' | 'head' | 'list'>;
}

function writingVerbs(bucket: VirtualBucket, perform: PerformCall) {
  const { base, writeIds } = bucket;
  return {
    put: async (key, body, writeId, condition) => {
      // The bytes as they are now: the request may arrive when the caller uses its buffer again.
      const sent = body.slice();
      const verb = 'ifMatch' in condition ? 'replace' : 'create';
      const act = () => write(bucket, key, sent, { writeId, condition });
      const answer = await perform(verb, key, act, (made) => (made === undefined ? 'refused' : 'written'));
      if (answer === undefined) throw wireError('PreconditionFailed', 412, key);
      return answer;
    },
    delete: async (keys) => {
      const act = async (): Promise<void> => {
        await base.delete(keys);
        for (const key of keys) writeIds.delete(key);
      };
      await perform('delete', keys.join(' '), act, () => 'done');
      return [];
    },
  } satisfies Pick<S3Wire, 'put' | 'delete'>;
}

function uploadVerbs(bucket: VirtualBucket, perform: PerformCall) {
  const { uploads } = bucket;
  return {
    startUpload: async (key, writeId) =>
      await perform(
        'start-upload',
        key,
        async () => {
          const id = `upload-${++bucket.begun}`;
          uploads.set(id, { writeId, parts: new Map() });
          return id;
        },
        String,
      ),
    putPart: async (key, id, number, body) => {
      const sent = body.slice();
      const act = async () => void uploads.get(id)?.parts.set(number, sent);
      await perform('put-part', `${key} ${number}`, act, () => `${sent.length} bytes`);
      return `${number}`;
    },
    completeUpload: async (key, id, etags, condition) => {
      const act = async () => {
        const upload = uploads.get(id);
        if (upload === undefined) return 'gone';
        const body = Buffer.concat(etags.map((etag) => upload.parts.get(Number(etag))!));
        const made = await write(bucket, key, new Uint8Array(body), { writeId: upload.writeId, condition });
        if (made !== undefined) uploads.delete(id);
        return made;
      };
      const answer = await perform('create', key, act, (made) => (made === undefined ? 'refused' : 'written'));
      if (answer === 'gone') throw wireError('NoSuchUpload', 404, key);
      if (answer === undefined) throw wireError('PreconditionFailed', 412, key);
      return answer;
    },
    abortUpload: async (key, id) =>
      await perform(
        'abort-upload',
        key,
        async () => void uploads.delete(id),
        () => 'done',
      ),
  } satisfies Omit<S3Wire, 'get' | 'head' | 'list' | 'put' | 'delete'>;
}

/** The lake on S3 as one process sees it: our driver, whose every request goes through a network that fails. */
export function createVirtualS3(bucket: VirtualBucket, options: VirtualStoreOptions): ObjectStore {
  const { scenario, process } = options;
  const { maxAttempts, partBytes } = scenario.s3!;
  const perform = createCalls(options, (where, kind) => refusals[kind](where));
  let writes = 0;
  return createWireStore({
    wire: {
      ...readingVerbs(bucket, perform, scenario.listPage),
      ...writingVerbs(bucket, perform),
      ...uploadVerbs(bucket, perform),
    },
    bucket: 'simulated-lake',
    region: 'us-east-1',
    prefix: '',
    fromRoot: [],
    retry: {
      maxAttempts,
      sleep: (ms) => process.clock.sleep(ms),
      random: createDraws(scenario.seed, `${process.name} back-off`),
    },
    createId: () => `${process.name}-write-${++writes}`,
    partBytes,
    partsInFlight: 2,
  });
}
