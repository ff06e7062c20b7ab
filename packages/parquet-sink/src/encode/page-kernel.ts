import { wasm } from '../page-kernel.wasm.js';
import { aligned, baseOf, growTo, instantiate, type WasmExports } from '../wasm-module.js';
import { appendBytes, type ByteBuffer } from './byte-buffer.js';

// The host of assembly/page-kernel.ts: values are copied into its memory, bytes and codes come out. Compiled loops cost
// no time of the optimizing compiler in every process, and compute in 64 bits what JavaScript takes apart.

interface KernelExports extends WasmExports {
  readonly deltaBinaryPacked: (values: number, count: number, to: number) => number;
  readonly deltaIds: (ids: number, count: number, lengths: number, texts: number, to: number) => number;
  readonly hybrid: (values: number, count: number, width: number, to: number) => number;
  readonly bounds: (values: number, count: number) => number;
  readonly greatestOfBounds: () => number;
  readonly areSafeIntegers: () => number;
  readonly ascend: (values: number, count: number) => number;
  readonly numberValues: (
    values: number,
    width: number,
    count: number,
    limit: number,
    codes: number,
    firsts: number,
    distinct: number,
    slots: number,
  ) => number;
  readonly areMostlyDistinct: (
    values: number,
    width: number,
    count: number,
    sample: number,
    codes: number,
    firsts: number,
    distinct: number,
    slots: number,
  ) => number;
  readonly markCodes: (codes: number, count: number, marks: number, entries: number) => void;
}

interface Kernel {
  readonly run: KernelExports;
  bytes: Uint8Array<ArrayBuffer>;
  numbers: Float64Array<ArrayBuffer>;
  words: Uint32Array<ArrayBuffer>;
}

/** What a writer may write beyond its end. */
const SLACK_BYTES = 64;
/** Bytes of a block of 128 deltas at most, and of what stands before the first one. */
const DELTA_BLOCK_BYTES = 128 * 8 + 16;
const DELTA_HEAD_BYTES = 32;
const ID_BYTES = 16;
/** The table of a dictionary begins with so many slots, and grows with its entries. */
const FIRST_SLOTS = 4096;
const MOST_SLOTS_AN_ENTRY = 8;
/** Values of a sample; as in assembly/page-kernel.ts. */
const SAMPLE_ROOM = 4096;

let made: Kernel | undefined;

/** One for the process: every call is over before another begins, and nothing stays in it. */
function kernelWith(size: number): Kernel {
  made ??= createKernel();
  if (growTo(made.run, base(made) + size + SLACK_BYTES)) Object.assign(made, viewsOf(made.run));
  return made;
}

function createKernel(): Kernel {
  const run = instantiate<KernelExports>(wasm);
  return { run, ...viewsOf(run) };
}

function viewsOf({ memory }: KernelExports): Pick<Kernel, 'bytes' | 'numbers' | 'words'> {
  const { buffer } = memory;
  return { bytes: new Uint8Array(buffer), numbers: new Float64Array(buffer), words: new Uint32Array(buffer) };
}

function base({ run }: Kernel): number {
  return baseOf(run);
}

function deltaBytes(count: number): number {
  return DELTA_HEAD_BYTES + Math.ceil(count / 128) * DELTA_BLOCK_BYTES;
}

/** Largest max − min of the values that DELTA_BINARY_PACKED encodes here: 2^52, for µs 142 years. */
export const MAX_DELTA_RANGE: number = 2 ** 52;

/** DELTA_BINARY_PACKED of values[from, to), all safe integers, their spread at most `MAX_DELTA_RANGE`. */
export function appendDeltaBinaryPacked(buffer: ByteBuffer, values: Float64Array, from: number, to: number): void {
  const count = to - from;
  const kernel = kernelWith(count * 8 + deltaBytes(count));
  const input = base(kernel);
  const output = input + count * 8;
  kernel.numbers.set(values.subarray(from, to), input / 8);
  const end = kernel.run.deltaBinaryPacked(input, count, output);
  appendBytes(buffer, kernel.bytes.subarray(output, end));
}

/** DELTA_BYTE_ARRAY of ids[from, to), all safe integers ≥ 0, as the texts that they are. */
export function appendDeltaIds(buffer: ByteBuffer, ids: Float64Array, from: number, to: number): void {
  const count = to - from;
  const kernel = kernelWith(count * (3 * 8 + 2 * ID_BYTES) + 2 * deltaBytes(count) + 32);
  const input = base(kernel);
  const lengths = input + count * 8;
  const texts = lengths + count * 2 * 8;
  const output = aligned(texts + count * ID_BYTES);
  kernel.numbers.set(ids.subarray(from, to), input / 8);
  const end = kernel.run.deltaIds(input, count, lengths, texts, output);
  appendBytes(buffer, kernel.bytes.subarray(output, end));
}

