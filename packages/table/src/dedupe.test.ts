import type { ColumnBatch } from '@schemahub/columns';
import { rowAt } from '@schemahub/columns';
import { tradesUnified } from '@schemahub/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dedupe, sameTime } from './dedupe.js';
import { splitMonths } from './months.js';

type Row = readonly [id: number, ingest: number, ts: number, side: string, price: number, quantity: number];

function batchOf(rows: readonly Row[]): ColumnBatch {
  const sides = ['SELL', 'BUY'];
  const column = (at: 0 | 1 | 2 | 4 | 5): Float64Array => Float64Array.from(rows, (row) => row[at]);
  const constant = (text: string): ColumnBatch['columns'][number] => ({
    kind: 'dictionary',
    values: [text],
    codes: new Uint32Array(rows.length),
  });
  return {
    schema: tradesUnified,
    rows: rows.length,
    columns: [
      constant('COINBASE'),
      constant('BTC-USD'),
      { kind: 'id', values: column(0) },
      { kind: 'dictionary', values: sides, codes: Uint32Array.from(rows, (row) => sides.indexOf(row[3])) },
      { kind: 'double', values: column(4) },
      { kind: 'double', values: column(5) },
      { kind: 'timestamp', values: column(2) },
      { kind: 'timestamp', values: column(1) },
    ],
  };
}

const small = fc.integer({ min: 0, max: 2 });
const rowArbitrary: fc.Arbitrary<Row> = fc.tuple(
  fc.integer({ min: 0, max: 6 }),
  small,
  fc.integer({ min: 1, max: 3 }), // 0 µs might be a time told in seconds
  fc.constantFrom('BUY', 'SELL'),
  small,
  small,
);

test('the least copy wins, whatever the order; ids ascend; conflicts are ids whose copies differ', () => {
  fc.assert(
    fc.property(fc.array(rowArbitrary, { maxLength: 40 }), fc.infiniteStream(fc.nat()), (rows, noise) => {
      const compare = (a: Row, b: Row): number => {
        for (const [at, value] of a.entries()) if (value !== b[at]) return value < b[at]! ? -1 : 1;
        return 0;
      };
      const sorted = [...rows].sort(compare);
      const winners = sorted.filter((row, at) => row[0] !== sorted[at - 1]?.[0]);
      const differing = winners.filter((winner) =>
        rows.some((row) => row[0] === winner[0] && [2, 3, 4, 5].some((at) => row[at] !== winner[at])),
      );
      const shuffled = rows.map((row) => ({ row, key: noise.next().value! })).sort((a, b) => a.key - b.key);
      const batch = batchOf(shuffled.map(({ row }) => row));
      const conflicts: number[] = [];
      const result = dedupe(batch, (_, id) => conflicts.push(id));
      const kept = Array.from(result.rows, (row) => rowAt(batch, row));
      expect(
        kept.map((row) => [Number(row.trade_id), row.ingest_ts, row.trade_ts, row.side, row.price, row.quantity]),
      ).toEqual(winners);
      expect(result.duplicates).toBe(rows.length - winners.length);
      expect(conflicts).toEqual(differing.map(([id]) => id));
    }),
  );
});

test('thousands of ids that came more than once', () => {
  const ids = Array.from({ length: 3000 }, (_, id) => id);
  const landed = [3, 1, 2].flatMap((ingest) => ids.map((id): Row => [id, ingest, 0, 'BUY', 1, 1]));
  const batch = batchOf(landed);
  const { rows, duplicates } = dedupe(batch, () => expect.unreachable());
  expect(duplicates).toBe(6000);
  expect(Array.from(rows, (row) => rowAt(batch, row).trade_id)).toEqual(ids.map(String));
  expect(Array.from(rows, (row) => rowAt(batch, row).ingest_ts)).toEqual(ids.map(() => 1));
});

test.each([
  [1_700_000_000_123_456, 1_700_000_000_123_456, true],
  [1_700_000_000_123_456, 1_700_000_000_123_000, true],
  [1_700_000_000_123_456, 1_700_000_000_124_000, false],
  [1_700_000_000_123_456, 1_700_000_000_123_457, false],
  [1_700_000_000_123_456, 1_700_000_000_000_000, true],
  [1_700_000_000_999_999, 1_700_000_001_000_000, false],
])('times %d and %d are equal to the coarser resolution: %s', (a, b, equal) => {
  expect(sameTime(a, b)).toBe(equal);
  expect(sameTime(b, a)).toBe(equal);
});

test('months are cut exactly at UTC midnight of the first day', () => {
  const month = (year: number, at: number): number => Date.UTC(year, at, 1) * 1000;
  const times = [
    month(2024, 1),
    month(2024, 2) - 1,
    month(2024, 2),
    month(2025, 0) - 1,
    month(2025, 0),
    month(2025, 0),
  ];
  const batch = batchOf(times.map((ts, id): Row => [id, 0, ts, 'BUY', 1, 1]));
  expect(
    splitMonths(
      batch,
      Uint32Array.from(times, (_, row) => row),
    ),
  ).toEqual([
    { month: '2024-02', from: 0, to: 2 },
    { month: '2024-03', from: 2, to: 3 },
    { month: '2024-12', from: 3, to: 4 },
    { month: '2025-01', from: 4, to: 6 },
  ]);
  expect(splitMonths(batch, new Uint32Array(0))).toEqual([]);
});
