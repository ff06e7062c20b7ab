import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createFolderStore } from './folder.js';

/** 2 GiB and three bytes: more than a read of 32 bits. */
const SIZE = 2 ** 31 + 3;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'schemahub-large-'));
  const file = await open(join(folder, 'large'), 'w');
  await file.write('end', SIZE - 3);
  await file.close();
});
afterAll(async () => await rm(folder, { recursive: true }));

it('a file beyond 2 GiB is read whole', async () => {
  const store = createFolderStore({ folder, sleep: async () => undefined });
  const read = await store.get('large', { range: { start: 0 } });
  expect(read?.bytes.length).toBe(SIZE);
  expect(Buffer.from(read!.bytes.subarray(SIZE - 3)).toString()).toBe('end');
});
