import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryStore } from '@schemahub/object-store';
import { faultyStore } from '@schemahub/object-store/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createFileCache, defaultCacheFolder, type LocalFiles } from './file-cache.js';

let folder: string;
let gets: string[];
let cache: LocalFiles;
const store = createMemoryStore();
const now = Date.parse('2026-11-20T12:00:00Z');
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'schemahub-cache-'));
  gets = [];
  const counted = faultyStore(store, ({ verb, key }) => {
    if (verb === 'get') gets.push(key);
    return undefined;
  });
  cache = createFileCache({ store: counted, folder, now: () => now });
  for (const key of ['a/1', 'a/2']) await store.putIfAbsent(key, Buffer.from(`body of ${key}`));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const one = { key: 'a/1', bytes: 11, sha256: sha256('body of a/1') };

it('fetches what is not here, once, and again when it was cut', async () => {
  const [path] = await cache.bring([one, { key: 'a/2', bytes: 11 }]);
  expect(path).toBe(cache.pathOf('a/1'));
  await cache.bring([one]);
  // Side by side: in any order.
  expect(gets.toSorted()).toEqual(['a/1', 'a/2']);
  await writeFile(path!, 'body');
  await cache.bring([one]);
  expect(gets.slice(2)).toEqual(['a/1']);
});

it('keeps no file that is not the commit’s, and names one that is gone', async () => {
  await expect(cache.bring([{ ...one, sha256: sha256('other') }])).rejects.toThrow(
    /a\/1: is not the file.*verify --deep/,
  );
  await expect(cache.bring([{ key: 'a/3', bytes: 1 }])).rejects.toThrow(/a\/3: not in memory/);
  expect(await readdir(folder)).toEqual([]);
});

it('takes away what no query has used for a week', async () => {
  const [path] = await cache.bring([one]);
  const old = new Date(now - 8 * 24 * 3_600_000);
  await utimes(path!, old, old);
  await cache.bring([{ key: 'a/2', bytes: 11 }]);
  await cache.bring([one]);
  expect(gets).toEqual(['a/1', 'a/2', 'a/1']);
});

it('refuses to fetch more than it may, before anything is fetched, and counts what is here already as nothing', async () => {
  const small = createFileCache({ store, folder, now: () => now, maxBytes: 21 });
  const two = [one, { key: 'a/2', bytes: 11 }];
  await expect(small.bring(two)).rejects.toMatchObject({
    name: 'UsageError',
    message:
      'this query would fetch 2 files with 1 MB from memory, more than --max-fetch allows (1 MB). Nothing was fetched. Ask trades_unified instead of raw tables, use --engine athena, which reads in place, or allow it: --max-fetch 1',
  });
  expect(await readdir(folder)).toEqual([]);
  await small.bring([one]);
  await small.bring([one]);
  await expect(small.bring(two)).rejects.toThrow('would fetch 1 files');
  await cache.bring(two);
  expect(await small.bring(two)).toHaveLength(2);
});

it('lies in the user’s cache folder', () => {
  expect(defaultCacheFolder('/xdg')).toBe('/xdg/schemahub');
  expect(defaultCacheFolder(undefined)).toMatch(/\.cache\/schemahub$/);
});
