import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRawObject, encodeRawObject, MAX_OBJECT_SPAN, type PackedRows, packRows } from './index.js';
import { readId, rowsOf } from './test-support.js';

const prefix = 'raw_coinbase_trades/BTC-USD/';

/** The same rows, cut before the given positions and packed piece by piece. */
function piecesOf(ids: readonly number[], cuts: readonly number[]): PackedRows[] {
  const bounds = [0, ...[...new Set(cuts)].filter((at) => at > 0 && at < ids.length).sort((a, b) => a - b), ids.length];
  const pieces = bounds.slice(1).map((end, i) => ids.slice(bounds[i]!, end));
  return pieces.map((piece, i) => packRows(rowsOf(piece, `2026-01-01T00:00:00.00000${i % 10}Z`)));
}

describe('packed rows', () => {
  it('make the same object name as the whole, wherever they were cut, and give back every row', async () => {
    const idList = fc.uniqueArray(fc.nat(4000), { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(idList, fc.array(fc.nat(60), { maxLength: 12 }), async (unsorted, cuts) => {
        const ids = unsorted.sort((a, b) => a - b);
        const whole = await encodeRawObject(prefix, rowsOf(ids));
        const { name, bytes, ids: held } = await encodeRawObject(prefix, piecesOf(ids, cuts));
        expect(name).toEqual(whole.name);
        expect([...held]).toEqual(ids);
        const contents = await decodeRawObject(name, bytes, readId, { deep: true });
        expect([...contents.ids]).toEqual(ids);
        expect(gunzipSync(bytes).length).toBe(gunzipSync(whole.bytes).length);
      }),
      { numRuns: 150 },
    );
  });

  it('of an object whose later member is cut, overwritten or gone are told as damage', async () => {
    const pieces = piecesOf([1, 2, 1500, 2500, 2600], [2, 3]);
    const { name, bytes } = await encodeRawObject(prefix, pieces);
    const second = pieces[0]!.bytes.length;
    const read = (damaged: Uint8Array): Promise<unknown> => decodeRawObject(name, damaged, readId);
    await expect(read(bytes.subarray(0, second))).rejects.toThrow('holds 2 rows, its name says 5');
    await expect(read(bytes.subarray(0, second + 7))).rejects.toMatchObject({ code: 'damaged-raw' });
    // Beginning with anything but the gzip mark, a member passes for a trailer that unpackers ignore.
    for (const at of [second, second + 1, second + pieces[1]!.bytes.length]) {
      const damaged = Uint8Array.from(bytes);
      damaged[at] = 0;
      await expect(read(damaged)).rejects.toMatchObject({ code: 'damaged-raw' });
    }
    const swapped = Buffer.concat([pieces[1]!, pieces[0]!, pieces[2]!].map((piece) => piece.bytes));
    await expect(read(swapped)).rejects.toThrow('does not ascend');
  });

  it('are refused when together they could not be read back', async () => {
    const [low, high] = [packRows(rowsOf([1, 2])), packRows(rowsOf([MAX_OBJECT_SPAN + 1]))];
    await expect(encodeRawObject(prefix, [])).rejects.toThrow('at least one row');
    await expect(encodeRawObject(prefix, [low, low])).rejects.toThrow('must ascend, got 1 after 2');
    await expect(encodeRawObject(prefix, [low, high])).rejects.toThrow('span');
  });
});
