import { textAt } from './access.js';
import type { Column, ColumnBatch, ColumnValues } from './batch.js';
import { DECIMAL_BYTES } from './decimal.js';
import { ColumnsError } from './errors.js';
import {
  firstRows,
  kindOfRows,
  MOST_NUMBERED,
  NO_NUMBER,
  pickCodes,
  pickNumbers,
  renumberCodes,
} from './row-kernel.js';

/**
 * The rows `permutation[from … to−1]`, in that order: a compact copy, or a view of numbers where the rows follow one
 * another in the batch. Dictionaries keep only used values, in order of first use, so the result depends on nothing but
 * the rows. Throws ColumnsError OUT_OF_RANGE.
 */
export function gather(batch: ColumnBatch, permutation: Uint32Array, from: number, to: number): ColumnBatch {
  checkRange(from, to, permutation.length, 'a permutation');
  const rows = permutation.subarray(from, to);
  const kind = kindOfRows(rows, batch.rows);
  if (kind === 'outside') {
    const row = rows.find((each) => each >= batch.rows);
    throw new ColumnsError('OUT_OF_RANGE', `The permutation names row ${row} of a batch of ${batch.rows} rows.`);
  }
  return {
    schema: batch.schema,
    rows: rows.length,
    columns: batch.columns.map((column) => gatherColumn(column, rows, kind === 'run')),
  };
}

/** A compact copy of the rows `from … to−1`; as `gather` in every respect. Throws ColumnsError OUT_OF_RANGE. */
export function sliceBatch(batch: ColumnBatch, from: number, to: number): ColumnBatch {
  checkRange(from, to, batch.rows, 'a batch');
  const rows = firstRows(to);
  return gather(batch, rows, from, to);
}

/**
 * All rows of all batches, one after the other, as a compact copy. A string column held as different kinds becomes text.
 * Throws ColumnsError SCHEMA_MISMATCH unless all batches have the same columns, and for an empty list.
 */
export function concatBatches(batches: readonly ColumnBatch[]): ColumnBatch {
  const first = batches[0];
  if (first === undefined) {
    throw new ColumnsError(
      'SCHEMA_MISMATCH',
      'No batch was given to concatenate, so there is no schema; give one or more.',
    );
  }
  for (const batch of batches) checkSameColumns(first, batch);
  const rows = batches.reduce((sum, batch) => sum + batch.rows, 0);
  const columns = first.columns.map((_, index) =>
    concatColumns(
      batches.map((batch) => batch.columns[index]!),
      batches.map((batch) => batch.rows),
      rows,
    ),
  );
  return { schema: first.schema, rows, columns };
}

function checkRange(from: number, to: number, length: number, what: string): void {
  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || from > to || to > length) {
    throw new ColumnsError(
      'OUT_OF_RANGE',
      `Rows ${from} to ${to} were asked of ${what} of ${length}; expected 0 ≤ from ≤ to ≤ ${length}.`,
    );
  }
}

function checkSameColumns(first: ColumnBatch, other: ColumnBatch): void {
  const shape = (batch: ColumnBatch): string =>
    batch.schema.columns.map(({ name, type }) => `${name} ${type}`).join(', ');
  if (shape(first) !== shape(other)) {
    throw new ColumnsError(
      'SCHEMA_MISMATCH',
      `Batches of different columns were concatenated: (${shape(first)}) and (${shape(other)}).`,
    );
  }
}

function gatherColumn(column: Column, rows: Uint32Array, run: boolean): Column {
  const values = gatherValues(column, rows, run && column.nulls === undefined);
  if (column.nulls === undefined) return values;
  const nulls = new Uint8Array(rows.length);
  let any = 0;
  for (let at = 0; at < rows.length; at += 1) any |= nulls[at] = column.nulls[rows[at]!]!;
  return any === 0 ? values : withNulls(values, nulls);
}

/** Slots of nulls are blanked (0 or empty), so that equal rows give equal arrays. Takes both arrays over. */
function withNulls(values: ColumnValues, nulls: Uint8Array): Column {
  const blank = (row: number): void => {
    if (values.kind === 'text') (values.values as string[])[row] = '';
    else if (values.kind === 'dictionary') values.codes[row] = 0;
    else if (values.kind === 'decimal') values.values.fill(0, row * DECIMAL_BYTES, (row + 1) * DECIMAL_BYTES);
    else values.values[row] = 0;
  };
  for (let row = 0; row < nulls.length; row += 1) if (nulls[row] === 1) blank(row);
  return { ...values, nulls };
}

