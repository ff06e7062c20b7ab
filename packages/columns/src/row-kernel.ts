import { wasm } from './row-kernel.wasm.js';

// The host of assembly/row-kernel.ts. Loops over all rows of a batch run a few times in a process: V8 would interpret,
// compile, throw away and compile them again for longer than they take. Here they are compiled code from the start.

/** The exports of the module. Pointers are byte offsets in its memory. */
interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer; readonly grow: (pages: number) => number };
  readonly heapBase: () => number;
  readonly numberRows: (rows: number, count: number, first: number) => void;
  readonly kindOfRows: (rows: number, count: number, limit: number) => number;
  readonly setPrevious: (value: number) => void;
  readonly findSteps: (
    values: number,
    count: number,
    step: number,
    wanted: number,
    place: number,
    places: number,
  ) => number;
  readonly startStragglers: (at: number) => void;
  readonly findStragglers: (rows: number, values: number, count: number, place: number) => number;
  readonly sortStragglers: (spare: number) => void;
  readonly startMerge: () => void;
  readonly mergeStragglers: (rows: number, values: number, count: number, place: number, merged: number) => number;
  readonly restOfStragglers: (merged: number) => number;
  readonly renumberCodes: (
    codes: number,
    count: number,
    table: number,
    entries: number,
    next: number,
    met: number,
  ) => number;
}

/** What is used of it; the types of Node have no more than a name for it. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}

interface Kernel {
  readonly run: KernelExports;
  numbers: Float64Array<ArrayBuffer>;
  words: Uint32Array<ArrayBuffer>;
  /** Where a slice lies: its row numbers, and their values. */
  readonly rows: number;
  readonly values: number;
  /** Behind the slice. */
  readonly rest: number;
}

/** Rows of a slice: 96 KB with their values stay in the second-level cache. */
const SLICE = 8192;
const PAGE_BYTES = 65_536;
const STRAGGLER_BYTES = 16;

let made: Kernel | undefined;

/** One for the process: every call is over before another begins, and nothing stays in it. */
function kernelWith(restBytes: number): Kernel {
  made ??= createKernel();
  const missing = made.rest + restBytes - made.words.byteLength;
  if (missing > 0) {
    made.run.memory.grow(Math.ceil(missing / PAGE_BYTES));
    Object.assign(made, viewsOf(made.run));
  }
  return made;
}

function createKernel(): Kernel {
  const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
  const run = new Instance(new Module(Buffer.from(wasm, 'base64')), {}).exports as KernelExports;
  const rows = Math.ceil(run.heapBase() / 16) * 16;
  const values = rows + SLICE * 4;
  return { run, ...viewsOf(run), rows, values, rest: values + SLICE * 8 };
}

function viewsOf({ memory }: KernelExports): Pick<Kernel, 'numbers' | 'words'> {
  return { numbers: new Float64Array(memory.buffer), words: new Uint32Array(memory.buffer) };
}

/** `0 … count−1`. */
export function firstRows(count: number): Uint32Array<ArrayBuffer> {
  const { run, rows, words } = kernelWith(0);
  const target = new Uint32Array(count);
  for (let from = 0; from < count; from += SLICE) {
    const size = Math.min(SLICE, count - from);
    run.numberRows(rows, size, from);
    target.set(words.subarray(rows / 4, rows / 4 + size), from);
  }
  return target;
}

/** `outside`: a row is not below `limit`; `run`: each is the one after the row before it. */
export function kindOfRows(rows: Uint32Array, limit: number): 'outside' | 'run' | 'any' {
  const kernel = kernelWith(0);
  let isRun = true;
  for (let from = 0; from < rows.length; from += SLICE) {
    const to = Math.min(from + SLICE, rows.length);
    kernel.words.set(rows.subarray(from, to), kernel.rows / 4);
    const kind = kernel.run.kindOfRows(kernel.rows, to - from, limit);
    if (kind < 0) return 'outside';
    if (kind === 0 || rows[from] !== rows[0]! + from) isRun = false;
  }
  return isRun && rows.length > 0 ? 'run' : 'any';
}

/** Puts `rows[from … to−1]` and their values into the slice. All rows are known to be in range. */
function loadSlice(kernel: Kernel, values: Float64Array, rows: Uint32Array, from: number, to: number): void {
  const slice = rows.subarray(from, to);
  kernel.words.set(slice, kernel.rows / 4);
  const at = kernel.values / 8;
  const first = slice[0]!;
  if (kernel.run.kindOfRows(kernel.rows, to - from, 0xffff_ffff) === 1)
    kernel.numbers.set(values.subarray(first, first + to - from), at);
  else pickNumbers(values, slice, kernel.numbers, at);
}

/** Values that a loop of JavaScript copies at a time: less than what makes V8 compile a loop while it runs. */
const PICKED = 1024;

/** The values of chosen rows, from `at` on in `target`. */
export function pickNumbers(source: Float64Array, rows: Uint32Array, target: Float64Array, at: number): void {
  for (let from = 0; from < rows.length; from += PICKED)
    pickSomeNumbers(source, rows, from, Math.min(from + PICKED, rows.length), target, at);
}

