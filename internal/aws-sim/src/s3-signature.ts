import { createHmac } from 'node:crypto';
import { sha256Hex } from './checksums.js';
import type { Headers } from './s3-body.js';
import { S3SimError } from './s3-error.js';

export interface SimCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** From then on the session token is refused as expired, ms since 1970. */
  readonly expiresAt?: number | undefined;
}

export interface SignedRequest {
  readonly method: string;
  /** As it was sent: encoded, with the query. */
  readonly url: string;
  readonly headers: Headers;
}

/** S3 refuses requests whose time differs by more than this. */
const MAX_SKEW_MS = 15 * 60_000;
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** `20261127T120000Z` as ms since 1970; NaN when it is none. */
function parseAmzDate(text: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (parts === null) return Number.NaN;
  const [, year, month, day, hour, minute, second] = parts;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

function canonicalQuery(query: string): string {
  const encode = (text: string): string =>
    encodeURIComponent(decodeURIComponent(text)).replace(
      /[!'()*]/g,
      (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [name = '', value = ''] = pair.split('=');
      return `${encode(name)}=${encode(value)}`;
    })
    .sort()
    .join('&');
}

/**
 * Checks an AWS Signature Version 4 in the Authorization header, in the order in which S3 refuses: no signature, unknown
 * key, expired token, time, region, signature. Throws `S3SimError`. Gives the region that was signed for.
 * [AWS: Signature Version 4 for the REST API, "Authenticating requests using the Authorization header"]
 */
export function checkSignature(request: SignedRequest, credentials: SimCredentials, now: number): string {
  const { headers } = request;
  const match = AUTHORIZATION.exec(headers.authorization ?? '');
  if (match === null) throw new S3SimError(403, 'AccessDenied', 'Access Denied: the request is not signed');
  const [, accessKeyId, day, region, service, signedHeaders, signature] = match as unknown as string[];
  if (accessKeyId !== credentials.accessKeyId)
    throw new S3SimError(
      403,
      'InvalidAccessKeyId',
      'The AWS Access Key Id you provided does not exist in our records.',
    );
  if (credentials.sessionToken !== headers['x-amz-security-token'])
    throw new S3SimError(400, 'InvalidToken', 'The provided token is malformed or otherwise invalid.');
  if (credentials.expiresAt !== undefined && now >= credentials.expiresAt)
    throw new S3SimError(400, 'ExpiredToken', 'The provided token has expired.');
  const date = headers['x-amz-date'] ?? '';
  if (!(Math.abs(parseAmzDate(date) - now) <= MAX_SKEW_MS))
    throw new S3SimError(
      403,
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
    );
  const [path = '', query = ''] = request.url.split('?');
  const names = signedHeaders!.split(';');
  const canonical = [
    request.method,
    path,
    canonicalQuery(query),
    ...names.map((name) => `${name}:${(headers[name] ?? '').trim().replace(/\s+/g, ' ')}`),
    '',
    signedHeaders,
    headers['x-amz-content-sha256'],
  ].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', date, scope, sha256Hex(canonical)].join('\n');
  const key = hmac(hmac(hmac(hmac(`AWS4${credentials.secretAccessKey}`, day!), region!), service!), 'aws4_request');
  if (hmac(key, text).toString('hex') !== signature)
    throw new S3SimError(
      403,
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
    );
  return region!;
}
