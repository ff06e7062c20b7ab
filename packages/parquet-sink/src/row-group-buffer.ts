import type { Column, ColumnBatch, ColumnSpec, TableSchema } from '@schemahub/columns';
import { boundsOfDoubles } from './encode/page-kernel.js';
import { ParquetWriteError } from './errors.js';
import { DECIMAL_BYTES } from './limits.js';
import { createTextBuffer, type TextBuffer, type TextValues } from './text-buffer.js';

/** The values of one column of one row group without its nulls, in a form that depends on the rows alone. */
export type ChunkValues =
  | TextValues
  | {
      readonly kind: 'number';
      readonly values: Float64Array;
      /** Greatest less least value of integers; absent for doubles. */
      readonly range?: number | undefined;
    }
  | { readonly kind: 'boolean'; readonly values: Uint8Array }
  | { readonly kind: 'decimal'; readonly values: Uint8Array };

export interface ColumnChunkData {
  readonly spec: ColumnSpec;
  readonly rows: number;
  /** Values that are no null; the arrays of `values` may be longer. */
  readonly count: number;
  /** 1 marks a row that holds a value; absent when no row is null. */
  readonly defined: Uint8Array | undefined;
  readonly values: ChunkValues;
}

/** Collects rows of any batches until a row group is full. */
export interface RowGroupBuffer {
  readonly rows: () => number;
  /** Copies rows [from, to) of a batch. Throws ParquetWriteError INVALID_VALUE. */
  readonly add: (batch: ColumnBatch, from: number, to: number) => void;
  /** The columns collected so far; views that the next `add` after `clear` overwrites. */
  readonly columns: () => readonly ColumnChunkData[];
  readonly clear: () => void;
}

const FIRST_CAPACITY = 4096;

/** `capacity` rows at most; memory grows towards it as rows come and is kept for the next row group. */
export function createRowGroupBuffer(schema: TableSchema, capacity: number): RowGroupBuffer {
  const columns = schema.columns.map((spec) => createColumnBuffer(spec, capacity));
  let rows = 0;
  return {
    rows: () => rows,
    add: (batch, from, to) => {
      for (const [index, column] of columns.entries()) column.add(batch.columns[index]!, from, to, rows);
      rows += to - from;
    },
    columns: () => columns.map((column) => column.data(rows)),
    clear: () => {
      rows = 0;
      for (const column of columns) column.clear();
    },
  };
}

interface ColumnBuffer {
  readonly add: (column: Column, from: number, to: number, rowsBefore: number) => void;
  readonly data: (rows: number) => ColumnChunkData;
  readonly clear: () => void;
}

interface ValueBuffer {
  readonly add: (column: Column, from: number, to: number) => void;
  readonly count: () => number;
  readonly values: () => ChunkValues;
  readonly clear: () => void;
}

function createColumnBuffer(spec: ColumnSpec, capacity: number): ColumnBuffer {
  const buffer = createValueBuffer(spec, capacity);
  let defined = new Uint8Array(0);
  let nulls = 0;
  return {
    add: (column, from, to, rowsBefore) => {
      if (spec.nullable) {
        const rows = rowsBefore + to - from;
        if (rows > defined.length) defined = grow(defined, new Uint8Array(roomFor(rows, capacity)));
        nulls += markDefined(defined, rowsBefore, column, from, to);
      } else {
        refuseNulls(spec, column, from, to);
      }
      // Runs of rows that hold a value go over as slices.
      let start = from;
      while (start < to) {
        while (start < to && column.nulls?.[start] === 1) start++;
        let end = column.nulls === undefined ? to : start;
        while (end < to && column.nulls?.[end] !== 1) end++;
        if (end > start) buffer.add(column, start, end);
        start = end;
      }
    },
    data: (rows) => ({
      spec,
      rows,
      count: buffer.count(),
      defined: nulls > 0 ? defined.subarray(0, rows) : undefined,
      values: buffer.values(),
    }),
    clear: () => {
      nulls = 0;
      buffer.clear();
    },
  };
}

