import type { Column, ColumnBatch, ColumnSpec, ColumnType, TableSchema } from '@schemahub/columns';
import fc from 'fast-check';
import { DECIMAL_BYTES } from './limits.js';
import type { WriteParquetOptions } from './options.js';
import { writeParquet } from './write-parquet.js';

// Tables of plain cells for the tests of this package: what goes in and what must come out.

/** A decimal is its unscaled bigint, a timestamp its µs. */
export type Cell = string | number | bigint | boolean | null;

export interface Table {
  readonly schema: TableSchema;
  readonly rows: readonly (readonly Cell[])[];
}

export const COLUMN_TYPES: readonly ColumnType[] = ['string', 'double', 'timestamp', 'int64', 'boolean', 'decimal'];

export function tableSchema(columns: readonly Omit<ColumnSpec, 'doc' | 'fieldId'>[]): TableSchema {
  return {
    name: 'table',
    columns: columns.map((column, index) => ({ ...column, fieldId: index + 1, doc: '' })),
    primaryKey: [],
    sortKey: [],
  };
}

const safeInteger = fc.maxSafeInteger();
const texts = fc.oneof(
  fc.maxSafeNat().map(String),
  fc.nat(3).map(String),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '',
    '00',
    '01',
    '\uFEFFmark',
    'é',
    '\u{1F600}',
    '\uFFFD',
    '9007199254740991',
    '9007199254740992',
    '-1',
  ),
);

function cells(type: ColumnType, few: boolean): fc.Arbitrary<Cell> {
  switch (type) {
    case 'string':
      return few ? fc.constantFrom('BUY', 'SELL', '7') : texts;
    case 'double':
      return few ? fc.constantFrom(0.1, -0.1, 1e300) : fc.double({ noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'decimal':
      return few ? fc.constantFrom(1n, -1n) : fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n });
    default:
      return few ? fc.constantFrom(-1, 0, 1) : fc.oneof(safeInteger, fc.integer({ min: -5, max: 5 }));
  }
}

/** A column of one type: of any values, of few (dictionaries), or of ascending ids. */
function columnOfCells(spec: Omit<ColumnSpec, 'doc' | 'fieldId'>, rows: number): fc.Arbitrary<Cell[]> {
  const values = fc.oneof(cells(spec.type, false), cells(spec.type, true));
  const only = (value: fc.Arbitrary<Cell>): fc.Arbitrary<Cell[]> =>
    fc.array(value, { minLength: rows, maxLength: rows });
  const choices = [only(values), only(cells(spec.type, true))];
  if (spec.type === 'string') {
    choices.push(fc.nat(2 ** 40).map((first) => Array.from({ length: rows }, (_, row) => String(first + row))));
  }
  const column = fc.oneof(...choices);
  if (!spec.nullable) return column;
  return fc
    .tuple(column, fc.array(fc.boolean(), { minLength: rows, maxLength: rows }))
    .map(([values, nulls]) => values.map((value, row) => (nulls[row] ? null : value)));
}

export function arbitraryTable(maxRows = 60): fc.Arbitrary<Table> {
  const spec = fc.record({ type: fc.constantFrom(...COLUMN_TYPES), nullable: fc.boolean() });
  return fc.tuple(fc.array(spec, { minLength: 1, maxLength: 5 }), fc.nat(maxRows)).chain(([specs, rows]) => {
    const columns = specs.map((column, index) => ({ ...column, name: `c${index}` }));
    return fc.tuple(...columns.map((column) => columnOfCells(column, rows))).map((values) => ({
      schema: tableSchema(columns),
      rows: Array.from({ length: rows }, (_, row) => values.map((column) => column[row]!)),
    }));
  });
}

/** How rows are cut into batches, and which form text takes in each: numbers that are used in turn. */
export interface Cutting {
  readonly sizes: readonly number[];
  readonly forms: readonly number[];
}

export const arbitraryCutting: fc.Arbitrary<Cutting> = fc.record({
  sizes: fc.array(fc.nat(30), { minLength: 1, maxLength: 8 }).filter((sizes) => sizes.some((size) => size > 0)),
  forms: fc.array(fc.nat(5), { minLength: 1, maxLength: 8 }),
});

