import { Readable } from 'node:stream';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { checksum } from './checksums.js';
import { type S3Sim, type S3SimOptions, startS3Sim } from './index.js';
import { decodeAwsChunked } from './s3-body.js';

const Bucket = 'lake';
let sim: S3Sim;
let client: S3Client;
afterEach(async () => {
  client.destroy();
  await sim.close();
});

async function start(options: S3SimOptions = {}, clientOptions: object = {}): Promise<void> {
  sim = await startS3Sim(options);
  const { endpoint, credentials, region } = sim;
  const { accessKeyId, secretAccessKey } = credentials;
  client = new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    maxAttempts: 1,
    ...clientOptions,
  });
}

const statusOf = async (sending: Promise<unknown>): Promise<unknown> =>
  await sending.then(
    () => 200,
    (error: { name: string; $metadata?: { httpStatusCode?: number } }) =>
      `${error.$metadata?.httpStatusCode} ${error.name}`,
  );

describe('what moto accepts and S3 refuses', () => {
  it.each([
    ['a wrong SHA256', { ChecksumSHA256: checksum('sha256', Buffer.from('another body')) }, '400 BadDigest'],
    ['a wrong CRC32', { ChecksumCRC32: 'AAAAAA==' }, '400 BadDigest'],
    ['a wrong CRC32C', { ChecksumCRC32C: 'AAAAAA==' }, '400 BadDigest'],
    ['a wrong MD5', { ContentMD5: 'AAAAAAAAAAAAAAAAAAAAAA==' }, '400 BadDigest'],
    ['a right CRC32C', { ChecksumCRC32C: checksum('crc32c', Buffer.from('body')) }, 200],
    ['a right SHA1', { ChecksumSHA1: checksum('sha1', Buffer.from('body')) }, 200],
  ])('%s', async (_what, more, expected) => {
    await start();
    expect(await statusOf(client.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'body', ...more })))).toBe(
      expected,
    );
    expect(sim.bucket(Bucket).objects.has('a')).toBe(expected === 200);
  });

  it('another body than the signed one', async () => {
    await start();
    const tamper = (next: (args: object) => unknown) => (args: { request: object }) =>
      next({ ...args, request: Object.assign(args.request, { body: 'evil' }) });
    const place = { relation: 'after', toMiddleware: 'httpSigningMiddleware', name: 'tamper' } as const;
    client.middlewareStack.addRelativeTo(tamper as never, place);
    expect(await statusOf(client.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'body' })))).toMatch(/^400 /);
    expect(sim.bucket(Bucket).objects.size).toBe(0);
  });

  it.each([
    ['a request that is not signed', { signer: { sign: async (request: unknown) => request } }, '403 AccessDenied'],
    ['an unknown key', { credentials: { accessKeyId: 'X', secretAccessKey: 'Y' } }, '403 InvalidAccessKeyId'],
    [
      'a wrong secret',
      { credentials: { accessKeyId: 'SIMULATED', secretAccessKey: 'Y' } },
      '403 SignatureDoesNotMatch',
    ],
    [
      'a token that nobody gave',
      { credentials: { accessKeyId: 'SIMULATED', secretAccessKey: 'simulated-secret', sessionToken: 'T' } },
      '400 InvalidToken',
    ],
    ['a clock 20 minutes ahead', { systemClockOffset: 20 * 60_000 }, '403 RequestTimeTooSkewed'],
    ['another region', { region: 'eu-west-1' }, '400 AuthorizationHeaderMalformed'],
  ])('%s', async (_what, options, expected) => {
    await start({}, options);
    expect(await statusOf(client.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'x' })))).toBe(expected);
    expect(sim.bucket(Bucket).objects.size).toBe(0);
  });

  it('parts that are too small, missing or out of order', async () => {
    await start();
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: 'a' }));
    const put = async (PartNumber: number): Promise<{ PartNumber: number; ETag: string }> => {
      const { ETag } = await client.send(
        new UploadPartCommand({ Bucket, Key: 'a', UploadId, PartNumber, Body: Buffer.from(`part ${PartNumber}`) }),
      );
      return { PartNumber, ETag: ETag! };
    };
    const parts = [await put(1), await put(2)];
    const complete = (Parts: object[]): Promise<unknown> =>
      statusOf(
        client.send(new CompleteMultipartUploadCommand({ Bucket, Key: 'a', UploadId, MultipartUpload: { Parts } })),
      );
    expect(await complete(parts)).toBe('400 EntityTooSmall');
    expect(await complete([{ PartNumber: 7, ETag: '"x"' }])).toBe('400 InvalidPart');
    expect(await complete(parts.slice(1).concat(parts.slice(0, 1)))).toMatch(/^400 (InvalidPartOrder|EntityTooSmall)/);
    expect(await complete(parts.slice(0, 1))).toBe(200);
  });
});

