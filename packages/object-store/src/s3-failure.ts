import { StoreError } from './errors.js';

/** What an error of one attempt means for the next step. */
export type S3Failure =
  /** The key is not there. */
  | 'absent'
  /** The condition of a write did not hold: 412. */
  | 'precondition'
  /** Concurrent conditional writes; S3 did not decide: 409. Nothing was written. */
  | 'undecided'
  /** The range begins beyond the object's end. */
  | 'range'
  /** 5xx, time-out, reset: it may or may not have happened. */
  | 'unsure'
  /** The machine's clock; the SDK has corrected itself by the answer's date, so that another try may do. */
  | 'skew'
  | 'refused';

interface Facts {
  readonly name: string;
  readonly code: string;
  readonly status: number | undefined;
  readonly message: string;
  readonly region: string | undefined;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The members of an SDK error that say what happened; none of its types are needed for that. */
function factsOf(error: unknown): Facts {
  const { name, code, Code, message, Region, $metadata, $response, cause } = error as Record<string, unknown>;
  const inner = (cause ?? {}) as Record<string, unknown>;
  const headers = ($response as { headers?: Record<string, string> } | undefined)?.headers;
  return {
    name: textOf(name),
    code: textOf(code) || textOf(Code) || textOf(inner.code),
    status: ($metadata as { httpStatusCode?: number } | undefined)?.httpStatusCode,
    message: textOf(message),
    region: textOf(Region) || headers?.['x-amz-bucket-region'] || undefined,
  };
}

const UNSURE_NAMES =
  /^(TimeoutError|RequestTimeout|RequestTimeoutException|SlowDown|ServiceUnavailable|InternalError|Throttling.*|TooManyRequests.*|RequestLimitExceeded|AbortError)$/;
const UNSURE_CODES =
  /^(ECONNRESET|ECONNREFUSED|ECONNABORTED|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ERR_STREAM_PREMATURE_CLOSE|UND_ERR_.*)$/;

/** `status` wins where names differ between stores: a HEAD has no body to say `NoSuchKey`. */
export function failureOf(error: unknown): S3Failure {
  const { name, code, status, message } = factsOf(error);
  if (
    name === 'NoSuchKey' ||
    name === 'NotFound' ||
    (status === 404 && name !== 'NoSuchBucket' && name !== 'NoSuchUpload')
  )
    return 'absent';
  if (status === 412) return 'precondition';
  if (status === 409) return 'undecided';
  if (status === 416) return 'range';
  if (name === 'RequestTimeTooSkewed' || name === 'RequestExpired') return 'skew';
  if (status === 501) return 'refused';
  if (status === 429 || (status !== undefined && status >= 500)) return 'unsure';
  if (UNSURE_NAMES.test(name) || UNSURE_CODES.test(code)) return 'unsure';
  // Node's own words for a connection that ended in mid-answer, the SDK's for bytes that changed on their way.
  return /socket hang up|aborted|premature close|checksum mismatch/i.test(message) ? 'unsure' : 'refused';
}

const CREDENTIALS =
  /^(CredentialsProviderError|ExpiredToken|ExpiredTokenException|TokenRefreshRequired|InvalidToken|InvalidAccessKeyId|SignatureDoesNotMatch|UnrecognizedClientException|InvalidClientTokenId)$/;
const OTHER_REGION = /^(PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException|301)$/;

/** An error of the SDK as a sentence: what, where, what to do. `doing`: `write KEY in s3://…`. */
export function explainS3(
  error: unknown,
  { doing, bucket, region }: { readonly doing: string; readonly bucket: string; readonly region: string },
): StoreError {
  if (error instanceof StoreError) return error;
  const { name, code, status, message, region: right } = factsOf(error);
  const cause = { cause: error };
  const said = name || code || String(status);
  if (CREDENTIALS.test(name)) {
    const expired = /Expired|Refresh/.test(name);
    return new StoreError(
      'credentials',
      `${doing}: AWS does not accept the credentials (${said}: ${message}). ${expired ? 'They have expired: sign in again (aws sso login, or new AWS_SESSION_TOKEN)' : 'Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run with a role'} and run the same command again; nothing is lost.`,
      cause,
    );
  }
  if (failureOf(error) === 'skew')
    return new StoreError(
      'clock-skew',
      `${doing}: this computer’s clock differs from AWS’s by more than 15 minutes (${said}). Set the clock (chrony, timedatectl set-ntp true) and run the same command again; nothing is lost.`,
      cause,
    );
  if (OTHER_REGION.test(name) || status === 301)
    return new StoreError(
      'wrong-region',
      `${doing}: the bucket ${bucket} is not in ${region}${right === undefined ? '' : ` but in ${right}`} (${said}). Set AWS_REGION to the bucket’s region${right === undefined ? '' : `: AWS_REGION=${right}`}.`,
      cause,
    );
  if (name === 'NoSuchBucket')
    return new StoreError(
      'not-found',
      `${doing}: there is no bucket ${bucket}. Check --lake or S3_BUCKET, or make it: aws s3 mb s3://${bucket} --region ${region}`,
      cause,
    );
  if (status === 501)
    return new StoreError(
      'no-conditional-writes',
      `${doing}: this store does not know what was asked (${said}${message === '' || message === said ? '' : `: ${message}`}). SchemaHub needs conditional writes (If-None-Match, If-Match): AWS S3, Cloudflare R2, a current MinIO have them; nothing is lost.`,
      cause,
    );
  if (status === 403 || status === 401 || name === 'AccessDenied')
    return new StoreError(
      'access-denied',
      `${doing}: access denied (${said}${message === '' || message === said ? '' : `: ${message}`}). Allow s3:ListBucket on ${bucket} and s3:GetObject, s3:PutObject, s3:AbortMultipartUpload on its objects (vacuum also s3:DeleteObject); nothing is lost.`,
      cause,
    );
  if (failureOf(error) === 'unsure' || failureOf(error) === 'undecided')
    return new StoreError('unavailable', `${doing}: ${busyText(said, code, message)}`, { ...cause, retryable: true });
  return new StoreError('io', `${doing}: ${said}${message === '' ? '' : ` (${message})`}`, cause);
}

function busyText(said: string, code: string, message: string): string {
  if (/SlowDown|Throttl|TooManyRequests|RequestLimit/.test(said))
    return `S3 asks to slow down (${said}), also after waiting. Use fewer --workers or run the same command later; nothing is lost.`;
  if (/ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH/.test(code))
    return `the store cannot be reached (${code}: ${message}). Check the network and AWS_ENDPOINT_URL; nothing is lost.`;
  return `the store does not answer well (${said}${message === '' || message === said ? '' : `: ${message}`}), also after several tries. Run the same command again; nothing is lost.`;
}
