import type { Column, ColumnBatch, ColumnSpec, TableSchema } from '@schemahub/columns';
import { doublesAscend } from './encode/page-kernel.js';
import { ParquetWriteError } from './errors.js';
import { DECIMAL_BYTES } from './limits.js';
import type { ColumnChunkData } from './row-group-buffer.js';

const KINDS: Record<ColumnSpec['type'], readonly Column['kind'][]> = {
  string: ['text', 'dictionary', 'id'],
  double: ['double'],
  timestamp: ['timestamp'],
  int64: ['int64'],
  boolean: ['boolean'],
  decimal: ['decimal'],
};

/** Checks that a batch has the columns of the file and enough values in each. Throws ParquetWriteError SCHEMA_MISMATCH. */
export function checkBatch(schema: TableSchema, batch: ColumnBatch): void {
  if (batch.schema !== schema) checkSchemas(schema, batch.schema);
  if (!Number.isInteger(batch.rows) || batch.rows < 0) {
    throw mismatch(`a batch says it has ${batch.rows} rows; expected an integer 0 or more`);
  }
  if (batch.columns.length !== schema.columns.length) {
    throw mismatch(`a batch has ${batch.columns.length} columns; expected ${schema.columns.length}`);
  }
  for (const [index, spec] of schema.columns.entries()) checkColumn(spec, batch.columns[index]!, batch.rows);
}

function checkColumn(spec: ColumnSpec, column: Column, rows: number): void {
  if (!KINDS[spec.type].includes(column.kind)) {
    throw mismatch(
      `column "${spec.name}" (${spec.type}) came as ${column.kind}; expected ${KINDS[spec.type].join(', ')}`,
    );
  }
  const held = column.kind === 'dictionary' ? column.codes.length : column.values.length;
  const values = column.kind === 'decimal' ? Math.floor(held / DECIMAL_BYTES) : held;
  if (values < rows || (column.nulls !== undefined && column.nulls.length < rows)) {
    throw mismatch(`column "${spec.name}" of a batch of ${rows} rows holds fewer values than that`);
  }
}

function checkSchemas(schema: TableSchema, other: TableSchema): void {
  const text = ({ columns }: TableSchema): string =>
    columns.map(({ name, fieldId, type, nullable }) => `${fieldId} ${name} ${type}${nullable ? '?' : ''}`).join(', ');
  if (text(schema) !== text(other))
    throw mismatch(`a batch has the columns (${text(other)}); expected (${text(schema)})`);
}

function mismatch(what: string): ParquetWriteError {
  return new ParquetWriteError('SCHEMA_MISMATCH', `Cannot write this table to Parquet: ${what}.`);
}

/**
 * Checks that the rows of a row group ascend by the columns its footer is going to promise: a reader that trusts a
 * false promise drops rows. Throws ParquetWriteError NOT_SORTED.
 */
export function checkSorted(chunks: readonly ColumnChunkData[], sortingColumns: readonly number[]): void {
  if (sortingColumns.length === 0) return;
  const keys = sortingColumns.map((index) => chunks[index]!.values.values as Float64Array);
  const rows = chunks[0]!.rows;
  if (keys.length === 1 && doublesAscend(keys[0]!, rows)) return;
  for (let row = 1; row < rows; row++) {
    for (const [place, values] of keys.entries()) {
      const before = values[row - 1]!;
      const value = values[row]!;
      if (before < value) break;
      if (before > value) {
        const { name } = chunks[sortingColumns[place]!]!.spec;
        throw new ParquetWriteError(
          'NOT_SORTED',
          `Rows must ascend by the sortingColumns, but row ${row} of a row group has ${name} ${value} after ${before}; sort the rows, or leave ${name} out.`,
        );
      }
    }
  }
}
