import {
  type CellValue,
  type Column,
  type ColumnBatch,
  type ColumnValues,
  DECIMAL_BYTES,
  MOST_NUMBERED,
  NO_NUMBER,
  renumberCodes,
  type TableSchema,
  writeDecimal,
} from '@schemahub/columns';
import { createRawDictionary, LARGEST_DICTIONARY, type RawDictionary } from './raw-dictionary.js';

/** How a column's values are held while rows arrive. */
export type StoreKind = 'id' | 'text' | 'dictionary' | 'double' | 'timestamp' | 'int64' | 'boolean' | 'decimal';

/** One growing column; the kernel writes into the arrays of its kind directly, the others stay empty. */
export interface StoreColumn {
  /** The kind it starts every batch with. */
  readonly startKind: StoreKind;
  /** `dictionary` becomes `text` within a batch that has too many distinct values. */
  kind: StoreKind;
  numbers: Float64Array;
  codes: Uint32Array;
  bytes: Uint8Array;
  texts: string[];
  nulls: Uint8Array | undefined;
  values: string[];
  codeOf: Map<string, number>;
  /** The one value of a dictionary column that is a constant; its codes are 0 without being written. */
  readonly constant: string | undefined;
  readonly raw: RawDictionary;
}

export interface ColumnStore {
  readonly columns: readonly StoreColumn[];
  /** Complete rows. The next row is written at this index and kept by counting it. */
  rows: number;
  /** Makes room for the row at `rows`, or for so many from there on. */
  readonly makeRoom: (count?: number) => void;
  /** Writes any value; the way of everything but the kernel's own kinds. */
  readonly write: (column: StoreColumn, row: number, value: CellValue) => void;
  /** The code of a text in a dictionary column, or −1 once that column has become text. */
  readonly codeFor: (column: StoreColumn, text: string) => number;
  /** All rows as a batch that owns its arrays; the store starts anew. */
  readonly take: () => ColumnBatch;
}

const NO_NUMBERS = new Float64Array(0);
const NO_CODES = new Uint32Array(0);
const NO_BYTES = new Uint8Array(0);

/** What a column of the store is to hold. */
export interface StoreColumnSpec {
  readonly kind: StoreKind;
  /** See StoreColumn. */
  readonly constant?: string | undefined;
}

/** `capacity` is the number of rows with which a batch starts; it doubles as needed. `spare`: arrays to begin with. */
export function createColumnStore(
  schema: TableSchema,
  specs: readonly StoreColumnSpec[],
  capacity: number,
  spare: ColumnBatch | undefined,
): ColumnStore {
  let room = 0;
  let spares = spare?.columns;
  const columns = specs.map(createColumn);

  const makeRoom = (count = 1): void => {
    if (store.rows + count <= room) return;
    if (room === 0) room = capacity;
    while (room < store.rows + count) room *= 2;
    columns.forEach((column, index) => {
      if (!useSpare(column, spares?.[index], room)) growColumn(column, room);
    });
    spares = undefined;
  };
  const codeFor = (column: StoreColumn, text: string): number => {
    const known = column.codeOf.get(text);
    if (known !== undefined) return known;
    if (column.values.length < LARGEST_DICTIONARY) {
      column.codeOf.set(text, column.values.length);
      return column.values.push(text) - 1;
    }
    for (let row = 0; row < store.rows; row += 1) column.texts[row] = column.values[column.codes[row]!]!;
    column.kind = 'text';
    column.raw.clear();
    return -1;
  };
  const write = (column: StoreColumn, row: number, value: CellValue): void => {
    if (value === null) {
      column.nulls ??= new Uint8Array(room);
      column.nulls[row] = 1;
      if (column.kind === 'text') column.texts[row] = '';
      return;
    }
    if (column.nulls !== undefined) column.nulls[row] = 0;
    writeValue(column, row, value, codeFor);
  };
  const take = (): ColumnBatch => {
    const batch = { schema, rows: store.rows, columns: columns.map((column) => finishColumn(column, store.rows)) };
    columns.forEach(resetColumn);
    room = 0;
    store.rows = 0;
    return batch;
  };
  const store: ColumnStore = { columns, rows: 0, makeRoom, write, codeFor, take };
  return store;
}

function createColumn({ kind, constant }: StoreColumnSpec): StoreColumn {
  const column: StoreColumn = {
    startKind: kind,
    kind,
    numbers: NO_NUMBERS,
    codes: NO_CODES,
    bytes: NO_BYTES,
    texts: [],
    nulls: undefined,
    values: [],
    codeOf: new Map(),
    constant,
    raw: createRawDictionary(),
  };
  resetColumn(column);
  return column;
}

