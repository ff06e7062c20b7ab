import { type CheckedBody, checkBody, type Headers } from './s3-body.js';
import { S3SimError } from './s3-error.js';
import type { Bucket, SimObject, WriteCondition } from './s3-state.js';
import { xmlDocument, xmlTexts } from './xml.js';

/** A request, taken apart. */
export interface S3Call {
  readonly operation: S3Operation;
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

export interface S3Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

export type S3Operation =
  | 'CreateBucket'
  | 'HeadBucket'
  | 'ListObjectsV2'
  | 'DeleteObjects'
  | 'GetObject'
  | 'HeadObject'
  | 'PutObject'
  | 'DeleteObject'
  | 'CreateMultipartUpload'
  | 'UploadPart'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload';

/** What a request asks for, by method, place and query; undefined when the stand-in does not know it. */
export function operationOf(method: string, key: string, query: URLSearchParams): S3Operation | undefined {
  const of = `${method} ${key === '' ? 'bucket' : 'object'}`;
  const upload = query.has('uploadId');
  switch (of) {
    case 'PUT bucket':
      return query.size === 0 ? 'CreateBucket' : undefined;
    case 'HEAD bucket':
      return 'HeadBucket';
    case 'GET bucket':
      return query.get('list-type') === '2' ? 'ListObjectsV2' : undefined;
    case 'POST bucket':
      return query.has('delete') ? 'DeleteObjects' : undefined;
    case 'GET object':
      return upload ? undefined : 'GetObject';
    case 'HEAD object':
      return 'HeadObject';
    case 'PUT object':
      return upload ? 'UploadPart' : 'PutObject';
    case 'DELETE object':
      return upload ? 'AbortMultipartUpload' : 'DeleteObject';
    case 'POST object':
      return upload ? 'CompleteMultipartUpload' : query.has('uploads') ? 'CreateMultipartUpload' : undefined;
    default:
      return undefined;
  }
}

/** Most keys that one page of a listing holds. */
export const PAGE_KEYS = 1000;

type Operate = (call: S3Call, bucket: Bucket, options: { readonly pageKeys: number }) => S3Answer;

function xml(root: string, values: Parameters<typeof xmlDocument>[1], headers: S3Answer['headers'] = {}): S3Answer {
  return { status: 200, headers: { 'content-type': 'application/xml', ...headers }, body: xmlDocument(root, values) };
}

function empty(status: number, headers: S3Answer['headers'] = {}): S3Answer {
  return { status, headers, body: '' };
}

function conditionOf({ headers }: S3Call): WriteCondition {
  return { ifNoneMatch: headers['if-none-match'], ifMatch: headers['if-match'] };
}

/** The headers of a write that come back with the object. */
function keptHeaders({ headers }: S3Call): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    if (name.startsWith('x-amz-meta-') || name === 'content-type') kept[name] = value;
    if (name === 'content-encoding') {
      const own = value.split(',').filter((part) => part.trim() !== 'aws-chunked');
      if (own.length > 0) kept[name] = own.join(',');
    }
  }
  return kept;
}

function objectOf(call: S3Call, bucket: Bucket): SimObject {
  const held = bucket.objects.get(call.key);
  if (held === undefined)
    throw new S3SimError(404, 'NoSuchKey', 'The specified key does not exist.', { Key: call.key });
  return held;
}

function objectHeaders(call: S3Call, object: SimObject): Record<string, string> {
  const wantsChecksum = call.headers['x-amz-checksum-mode'] === 'ENABLED' && object.checksum !== undefined;
  return {
    ...object.headers,
    etag: object.etag,
    'accept-ranges': 'bytes',
    'last-modified': new Date(object.modifiedAt).toUTCString(),
    ...(wantsChecksum ? { [`x-amz-checksum-${object.checksum?.name}`]: object.checksum?.value ?? '' } : {}),
  };
}

/** First and last byte of a `Range` header; undefined when there is none. Throws `InvalidRange`. */
function rangeOf(text: string | undefined, size: number): { first: number; last: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(text ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return undefined;
  const first = match[1] === '' ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const last = match[1] === '' || match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (first >= size || last < first || (match[1] === '' && match[2] === '0'))
    throw new S3SimError(416, 'InvalidRange', 'The requested range is not satisfiable', {
      ActualObjectSize: String(size),
    });
  return { first, last };
}

const getObject: Operate = (call, bucket) => {
  const object = objectOf(call, bucket);
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch, range: rangeText } = call.headers;
  if (ifMatch !== undefined && ifMatch.replaceAll('"', '') !== object.etag.replaceAll('"', ''))
    throw new S3SimError(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');
  const headers = objectHeaders(call, object);
  if (ifNoneMatch !== undefined && ifNoneMatch.replaceAll('"', '') === object.etag.replaceAll('"', ''))
    return empty(304, headers);
  const size = object.bytes.length;
  const range = rangeOf(rangeText, size);
  if (range === undefined)
    return { status: 200, headers: { ...headers, 'content-length': String(size) }, body: object.bytes };
  const body = object.bytes.subarray(range.first, range.last + 1);
  const part = Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('x-amz-checksum-')));
  return {
    status: 206,
    headers: {
      ...part,
      'content-length': String(body.length),
      'content-range': `bytes ${range.first}-${range.last}/${size}`,
    },
    body,
  };
};