function markDefined(defined: Uint8Array, at: number, column: Column, from: number, to: number): number {
  const { nulls } = column;
  if (nulls === undefined) {
    defined.fill(1, at, at + to - from);
    return 0;
  }
  let count = 0;
  for (let row = from; row < to; row++) {
    const isNull = nulls[row] === 1;
    defined[at + row - from] = isNull ? 0 : 1;
    if (isNull) count++;
  }
  return count;
}

function refuseNulls(spec: ColumnSpec, column: Column, from: number, to: number): void {
  const row = column.nulls?.subarray(from, to).indexOf(1) ?? -1;
  if (row >= 0) {
    throw new ParquetWriteError(
      'INVALID_VALUE',
      `Row ${from + row} of a batch is null in column "${spec.name}", which is not nullable; give it a value, or declare the column nullable.`,
    );
  }
}

function createValueBuffer(spec: ColumnSpec, capacity: number): ValueBuffer {
  switch (spec.type) {
    case 'string':
      return createTextBuffer(spec.name, capacity) satisfies TextBuffer;
    case 'boolean':
      return createByteValues(spec, capacity, 1);
    case 'decimal':
      return createByteValues(spec, capacity, DECIMAL_BYTES);
    default:
      return createNumbers(spec, capacity);
  }
}

function createNumbers(spec: ColumnSpec, capacity: number): ValueBuffer {
  const integers = spec.type !== 'double';
  let values = new Float64Array(0);
  let count = 0;
  let least = Number.POSITIVE_INFINITY;
  let greatest = Number.NEGATIVE_INFINITY;
  return {
    add: (column, from, to) => {
      const source = column.values as Float64Array;
      if (integers) {
        const bounds = boundsOfDoubles(source, from, to);
        if (!bounds.areSafeIntegers) refuseUnsafe(spec, source, from, to);
        least = Math.min(least, bounds.min);
        greatest = Math.max(greatest, bounds.max);
      }
      const wanted = count + to - from;
      if (wanted > values.length) values = grow(values, new Float64Array(roomFor(wanted, capacity)));
      values.set(source.subarray(from, to), count);
      count = wanted;
    },
    count: () => count,
    values: () => ({
      kind: 'number',
      values,
      ...(integers && { range: count === 0 ? 0 : greatest - least }),
    }),
    clear: () => {
      count = 0;
      least = Number.POSITIVE_INFINITY;
      greatest = Number.NEGATIVE_INFINITY;
    },
  };
}

function refuseUnsafe(spec: ColumnSpec, values: Float64Array, from: number, to: number): void {
  for (let row = from; row < to; row++) {
    const value = values[row]!;
    if (Math.floor(value) !== value || value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER) {
      throw new ParquetWriteError(
        'INVALID_VALUE',
        `Row ${row} of a batch holds ${value} in column "${spec.name}" (${spec.type}); expected an integer within ±(2^53−1), so that INT64 stores it unchanged.`,
      );
    }
  }
}

function createByteValues(spec: ColumnSpec, capacity: number, width: number): ValueBuffer {
  let values = new Uint8Array(0);
  let count = 0;
  return {
    add: (column, from, to) => {
      const source = (column.values as Uint8Array).subarray(from * width, to * width);
      if (width === 1) refuseNonBoolean(spec, source, from);
      const wanted = count + to - from;
      if (wanted * width > values.length) values = grow(values, new Uint8Array(roomFor(wanted, capacity) * width));
      values.set(source, count * width);
      count = wanted;
    },
    count: () => count,
    values: () => ({ kind: width === 1 ? 'boolean' : 'decimal', values }),
    clear: () => {
      count = 0;
    },
  };
}

function refuseNonBoolean(spec: ColumnSpec, values: Uint8Array, from: number): void {
  const row = values.findIndex((value) => value > 1);
  if (row >= 0) {
    throw new ParquetWriteError(
      'INVALID_VALUE',
      `Row ${from + row} of a batch holds ${values[row]} in column "${spec.name}" (boolean); expected 0 or 1.`,
    );
  }
}

function roomFor(rows: number, capacity: number): number {
  let room = Math.min(FIRST_CAPACITY, capacity);
  while (room < rows) room *= 2;
  return Math.min(room, Math.max(capacity, rows));
}

function grow<T extends Float64Array | Uint8Array>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}
