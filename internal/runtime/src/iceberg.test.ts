import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tradesUnified } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import { type CatalogEntry, openIcebergTable } from '@schemahub/iceberg';
import { buryCommit, readSnapshot } from '@schemahub/lake';
import { createFolderStore, createMemoryStore } from '@schemahub/object-store';
import { faultyStore } from '@schemahub/object-store/testing';
import { createTable } from '@schemahub/table';
import { describe, expect, it } from 'vitest';
import { expireFace, faceStatus, publish, publishedFiles, publishedPaths } from './iceberg.js';
import { createTestLake, DAY, pathsOf, type TestLake } from './iceberg-test-lake.js';

const state = async ({ options }: TestLake): Promise<string> => (await faceStatus(options)).state;

/** The face shows each commit named here with exactly its files and rows. */
async function expectSame(test: TestLake, commits: readonly number[]): Promise<void> {
  const { snapshots } = await faceStatus(test.options);
  expect(snapshots.map(({ commit }) => commit).reverse()).toEqual(commits);
  for (const number of commits) {
    const ours = await readSnapshot(test.store, test.lake.layout, number);
    const published = (await publishedFiles({ ...test.options, commit: number }))!;
    expect(published.files.map(({ key }) => key).sort()).toEqual(pathsOf(ours));
    for (const { files } of ours.products)
      for (const file of files)
        expect(published.files.find(({ key }) => key === file.path)).toMatchObject({
          rows: file.rows,
          bytes: file.bytes,
        });
  }
}

