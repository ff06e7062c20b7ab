import type { ColumnStore, StoreColumn } from './column-store.js';
import { wasm } from './line-kernel.wasm.js';
import {
  type LineShape,
  READ_ANY,
  READ_DICTIONARY,
  READ_DOUBLE,
  READ_EPOCH,
  READ_ID,
  READ_ISO,
  type ShapeToken,
} from './line-shape.js';
import { EPOCH_MS, EPOCH_US } from './timestamps.js';

// The host of assembly/line-kernel.ts: lines are copied into its memory, values come out as columns. It reads the common
// forms of the common shapes, some eight times as fast as the JavaScript kernel, and leaves every other line to that.

/** The exports of the module. Pointers are byte offsets in its memory. */
interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer; readonly grow: (pages: number) => number };
  readonly TOKEN_BYTES: { readonly value: number };
  readonly LONGEST_DICTIONARY_TEXT: { readonly value: number };
  readonly heapBase: () => number;
  readonly run: (tokens: number, at: number, end: number, limit: number) => number;
  readonly position: () => number;
  readonly ascends: (column: number, count: number, before: number) => number;
  readonly setEpochBounds: (ms: number, us: number) => void;
  readonly clearToken: (token: number) => void;
  readonly setLiteral: (token: number, literal: number, length: number) => void;
  readonly setValue: (
    token: number,
    kind: number,
    column: number,
    minimum: number,
    isExclusive: number,
    unit: number,
  ) => void;
  readonly teach: (token: number, text: number, length: number, code: number) => void;
}

/** A column that a shape fills, and where its values lie. */
interface FilledColumn {
  readonly column: StoreColumn;
  readonly pointer: number;
}

/** A shape in the kernel's memory. */
export interface LineProgram {
  readonly pointer: number;
  readonly columns: readonly FilledColumn[];
  /** Where the entries of a dictionary token are, by the token. */
  readonly dictionaries: ReadonlyMap<ShapeToken, number>;
}

/** Lines copied into the kernel's memory. */
export interface WasmKernel {
  /** The most bytes that `load` takes. */
  readonly maxBytes: number;
  /** Copies whole lines in, each with its line feed. */
  readonly load: (bytes: Uint8Array) => void;
  /** The shape as a program; undefined where it has values that only the JavaScript kernel reads. */
  readonly programOf: (shape: LineShape) => LineProgram | undefined;
  /**
   * Reads lines of the loaded bytes from `from` on, `maxRows` at most, until one does not fit; gives their number.
   * `position()` is then where the next line begins.
   */
  readonly run: (program: LineProgram, from: number, to: number) => number;
  readonly position: () => number;
  /** Numbers that the last `run` read into a column, until the next one. */
  readonly numbersOf: (program: LineProgram, column: StoreColumn) => Float64Array;
  /** Whether the first `count` of them ascend, and begin above `before` (a NaN is below all). */
  readonly ascend: (column: StoreColumn, count: number, before: number) => boolean;
  /** Copies rows `from … to−1` of the last `run` to the end of the store. */
  readonly copyRows: (program: LineProgram, store: ColumnStore, from: number, to: number) => void;
  /** Tells a token's text (its closing quote behind it) and the code that it has in this batch. */
  readonly teach: (program: LineProgram, token: ShapeToken, text: Uint8Array, code: number) => void;
}

interface PooledKernel extends WasmKernel {
  readonly reset: () => void;
}

const PAGE_BYTES = 65_536;
const CHUNK_BYTES = 2 ** 20;
/** Words may be read this far beyond a buffer: the longest literal, and a word. */
const SLACK_BYTES = 16_384 + 64;
const MOST_ROWS = 8192;
const NUMBER_BYTES = 8;
/** A mapping meets one or two shapes; a source of ever new ones is left to JavaScript. */
const MOST_PROGRAM_BYTES = 2 ** 20;

const KINDS = new Set([READ_ID, READ_DOUBLE, READ_ISO, READ_EPOCH, READ_DICTIONARY]);
/** Behind the last value; see assembly/line-kernel.ts. */
const END = 9;

let compiled: object | undefined;

function instantiate(): KernelExports {
  const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
  compiled ??= new Module(Buffer.from(wasm, 'base64'));
  return new Instance(compiled, {}).exports as KernelExports;
}

/** What is used of it; the types of Node have no more than a name for it. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}

/** Kernels that nobody uses: each holds 2 MB that a collector hardly sees. */
const idle: PooledKernel[] = [];

/** A kernel that knows nothing yet. */
export function borrowKernel(): WasmKernel {
  return idle.pop() ?? createKernel();
}

