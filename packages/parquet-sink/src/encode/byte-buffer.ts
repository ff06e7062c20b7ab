/** Bytes that grow at the end. Writers that know their size call `reserve` once and then write through `bytes`. */
export interface ByteBuffer {
  bytes: Uint8Array<ArrayBuffer>;
  length: number;
}

export function createByteBuffer(capacity = 1024): ByteBuffer {
  return { bytes: new Uint8Array(capacity), length: 0 };
}

/** Makes room for `extra` more bytes and returns the array, which may be a new one. */
export function reserve(buffer: ByteBuffer, extra: number): Uint8Array<ArrayBuffer> {
  const wanted = buffer.length + extra;
  if (wanted > buffer.bytes.length) {
    const grown = new Uint8Array(Math.max(wanted, buffer.bytes.length * 2));
    grown.set(buffer.bytes.subarray(0, buffer.length));
    buffer.bytes = grown;
  }
  return buffer.bytes;
}

export function appendBytes(buffer: ByteBuffer, bytes: Uint8Array): void {
  reserve(buffer, bytes.length).set(bytes, buffer.length);
  buffer.length += bytes.length;
}

/** What was written so far; a view that lives until the next write. */
export function written(buffer: ByteBuffer): Uint8Array<ArrayBuffer> {
  return buffer.bytes.subarray(0, buffer.length);
}

/** Unsigned LEB128 of an integer 0 … 2^53−1. */
export function appendVarint(buffer: ByteBuffer, value: number): void {
  const bytes = reserve(buffer, 8);
  let rest = value;
  while (rest >= 0x80) {
    bytes[buffer.length++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[buffer.length++] = rest;
}

/**
 * Zigzag LEB128 of an integer −(2^53−1) … 2^53−1. The zigzag number may need 54 bits, so it is taken apart as
 * (magnitude, lowest bit) and never formed.
 */
export function appendZigzag(buffer: ByteBuffer, value: number): void {
  const negative = value < 0 ? 1 : 0;
  const half = negative === 1 ? -(value + 1) : value;
  const first = (half % 0x40) * 2 + negative;
  const rest = Math.floor(half / 0x40);
  const bytes = reserve(buffer, 1);
  if (rest === 0) {
    bytes[buffer.length++] = first;
    return;
  }
  bytes[buffer.length++] = first | 0x80;
  appendVarint(buffer, rest);
}
