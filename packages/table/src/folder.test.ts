import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFolderStore } from '@schemahub/object-store';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cellHashes, createTestLake, tradesOf, truthOf } from './test-lake.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'schemahub-table-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test('on a folder: transform, compact, vacuum, the same bytes as in memory', async () => {
  const lake = createTestLake({ store: createFolderStore({ folder }) });
  const memory = createTestLake();
  for (const [first, last] of [
    [1, 400],
    [401, 500],
    [501, 900],
  ] as const) {
    await lake.put(tradesOf(first, last));
    await lake.table().transform({ products: [await lake.product()] });
  }
  await memory.put(tradesOf(1, 900));
  await memory.table().transform({ products: [await memory.product()] });
  await lake.table().compact({ products: [await lake.product()] });
  expect(cellHashes(await lake.head())).toEqual(cellHashes(await memory.head()));
  const later = Date.now() + 30 * 86_400_000;
  const retired = await lake.table().vacuum({ now: later, keepSnapshots: 1 });
  expect(retired.retired).toHaveLength(6);
  const deleted = await lake.table().vacuum({ now: later + 30 * 86_400_000, keepSnapshots: 1 });
  expect(deleted.deleted).toHaveLength(6);
  expect(await lake.rows()).toEqual(truthOf(tradesOf(1, 900)));
});
