import { createHash } from 'node:crypto';

/** Table of a reflected 32-bit CRC. */
function crcTable(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, index) => {
    let value = index;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    return value >>> 0;
  });
}

/** CRC-32 (ISO 3309) and CRC-32C (Castagnoli), as S3 names them. */
const tables: Readonly<Record<'crc32' | 'crc32c', Uint32Array>> = {
  crc32: crcTable(0xedb88320),
  crc32c: crcTable(0x82f63b78),
};

function crc(bytes: Uint8Array, table: Uint32Array): string {
  let value = 0xffffffff;
  for (const byte of bytes) value = (value >>> 8) ^ table[(value ^ byte) & 0xff]!;
  const digest = Buffer.alloc(4);
  digest.writeUInt32BE((value ^ 0xffffffff) >>> 0);
  return digest.toString('base64');
}

/** Checksum headers `x-amz-checksum-{name}` that the stand-in knows. */
export const checksumNames = ['crc32', 'crc32c', 'sha1', 'sha256'] as const;
export type ChecksumName = (typeof checksumNames)[number];

/** Base64, as the headers carry it. */
export function checksum(name: ChecksumName, bytes: Uint8Array): string {
  return name === 'sha1' || name === 'sha256'
    ? createHash(name).update(bytes).digest('base64')
    : crc(bytes, tables[name]);
}

export function md5(bytes: Uint8Array, encoding: 'hex' | 'base64'): string {
  return createHash('md5').update(bytes).digest(encoding);
}

export function sha256Hex(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