describe('publish', () => {
  it('each commit becomes one snapshot with its files, numbers and bounds', async () => {
    const test = await createTestLake();
    await test.commit({ add: { 'BTC-USD': [1, 10], 'ETH-USD': [5, 9] } });
    expect(await publish(test.options)).toMatchObject({ published: [1], commit: 1, relocated: false });
    await test.commit({ add: { 'BTC-USD': [11, 12] } });
    expect(await publish(test.options)).toMatchObject({ published: [2], commit: 2 });
    await expectSame(test, [1, 2]);
    const { files } = (await publishedFiles(test.options))!;
    const eth = files.find(({ key }) => key.includes('ETH-USD'))!;
    expect(eth.partition).toEqual(['COINBASE', 'ETH-USD', (2026 - 1970) * 12]);
    const facts = Object.fromEntries(eth.columns.map(({ fieldId, ...rest }) => [fieldId, rest]));
    expect(facts[2]).toMatchObject({ values: 5, nulls: 0, lower: 'ETH-USD', upper: 'ETH-USD' });
    expect(facts[3]).toMatchObject({ lower: '5', upper: '9' });
    expect(facts[5]).toMatchObject({ nans: 0, lower: 5 / 8, upper: 9 / 8 });
    expect(facts[7]).toMatchObject({ lower: BigInt(Date.UTC(2026, 0, 5)) * 1000n + 5n * 1_000_003n });
    const entry = (await openIcebergTable({ store: test.store, prefix: 'unified_trades' }).load())!;
    const head = await test.head();
    expect(entry.metadata.snapshots.at(-1)!.summary).toMatchObject({
      operation: 'append',
      'schemahub.commit': '2',
      'schemahub.commit-sha256': head.sha256,
      'schemahub.run-id': head.commit.run_id,
      'schemahub.source.raw_coinbase_trades': 'complete',
      'schemahub.watermark.raw_coinbase_trades': 'BTC-USD=12 ETH-USD=9',
    });
    expect(entry.metadata.properties['gc.enabled']).toBe('false');
  });

  it('twice changes nothing', async () => {
    const test = await createTestLake();
    await test.commit({ add: { 'BTC-USD': [1, 10] } });
    await publish(test.options);
    const before = await contents(test);
    expect(await publish(test.options)).toMatchObject({ published: [], commit: 1 });
    expect(await contents(test)).toEqual(before);
  });

  it('compaction is a replacement, a new column a new schema, a rollback shows the old files', async () => {
    const test = await createTestLake();
    await test.commit({ add: { 'BTC-USD': [1, 10] } });
    const second = await test.commit({ add: { 'BTC-USD': [11, 20] } });
    await publish(test.options);
    const both = second.products[0]!.files;
    await test.commit({ kind: 'compact', add: { 'BTC-USD': [1, 20] }, remove: both });
    await publish(test.options);
    const compacted = await test.head();
    await test.commit({
      kind: 'rebuild',
      add: { 'BTC-USD': [1, 20] },
      remove: compacted.products[0]!.files,
      decimals: true,
    });
    await publish(test.options);
    await test.commit({ kind: 'rollback', lists: second.products });
    await publish(test.options);
    await expectSame(test, [2, 3, 4, 5]);
    const { snapshots } = await faceStatus(test.options);
    expect(snapshots.map(({ operation }) => operation).reverse()).toEqual([
      'append',
      'replace',
      'overwrite',
      'overwrite',
    ]);
    const decimals = await Promise.all(
      [3, 4, 5].map(async (commit) => (await publishedFiles({ ...test.options, commit }))!.hasDecimals),
    );
    expect(decimals).toEqual([false, true, true]);
  });

  it('a commit without a change of files publishes nothing and is shown by the snapshot before', async () => {
    const test = await createTestLake();
    await test.commit({ add: { 'BTC-USD': [1, 10] } });
    await publish(test.options);
    await test.commit({ kind: 'vacuum', retired: ['unified_trades/v1/x'] });
    expect(await publish(test.options)).toMatchObject({ published: [], commit: 1 });
    expect(await state(test)).toBe('current');
    expect((await publishedFiles({ ...test.options, commit: 2 }))!.commit).toBe(1);
  });

  it('catches up commit by commit, and from its own manifests where the lake forgot', async () => {
    const test = await createTestLake();
    await test.commit({ add: { 'BTC-USD': [1, 10] } });
    await publish(test.options);
    for (const first of [11, 21, 31]) await test.commit({ add: { 'BTC-USD': [first, first + 9] } });
    expect(await state(test)).toBe('behind');
    expect((await publish(test.options)).published).toEqual([2, 3, 4]);
    await expectSame(test, [1, 2, 3, 4]);
    // A list of the published commit is gone before its commit is.
    const { products, commit } = await test.head();
    await test.commit({
      kind: 'rebuild',
      lists: products.map((list) => ({ ...list, files: list.files.slice(0, 2), present: RangeSet.of(1, 20) })),
    });
    await test.store.delete([commit.products[0]!.list]);
    expect((await publish(test.options)).published).toEqual([5]);
    await test.commit({ kind: 'rebuild', lists: products });
    expect((await publish(test.options)).published).toEqual([6]);
    await test.commit({ kind: 'compact', add: { 'BTC-USD': [1, 40] }, remove: products[0]!.files });
    for (const number of [1, 2, 3, 4, 5, 6]) await buryCommit(test.store, test.lake.layout, number);
    expect((await publish(test.options)).published).toEqual([7]);
    expect((await publishedFiles(test.options))!.files.map(({ key }) => key)).toEqual(pathsOf(await test.head()));
  });

  it('passes over an old commit whose files vacuum retired', async () => {
    const test = await createTestLake();
    await test.commit({ add: { 'BTC-USD': [1, 10] } });
    await publish(test.options);
    const second = await test.commit({ add: { 'BTC-USD': [11, 20] } });
    await test.commit({ kind: 'compact', add: { 'BTC-USD': [1, 20] }, remove: second.products[0]!.files });
    await test.commit({ kind: 'vacuum', retired: pathsOf(second) });
    expect((await publish(test.options)).published).toEqual([3]);
  });

  it('two publishers side by side publish each commit once', async () => {
    const test = await createTestLake();
    await test.commit({ add: { 'BTC-USD': [1, 10] } });
    await test.commit({ add: { 'BTC-USD': [11, 20] } });
    await Promise.all([publish(test.options), publish(test.options), publish(test.options)]);
    await test.commit({ add: { 'ETH-USD': [11, 20] } });
    await Promise.all([publish(test.options), publish(test.options)]);
    await expectSame(test, [2, 3]);
  });

  it('an empty lake has nothing to publish', async () => {
    const test = await createTestLake();
    expect(await publish(test.options)).toMatchObject({ published: [], commit: undefined });
    expect(await faceStatus(test.options)).toMatchObject({ state: 'none', newestCommit: 0 });
    expect(await publishedFiles(test.options)).toBeUndefined();
    expect([...(await publishedPaths(test.lake, test.options.config))]).toEqual([]);
  });
});