function pickSomeNumbers(
  source: Float64Array,
  rows: Uint32Array,
  from: number,
  to: number,
  target: Float64Array,
  at: number,
): void {
  for (let place = from; place < to; place += 1) target[at + place] = source[rows[place]!]!;
}

/** The codes of chosen rows, from the start of `target` on. */
export function pickCodes(source: Uint32Array, rows: Uint32Array, target: Uint32Array): void {
  for (let from = 0; from < rows.length; from += PICKED)
    pickSomeCodes(source, rows, from, Math.min(from + PICKED, rows.length), target);
}

function pickSomeCodes(source: Uint32Array, rows: Uint32Array, from: number, to: number, target: Uint32Array): void {
  for (let place = from; place < to; place += 1) target[place] = source[rows[place]!]!;
}

/**
 * The places among `rows` whose value is, or is not, the value at the place before plus `step`; the first place counts as
 * one that is not. `undefined` where there are more than `most`.
 */
export function findSteps(
  values: Float64Array,
  rows: Uint32Array,
  { step, isStep, most }: { readonly step: number; readonly isStep: boolean; readonly most: number },
): Uint32Array | undefined {
  const kernel = kernelWith(SLICE * 4);
  const { run, rest } = kernel;
  let places = new Uint32Array(1024);
  let count = 0;
  run.setPrevious(Number.NaN);
  for (let from = 0; from < rows.length; from += SLICE) {
    const to = Math.min(from + SLICE, rows.length);
    loadSlice(kernel, values, rows, from, to);
    const found = run.findSteps(kernel.values, to - from, step, isStep ? 1 : 0, from, rest);
    if (count + found > most) return undefined;
    if (count + found > places.length) {
      const more = new Uint32Array(Math.max(count + found, places.length * 2));
      more.set(places);
      places = more;
    }
    places.set(kernel.words.subarray(rest / 4, rest / 4 + found), count);
    count += found;
  }
  return places.subarray(0, count);
}

/**
 * `rows`, stably sorted by values that mostly ascend already; `rows` themselves where all do. `undefined` where more than
 * `most` are less than one before them, or a value is NaN.
 */
export function sortNearlySorted(values: Float64Array, rows: Uint32Array, most: number): Uint32Array | undefined {
  const kernel = kernelWith(0);
  const stragglers = kernel.rest;
  const { run } = kernel;
  let count = 0;
  run.startStragglers(stragglers);
  for (let from = 0; from < rows.length; from += SLICE) {
    const to = Math.min(from + SLICE, rows.length);
    kernelWith((count + SLICE) * STRAGGLER_BYTES);
    loadSlice(kernel, values, rows, from, to);
    count = run.findStragglers(kernel.rows, kernel.values, to - from, from);
    if (count < 0 || count > most) return undefined;
  }
  if (count === 0) return rows;
  const merged = stragglers + count * STRAGGLER_BYTES;
  kernelWith(count * 2 * STRAGGLER_BYTES + SLICE * 4);
  run.sortStragglers(merged);
  const sorted = new Uint32Array(rows.length);
  let written = 0;
  const keep = (more: number): void => {
    sorted.set(kernel.words.subarray(merged / 4, merged / 4 + more), written);
    written += more;
  };
  run.startMerge();
  for (let from = 0; from < rows.length; from += SLICE) {
    const to = Math.min(from + SLICE, rows.length);
    loadSlice(kernel, values, rows, from, to);
    keep(run.mergeStragglers(kernel.rows, kernel.values, to - from, from, merged));
  }
  keep(run.restOfStragglers(merged));
  return sorted;
}

/** In a table of numbers: a code that has none yet. */
export const NO_NUMBER = 0xffff_ffff;
/** A larger table is copied for longer than it saves. */
export const MOST_NUMBERED = 4096;

/**
 * Writes over codes their numbers in `table`, one a code that may come, `MOST_NUMBERED` at most; a code that has
 * `NO_NUMBER` gets the next one from `next` on, also in the table. Gives the codes that got one, in that order;
 * `undefined`, with some codes written over, where a code is outside the table.
 */
export function renumberCodes(codes: Uint32Array, table: Uint32Array, next: number): number[] | undefined {
  const entries = table.length;
  const kernel = kernelWith(entries * 8);
  const { run, words, rest } = kernel;
  const [tableAt, metAt] = [rest / 4, rest / 4 + entries];
  words.set(table, tableAt);
  const met: number[] = [];
  for (let from = 0; from < codes.length; from += SLICE) {
    const slice = codes.subarray(from, Math.min(from + SLICE, codes.length));
    words.set(slice, kernel.rows / 4);
    const added = run.renumberCodes(kernel.rows, slice.length, rest, entries, next + met.length, metAt * 4);
    if (added < 0) return undefined;
    met.push(...words.subarray(metAt, metAt + added));
    slice.set(words.subarray(kernel.rows / 4, kernel.rows / 4 + slice.length));
  }
  table.set(words.subarray(tableAt, tableAt + entries));
  return met;
}
