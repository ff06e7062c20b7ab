import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { StoreError } from './errors.js';
import { checkKey } from './key.js';
import type { ObjectStore } from './port.js';
import { createWireStore } from './s3-store.js';
import type { S3Condition, S3RequestFacts, S3Wire } from './s3-wire.js';

export type { S3RequestFacts } from './s3-wire.js';

export interface S3StoreOptions {
  readonly bucket: string;
  /** Keys of the store lie below this one; empty (default): at the bucket's root. */
  readonly prefix?: string | undefined;
  /** Beginnings of keys that are taken from the bucket's root instead of from `prefix`. */
  readonly fromRoot?: readonly string[] | undefined;
  /** The bucket's region. */
  readonly region: string;
  /** Another store than AWS: MinIO, R2, Ceph, a stand-in. Default: AWS. */
  readonly endpoint?: string | undefined;
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`. Default: with an endpoint. */
  readonly pathStyle?: boolean | undefined;
  /** `when-required` for stores that do not know the SDK's CRC32 headers. Default `when-supported`. */
  readonly checksums?: 'when-supported' | 'when-required' | undefined;
  /** Default: the SDK's chain (environment, profile, container, instance). */
  readonly credentials?:
    | {
        readonly accessKeyId: string;
        readonly secretAccessKey: string;
        readonly sessionToken?: string | undefined;
      }
    | undefined;
  /** Waits between tries, ms. */
  readonly sleep: (ms: number) => Promise<void>;
  /** 0 … 1, for the jitter of waiting. */
  readonly random: () => number;
  /** Text that is unique over all writers: names a write, so that a lost answer can be settled. */
  readonly createId: () => string;
  /** Tries of one request. Default 8: about half a minute of waiting. */
  readonly maxAttempts?: number | undefined;
  /** How long one request may be silent, ms. Default 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Bytes of one part of a streamed body, at least 5 MiB on AWS. Default 8 MiB. */
  readonly partBytes?: number | undefined;
  /** Parts of one body on their way at the same time. Default 4: with `partBytes` this bounds the memory, 40 MiB. */
  readonly partsInFlight?: number | undefined;
  /** Told of every request that was sent, for counting and prices. */
  readonly onRequest?: ((facts: S3RequestFacts) => void) | undefined;
}

/** `name` in lower case, 3 to 63 letters, digits, dots and dashes, as S3 has them. */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

function refuse(option: string, expected: string, got: unknown): never {
  throw new StoreError('invalid-key', `S3 store: ${option}: expected ${expected}, got ${JSON.stringify(got)}`);
}

function checkOptions({ bucket, region, endpoint, partBytes, partsInFlight, maxAttempts }: S3StoreOptions): void {
  if (!BUCKET.test(bucket)) refuse('bucket', 'a bucket name such as my-trades', bucket);
  if (!/^[a-z0-9-]+$/.test(region)) refuse('region', 'a region such as us-east-1', region);
  if (endpoint !== undefined && !/^https?:\/\/[^/]+/.test(endpoint))
    refuse('endpoint', 'http:// or https://', endpoint);
  for (const [option, value] of Object.entries({ partBytes, partsInFlight, maxAttempts })) {
    if (value !== undefined && !(Number.isInteger(value) && value >= 1)) refuse(option, 'a whole number ≥ 1', value);
  }
}

function createClient(options: S3StoreOptions): S3Client {
  const { region, endpoint, credentials, timeoutMs = 60_000 } = options;
  const checksums = options.checksums === 'when-required' ? 'WHEN_REQUIRED' : 'WHEN_SUPPORTED';
  return new S3Client({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined
      ? {}
      : {
          credentials: {
            accessKeyId: credentials.accessKeyId,
            secretAccessKey: credentials.secretAccessKey,
            ...(credentials.sessionToken === undefined ? {} : { sessionToken: credentials.sessionToken }),
          },
        }),
    forcePathStyle: options.pathStyle ?? endpoint !== undefined,
    requestChecksumCalculation: checksums,
    responseChecksumValidation: checksums,
    // Our own tries: only they know whether a conditional write was perhaps done.
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: 5000,
      requestTimeout: timeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: timeoutMs,
    },
  });
}

function conditionOf(condition: S3Condition): { IfNoneMatch: '*' } | { IfMatch: string } {
  return 'ifMatch' in condition ? { IfMatch: condition.ifMatch } : { IfNoneMatch: '*' };
}

/** The name of a write, kept with the object: who reads it back knows whose it is. */
const WRITE_ID = 'schemahub-write';

type Count = (operation: S3RequestFacts['operation'], sent?: number, received?: number) => void;

function uploadVerbs(client: S3Client, Bucket: string, count: Count): Omit<S3Wire, 'get' | 'head' | 'list' | 'delete'> {
  return {
    put: async (Key, Body, writeId, condition) => {
      count('PutObject', Body.length);
      const Metadata = { [WRITE_ID]: writeId };
      const { ETag } = await client.send(
        new PutObjectCommand({ Bucket, Key, Body, Metadata, ...conditionOf(condition) }),
      );
      return { etag: ETag ?? '' };
    },
    startUpload: async (Key, writeId) => {
      count('CreateMultipartUpload');
      const Metadata = { [WRITE_ID]: writeId };
      const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key, Metadata }));
      return UploadId ?? '';
    },
    putPart: async (Key, UploadId, PartNumber, Body) => {
      count('UploadPart', Body.length);
      const { ETag } = await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
      return ETag ?? '';
    },
    completeUpload: async (Key, UploadId, etags, condition) => {
      count('CompleteMultipartUpload');
      const Parts = etags.map((ETag, index) => ({ ETag, PartNumber: index + 1 }));
      const { ETag } = await client.send(
        new CompleteMultipartUploadCommand({
          Bucket,
          Key,
          UploadId,
          MultipartUpload: { Parts },
          ...conditionOf(condition),
        }),
      );
      return { etag: ETag ?? '' };
    },
    abortUpload: async (Key, UploadId) => {
      count('AbortMultipartUpload');
      await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
    },
  };
}

function readVerbs(client: S3Client, Bucket: string, count: Count): Pick<S3Wire, 'get' | 'head' | 'list' | 'delete'> {
  return {
    get: async (Key, Range) => {
      const answer = await client.send(
        new GetObjectCommand({ Bucket, Key, ...(Range === undefined ? {} : { Range }) }),
      );
      const bytes = (await answer.Body?.transformToByteArray()) ?? new Uint8Array();
      count('GetObject', 0, bytes.length);
      if (answer.ContentLength !== undefined && answer.ContentLength !== bytes.length)
        throw Object.assign(new Error(`got ${bytes.length} of ${answer.ContentLength} bytes`), { code: 'ECONNRESET' });
      return { bytes, etag: answer.ETag ?? '' };
    },
    head: async (Key) => {
      count('HeadObject');
      const { ETag, ContentLength, Metadata } = await client.send(new HeadObjectCommand({ Bucket, Key }));
      return { etag: ETag ?? '', size: ContentLength ?? 0, writeId: Metadata?.[WRITE_ID] };
    },
    list: async (Prefix, { startAfter, token }) => {
      count('ListObjectsV2');
      const { Contents, IsTruncated, NextContinuationToken } = await client.send(
        new ListObjectsV2Command({
          Bucket,
          Prefix,
          ...(startAfter === undefined ? {} : { StartAfter: startAfter }),
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
      );
      const entries = (Contents ?? []).map(({ Key, Size, LastModified }) => ({
        key: Key ?? '',
        size: Size ?? 0,
        modifiedAt: LastModified?.getTime() ?? 0,
      }));
      return { entries, next: IsTruncated === true ? NextContinuationToken : undefined };
    },
    delete: async (keys) => {
      count('DeleteObjects');
      const { Errors } = await client.send(
        new DeleteObjectsCommand({ Bucket, Delete: { Quiet: true, Objects: keys.map((Key) => ({ Key })) } }),
      );
      return (Errors ?? []).map(({ Key, Code, Message }) => ({
        key: Key ?? '',
        code: Code ?? '',
        message: Message ?? '',
      }));
    },
  };
}

/**
 * An object store on S3 or on what speaks its language. A create is one conditional request (`If-None-Match: *`), or a
 * multipart upload whose completion is conditional; a replacement is bound to the entity tag (`If-Match`). A lost answer
 * is settled by reading back. Needs `@aws-sdk/client-s3`. `close` ends its idle connections.
 */
export function createS3Store(options: S3StoreOptions): ObjectStore & { readonly close: () => void } {
  checkOptions(options);
  const { bucket, region, sleep, random, createId, maxAttempts = 8, onRequest } = options;
  const prefix = (options.prefix ?? '').replace(/^\/+|\/+$/g, '');
  if (prefix !== '') checkKey(prefix);
  const client = createClient(options);
  const count: Count = (operation, sent = 0, received = 0) => onRequest?.({ operation, sent, received });
  const wire: S3Wire = { ...uploadVerbs(client, bucket, count), ...readVerbs(client, bucket, count) };
  const store = createWireStore({
    wire,
    bucket,
    region,
    prefix,
    fromRoot: options.fromRoot ?? [],
    retry: { maxAttempts, sleep, random },
    createId,
    partBytes: options.partBytes ?? 8 * 1024 * 1024,
    partsInFlight: options.partsInFlight ?? 4,
  });
  return { ...store, close: () => client.destroy() };
}
