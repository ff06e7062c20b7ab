import { type ChecksumName, checksum, checksumNames, md5, sha256Hex } from './checksums.js';
import { S3SimError } from './s3-error.js';

export type Headers = Readonly<Record<string, string | undefined>>;

interface Decoded {
  readonly bytes: Uint8Array;
  readonly trailers: Readonly<Record<string, string>>;
}

function malformed(what: string): S3SimError {
  return new S3SimError(400, 'IncompleteBody', `aws-chunked: ${what}`);
}

/** Takes `aws-chunked` framing apart: `{hex length}[;chunk-signature=…]\r\n{bytes}\r\n … 0\r\n{trailers}\r\n\r\n`. */
export function decodeAwsChunked(body: Uint8Array): Decoded {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = buffer.indexOf('\r\n', at);
    if (end < 0) throw malformed('a chunk has no header');
    const length = /^([0-9a-f]+)(;.*)?$/i.exec(buffer.toString('latin1', at, end))?.[1];
    if (length === undefined) throw malformed('a chunk header is not hexadecimal');
    const size = Number.parseInt(length, 16);
    const start = end + 2;
    if (size === 0) return { bytes: Buffer.concat(parts), trailers: readTrailers(buffer.toString('latin1', start)) };
    if (start + size + 2 > buffer.length) throw malformed('a chunk is cut off');
    if (buffer.toString('latin1', start + size, start + size + 2) !== '\r\n') throw malformed('a chunk has no end');
    parts.push(buffer.subarray(start, start + size));
    at = start + size + 2;
  }
}

function readTrailers(text: string): Record<string, string> {
  const lines = text.split('\r\n').filter((line) => line !== '');
  return Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      if (colon < 0) throw malformed('a trailer has no colon');
      return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
}

/** What a request carries, and the checksum that it came with. */
export interface CheckedBody {
  readonly bytes: Uint8Array;
  readonly checksum: { readonly name: ChecksumName; readonly value: string } | undefined;
}

/** Unframes a body and checks everything that was said about it: signed hash, MD5, length, checksum in header or trailer. */
export function checkBody(headers: Headers, body: Uint8Array): CheckedBody {
  const mode = headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD';
  const isChunked = mode.startsWith('STREAMING-');
  if (isChunked && mode !== 'STREAMING-UNSIGNED-PAYLOAD-TRAILER')
    throw new S3SimError(501, 'NotImplemented', `the stand-in does not check the chunk signatures of ${mode}`);
  const { bytes, trailers } = isChunked ? decodeAwsChunked(body) : { bytes: body, trailers: {} };
  if (/^[0-9a-f]{64}$/.test(mode) && sha256Hex(bytes) !== mode)
    throw new S3SimError(400, 'XAmzContentSHA256Mismatch', 'the body is not the one that was signed');
  const decodedLength = headers['x-amz-decoded-content-length'];
  if (decodedLength !== undefined && Number(decodedLength) !== bytes.length)
    throw new S3SimError(400, 'IncompleteBody', `expected ${decodedLength} bytes, got ${bytes.length}`);
  const contentMd5 = headers['content-md5'];
  if (contentMd5 !== undefined && md5(bytes, 'base64') !== contentMd5)
    throw new S3SimError(400, 'BadDigest', 'the Content-MD5 you specified did not match what we received');
  const said = { ...headers, ...trailers };
  const announced = headers['x-amz-trailer'];
  if (announced !== undefined && trailers[announced] === undefined)
    throw new S3SimError(400, 'MalformedTrailerError', `the trailer ${announced} was announced and did not come`);
  for (const name of checksumNames) {
    const value = said[`x-amz-checksum-${name}`];
    if (value === undefined) continue;
    if (checksum(name, bytes) !== value)
      throw new S3SimError(400, 'BadDigest', `the ${name.toUpperCase()} you specified did not match what we received`);
    return { bytes, checksum: { name, value } };
  }
  return { bytes, checksum: undefined };
}