export const WHOLE: Cutting = { sizes: [Number.MAX_SAFE_INTEGER], forms: [0] };

export function toBatches({ schema, rows }: Table, cutting: Cutting): ColumnBatch[] {
  const batches: ColumnBatch[] = [];
  for (let from = 0, turn = 0; from < rows.length; turn++) {
    const to = Math.min(rows.length, from + cutting.sizes[turn % cutting.sizes.length]!);
    const part = rows.slice(from, to);
    const columns = schema.columns.map((spec, index) =>
      toColumn(
        spec,
        part.map((row) => row[index]!),
        cutting.forms[(turn + index) % cutting.forms.length]!,
      ),
    );
    batches.push({ schema, rows: part.length, columns });
    from = to;
  }
  return batches;
}

const CANONICAL = /^(0|[1-9]\d{0,15})$/;

function toColumn(spec: ColumnSpec, cells: readonly Cell[], form: number): Column {
  const nulls = Uint8Array.from(cells, (cell) => (cell === null ? 1 : 0));
  const mark = nulls.includes(1) ? { nulls } : {};
  // The slot of a null means nothing, so it holds something that must not come out.
  const junk = form * 7 + 1;
  const numbers = (): Float64Array => Float64Array.from(cells, (cell) => (cell === null ? junk : Number(cell)));
  switch (spec.type) {
    case 'string':
      return { ...textColumn(cells, form, numbers), ...mark };
    case 'boolean':
      return { kind: 'boolean', values: Uint8Array.from(cells, (cell) => (cell === true ? 1 : 0)), ...mark };
    case 'decimal': {
      const values = new Uint8Array(cells.length * DECIMAL_BYTES);
      for (const [row, cell] of cells.entries()) {
        values.set(decimalBytes(cell === null ? BigInt(junk) : (cell as bigint)), row * DECIMAL_BYTES);
      }
      return { kind: 'decimal', values, ...mark };
    }
    default:
      return { kind: spec.type, values: numbers(), ...mark };
  }
}

function textColumn(cells: readonly Cell[], form: number, numbers: () => Float64Array): Column {
  const isId = (cell: Cell): boolean =>
    cell === null || (CANONICAL.test(cell as string) && Number(cell) <= Number.MAX_SAFE_INTEGER);
  if (form < 2 && cells.every(isId)) return { kind: 'id', values: numbers() };
  if (form === 1 || form === 2)
    return { kind: 'text', values: cells.map((cell) => (cell as string | null) ?? `junk${form}`) };
  const distinct = [...new Set(cells.filter((cell) => cell !== null) as string[])];
  if (form === 3) distinct.reverse();
  const values = form === 4 ? distinct : ['unused', ...distinct, 'last'];
  return {
    kind: 'dictionary',
    values,
    codes: Uint32Array.from(cells, (cell) => Math.max(0, values.lastIndexOf(cell as string))),
  };
}

export function decimalBytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(DECIMAL_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(0, value >> 64n);
  view.setBigUint64(8, BigInt.asUintN(64, value));
  return bytes;
}

function decimalValue(bytes: Uint8Array, offset = 0): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, DECIMAL_BYTES);
  return (view.getBigInt64(0) << 64n) | view.getBigUint64(8);
}

export function toRows(batches: readonly ColumnBatch[]): Cell[][] {
  return batches.flatMap((batch) =>
    Array.from({ length: batch.rows }, (_, row) => batch.columns.map((column) => cellOf(column, row))),
  );
}

function cellOf(column: Column, row: number): Cell {
  if (column.nulls?.[row] === 1) return null;
  switch (column.kind) {
    case 'text':
      return column.values[row]!;
    case 'dictionary':
      return column.values[column.codes[row]!]!;
    case 'id':
      return String(column.values[row]!);
    case 'boolean':
      return column.values[row] === 1;
    case 'decimal':
      return decimalValue(column.values, row * DECIMAL_BYTES);
    case 'double':
      return column.values[row]!;
    default:
      // INT64 has no negative zero.
      return column.values[row]! + 0;
  }
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export async function writeBytes(
  batches: Iterable<ColumnBatch> | AsyncIterable<ColumnBatch>,
  options: WriteParquetOptions,
): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await collect(writeParquet(batches, options).bytes)));
}