/** Bits that the values 0 … max need; at least 1, because some readers refuse width 0. */
export function bitWidthOf(max: number): number {
  return Math.max(1, 32 - Math.clz32(max));
}

/** The RLE/bit-packed hybrid of values[from, to), each below 2^width, width ≤ 32: dictionary codes and levels. */
export function appendHybrid(
  buffer: ByteBuffer,
  values: Uint32Array | Uint8Array,
  from: number,
  to: number,
  width: number,
): void {
  const count = to - from;
  const kernel = kernelWith(count * 4 + count * 8 + SLACK_BYTES);
  const input = base(kernel);
  const output = input + count * 4;
  kernel.words.set(values.subarray(from, to), input / 4);
  const end = kernel.run.hybrid(input, count, width, output);
  appendBytes(buffer, kernel.bytes.subarray(output, end));
}

/** Distinct fixed-width values, numbered by first appearance. */
export interface FixedDictionary {
  /** A code a value; a view that the next call overwrites. */
  readonly codes: Uint32Array;
  /** For each code the place of the first value that has it. */
  readonly firsts: Uint32Array;
  /** The distinct values, as they lie in memory. */
  readonly bytes: Uint8Array;
}

let codes = new Uint32Array(0);

/**
 * Numbers the distinct values of `count` values of `width` (2 or 4) 32-bit words each (equal bits = equal values), or
 * gives `undefined` where there are more than `maxEntries`, or a sample says that most of them are distinct, so that a
 * dictionary would not pay. Open addressing, no object a value.
 */
export function numberValues(
  words: Uint32Array,
  width: 2 | 4,
  count: number,
  maxEntries: number,
): FixedDictionary | undefined {
  const limit = Math.min(count, maxEntries);
  const room = Math.max(limit, SAMPLE_ROOM);
  const slotCount = Math.max(FIRST_SLOTS, MOST_SLOTS_AN_ENTRY * room);
  const size = width * 4;
  const kernel = kernelWith(size * (count + SAMPLE_ROOM + room) + 4 * (Math.max(count, room) + room + slotCount) + 64);
  const { run } = kernel;
  const values = base(kernel);
  const sample = aligned(values + size * count);
  const distinct = sample + size * SAMPLE_ROOM;
  const slots = aligned(distinct + size * room);
  const firsts = slots + 4 * slotCount;
  const target = firsts + 4 * room;
  kernel.words.set(words.subarray(0, count * width), values / 4);
  const clearSlots = (): unknown => kernel.words.fill(0, slots / 4, slots / 4 + FIRST_SLOTS);
  clearSlots();
  if (run.areMostlyDistinct(values, width / 2, count, sample, target, firsts, distinct, slots) !== 0) return undefined;
  clearSlots();
  const entries = run.numberValues(values, width / 2, count, limit, target, firsts, distinct, slots);
  if (entries < 0) return undefined;
  if (codes.length < count) codes = new Uint32Array(count);
  codes.set(kernel.words.subarray(target / 4, target / 4 + count));
  return {
    codes: codes.subarray(0, count),
    firsts: kernel.words.slice(firsts / 4, firsts / 4 + entries),
    bytes: kernel.bytes.slice(distinct, distinct + entries * size),
  };
}

/** Which codes of codes[from, to), all below `entries`, come: 1 a code; a view until the next call of the kernel. */
export function codesThatCome(codes: Uint32Array, from: number, to: number, entries: number): Uint8Array {
  const count = to - from;
  const kernel = kernelWith(count * 4 + entries);
  const input = base(kernel);
  const marks = input + count * 4;
  kernel.words.set(codes.subarray(from, to), input / 4);
  kernel.run.markCodes(input, count, marks, entries);
  return kernel.bytes.subarray(marks, marks + entries);
}

/** Least and greatest of values[from, to), NaN left out: infinities, the least above the greatest, where there is no other. */
export function boundsOfDoubles(
  values: Float64Array,
  from: number,
  to: number,
): { readonly min: number; readonly max: number; readonly areSafeIntegers: boolean } {
  const count = to - from;
  const kernel = kernelWith(count * 8);
  const input = base(kernel);
  kernel.numbers.set(values.subarray(from, to), input / 8);
  const min = kernel.run.bounds(input, count);
  return { min, max: kernel.run.greatestOfBounds(), areSafeIntegers: kernel.run.areSafeIntegers() !== 0 };
}

/** Whether no value of the first `count` is less than the one before it. */
export function doublesAscend(values: Float64Array, count: number): boolean {
  const kernel = kernelWith(count * 8);
  const input = base(kernel);
  kernel.numbers.set(values.subarray(0, count), input / 8);
  return kernel.run.ascend(input, count) !== 0;
}
