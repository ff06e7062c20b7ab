import { rowAt } from '@schemahub/columns';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { loadMapping } from './index.js';
import { createScannerFor } from './scanner.js';
import { coinbaseMapping, trades, tradesWithDecimals } from './test-tables.js';

const mapping = await loadMapping(coinbaseMapping, { schemas: [trades, tradesWithDecimals] });

function textOf(ids: readonly number[]): Uint8Array {
  const lines = ids.map(
    (id) =>
      `{"trade_id":${id},"side":"buy","size":"0.5","price":"${id + 1}","time":"2026-09-27T15:57:28Z","product_id":"A-USD","_source":"coinbase","_symbol":"A-USD","_source_ingest_ts":"2026-09-27T16:00:00Z"}\n`,
  );
  return new TextEncoder().encode(lines.join(''));
}

/** What came out, and which ids were asked for one by one. */
function scanned(ids: readonly number[], size: number, smallestPiece: number, answersAll: boolean) {
  const asked: number[] = [];
  const scanner = createScannerFor(
    {
      mapping,
      schema: trades,
      keepId: (id) => {
        asked.push(id);
        return id >= 20 && id <= 60;
      },
      keepsAll: answersAll ? (first, last) => first >= 20 && last <= 60 : undefined,
    },
    smallestPiece,
  );
  scanner.begin('s');
  const bytes = textOf(ids);
  for (let at = 0; at < bytes.length; at += size) scanner.feed(bytes.subarray(at, at + size));
  const scan = scanner.end();
  const batch = scanner.take();
  return { asked, result: { scan, rows: Array.from({ length: batch.rows }, (_, row) => rowAt(batch, row)) } };
}

it('runs of ids that are all kept change nothing but who is asked', () => {
  const ascending = fc.uniqueArray(fc.integer({ min: 1, max: 80 })).map((ids) => ids.sort((a, b) => a - b));
  const any = fc.array(fc.integer({ min: 15, max: 65 }), { maxLength: 60 });
  // Ids that do not ascend, or are told twice, at any place: also where two pieces meet.
  const ids = fc.oneof(
    ascending,
    any,
    any.map((all) => all.sort((a, b) => a - b)),
    fc.tuple(ascending, ascending).map((two) => two.flat()),
  );
  fc.assert(
    fc.property(ids, fc.integer({ min: 100, max: 4000 }), (ids, size) => {
      const { result } = scanned(ids, size, 1e9, false);
      expect(result.scan.ascending).toBe(ids.every((id, at) => at === 0 || id > ids[at - 1]!));
      for (const answersAll of [false, true]) expect(scanned(ids, size, 1, answersAll).result).toEqual(result);
    }),
    { numRuns: 300 },
  );
  const inside = Array.from({ length: 41 }, (_, at) => 20 + at);
  expect(scanned(inside, 1e6, 1, true).asked.length).toBeLessThan(3); // the shape is learned from the first
});
