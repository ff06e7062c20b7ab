import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Column,
  type ColumnBatch,
  ColumnsError,
  cellAt,
  columnOf,
  concatBatches,
  gather,
  rowAt,
  sliceBatch,
  sortPermutation,
  type TableSchema,
  textAt,
  writeDecimal,
} from './index.js';

const schema: TableSchema = {
  name: 'everything',
  columns: [
    { name: 'id', fieldId: 1, type: 'string', nullable: false, doc: '' },
    { name: 'code', fieldId: 2, type: 'string', nullable: true, doc: '' },
    { name: 'text', fieldId: 3, type: 'string', nullable: true, doc: '' },
    { name: 'price', fieldId: 4, type: 'double', nullable: true, doc: '' },
    { name: 'ts', fieldId: 5, type: 'timestamp', nullable: false, doc: '' },
    { name: 'count', fieldId: 6, type: 'int64', nullable: false, doc: '' },
    { name: 'flag', fieldId: 7, type: 'boolean', nullable: true, doc: '' },
    { name: 'exact', fieldId: 8, type: 'decimal', nullable: true, doc: '' },
  ],
  primaryKey: ['id'],
  sortKey: ['ts', 'id'],
};

interface Row {
  id: number;
  code: string | null;
  text: string | null;
  price: number | null;
  ts: number;
  count: number;
  flag: boolean | null;
  exact: number | null;
}

const rowArbitrary: fc.Arbitrary<Row> = fc.record({
  id: fc.oneof(fc.nat(20), fc.maxSafeNat()),
  code: fc.option(fc.constantFrom('BUY', 'SELL', '', 'Ä', '\ue000', '😀'), { freq: 5 }),
  text: fc.option(fc.string({ maxLength: 3, unit: 'grapheme' }), { freq: 5 }),
  price: fc.option(fc.oneof(fc.double(), fc.constantFrom(0, -0, 1, -1)), { freq: 5 }),
  ts: fc.oneof(fc.nat(3), fc.nat(5000), fc.maxSafeNat()),
  count: fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -3, max: 3 })),
  flag: fc.option(fc.boolean(), { freq: 5 }),
  exact: fc.option(fc.integer({ min: -5, max: 5 }), { freq: 5 }),
});
const rowsArbitrary: fc.Arbitrary<Row[]> = fc.array(rowArbitrary, { maxLength: 60 });

function batchOf(rows: readonly Row[]): ColumnBatch {
  const nulls = (name: keyof Row): Uint8Array => Uint8Array.from(rows, (row) => (row[name] === null ? 1 : 0));
  // Old codes in reverse order and one value never used, so that renumbering has something to do.
  const values = ['never used', ...new Set(rows.map((row) => row.code ?? '').reverse())];
  const exact = new Uint8Array(rows.length * 16);
  rows.forEach((row, index) => {
    writeDecimal(`${row.exact ?? 99 - index}.5`, exact, index * 16);
  });
  const columns: Column[] = [
    { kind: 'id', values: Float64Array.from(rows, (row) => row.id) },
    {
      kind: 'dictionary',
      values,
      codes: Uint32Array.from(rows, (row) => values.indexOf(row.code ?? '')),
      nulls: nulls('code'),
    },
    { kind: 'text', values: rows.map((row, index) => row.text ?? `slot ${90 - index}`), nulls: nulls('text') },
    { kind: 'double', values: Float64Array.from(rows, (row, index) => row.price ?? 77 - index), nulls: nulls('price') },
    { kind: 'timestamp', values: Float64Array.from(rows, (row) => row.ts) },
    { kind: 'int64', values: Float64Array.from(rows, (row) => row.count) },
    { kind: 'boolean', values: Uint8Array.from(rows, (row) => (row.flag === true ? 1 : 0)), nulls: nulls('flag') },
    { kind: 'decimal', values: exact, nulls: nulls('exact') },
  ];
  return { schema, rows: rows.length, columns };
}

