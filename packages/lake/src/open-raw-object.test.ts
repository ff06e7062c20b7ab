import { gzipSync } from 'node:zlib';

import { createMemoryStore, type ObjectStore } from '@schemahub/object-store';
import { expect, it } from 'vitest';
import { openRawObject } from './open-raw-object.js';
import type { RawName } from './raw.js';

const name: RawName = { key: 'raw/object', first: 1, last: 90_000, count: 90_000, hash: '0', revision: 1 };
const text = Buffer.from(
  Array.from({ length: name.count }, (_, row) => `{"trade_id":${row + 1},"size":"0.${row * 7}","price":"1"}\n`).join(
    '',
  ),
).toString('latin1');

/** Two members, stored as they are: as large packed as not, and cut anywhere by the parts. */
function packed(): Uint8Array {
  const pages = [text.repeat(2), text].map((page) => gzipSync(page, { level: 0 }));
  return Buffer.concat(pages);
}

async function storeWith(bytes: Uint8Array): Promise<ObjectStore> {
  const store = createMemoryStore();
  await store.putIfAbsent(name.key, bytes);
  return store;
}

async function unpacked(store: ObjectStore): Promise<{ readonly text: string; readonly largest: number }> {
  const { pieces } = await openRawObject(store, name);
  const texts: string[] = [];
  let largest = 0;
  for await (const piece of pieces) {
    texts.push(Buffer.from(piece).toString('latin1'));
    largest = Math.max(largest, piece.length);
  }
  return { text: texts.join(''), largest };
}

it('reads a large object in parts and unpacks it in pieces', async () => {
  const bytes = packed();
  const store = await storeWith(bytes);
  const asked: number[] = [];
  const watched: ObjectStore = {
    ...store,
    get: async (key, options) => {
      const stored = await store.get(key, options);
      asked.push(stored?.bytes.length ?? 0);
      return stored;
    },
  };
  const whole = await unpacked(watched);
  expect(whole.text).toBe(text.repeat(3));
  expect(asked.reduce((sum, part) => sum + part, 0)).toBe(bytes.length);
  expect(Math.max(...asked)).toBeLessThanOrEqual(4 * 2 ** 20);
  expect(asked.length).toBe(Math.ceil(bytes.length / (4 * 2 ** 20)));
  expect(whole.largest).toBeLessThanOrEqual(2 ** 20);
});

it('an object that is cut short or altered behind its first part is damaged', async () => {
  const bytes = packed();
  await expect(unpacked(await storeWith(bytes.subarray(0, bytes.length - 9)))).rejects.toThrow('does not unpack');
  const altered = Uint8Array.from(bytes);
  altered[bytes.length - 1000]! ^= 1;
  await expect(unpacked(await storeWith(altered))).rejects.toMatchObject({ code: 'damaged-raw' });
});

it('an object that goes while it is read is missing', async () => {
  const store = await storeWith(packed());
  let gets = 0;
  const losing: ObjectStore = {
    ...store,
    get: async (key, options) => {
      gets += 1;
      if (gets === 2) await store.delete([key]);
      return await store.get(key, options);
    },
  };
  await expect(unpacked(losing)).rejects.toMatchObject({ code: 'missing-object' });
});
