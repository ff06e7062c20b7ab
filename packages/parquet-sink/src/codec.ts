import { snappyCompressor, snappyUncompressor } from 'hysnappy';

/** Compression of page bodies. */
export type Codec = 'snappy' | 'zstd' | 'none';

export interface Compressor {
  readonly codec: Codec;
  readonly compress: (bytes: Uint8Array) => Uint8Array;
}

// Kept: building one compiles WebAssembly. They hold as much memory as the largest page they met.
const kept: Compressor['compress'][] = [];
let unsnappy: ((bytes: Uint8Array, size: number) => Uint8Array) | undefined;
let zstd: Promise<typeof import('@bokuweb/zstd-wasm')> | undefined;

/** Level 3: higher levels save 4 % of the bytes and cost four times the CPU (measured on trades). */
const ZSTD_LEVEL = 3;

/**
 * Builds the compressor of a codec, one a file. Both are WebAssembly at pinned versions, so equal bytes in give equal
 * bytes out on every machine; Node's own zstd (22.15 and later) is not used because its output changes with Node.
 *
 * hysnappy 1.1.1 does not clear its hash table between calls, so what it writes can depend on what it compressed
 * before (one small page in some thousands; always sound Snappy). A new instance (0.2 ms) begins with an empty table,
 * and the pages of a file come in an order that its rows decide: that keeps the file a function of its rows.
 */
export async function loadCompressor(codec: Codec): Promise<Compressor> {
  if (codec === 'none') return { codec, compress: (bytes) => bytes };
  if (codec === 'snappy') {
    // While one lives, V8 shares its compiled code with the next.
    if (kept.length === 0) kept.push(snappyCompressor());
    return { codec, compress: snappyCompressor() };
  }
  const { compress } = await loadZstd();
  return { codec, compress: (bytes) => compress(bytes, ZSTD_LEVEL) };
}

/** Decompresses a Snappy block that holds exactly `size` bytes. Throws a plain Error on damage. */
export function uncompressSnappy(bytes: Uint8Array, size: number): Uint8Array {
  unsnappy ??= snappyUncompressor();
  return unsnappy(bytes, size);
}

/** Loads the zstd WebAssembly once. */
export function loadZstd(): Promise<typeof import('@bokuweb/zstd-wasm')> {
  zstd ??= import('@bokuweb/zstd-wasm').then(async (module) => {
    await module.init();
    return module;
  });
  return zstd;
}