function naiveOrder(a: unknown, b: unknown): number {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return 0;
  if (a === null || Number.isNaN(a)) return a === null || b !== null ? 1 : -1;
  if (b === null || Number.isNaN(b)) return -1;
  return (a as number) < (b as number) ? -1 : 1;
}

function allRows(batch: ColumnBatch): unknown[] {
  return Array.from({ length: batch.rows }, (_, row) => rowAt(batch, row));
}

const columnNames = schema.columns.map((column) => column.name);

describe('sortPermutation', () => {
  it('equals a naive stable sort by any keys, for every kind of column, nulls last', () => {
    fc.assert(
      fc.property(rowsArbitrary, fc.uniqueArray(fc.constantFrom(...columnNames), { maxLength: 3 }), (rows, keys) => {
        const naive = rows
          .map((_, index) => index)
          .sort((a, b) => {
            for (const key of keys as (keyof Row)[]) {
              const order = naiveOrder(rows[a]![key], rows[b]![key]);
              if (order !== 0) return order;
            }
            return a - b;
          });
        expect([...sortPermutation(batchOf(rows), { keys })]).toEqual(naive);
      }),
      { numRuns: 800 },
    );
  });

  it('sorts only the rows given, keeps their order among equals, and leaves the argument alone', () => {
    fc.assert(
      fc.property(rowsArbitrary, fc.array(fc.nat(59), { maxLength: 80 }), (rows, picks) => {
        const chosen = Uint32Array.from(picks.filter((pick) => pick < rows.length));
        const before = [...chosen];
        const sorted = sortPermutation(batchOf(rows), { keys: ['ts'], rows: chosen });
        expect([...sorted]).toEqual([...before].sort((a, b) => rows[a]!.ts - rows[b]!.ts));
        expect([...chosen]).toEqual(before);
      }),
    );
  });

  it('orders ids as numbers and microseconds over two months, 200,000 rows with many ties', () => {
    let seed = 42;
    const next = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % below;
    };
    const rows = 200_000;
    const ids = Float64Array.from({ length: rows }, (_, row) => 999_000_000 + ((row * 7919) % rows));
    const ts = Float64Array.from({ length: rows }, () => 1_764_547_200_000_000 + next(60_000) * 86_400_000);
    const two: TableSchema = { ...schema, columns: [schema.columns[0]!, schema.columns[4]!] };
    const batch: ColumnBatch = {
      schema: two,
      rows,
      columns: [
        { kind: 'id', values: ids },
        { kind: 'timestamp', values: ts },
      ],
    };
    const sorted = sortPermutation(batch, { keys: ['ts', 'id'] });
    for (let at = 1; at < rows; at += 1) {
      const [a, b] = [sorted[at - 1]!, sorted[at]!];
      if (ts[a]! > ts[b]! || (ts[a] === ts[b] && ids[a]! >= ids[b]!))
        expect.fail(`rows ${a} and ${b} are out of order`);
    }
    expect(new Set(sorted).size).toBe(rows);
  });

  it('refuses an unknown column and a row outside', () => {
    const batch = batchOf([]);
    expect(() => sortPermutation(batch, { keys: ['prise'] })).toThrow(ColumnsError);
    expect(() => sortPermutation(batch, { keys: ['id'], rows: Uint32Array.of(0) })).toThrow('Row 0');
  });
});

