import { compressSnappy } from './snappy.js';

/** Compression of page bodies. */
export type Codec = 'snappy' | 'zstd' | 'none';

export interface Compressor {
  readonly codec: Codec;
  readonly compress: (bytes: Uint8Array) => Uint8Array;
}

let zstd: Promise<typeof import('@bokuweb/zstd-wasm')> | undefined;

/** Level 3: higher levels save 4 % of the bytes and cost four times the CPU (measured on trades). */
const ZSTD_LEVEL = 3;

/**
 * The compressor of a codec, a function of the bytes alone. zstd is WebAssembly at a pinned version, so equal bytes in give
 * equal bytes out on every machine; Node's own (22.15 and later) is not used because its output changes with Node.
 */
export async function loadCompressor(codec: Codec): Promise<Compressor> {
  if (codec === 'none') return { codec, compress: (bytes) => bytes };
  if (codec === 'snappy') return { codec, compress: compressSnappy };
  const { compress } = await loadZstd();
  return { codec, compress: (bytes) => compress(bytes, ZSTD_LEVEL) };
}

/** Loads the zstd WebAssembly once. */
export function loadZstd(): Promise<typeof import('@bokuweb/zstd-wasm')> {
  zstd ??= import('@bokuweb/zstd-wasm').then(async (module) => {
    await module.init();
    return module;
  });
  return zstd;
}
