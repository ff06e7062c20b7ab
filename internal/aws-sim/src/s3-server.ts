import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { S3SimError } from './s3-error.js';
import { operationOf, operations, PAGE_KEYS, type S3Answer, type S3Call, type S3Operation } from './s3-operations.js';
import { checkSignature, type SimCredentials } from './s3-signature.js';
import { type Bucket, createBucket, MIN_PART_BYTES } from './s3-state.js';
import { xmlDocument } from './xml.js';

/** One request as it was seen; numbered from 0. */
export interface S3Request {
  readonly number: number;
  readonly operation: S3Operation;
  readonly bucket: string;
  readonly key: string;
  readonly bytes: number;
  /** From the header, for a listing its prefix. */
  readonly prefix: string;
}

/**
 * What goes wrong with a request. `before`: instead of doing it; `after`: it is done, and its answer is lost.
 * `status` and `code` answer an error, `reset` ends the connection, `hang` never answers, `cutBody` ends it in mid-body.
 */
export type S3Fault =
  | { readonly when: 'before' | 'after'; readonly status: number; readonly code: string }
  | { readonly when: 'before' | 'after'; readonly reset: true }
  | { readonly when: 'before' | 'after'; readonly hang: true }
  | { readonly when: 'after'; readonly cutBody: true };

export interface S3SimOptions {
  /** Default: one bucket, `lake`. */
  readonly buckets?: readonly string[] | undefined;
  /** Default us-east-1. A request signed for another is refused as S3 does. */
  readonly region?: string | undefined;
  /** Default `simCredentials`. */
  readonly credentials?: SimCredentials | undefined;
  /** Store's clock, ms since 1970. Default: the machine's. */
  readonly now?: (() => number) | undefined;
  /** Decides about each request; awaited, so that a request can be held back. */
  readonly fault?: ((request: S3Request) => S3Fault | undefined | Promise<S3Fault | undefined>) | undefined;
  /** What the caller's policy allows. Default: everything. */
  readonly allows?: ((operation: S3Operation, key: string) => boolean) | undefined;
  /** What becomes of the conditions of writes, on services that only look like S3. Default `kept`. */
  readonly conditions?: 'kept' | 'ignored' | 'refused' | undefined;
  /** Keys in a page of a listing. Default 1000. */
  readonly pageKeys?: number | undefined;
  /** Least size of a part that is not the last. Default 5 MiB, as S3. */
  readonly minPartBytes?: number | undefined;
}

export interface S3Sim {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: SimCredentials;
  /** Everything that was asked, in order. */
  readonly requests: S3Request[];
  readonly bucket: (name: string) => Bucket;
  /** Requests being answered at the same time, at most. */
  readonly peakInFlight: () => number;
  readonly close: () => Promise<void>;
}

export const simCredentials: SimCredentials = { accessKeyId: 'SIMULATED', secretAccessKey: 'simulated-secret' };

