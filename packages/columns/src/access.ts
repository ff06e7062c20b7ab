import type { Column, ColumnBatch } from './batch.js';
import { DECIMAL_BYTES, readDecimal } from './decimal.js';
import { ColumnsError } from './errors.js';
import type { TableSchema } from './schema.js';

/** One value as plain JavaScript: ids and decimals as text, timestamps as µs. */
export type CellValue = string | number | boolean | null;

/** The place of a column in its schema. Throws ColumnsError UNKNOWN_COLUMN. */
export function columnIndex(schema: TableSchema, name: string): number {
  const index = schema.columns.findIndex((column) => column.name === name);
  if (index < 0) {
    const known = schema.columns.map((column) => column.name).join(', ');
    throw new ColumnsError('UNKNOWN_COLUMN', `Table ${schema.name} has no column "${name}"; it has ${known}.`);
  }
  return index;
}

/** A column by name. Throws ColumnsError UNKNOWN_COLUMN. */
export function columnOf(batch: ColumnBatch, name: string): Column {
  return batch.columns[columnIndex(batch.schema, name)]!;
}

/** The text of a row of a `string` column, whichever kind holds it. A null is read as its slot: ask `nulls` first. */
export function textAt(column: Column, row: number): string {
  switch (column.kind) {
    case 'text':
      return column.values[row]!;
    case 'dictionary':
      return column.values[column.codes[row]!]!;
    case 'id':
      return String(column.values[row]!);
    default:
      throw new ColumnsError('WRONG_KIND', `A ${column.kind} column holds no text; use rowAt or its values.`);
  }
}

/** One value, null-aware. One object a call at most: for tests, printing and slow paths. */
export function cellAt(column: Column, row: number): CellValue {
  if (column.nulls?.[row] === 1) return null;
  switch (column.kind) {
    case 'text':
    case 'dictionary':
    case 'id':
      return textAt(column, row);
    case 'boolean':
      return column.values[row] === 1;
    case 'decimal':
      return readDecimal(column.values, row * DECIMAL_BYTES);
    default:
      return column.values[row]!;
  }
}

/** One row as an object, null-aware; for tests and printing. Throws ColumnsError OUT_OF_RANGE. */
export function rowAt(batch: ColumnBatch, row: number): Record<string, CellValue> {
  if (!Number.isInteger(row) || row < 0 || row >= batch.rows) {
    throw new ColumnsError(
      'OUT_OF_RANGE',
      `Row ${row} was asked of a batch of ${batch.rows} rows; expected 0 or more and less.`,
    );
  }
  return Object.fromEntries(batch.schema.columns.map((spec, index) => [spec.name, cellAt(batch.columns[index]!, row)]));
}
