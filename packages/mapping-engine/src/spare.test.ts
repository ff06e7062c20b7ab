import { type ColumnBatch, rowAt } from '@schemahub/columns';
import { expect, it } from 'vitest';
import { loadMapping } from './index.js';
import { createScannerFor } from './scanner.js';
import { coinbaseMapping, trades, tradesWithDecimals } from './test-tables.js';

const mapping = await loadMapping(coinbaseMapping, { schemas: [trades, tradesWithDecimals] });

function textOf(from: number, count: number): Uint8Array {
  const lines = Array.from({ length: count }, (_, row) => {
    const [id, side, symbol] = [from + row, row % 3 === 0 ? 'buy' : 'sell', row % 2 === 0 ? 'A-USD' : 'B-USD'];
    return `{"trade_id":${id},"side":"${side}","size":"0.${row + 1}","price":"${id}","time":"2026-09-27T15:57:28Z","product_id":"${symbol}","_source":"coinbase","_symbol":"${symbol}","_source_ingest_ts":"2026-09-27T16:00:00Z"}\n`;
  });
  return new TextEncoder().encode(lines.join(''));
}

/** Batches of a scanner that is fed twice, and a batch taken between. */
function batchesOf(spare: ColumnBatch | undefined, smallestPiece: number): readonly ColumnBatch[] {
  const scanner = createScannerFor({ mapping, schema: trades, capacity: 64, spare }, smallestPiece);
  return [1, 1000].map((from) => {
    scanner.begin('s');
    scanner.feed(textOf(from, 100));
    scanner.end();
    return scanner.take();
  });
}

/** A batch of 200 rows whose every number and code is one that no row has. */
function poisoned(): ColumnBatch {
  const scanner = createScannerFor({ mapping, schema: trades, capacity: 200 }, 1);
  scanner.begin('old');
  scanner.feed(textOf(1, 200));
  scanner.end();
  const batch = scanner.take();
  for (const column of batch.columns) {
    if (column.kind === 'dictionary') column.codes.fill(4_000_000_000);
    else if (column.values instanceof Float64Array) column.values.fill(Number.NaN);
  }
  return batch;
}

it.each([1, 1e9])(
  'a batch over the arrays of another holds nothing of it (compiled kernel from %d bytes on)',
  (piece) => {
    const rowsOf = (batch: ColumnBatch): unknown => Array.from({ length: batch.rows }, (_, row) => rowAt(batch, row));
    const fresh = batchesOf(undefined, piece);
    const spare = poisoned();
    const reused = batchesOf(spare, piece);
    expect(reused.map(rowsOf)).toEqual(fresh.map(rowsOf));
    const arrays = new Set(spare.columns.map(({ values }) => values));
    expect(reused[0]!.columns.some(({ values }) => arrays.has(values))).toBe(true);
    expect(reused[1]!.columns.some(({ values }) => arrays.has(values))).toBe(false);
  },
);
