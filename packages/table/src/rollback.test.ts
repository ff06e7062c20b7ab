import type { ObjectStore } from '@schemahub/object-store';
import { describe, expect, test } from 'vitest';
import { createTestLake, SOURCE, sortRows, type TestLake, testMapping, tradesOf, truthOf } from './test-lake.js';

async function step(lake: TestLake, first: number, last: number): Promise<void> {
  await lake.put(tradesOf(first, last));
  await lake.table().transform({ products: [await lake.product()] });
}

describe('rollback', () => {
  test('shows an old snapshot and pins the table; transform says so; release lets it catch up', async () => {
    const lake = createTestLake();
    await step(lake, 1, 3);
    await step(lake, 4, 6);
    const result = await lake.table().rollback(1);
    expect(result.commit).toBe(3);
    expect(result.snapshot?.commit).toMatchObject({ kind: 'rollback', pinned: 1 });
    expect(await lake.rows()).toEqual(truthOf(tradesOf(1, 3)));
    const products = [await lake.product()];
    const sentence = /pinned to snapshot 1 by a rollback.*rollback --release/;
    await expect(lake.table().transform({ products })).rejects.toMatchObject({ code: 'pinned', message: sentence });
    expect((await lake.table().rollback(1)).commit).toBeUndefined();
    expect((await lake.table().release()).commit).toBe(4);
    expect((await lake.table().release()).commit).toBeUndefined();
    expect(await lake.rows()).toEqual(truthOf(tradesOf(1, 3)));
    await lake.table().transform({ products });
    expect(sortRows(await lake.rows())).toEqual(truthOf(tradesOf(1, 6)));
  });

  test('a pinned table says so also when nothing is new', async () => {
    const lake = createTestLake();
    await step(lake, 1, 3);
    await lake.table().rollback(1);
    const run = lake.table().transform({ products: [await lake.product()] });
    await expect(run).rejects.toMatchObject({ code: 'pinned' });
  });

  test('a rebuild frees a pinned table', async () => {
    const lake = createTestLake();
    await step(lake, 1, 3);
    await step(lake, 4, 6);
    await lake.table().rollback(1);
    await lake.table().rebuild({ products: [await lake.product()] });
    expect((await lake.head())?.commit.pinned).toBeNull();
    expect(await lake.rows()).toEqual(truthOf(tradesOf(1, 6)));
  });

  test('a pinned table may be compacted, and stays pinned', async () => {
    const lake = createTestLake();
    await step(lake, 1, 3);
    await step(lake, 4, 6);
    await step(lake, 7, 9);
    await lake.table().rollback(2);
    await lake.table().compact({ products: [await lake.product()] });
    expect((await lake.head())?.commit).toMatchObject({ kind: 'compact', pinned: 2 });
    expect(await lake.rows()).toEqual(truthOf(tradesOf(1, 6)));
  });

  test('the meaning comes back with the rows: the mapping of that snapshot is the right one again', async () => {
    const lake = createTestLake();
    await step(lake, 1, 3);
    const other = await testMapping((text) => text.replace('side: maker_to_taker', 'side: upper'));
    await lake.table({ mappings: { [SOURCE]: other } }).rebuild({ products: [await lake.product()] });
    await lake.table().rollback(1);
    await lake.table().release();
    await step(lake, 4, 5);
    expect(sortRows(await lake.rows())).toEqual(truthOf(tradesOf(1, 5)));
  });

  test('a snapshot whose files vacuum retired cannot come back', async () => {
    const lake = createTestLake();
    await step(lake, 1, 3);
    await step(lake, 4, 6);
    const products = [await lake.product()];
    await lake.table().compact({ products });
    lake.clock.time += 20 * 86_400_000;
    // Retired by the commit; killed before the old commits were buried.
    const store: ObjectStore = {
      ...lake.store,
      putIfMatch: async (key, body, version) => {
        if (key.startsWith(lake.layout.commits)) throw new Error('killed');
        return await lake.store.putIfMatch(key, body, version);
      },
    };
    await expect(lake.table({ store }).vacuum({ now: lake.clock.time, keepSnapshots: 1 })).rejects.toThrow('killed');
    const { snapshots } = await lake.table().snapshots();
    expect(snapshots.map(({ number, available }) => [number, available])).toEqual([
      [4, true],
      [3, true],
      [2, false],
      [1, false],
    ]);
    await expect(lake.table().rollback(2)).rejects.toMatchObject({ code: 'retired' });
    expect((await lake.head())?.number).toBe(4);
  });

  test('an unknown number and a wrong one are told', async () => {
    const lake = createTestLake();
    await step(lake, 1, 3);
    await expect(lake.table().rollback(7)).rejects.toMatchObject({ code: 'missing-object', message: /snapshot 7/ });
    await expect(lake.table().rollback(0)).rejects.toMatchObject({ code: 'invalid-option' });
  });
});

test('snapshots lists commits with their files, newest first', async () => {
  const lake = createTestLake();
  expect(await lake.table().snapshots()).toEqual({ current: 0, snapshots: [] });
  await step(lake, 1, 3);
  await step(lake, 4, 6);
  const { current, snapshots } = await lake.table().snapshots();
  expect(current).toBe(2);
  const files = (await lake.head())!.products[0]!.files;
  expect(snapshots[0]).toMatchObject({ number: 2, kind: 'transform', pinned: null, rows: 6, available: true });
  expect(snapshots[0]?.files).toEqual(
    files.map(({ path, rows, bytes, sha256, ids }) => ({ path, rows, bytes, sha256, ids: ids.toString() })),
  );
  expect(snapshots[1]?.files).toHaveLength(1);
  const brief = await lake.table().snapshots({ files: false });
  expect(brief.snapshots.map(({ rows, files: own }) => [rows, own])).toEqual([
    [6, []],
    [3, []],
  ]);
  const hashes = await lake.hashes();
  for (const { path, sha256 } of snapshots[0]!.files) expect(hashes[path]).toBe(sha256);
});