async function readBody(message: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

function errorAnswer(error: S3SimError, call: { bucket: string; key: string }): S3Answer {
  const { status, code, message, details } = error;
  const headers: Record<string, string> = { 'content-type': 'application/xml' };
  if (details.Region !== undefined) headers['x-amz-bucket-region'] = details.Region;
  const resource = `/${call.bucket}${call.key === '' ? '' : `/${call.key}`}`;
  const body = xmlDocument('Error', { Code: code, Message: message, ...details, Resource: resource, RequestId: 'sim' });
  // S3's errors carry no namespace.
  return { status, headers, body: body.replace(/ xmlns="[^"]*"/, '') };
}

/** Bucket, key and query of a path-style request. */
function placeOf(url: string): { bucket: string; key: string; query: URLSearchParams } {
  const [path = '', query = ''] = url.split('?');
  const [bucket = '', ...segments] = path.slice(1).split('/').map(decodeURIComponent);
  return { bucket, key: segments.join('/'), query: new URLSearchParams(query.replaceAll('+', '%2B')) };
}

interface Sim {
  readonly options: S3SimOptions;
  readonly region: string;
  readonly credentials: SimCredentials;
  readonly now: () => number;
  readonly buckets: Map<string, Bucket>;
  readonly requests: S3Request[];
}

function newBucket({ now, options }: Sim): Bucket {
  const { minPartBytes = MIN_PART_BYTES, conditions } = options;
  return createBucket({ now, minPartBytes, ignoresConditions: conditions === 'ignored' });
}

/** Does one request: signature, region, policy, bucket, operation. Throws `S3SimError`. */
function answer(sim: Sim, call: S3Call, request: { method: string; url: string }): S3Answer {
  const signedFor = checkSignature({ ...request, headers: call.headers }, sim.credentials, sim.now());
  if (signedFor !== sim.region)
    throw new S3SimError(
      400,
      'AuthorizationHeaderMalformed',
      `The authorization header is malformed; the region '${signedFor}' is wrong; expecting '${sim.region}'`,
      { Region: sim.region },
    );
  if (sim.options.allows?.(call.operation, call.key) === false)
    throw new S3SimError(403, 'AccessDenied', `User: arn:aws:sts::123456789012:assumed-role/task is not authorized`);
  if (call.operation === 'CreateBucket') {
    if (!sim.buckets.has(call.bucket)) sim.buckets.set(call.bucket, newBucket(sim));
    return { status: 200, headers: { location: `/${call.bucket}` }, body: '' };
  }
  const bucket = sim.buckets.get(call.bucket);
  if (bucket === undefined)
    throw new S3SimError(404, 'NoSuchBucket', 'The specified bucket does not exist', { BucketName: call.bucket });
  return operations[call.operation](call, bucket, { pageKeys: sim.options.pageKeys ?? PAGE_KEYS });
}

async function handle(sim: Sim, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url = '' } = message;
  const place = placeOf(url);
  const body = await readBody(message);
  const operation = operationOf(method, place.key, place.query);
  const send = ({ status, headers, body: sent }: S3Answer): void => {
    response.writeHead(status, { date: new Date(sim.now()).toUTCString(), 'x-amz-request-id': 'sim', ...headers });
    response.end(method === 'HEAD' ? undefined : sent);
  };
  if (operation === undefined)
    return send(errorAnswer(new S3SimError(501, 'NotImplemented', `the stand-in has no ${method} ${url}`), place));
  const headers = message.headers as Record<string, string | undefined>;
  const prefix = place.query.get('prefix') ?? '';
  const request = {
    number: sim.requests.length,
    operation,
    bucket: place.bucket,
    key: place.key,
    bytes: body.length,
    prefix,
  };
  sim.requests.push(request);
  const isConditional = method !== 'GET' && (headers['if-none-match'] ?? headers['if-match']) !== undefined;
  if (isConditional && sim.options.conditions === 'refused')
    return send(
      errorAnswer(
        new S3SimError(501, 'NotImplemented', 'A header you provided implies what this store does not do'),
        place,
      ),
    );
  const fault = await sim.options.fault?.(request);
  const fail = (): void => {
    if (fault === undefined || 'hang' in fault) return;
    if ('status' in fault) send(errorAnswer(new S3SimError(fault.status, fault.code, fault.code), place));
    else message.socket.destroy();
  };
  if (fault?.when === 'before') return fail();
  let done: S3Answer;
  try {
    done = answer(sim, { operation, ...place, headers, body }, { method, url });
  } catch (error) {
    if (!(error instanceof S3SimError)) throw error;
    done = errorAnswer(error, place);
  }
  if (fault === undefined) return send(done);
  if (!('cutBody' in fault)) return fail();
  response.writeHead(done.status, { ...done.headers, 'content-length': String(done.body.length) });
  response.write(done.body.slice(0, Math.floor(done.body.length / 2)), () => message.socket.destroy());
}

/** A stand-in for S3 on 127.0.0.1: path-style requests, signature version 4, the operations that SchemaHub uses. */
export async function startS3Sim(options: S3SimOptions = {}): Promise<S3Sim> {
  const sim: Sim = {
    options,
    region: options.region ?? 'us-east-1',
    credentials: options.credentials ?? simCredentials,
    now: options.now ?? Date.now,
    buckets: new Map(),
    requests: [],
  };
  for (const name of options.buckets ?? ['lake']) sim.buckets.set(name, newBucket(sim));
  let inFlight = 0;
  let peak = 0;
  const server = createServer((message, response) => {
    inFlight++;
    peak = Math.max(peak, inFlight);
    response.once('close', () => inFlight--);
    // A client that gave up in mid-body is no fault of the stand-in's.
    handle(sim, message, response).catch(() => message.socket.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: sim.region,
    credentials: sim.credentials,
    requests: sim.requests,
    bucket: (name) => {
      const found = sim.buckets.get(name);
      if (found === undefined) throw new RangeError(`the stand-in has no bucket ${name}`);
      return found;
    },
    peakInFlight: () => peak,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}