function resetColumn(column: StoreColumn): void {
  column.kind = column.startKind;
  column.numbers = NO_NUMBERS;
  column.codes = NO_CODES;
  column.bytes = NO_BYTES;
  column.texts = [];
  column.nulls = undefined;
  column.values = column.constant === undefined ? [] : [column.constant];
  column.codeOf = new Map(column.values.map((value, code) => [value, code]));
  column.raw.clear();
}

/** Begins a column with the arrays of a batch that nobody reads any more; false where they do not fit. */
function useSpare(column: StoreColumn, spare: Column | undefined, room: number): boolean {
  if (spare === undefined || spare.kind !== column.startKind) return false;
  if (spare.kind === 'dictionary' && spare.codes.length >= room) {
    // Codes of a constant are 0 without being written.
    column.codes = spare.codes;
    if (column.constant !== undefined && hasCode(spare.codes)) spare.codes.fill(0);
    return true;
  }
  if (!(spare.values instanceof Float64Array) || spare.values.length < room) return false;
  column.numbers = spare.values;
  return true;
}

/** Whether a code is not 0; reading memory that was never written to does not take any. */
function hasCode(codes: Uint32Array): boolean {
  for (let row = 0; row < codes.length; row += 1) if (codes[row] !== 0) return true;
  return false;
}

function growColumn(column: StoreColumn, room: number): void {
  if (column.startKind === 'dictionary') column.codes = copyInto(column.codes, new Uint32Array(room));
  else if (column.startKind === 'boolean') column.bytes = copyInto(column.bytes, new Uint8Array(room));
  else if (column.startKind === 'decimal') column.bytes = copyInto(column.bytes, new Uint8Array(room * DECIMAL_BYTES));
  else if (column.startKind !== 'text') column.numbers = copyInto(column.numbers, new Float64Array(room));
  if (column.nulls !== undefined) column.nulls = copyInto(column.nulls, new Uint8Array(room));
}

/** Arrays that came from a spare batch may be longer already. */
function copyInto<T extends Float64Array | Uint32Array | Uint8Array>(from: T, to: T): T {
  if (from.length >= to.length) return from;
  to.set(from);
  return to;
}

function writeValue(
  column: StoreColumn,
  row: number,
  value: string | number | boolean,
  codeFor: (column: StoreColumn, text: string) => number,
): void {
  switch (column.kind) {
    case 'dictionary': {
      const code = codeFor(column, String(value));
      if (code >= 0) column.codes[row] = code;
      else column.texts[row] = String(value);
      return;
    }
    case 'text':
      column.texts[row] = String(value);
      return;
    case 'boolean':
      column.bytes[row] = value === true ? 1 : 0;
      return;
    case 'decimal':
      writeDecimal(String(value), column.bytes, row * DECIMAL_BYTES);
      return;
    default:
      column.numbers[row] = Number(value);
  }
}

function finishColumn(column: StoreColumn, rows: number): Column {
  const values = finishValues(column, rows);
  const { nulls } = column;
  return nulls?.subarray(0, rows).includes(1) ? { ...values, nulls } : values;
}

function finishValues(column: StoreColumn, rows: number): ColumnValues {
  switch (column.kind) {
    case 'text':
      column.texts.length = Math.min(column.texts.length, rows);
      return { kind: 'text', values: column.texts };
    case 'dictionary':
      return trimmedDictionary(column, rows);
    case 'boolean':
    case 'decimal':
      return { kind: column.kind, values: column.bytes };
    default:
      return { kind: column.kind, values: column.numbers };
  }
}

/** Values that only skipped or refused rows had are left out; the rest stands in order of first use. */
function trimmedDictionary(column: StoreColumn, rows: number): ColumnValues {
  const { codes, nulls } = column;
  if (rows > 0 && column.values.length === 1 && nulls === undefined)
    return { kind: 'dictionary', values: column.values, codes };
  if (nulls === undefined && column.values.length <= MOST_NUMBERED) {
    const used = renumberCodes(codes.subarray(0, rows), new Uint32Array(column.values.length).fill(NO_NUMBER), 0)!;
    return { kind: 'dictionary', values: used.map((code) => column.values[code]!), codes };
  }
  const kept: string[] = [];
  const renumbered = new Int32Array(column.values.length).fill(-1);
  for (let row = 0; row < rows; row += 1) {
    if (nulls !== undefined && nulls[row] === 1) {
      codes[row] = 0;
      continue;
    }
    const code = codes[row]!;
    if (renumbered[code]! < 0) renumbered[code] = kept.push(column.values[code]!) - 1;
    codes[row] = renumbered[code]!;
  }
  return { kind: 'dictionary', values: kept, codes };
}