async function contents({ store }: TestLake): Promise<string[]> {
  const found: string[] = [];
  for await (const { key, size } of store.list('')) found.push(`${key} ${size}`);
  return found;
}

describe('what we did not publish', () => {
  async function withForeign(): Promise<{ test: TestLake; entry: CatalogEntry }> {
    const test = await createTestLake();
    await test.commit({ add: { 'BTC-USD': [1, 10], 'ETH-USD': [1, 3] } });
    await publish(test.options);
    const table = openIcebergTable({ store: test.store, prefix: 'unified_trades' });
    const entry = (await table.load())!;
    const [file] = await table.files(entry);
    const answer = await table.commit(entry, {
      add: [],
      remove: [{ key: file!.key }],
      summary: { 'engine-name': 'other engine' },
      timestampMs: test.lake.clock.now(),
    });
    if (answer === 'conflict') throw new Error('conflict');
    return { test, entry: answer };
  }

  it('is refused with the command, and left alone', async () => {
    const { test } = await withForeign();
    await test.commit({ add: { 'BTC-USD': [11, 12] } });
    const before = await contents(test);
    await expect(publish(test.options)).rejects.toThrow(
      /current Iceberg snapshot \d+ \(written by other engine\) was not published by schemahub\..* schemahub iceberg publish --replace$/,
    );
    expect(await contents(test)).toEqual(before);
    expect(await state(test)).toBe('foreign');
  });

  it('is replaced when that is asked for, on top of its history', async () => {
    const { test, entry } = await withForeign();
    const head = await test.commit({ add: { 'BTC-USD': [11, 12] } });
    expect(await publish({ ...test.options, replace: true })).toMatchObject({ published: [2], commit: 2 });
    expect((await publishedFiles(test.options))!.files.map(({ key }) => key).sort()).toEqual(pathsOf(head));
    expect(await state(test)).toBe('current');
    const { snapshots } = await faceStatus(test.options);
    expect(snapshots.map(({ id }) => id)).toContain(String(entry.metadata['current-snapshot-id']));
    await test.commit({ add: { 'BTC-USD': [13, 14] } });
    expect((await publish(test.options)).published).toEqual([3]);
  });

  it('the same number from another lake is refused, too', async () => {
    const [one, other] = [await createTestLake(), await createTestLake()];
    await one.commit({ add: { 'BTC-USD': [1, 10] } });
    await publish(one.options);
    await other.commit({ add: { 'BTC-USD': [1, 11] } });
    for await (const { key } of one.store.list('unified_trades/metadata/'))
      await other.store.putIfAbsent(key, (await one.store.get(key))!.bytes);
    await expect(publish(other.options)).rejects.toThrow('shows commit 1 of another lake');
    expect((await publish({ ...other.options, replace: true })).published).toEqual([1]);
    expect((await publishedFiles(other.options))!.files.map(({ key }) => key)).toEqual(pathsOf(await other.head()));
  });
});

