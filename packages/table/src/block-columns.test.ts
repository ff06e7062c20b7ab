import { type ColumnBatch, rowAt, type TableSchema } from '@schemahub/columns';
import { tradesUnified, tradesUnifiedWithDecimals } from '@schemahub/core';
import { createScanner } from '@schemahub/mapping-engine';
import { expect, test } from 'vitest';
import { roomForBlock } from './block-columns.js';
import { lineOf, mapping, PRODUCT, tradesOf } from './test-lake.js';

const FULL = 2_162_688;
const buffers = (batch: ColumnBatch): ArrayBufferLike[] =>
  batch.columns.map((column) => (column.kind === 'dictionary' ? column.codes : (column.values as Float64Array)).buffer);

function scan(schema: TableSchema, spare: ColumnBatch | undefined, capacity: number): ColumnBatch {
  const scanner = createScanner({ mapping, schema, spare, capacity });
  scanner.begin('lines');
  for (const trade of tradesOf(1, 50))
    scanner.feed(
      Buffer.from(`${lineOf(trade, PRODUCT).toString()},"_source_ingest_ts":"2026-01-01T00:00:00.000001Z"}\n`),
    );
  scanner.end();
  return scanner.take();
}

test('a scanner fills every column where the room for a block is, and says the same', () => {
  const room = roomForBlock(tradesUnified, FULL)!;
  const [memory] = buffers(room);
  expect(memory!.byteLength).toBe(52 * FULL);
  expect(memory!.byteLength).toBeGreaterThan(32 * 2 ** 20);
  const batch = scan(tradesUnified, room, FULL);
  expect(new Set(buffers(batch))).toEqual(new Set([memory]));
  const own = scan(tradesUnified, undefined, 64);
  expect(batch.rows).toBe(50);
  expect(Array.from({ length: 50 }, (_, row) => rowAt(batch, row))).toEqual(
    Array.from({ length: 50 }, (_, row) => rowAt(own, row)),
  );
});

test('decimals are left to the scanner', () => {
  const batch = scan(tradesUnifiedWithDecimals, roomForBlock(tradesUnifiedWithDecimals, FULL), 600_000);
  const own = scan(tradesUnifiedWithDecimals, undefined, 64);
  expect(rowAt(batch, 49)).toEqual(rowAt(own, 49));
});

test('columns do not overlap, and more rows than a block have room too', () => {
  const room = roomForBlock(tradesUnified, FULL + 9)!;
  const spans = room.columns
    .map((column) => (column.kind === 'dictionary' ? column.codes : (column.values as Float64Array)))
    .map(({ byteOffset, byteLength, length }) => ({ byteOffset, end: byteOffset + byteLength, length }))
    .toSorted((a, b) => a.byteOffset - b.byteOffset);
  for (const [at, { byteOffset, length }] of spans.entries()) {
    expect(length).toBe(FULL + 9);
    expect(byteOffset).toBe(spans[at - 1]?.end ?? 0);
  }
});

test('few rows get columns of their own length', () => {
  expect(roomForBlock(tradesUnified, 500_000)).toBeUndefined();
});