describe('gather, sliceBatch, concatBatches', () => {
  it('gather copies exactly the rows named, whatever the order', () => {
    fc.assert(
      fc.property(
        rowsArbitrary,
        fc.array(fc.nat(59), { maxLength: 80 }),
        fc.nat(80),
        fc.nat(80),
        (rows, picks, a, b) => {
          const permutation = Uint32Array.from(picks.filter((pick) => pick < rows.length));
          const [from, to] = [Math.min(a, b, permutation.length), Math.min(Math.max(a, b), permutation.length)];
          const batch = batchOf(rows);
          const expected = [...permutation.subarray(from, to)].map((row) => rowAt(batch, row));
          expect(allRows(gather(batch, permutation, from, to))).toEqual(expected);
        },
      ),
    );
  });

  it('the result depends on the rows alone: another dictionary, another batch order, the same columns', () => {
    fc.assert(
      fc.property(rowsArbitrary, (rows) => {
        const straight = batchOf(rows);
        const reversed = batchOf([...rows].reverse());
        const backwards = Uint32Array.from(rows, (_, row) => rows.length - 1 - row);
        expect(gather(reversed, backwards, 0, rows.length)).toEqual(sliceBatch(straight, 0, rows.length));
      }),
    );
  });

  it('trims dictionaries to used values in order of first use, and drops null masks without a null', () => {
    const batch = batchOf([
      { id: 1, code: 'SELL', text: null, price: 1, ts: 1, count: 1, flag: true, exact: 1 },
      { id: 2, code: 'BUY', text: 'a', price: 1, ts: 1, count: 1, flag: true, exact: 1 },
    ]);
    expect(columnOf(sliceBatch(batch, 1, 2), 'code')).toEqual({
      kind: 'dictionary',
      values: ['BUY'],
      codes: Uint32Array.of(0),
    });
    expect(columnOf(sliceBatch(batch, 0, 2), 'code')).toMatchObject({
      values: ['SELL', 'BUY'],
      codes: Uint32Array.of(0, 1),
    });
    expect(columnOf(sliceBatch(batch, 1, 2), 'text')).toEqual({ kind: 'text', values: ['a'] });
  });

  it('concatenating slices gives the whole back', () => {
    fc.assert(
      fc.property(rowsArbitrary, fc.nat(60), fc.nat(60), (rows, a, b) => {
        const batch = batchOf(rows);
        const [first, second] = [Math.min(a, b, rows.length), Math.min(Math.max(a, b), rows.length)];
        const parts = [
          sliceBatch(batch, 0, first),
          sliceBatch(batch, first, second),
          sliceBatch(batch, second, rows.length),
        ];
        const whole = concatBatches(parts);
        expect(allRows(whole)).toEqual(allRows(batch));
        expect(whole).toEqual(sliceBatch(batch, 0, rows.length));
      }),
    );
  });

  it('concatenates different kinds of a string column as text, unused tails left out', () => {
    const one: TableSchema = { ...schema, columns: [schema.columns[0]!] };
    const numbers: ColumnBatch = { schema: one, rows: 1, columns: [{ kind: 'id', values: Float64Array.of(7, 99) }] };
    const texts: ColumnBatch = { schema: one, rows: 1, columns: [{ kind: 'text', values: ['x-1', 'unused'] }] };
    expect(concatBatches([numbers, texts])).toEqual({
      schema: one,
      rows: 2,
      columns: [{ kind: 'text', values: ['7', 'x-1'] }],
    });
    expect(concatBatches([numbers, numbers]).columns[0]).toEqual({ kind: 'id', values: Float64Array.of(7, 7) });
  });

  it('refuses ranges outside, other tables, nothing at all', () => {
    const batch = batchOf([]);
    expect(() => sliceBatch(batch, 0, 1)).toThrow('0 ≤ from ≤ to ≤ 0');
    expect(() => gather(batch, Uint32Array.of(3), 0, 1)).toThrow('row 3');
    expect(() => concatBatches([])).toThrow(ColumnsError);
    expect(() => concatBatches([batch, { ...batch, schema: { ...schema, columns: [] } }])).toThrow('different columns');
  });
});

describe('reading values', () => {
  it('textAt reads every kind of text, ids without exponent', () => {
    expect(textAt({ kind: 'id', values: Float64Array.of(9_007_199_254_740_991) }, 0)).toBe('9007199254740991');
    expect(textAt({ kind: 'dictionary', values: ['a', 'b'], codes: Uint32Array.of(1) }, 0)).toBe('b');
    expect(() => textAt({ kind: 'double', values: Float64Array.of(1) }, 0)).toThrow('holds no text');
    expect(cellAt({ kind: 'double', values: Float64Array.of(1), nulls: Uint8Array.of(1) }, 0)).toBeNull();
    expect(() => rowAt(batchOf([]), 0)).toThrow('Row 0');
  });
});