describe('vacuum and expire', () => {
  it('vacuum deletes a file only when the published metadata no longer names it', async () => {
    const test = await createTestLake();
    const { store, lake, options } = test;
    const first = await test.commit({ add: { 'BTC-USD': [1, 10] } });
    await publish(options);
    const [old] = pathsOf(first);
    await test.commit({ kind: 'compact', add: { 'BTC-USD': [1, 10] }, remove: first.products[0]!.files });
    await publish(options);
    const table = createTable({
      store,
      layout: lake.layout,
      schema: tradesUnified,
      mappings: {},
      runId: 'v',
      clock: lake.clock,
    });
    const vacuum = async () =>
      await table.vacuum({
        now: lake.clock.now(),
        keepMs: 0,
        keepSnapshots: 1,
        publishedPaths: await publishedPaths(lake, options.config),
      });
    test.advance(2 * DAY);
    expect((await vacuum()).retired).toContain(old);
    test.advance(2 * DAY);
    expect((await vacuum()).deleted).not.toContain(old);
    expect(await store.get(old!)).toBeDefined();
    // Ten newer snapshots and a week later the face has forgotten it.
    for (let at = 1; at <= 10; at += 1) {
      test.advance(DAY);
      await test.commit({ add: { 'ETH-USD': [at, at] } });
      await publish(options);
    }
    expect((await expireFace({ ...options, keepMs: 0, now: lake.clock.now() })).deleted.length).toBeGreaterThan(0);
    expect((await vacuum()).deleted).toContain(old);
    expect(await publishedPaths(lake, options.config)).not.toContain(old);
    for (const path of await publishedPaths(lake, options.config)) expect(await store.get(path), path).toBeDefined();
  });

  it('a dry run of expire tells and deletes nothing', async () => {
    const test = await createTestLake();
    for (let at = 1; at <= 12; at += 1) {
      await test.commit({ add: { 'BTC-USD': [at, at] } });
      await publish(test.options);
    }
    test.advance(30 * DAY);
    const before = await contents(test);
    const plan = await expireFace({ ...test.options, now: test.lake.clock.now(), dryRun: true });
    expect(plan.expired.map(({ commit }) => commit)).toEqual([1, 2]);
    expect(await contents(test)).toEqual(before);
    const done = await expireFace({ ...test.options, now: test.lake.clock.now() });
    expect(done.expired).toEqual(plan.expired);
    expect((await faceStatus(test.options)).snapshots).toHaveLength(10);
  });
});

describe('a moved lake', () => {
  it('is noticed, and the next publish names the new place', async () => {
    const root = await mkdtemp(join(tmpdir(), 'iceberg-lake-'));
    try {
      const before = await createTestLake(createFolderStore({ folder: join(root, 'one') }));
      await before.commit({ add: { 'BTC-USD': [1, 10] } });
      await publish(before.options);
      await rename(join(root, 'one'), join(root, 'two'));
      const test = await createTestLake(createFolderStore({ folder: join(root, 'two') }));
      expect(await state(test)).toBe('moved');
      expect((await publishedFiles(test.options))!.files).toHaveLength(1);
      expect(await publish(test.options)).toMatchObject({
        relocated: true,
        published: [],
        location: `file://${join(root, 'two/unified_trades')}`,
      });
      expect(await state(test)).toBe('current');
      await expectSame(test, [1]);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
});

describe('a run that dies', () => {
  it.each(['before', 'after'] as const)('%s any store call of a publish is healed by the next', async (when) => {
    let calls = Number.POSITIVE_INFINITY;
    for (let at = 0; at < calls; at += 1) {
      const memory = createMemoryStore();
      const sound = await createTestLake(memory);
      let seen = 0;
      const error = new Error('the machine stops here');
      const broken = await createTestLake(faultyStore(memory, () => (seen++ === at ? { when, error } : undefined)));
      const first = await sound.commit({ add: { 'BTC-USD': [1, 10], 'ETH-USD': [1, 5] } });
      const outcome = publish(broken.options).then(
        () => 'survived',
        (reason: Error) => reason.message,
      );
      expect(['survived', 'the machine stops here']).toContain(await outcome);
      if (seen <= at) calls = at;
      await publish(sound.options);
      const hint = await memory.get('unified_trades/metadata/version-hint.text');
      expect((await faceStatus(sound.options)).metadata).toMatch(
        `/v${Buffer.from(hint!.bytes).toString()}.metadata.json`,
      );
      await sound.commit({ kind: 'compact', add: { 'BTC-USD': [1, 10] }, remove: first.products[0]!.files });
      await publish(sound.options);
      const { snapshots } = await faceStatus(sound.options);
      const commits = snapshots.map(({ commit }) => commit).reverse();
      expect(commits).toEqual([1, 2]);
      await expectSame(sound, [1, 2]);
      for (const path of pathsOf(first)) expect(await memory.get(path)).toBeDefined();
      const before = await contents(sound);
      await publish(sound.options);
      expect(await contents(sound)).toEqual(before);
    }
    expect(calls).toBeGreaterThan(15);
  });
});