/** `run`: the rows follow one another and none is null. */
function gatherValues(column: Column, rows: Uint32Array, run: boolean): ColumnValues {
  switch (column.kind) {
    case 'text':
      return { kind: 'text', values: Array.from(rows, (row) => column.values[row]!) };
    case 'dictionary':
      // One value for all, as in the exchange and the symbol of a file.
      if (run && column.values.length === 1)
        return {
          kind: 'dictionary',
          values: column.values,
          codes: column.codes.subarray(rows[0]!, rows[0]! + rows.length),
        };
      return gatherDictionary(column.values, column.codes, rows, column.nulls);
    case 'boolean': {
      const values = new Uint8Array(rows.length);
      for (let at = 0; at < rows.length; at += 1) values[at] = column.values[rows[at]!]!;
      return { kind: 'boolean', values };
    }
    case 'decimal': {
      const values = new Uint8Array(rows.length * DECIMAL_BYTES);
      for (let at = 0; at < rows.length; at += 1) {
        const start = rows[at]! * DECIMAL_BYTES;
        values.set(column.values.subarray(start, start + DECIMAL_BYTES), at * DECIMAL_BYTES);
      }
      return { kind: 'decimal', values };
    }
    default: {
      if (run) return { kind: column.kind, values: column.values.subarray(rows[0]!, rows[0]! + rows.length) };
      const values = new Float64Array(rows.length);
      pickNumbers(column.values, rows, values, 0);
      return { kind: column.kind, values };
    }
  }
}

function gatherDictionary(
  values: readonly string[],
  codes: Uint32Array,
  rows: Uint32Array,
  nulls: Uint8Array | undefined,
): ColumnValues {
  const target = new Uint32Array(rows.length);
  if (nulls === undefined && values.length <= MOST_NUMBERED && new Set(values).size === values.length) {
    pickCodes(codes, rows, target);
    const used = renumberCodes(target, new Uint32Array(values.length).fill(NO_NUMBER), 0);
    if (used !== undefined) return { kind: 'dictionary', values: used.map((code) => values[code]!), codes: target };
  }
  const kept: string[] = [];
  // New code + 1 of each old code; 0 = not met yet. Equal values under two old codes share one new code.
  const renumbered = new Uint32Array(values.length);
  const byValue = new Map<string, number>();
  for (let at = 0; at < rows.length; at += 1) {
    const row = rows[at]!;
    if (nulls?.[row] === 1) continue;
    const code = codes[row]!;
    if (renumbered[code] === 0) {
      const value = values[code]!;
      const known = byValue.get(value) ?? kept.push(value) - 1;
      byValue.set(value, known);
      renumbered[code] = known + 1;
    }
    target[at] = renumbered[code]! - 1;
  }
  return { kind: 'dictionary', values: kept, codes: target };
}

function concatColumns(columns: readonly Column[], lengths: readonly number[], rows: number): Column {
  const values = concatValues(columns, lengths, rows);
  if (columns.every((column) => column.nulls === undefined)) return values;
  const nulls = new Uint8Array(rows);
  let start = 0;
  columns.forEach((column, index) => {
    if (column.nulls !== undefined) nulls.set(column.nulls.subarray(0, lengths[index]), start);
    start += lengths[index]!;
  });
  return nulls.includes(1) ? withNulls(values, nulls) : values;
}

function concatValues(columns: readonly Column[], lengths: readonly number[], rows: number): ColumnValues {
  const first = columns[0]!;
  const sameKind = columns.every((column) => column.kind === first.kind);
  if (!sameKind || first.kind === 'text') {
    const texts = columns.flatMap((column, index) =>
      Array.from({ length: lengths[index]! }, (_, row) => slotText(column, row)),
    );
    return { kind: 'text', values: texts };
  }
  if (first.kind === 'dictionary') return concatDictionaries(columns, lengths, rows);
  const width = first.kind === 'decimal' ? DECIMAL_BYTES : 1;
  const bytes = first.kind === 'decimal' || first.kind === 'boolean';
  const target = bytes ? new Uint8Array(rows * width) : new Float64Array(rows);
  let start = 0;
  columns.forEach((column, index) => {
    const source = column.values as Uint8Array | Float64Array;
    target.set(source.subarray(0, lengths[index]! * width), start);
    start += lengths[index]! * width;
  });
  return { kind: first.kind, values: target } as ColumnValues;
}

/** The slot of a null may name no dictionary value at all. */
function slotText(column: Column, row: number): string {
  return column.nulls?.[row] === 1 ? '' : textAt(column, row);
}

function concatDictionaries(columns: readonly Column[], lengths: readonly number[], rows: number): ColumnValues {
  const codes = new Uint32Array(rows);
  const nulls = new Uint8Array(rows);
  const values: string[] = [];
  let start = 0;
  columns.forEach((column, index) => {
    if (column.kind !== 'dictionary') return;
    const offset = values.length;
    for (const value of column.values) values.push(value);
    for (let row = 0; row < lengths[index]!; row += 1) {
      codes[start + row] = column.codes[row]! + offset;
      nulls[start + row] = column.nulls?.[row] ?? 0;
    }
    start += lengths[index]!;
  });
  const all = new Uint32Array(rows);
  for (let row = 0; row < rows; row += 1) all[row] = row;
  return gatherDictionary(values, codes, all, nulls);
}