const listObjects: Operate = ({ query, bucket: name }, bucket, { pageKeys }) => {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const token = query.get('continuation-token');
  const after = token === null ? (query.get('start-after') ?? '') : Buffer.from(token, 'base64url').toString('utf8');
  const most = Math.min(Number(query.get('max-keys') ?? PAGE_KEYS), pageKeys);
  const keys = [...bucket.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
  const contents: { Key: string; LastModified: string; ETag: string; Size: number; StorageClass: string }[] = [];
  const common = new Set<string>();
  let last = after;
  let isTruncated = false;
  for (const key of keys) {
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const group = cut < 0 ? undefined : key.slice(0, cut + delimiter.length);
    if (group !== undefined && common.has(group)) {
      last = key;
      continue;
    }
    if (contents.length + common.size === most) {
      isTruncated = true;
      break;
    }
    last = key;
    if (group !== undefined) common.add(group);
    else {
      const { modifiedAt, etag, bytes } = bucket.objects.get(key)!;
      contents.push({
        Key: key,
        LastModified: new Date(modifiedAt).toISOString(),
        ETag: etag,
        Size: bytes.length,
        StorageClass: 'STANDARD',
      });
    }
  }
  return xml('ListBucketResult', {
    Name: name,
    Prefix: prefix,
    MaxKeys: most,
    KeyCount: contents.length + common.size,
    IsTruncated: isTruncated,
    NextContinuationToken: isTruncated ? Buffer.from(last).toString('base64url') : undefined,
    Contents: contents,
    CommonPrefixes: [...common].map((Prefix) => ({ Prefix })),
  });
};

const deleteObjects: Operate = (call, bucket) => {
  const { headers } = call;
  const { bytes, checksum } = checkBody(headers, call.body);
  if (checksum === undefined && headers['content-md5'] === undefined)
    throw new S3SimError(400, 'InvalidRequest', 'Missing required header for this request: Content-MD5 or a checksum');
  const text = Buffer.from(bytes).toString('utf8');
  const keys = xmlTexts(text, 'Key');
  if (keys.length === 0 || keys.length > PAGE_KEYS)
    throw new S3SimError(400, 'MalformedXML', `a delete names 1 to ${PAGE_KEYS} keys, got ${keys.length}`);
  for (const key of keys) bucket.objects.delete(key);
  const isQuiet = xmlTexts(text, 'Quiet')[0] === 'true';
  return xml('DeleteResult', { Deleted: isQuiet ? [] : keys.map((Key) => ({ Key })) });
};

function written(object: Pick<SimObject, 'etag'>, checksum: CheckedBody['checksum']): S3Answer {
  return empty(200, {
    etag: object.etag,
    ...(checksum === undefined ? {} : { [`x-amz-checksum-${checksum.name}`]: checksum.value }),
  });
}

const completeUpload: Operate = (call, bucket) => {
  const { bucket: name, key, query } = call;
  const { bytes } = checkBody(call.headers, call.body);
  const text = Buffer.from(bytes).toString('utf8');
  const parts = xmlTexts(text, 'Part').map((part) => ({
    number: Number(xmlTexts(part, 'PartNumber')[0]),
    etag: xmlTexts(part, 'ETag')[0] ?? '',
  }));
  const object = bucket.completeUpload(key, query.get('uploadId') ?? '', parts, conditionOf(call));
  return xml('CompleteMultipartUploadResult', { Bucket: name, Key: key, ETag: object.etag });
};

/** Every operation but `CreateBucket`, on a bucket that is there. */
export const operations: Readonly<Record<Exclude<S3Operation, 'CreateBucket'>, Operate>> = {
  HeadBucket: () => empty(200),
  ListObjectsV2: listObjects,
  DeleteObjects: deleteObjects,
  GetObject: getObject,
  HeadObject: (call, bucket) => {
    const object = objectOf(call, bucket);
    return empty(200, { ...objectHeaders(call, object), 'content-length': String(object.bytes.length) });
  },
  PutObject: (call, bucket) => {
    const body = checkBody(call.headers, call.body);
    return written(bucket.put(call.key, body, keptHeaders(call), conditionOf(call)), body.checksum);
  },
  DeleteObject: ({ key }, bucket) => {
    bucket.objects.delete(key);
    return empty(204);
  },
  CreateMultipartUpload: (call, bucket) => {
    const { bucket: name, key } = call;
    return xml('InitiateMultipartUploadResult', {
      Bucket: name,
      Key: key,
      UploadId: bucket.startUpload(key, keptHeaders(call)),
    });
  },
  UploadPart: (call, bucket) => {
    const { bytes, checksum } = checkBody(call.headers, call.body);
    const { key, query } = call;
    const etag = bucket.putPart(key, query.get('uploadId') ?? '', Number(query.get('partNumber')), bytes);
    return written({ etag }, checksum);
  },
  CompleteMultipartUpload: completeUpload,
  AbortMultipartUpload: ({ key, query }, bucket) => {
    bucket.abortUpload(key, query.get('uploadId') ?? '');
    return empty(204);
  },
};
