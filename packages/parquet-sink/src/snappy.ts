import { snappyUncompressor } from 'hysnappy';
import { wasm } from './snappy.wasm.js';
import { aligned, baseOf, growTo, instantiate, type WasmExports } from './wasm-module.js';

// The host of assembly/snappy.ts.

interface SnappyExports extends WasmExports {
  readonly compress: (from: number, size: number, to: number) => number;
}

/** What the module may touch beyond the end of its input and of its output. */
const SLACK_BYTES = 16;

let made: { readonly run: SnappyExports; bytes: Uint8Array } | undefined;
let unsnappy: ((bytes: Uint8Array, size: number) => Uint8Array) | undefined;

/** A Snappy block of any bytes; equal bytes give an equal block. */
export function compressSnappy(bytes: Uint8Array): Uint8Array {
  made ??= createSnappy();
  const { run } = made;
  const input = baseOf(run);
  const output = aligned(input + bytes.length + SLACK_BYTES);
  const end = output + bytes.length + Math.ceil(bytes.length / 6) + 32 + SLACK_BYTES;
  if (growTo(run, end)) made.bytes = new Uint8Array(run.memory.buffer);
  made.bytes.set(bytes, input);
  // Places beyond 2 GiB come out of the module as negative numbers.
  return made.bytes.slice(output, run.compress(input, bytes.length, output) >>> 0);
}

function createSnappy(): NonNullable<typeof made> {
  const run = instantiate<SnappyExports>(wasm);
  return { run, bytes: new Uint8Array(run.memory.buffer) };
}

/** Decompresses a Snappy block that holds exactly `size` bytes. Throws a plain Error on damage. */
export function uncompressSnappy(bytes: Uint8Array, size: number): Uint8Array {
  unsnappy ??= snappyUncompressor();
  return unsnappy(bytes, size);
}
