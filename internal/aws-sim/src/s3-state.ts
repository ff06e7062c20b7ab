import { createHash } from 'node:crypto';
import { md5 } from './checksums.js';
import type { CheckedBody } from './s3-body.js';
import { S3SimError } from './s3-error.js';

export interface SimObject {
  readonly bytes: Uint8Array;
  /** With its quotes, as the header carries it. */
  readonly etag: string;
  readonly modifiedAt: number;
  /** `x-amz-meta-…`, `content-type` and `content-encoding`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly checksum: CheckedBody['checksum'];
}

interface Upload {
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly parts: Map<number, { readonly bytes: Uint8Array; readonly etag: string }>;
}

export interface WriteCondition {
  readonly ifNoneMatch: string | undefined;
  readonly ifMatch: string | undefined;
}

/** One bucket. Every check and its write stand together without an await: atomic in one process, as S3 is everywhere. */
export interface Bucket {
  readonly objects: Map<string, SimObject>;
  readonly uploads: Map<string, Upload>;
  readonly put: (key: string, body: CheckedBody, headers: SimObject['headers'], condition: WriteCondition) => SimObject;
  readonly startUpload: (key: string, headers: SimObject['headers']) => string;
  readonly putPart: (key: string, uploadId: string, part: number, bytes: Uint8Array) => string;
  readonly completeUpload: (
    key: string,
    uploadId: string,
    parts: readonly { readonly number: number; readonly etag: string }[],
    condition: WriteCondition,
  ) => SimObject;
  readonly abortUpload: (key: string, uploadId: string) => void;
}

/** S3's least size of every part but the last. */
export const MIN_PART_BYTES: number = 5 * 1024 * 1024;

function checkCondition(held: SimObject | undefined, { ifNoneMatch, ifMatch }: WriteCondition): void {
  const failed = new S3SimError(
    412,
    'PreconditionFailed',
    'At least one of the pre-conditions you specified did not hold',
  );
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*')
    throw new S3SimError(501, 'NotImplemented', 'a write takes If-None-Match: * only');
  if (ifNoneMatch === '*' && held !== undefined) throw failed;
  if (ifMatch === undefined) return;
  if (held === undefined) throw new S3SimError(404, 'NoSuchKey', 'The specified key does not exist.');
  if (ifMatch.replaceAll('"', '') !== held.etag.replaceAll('"', '')) throw failed;
}

/** A bucket in memory. `now`: store's clock, ms since 1970. */
export function createBucket(options: {
  readonly now: () => number;
  readonly minPartBytes: number;
  /** Takes writes whose condition does not hold, as services do that only look like S3. */
  readonly ignoresConditions?: boolean;
}): Bucket {
  const check = options.ignoresConditions === true ? () => undefined : checkCondition;
  const objects = new Map<string, SimObject>();
  const uploads = new Map<string, Upload>();
  let uploadCount = 0;
  const uploadOf = (key: string, uploadId: string): Upload => {
    const upload = uploads.get(uploadId);
    if (upload?.key !== key) throw new S3SimError(404, 'NoSuchUpload', 'The specified upload does not exist.');
    return upload;
  };
  return {
    objects,
    uploads,
    put: (key, { bytes, checksum }, headers, condition) => {
      check(objects.get(key), condition);
      const object = { bytes, etag: `"${md5(bytes, 'hex')}"`, modifiedAt: options.now(), headers, checksum };
      objects.set(key, object);
      return object;
    },
    startUpload: (key, headers) => {
      uploadCount++;
      const id = `upload-${uploadCount}`;
      uploads.set(id, { key, headers, parts: new Map() });
      return id;
    },
    putPart: (key, uploadId, part, bytes) => {
      if (!(Number.isInteger(part) && part >= 1 && part <= 10_000))
        throw new S3SimError(400, 'InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive');
      const etag = `"${md5(bytes, 'hex')}"`;
      uploadOf(key, uploadId).parts.set(part, { bytes, etag });
      return etag;
    },
    completeUpload: (key, uploadId, parts, condition) => {
      const upload = uploadOf(key, uploadId);
      const chosen = parts.map(({ number, etag }, index) => {
        const part = upload.parts.get(number);
        if (part === undefined || part.etag.replaceAll('"', '') !== etag.replaceAll('"', ''))
          throw new S3SimError(400, 'InvalidPart', `part ${number} was not found or its entity tag is another one`);
        if (index > 0 && number <= parts[index - 1]!.number)
          throw new S3SimError(400, 'InvalidPartOrder', 'the list of parts was not in ascending order');
        if (index < parts.length - 1 && part.bytes.length < options.minPartBytes)
          throw new S3SimError(400, 'EntityTooSmall', `part ${number} has ${part.bytes.length} bytes`);
        return part;
      });
      if (chosen.length === 0) throw new S3SimError(400, 'MalformedXML', 'a list of parts names at least one');
      check(objects.get(key), condition);
      const digest = createHash('md5');
      for (const { etag } of chosen) digest.update(Buffer.from(etag.replaceAll('"', ''), 'hex'));
      const object = {
        bytes: Buffer.concat(chosen.map(({ bytes }) => bytes)),
        etag: `"${digest.digest('hex')}-${chosen.length}"`,
        modifiedAt: options.now(),
        headers: upload.headers,
        checksum: undefined,
      };
      objects.set(key, object);
      uploads.delete(uploadId);
      return object;
    },
    abortUpload: (key, uploadId) => {
      uploadOf(key, uploadId);
      uploads.delete(uploadId);
    },
  };
}