describe('what S3 does', () => {
  it('takes a stream with its checksum in a trailer, and keeps the bytes without the framing', async () => {
    await start();
    const body = Buffer.alloc(200_000, 'schemahub');
    await client.send(
      new PutObjectCommand({ Bucket, Key: 'a', Body: Readable.from([body]), ContentLength: body.length }),
    );
    const held = sim.bucket(Bucket).objects.get('a')!;
    expect(Buffer.compare(held.bytes, body)).toBe(0);
    expect(held.checksum?.name).toBe('crc32');
    expect(held.headers['content-encoding']).toBeUndefined();
  });

  it('gives back metadata, encoding and a checksum that the client verifies', async () => {
    await start();
    await client.send(
      new PutObjectCommand({ Bucket, Key: 'a', Body: 'body', Metadata: { mine: 'yes' }, ContentEncoding: 'gzip' }),
    );
    const got = await client.send(new GetObjectCommand({ Bucket, Key: 'a', ChecksumMode: 'ENABLED' }));
    expect([got.Metadata, got.ContentEncoding, got.ChecksumCRC32 !== undefined]).toEqual([
      { mine: 'yes' },
      'gzip',
      true,
    ]);
    sim.bucket(Bucket).objects.set('a', { ...sim.bucket(Bucket).objects.get('a')!, bytes: Buffer.from('evil') });
    const damaged = await client.send(new GetObjectCommand({ Bucket, Key: 'a', ChecksumMode: 'ENABLED' }));
    await expect(damaged.Body!.transformToByteArray()).rejects.toThrow(/[Cc]hecksum/);
  });

  it('refuses conditions that do not hold: 412, 404, 304', async () => {
    await start();
    const put = (more: object): Promise<unknown> =>
      statusOf(client.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'x', ...more })));
    expect(await put({ IfMatch: '"none"' })).toBe('404 NoSuchKey');
    expect(await put({ IfNoneMatch: '*' })).toBe(200);
    expect(await put({ IfNoneMatch: '*' })).toBe('412 PreconditionFailed');
    expect(await put({ IfMatch: '"none"' })).toBe('412 PreconditionFailed');
    const { ETag } = await client.send(new HeadObjectCommand({ Bucket, Key: 'a' }));
    expect(await put({ IfMatch: ETag })).toBe(200);
    const get = (more: object): Promise<unknown> =>
      statusOf(client.send(new GetObjectCommand({ Bucket, Key: 'a', ...more })));
    expect(await get({ IfNoneMatch: ETag })).toMatch(/^304 /);
    expect(await get({ IfMatch: '"none"' })).toBe('412 PreconditionFailed');
    expect(await get({ Range: 'bytes=5-' })).toBe('416 InvalidRange');
  });

  it('lists in pages with prefix, delimiter and start', async () => {
    await start({ pageKeys: 2 });
    for (const Key of ['a/1', 'a/2', 'b/1', 'b/2', 'c&<d>'])
      await client.send(new PutObjectCommand({ Bucket, Key, Body: '' }));
    const all: (string | undefined)[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await client.send(new ListObjectsV2Command({ Bucket, ContinuationToken }));
      all.push(...(page.Contents ?? []).map(({ Key }) => Key));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    expect(all).toEqual(['a/1', 'a/2', 'b/1', 'b/2', 'c&<d>']);
    const { CommonPrefixes, Contents } = await client.send(
      new ListObjectsV2Command({ Bucket, Delimiter: '/', StartAfter: 'a/9' }),
    );
    expect([CommonPrefixes?.map(({ Prefix }) => Prefix), Contents?.map(({ Key }) => Key)]).toEqual([['b/'], ['c&<d>']]);
  });

  it('knows buckets, and says so of those it has not', async () => {
    await start();
    expect(await statusOf(client.send(new HeadBucketCommand({ Bucket: 'new' })))).toBe('404 NotFound');
    await client.send(new CreateBucketCommand({ Bucket: 'new' }));
    expect(await statusOf(client.send(new HeadBucketCommand({ Bucket: 'new' })))).toBe(200);
  });

  it('answers what it does not know with 501 instead of something', async () => {
    await start();
    const { status } = await fetch(`${sim.endpoint}/lake/a?acl`, { method: 'GET' });
    expect([403, 501]).toContain(status);
    expect((await fetch(`${sim.endpoint}/lake?versions`)).status).toBe(501);
  });
});

describe('aws-chunked framing', () => {
  it('comes apart to what went in, however it was cut, and every cut end is refused', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 5 }), (pieces) => {
        const framed = Buffer.concat([
          ...pieces.flatMap((piece) => [Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]),
          Buffer.from('0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n'),
        ]);
        const { bytes, trailers } = decodeAwsChunked(framed);
        expect(Buffer.compare(bytes, Buffer.concat(pieces))).toBe(0);
        expect(trailers).toEqual({ 'x-amz-checksum-crc32': 'AAAA' });
        const tail = '0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n'.length;
        for (let end = 0; end <= framed.length - tail; end++)
          expect(() => decodeAwsChunked(framed.subarray(0, end)), `cut at ${end}`).toThrow(/aws-chunked/);
      }),
      { numRuns: 50 },
    );
  });

  it('checksums are those of the books', () => {
    const check = Buffer.from('123456789');
    expect(Buffer.from(checksum('crc32', check), 'base64').toString('hex')).toBe('cbf43926');
    expect(Buffer.from(checksum('crc32c', check), 'base64').toString('hex')).toBe('e3069283');
  });
});
