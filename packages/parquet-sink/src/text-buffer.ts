import {
  type Column,
  type DictionaryColumn,
  type IdColumn,
  MOST_NUMBERED,
  NO_NUMBER,
  renumberCodes,
  type TextColumn,
} from '@schemahub/columns';
import { boundsOfDoubles } from './encode/page-kernel.js';
import { ParquetWriteError } from './errors.js';

/** A `string` column of a row group: all values canonical ids as numbers, or distinct texts and a code a value. */
export type TextValues =
  | { readonly kind: 'ids'; readonly values: Float64Array }
  | {
      readonly kind: 'text';
      /** Distinct, in the order in which the rows first use them; none unused. */
      readonly values: readonly string[];
      readonly codes: Uint32Array;
    };

export interface TextBuffer {
  readonly add: (column: Column, from: number, to: number) => void;
  readonly count: () => number;
  readonly values: () => TextValues;
  readonly clear: () => void;
}

const CANONICAL_ID = /^(?:0|[1-9][0-9]{0,15})$/;

/** Whether a text is what `String(n)` gives for a safe integer n ≥ 0. */
export function isCanonicalId(text: string): boolean {
  return CANONICAL_ID.test(text) && Number(text) <= Number.MAX_SAFE_INTEGER;
}

/**
 * Collects text of all three kinds. Ids stay numbers while only ids come; the first other column turns them into
 * interned texts. What comes out depends on the values alone: texts that are all canonical ids come out as ids, and
 * distinct texts are numbered by first use, whatever dictionaries they came in.
 */
export function createTextBuffer(columnName: string, capacity: number): TextBuffer {
  let ids: Float64Array | undefined;
  let codes = new Uint32Array(0);
  let texts: string[] = [];
  let codeOf = new Map<string, number>();
  let count = 0;

  function intern(text: string): number {
    let code = codeOf.get(text);
    if (code === undefined) {
      code = texts.length;
      texts.push(text);
      codeOf.set(text, code);
    }
    return code;
  }

  function turnIdsIntoTexts(): void {
    if (ids === undefined) return;
    const old = ids;
    ids = undefined;
    codes = room(codes, count, capacity, Uint32Array);
    for (let index = 0; index < count; index++) codes[index] = intern(String(old[index]));
  }

  function addIds(column: IdColumn, from: number, to: number): void {
    const { min, areSafeIntegers } = boundsOfDoubles(column.values, from, to);
    if (!areSafeIntegers || min < 0) refuseNonIds(columnName, column.values, from, to);
    if (count === 0 && ids === undefined && texts.length === 0) ids = new Float64Array(0);
    if (ids === undefined) {
      codes = room(codes, count + to - from, capacity, Uint32Array);
      for (let row = from; row < to; row++) codes[count + row - from] = intern(String(column.values[row]));
      return;
    }
    ids = room(ids, count + to - from, capacity, Float64Array);
    ids.set(column.values.subarray(from, to), count);
  }

  function addTexts(column: TextColumn, from: number, to: number): void {
    turnIdsIntoTexts();
    codes = room(codes, count + to - from, capacity, Uint32Array);
    for (let row = from; row < to; row++) {
      codes[count + row - from] = intern(textOf(columnName, column.values[row], row));
    }
  }

  function addCodes(column: DictionaryColumn, from: number, to: number): void {
    turnIdsIntoTexts();
    codes = room(codes, count + to - from, capacity, Uint32Array);
    if (addFewTexts(column, from, to)) return;
    // A table from their codes to ours, unless the slice is short beside their dictionary.
    const mapped =
      column.values.length <= 4 * (to - from) ? new Uint32Array(column.values.length).fill(NO_NUMBER) : null;
    for (let row = from; row < to; row++) {
      const theirs = column.codes[row]!;
      let ours = mapped?.[theirs] ?? NO_NUMBER;
      if (ours === NO_NUMBER) {
        ours = intern(textOf(columnName, column.values[theirs], row));
        if (mapped !== null) mapped[theirs] = ours;
      }
      codes[count + row - from] = ours;
    }
  }

  /** Numbers a slice with few texts at once; false, with nothing added, where one is told twice or a code has none. */
  function addFewTexts(column: DictionaryColumn, from: number, to: number): boolean {
    const { values } = column;
    if (values.length > MOST_NUMBERED || new Set(values).size < values.length) return false;
    const target = codes.subarray(count, count + to - from);
    target.set(column.codes.subarray(from, to));
    const numbers = Uint32Array.from(values, (value) => codeOf.get(value) ?? NO_NUMBER);
    const met = renumberCodes(target, numbers, texts.length);
    if (met === undefined || !met.every((code) => typeof values[code] === 'string')) return false;
    for (const code of met) intern(values[code]!);
    return true;
  }

  return {
    add: (column, from, to) => {
      if (column.kind === 'id') addIds(column, from, to);
      else if (column.kind === 'text') addTexts(column, from, to);
      else addCodes(column as DictionaryColumn, from, to);
      count += to - from;
    },
    count: () => count,
    values: () => {
      if (ids !== undefined) return { kind: 'ids', values: ids };
      if (texts.length > 0 && texts.every(isCanonicalId)) {
        const numbers = texts.map(Number);
        return { kind: 'ids', values: Float64Array.from(codes.subarray(0, count), (code) => numbers[code]!) };
      }
      return { kind: 'text', values: texts, codes };
    },
    clear: () => {
      ids = undefined;
      texts = [];
      codeOf = new Map();
      count = 0;
    },
  };
}

function textOf(columnName: string, text: unknown, row: number): string {
  if (typeof text === 'string') return text;
  throw notText(columnName, row, text);
}

function notText(columnName: string, row: number, got: unknown): ParquetWriteError {
  return new ParquetWriteError(
    'INVALID_VALUE',
    `Row ${row} of a batch holds ${got === undefined ? 'no value' : `a ${typeof got}`} in column "${columnName}" (string); expected text, or a dictionary code that its values have.`,
  );
}

function refuseNonIds(columnName: string, values: Float64Array, from: number, to: number): void {
  for (let row = from; row < to; row++) {
    const value = values[row]!;
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER && Math.floor(value) === value)) {
      throw new ParquetWriteError(
        'INVALID_VALUE',
        `Row ${row} of a batch holds the id ${value} in column "${columnName}"; expected an integer 0 … 2^53−1. Give other ids as a text column.`,
      );
    }
  }
}

function room<T extends Float64Array | Uint32Array>(
  old: T,
  rows: number,
  capacity: number,
  build: new (length: number) => T,
): T {
  if (rows <= old.length) return old;
  const larger = new build(Math.min(Math.max(rows, old.length * 2, 1024), Math.max(capacity, rows)));
  larger.set(old);
  return larger;
}