/** Gives a kernel back; its programs are void. One that is not given back is collected. */
export function returnKernel(kernel: WasmKernel): void {
  (kernel as PooledKernel).reset();
  idle.push(kernel as PooledKernel);
}

function createKernel(): PooledKernel {
  const kernel = instantiate();
  const { memory } = kernel;
  const tokenBytes = kernel.TOKEN_BYTES.value;
  const longestText = kernel.LONGEST_DICTIONARY_TEXT.value;
  let programs = new WeakMap<LineShape, LineProgram>();
  const columns = new Map<StoreColumn, number>();
  let top = kernel.heapBase();
  let bytes = new Uint8Array(memory.buffer);
  kernel.setEpochBounds(EPOCH_MS, EPOCH_US);

  const allocate = (size: number): number => {
    const pointer = (top + 15) & ~15;
    top = pointer + size;
    const missing = top + SLACK_BYTES - memory.buffer.byteLength;
    if (missing > 0) {
      memory.grow(Math.ceil(missing / PAGE_BYTES));
      bytes = new Uint8Array(memory.buffer);
    }
    return pointer;
  };
  const chunk = allocate(CHUNK_BYTES + SLACK_BYTES);
  const text = allocate(longestText + SLACK_BYTES);
  const firstProgram = top;
  const columnOf = (column: StoreColumn): number => {
    const pointer = columns.get(column) ?? allocate(MOST_ROWS * NUMBER_BYTES);
    columns.set(column, pointer);
    return pointer;
  };
  const writeLiteral = (token: number, literal: Uint8Array): void => {
    const pointer = allocate(literal.length + 8);
    bytes.set(literal, pointer);
    kernel.setLiteral(token, pointer, literal.length);
  };
  const compile = (shape: LineShape): LineProgram | undefined => {
    if (top - firstProgram > MOST_PROGRAM_BYTES || !isReadable(shape)) return undefined;
    const pointer = allocate((shape.tokens.length + 1) * tokenBytes);
    const filled: FilledColumn[] = [];
    const dictionaries = new Map<ShapeToken, number>();
    shape.tokens.forEach((token, index) => {
      const at = pointer + index * tokenBytes;
      kernel.clearToken(at);
      writeLiteral(at, token.literal.bytes);
      const target = token.destination === undefined ? 0 : columnOf(token.destination.column);
      kernel.setValue(at, token.kind, target, token.minimum, token.exclusive ? 1 : 0, token.microsPerUnit);
      if (token.destination !== undefined) filled.push({ column: token.destination.column, pointer: target });
      if (token.kind === READ_DICTIONARY) dictionaries.set(token, at);
    });
    const end = pointer + shape.tokens.length * tokenBytes;
    kernel.clearToken(end);
    writeLiteral(end, shape.tail.bytes);
    kernel.setValue(end, END, 0, 0, 0, 0);
    return { pointer, columns: filled, dictionaries };
  };

  return {
    maxBytes: CHUNK_BYTES,
    load: (lines) => bytes.set(lines, chunk),
    programOf: (shape) => {
      const program = programs.get(shape) ?? compile(shape);
      if (program !== undefined) programs.set(shape, program);
      return program;
    },
    run: (program, from, to) => kernel.run(program.pointer, chunk + from, chunk + to, MOST_ROWS),
    position: () => kernel.position() - chunk,
    numbersOf: (_, column) => new Float64Array(memory.buffer, columns.get(column)!, MOST_ROWS),
    ascend: (column, count, before) => kernel.ascends(columns.get(column)!, count, before) !== 0,
    copyRows: (program, store, from, to) => {
      const row = store.rows;
      for (const { column, pointer } of program.columns) {
        if (column.startKind === 'dictionary')
          column.codes.set(new Uint32Array(memory.buffer, pointer + from * 4, to - from), row);
        else column.numbers.set(new Float64Array(memory.buffer, pointer + from * NUMBER_BYTES, to - from), row);
        column.nulls?.fill(0, row, row + to - from);
      }
    },
    teach: (program, token, value, code) => {
      const pointer = program.dictionaries.get(token);
      if (pointer === undefined || value.length > longestText) return;
      bytes.set(value, text);
      kernel.teach(pointer, text, value.length, code);
    },
    reset: () => {
      programs = new WeakMap();
      columns.clear();
      top = firstProgram;
    },
  };
}

/** Values that are stepped over or of one of the kernel's kinds, each for one column; texts of a dictionary in quotes. */
function isReadable({ tokens, absent }: LineShape): boolean {
  if (absent.length > 0) return false;
  return tokens.every(
    ({ kind, notation, destination, others }) =>
      others.length === 0 &&
      kind !== READ_ANY &&
      (destination === undefined || KINDS.has(kind)) &&
      (kind !== READ_DICTIONARY || notation === 'string'),
  );
}
