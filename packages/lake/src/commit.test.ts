import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { RangeSet } from '@schemahub/coverage';
import { createMemoryStore, type ObjectStore } from '@schemahub/object-store';
import { faultyStore, type StoreCall } from '@schemahub/object-store/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  buryCommit,
  type Change,
  commitChange,
  createCommit,
  createLayout,
  fileListOf,
  LakeError,
  latestCommitNumber,
  listCommitNumbers,
  readCommit,
  readFileList,
  readHead,
  readSnapshot,
  type Snapshot,
  writeFileList,
} from './index.js';
import { adding, changeOf, edit, fileOf, keysOf, overwrite } from './test-support.js';

const layout = createLayout();
const shaOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const presentOf = (snapshot: Snapshot | undefined, product = 'BTC-USD'): string =>
  fileListOf(snapshot, 'coinbase', product)?.present.toString() ?? '';

/** What no reader may ever see broken: rows and ids agree, lists fit the commit, no file twice. */
function expectWhole(snapshot: Snapshot): void {
  expect(snapshot.products.length).toBe(snapshot.commit.products.length);
  for (const [i, list] of snapshot.products.entries()) {
    const union = list.files.reduce((ids, file) => ids.union(file.ids), RangeSet.empty);
    expect(union.equals(list.present)).toBe(true);
    expect(list.files.reduce((sum, { rows }) => sum + rows, 0)).toBe(list.present.count);
    expect(snapshot.commit.products[i]!.rows).toBe(list.present.count);
  }
}

async function expectChain(store: ObjectStore, last: number): Promise<void> {
  expect(await listCommitNumbers(store, layout)).toEqual(Array.from({ length: last }, (_, i) => i + 1));
  let parent: { number: number; sha256: string } | null = null;
  for (let number = 1; number <= last; number++) {
    const stored = await readCommit(store, layout, number);
    if (stored?.kind !== 'commit') throw new Error(`commit ${number} is ${stored?.kind}`);
    expect(stored.body.parent).toEqual(parent);
    expect(stored.sha256).toBe(shaOf((await store.get(layout.commit(number)))!.bytes));
    parent = { number, sha256: stored.sha256 };
  }
}

describe('concurrent committers', () => {
  it('50 at once get the numbers 1 … 50, every change exactly once, each a child of the one before', async () => {
    const store = createMemoryStore();
    const snapshots = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        commitChange(
          store,
          layout,
          changeOf([adding(i % 2 === 0 ? 'BTC-USD' : 'ETH-USD', 10 * i, 10 * i + 9)], { runId: `run ${i}` }),
        ),
      ),
    );
    expect(snapshots.map(({ number }) => number).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_, i) => i + 1),
    );
    await expectChain(store, 50);
    const head = (await readHead(store, layout))!;
    expectWhole(head);
    expect(head.products.map(({ files }) => files.length)).toEqual([25, 25]);
    expect(head.products.reduce((ids, { present }) => ids.union(present), RangeSet.empty).toString()).toBe('0-499');
    const runs = new Set<string>();
    for (let n = 1; n <= 50; n++) runs.add((await readSnapshot(store, layout, n)).commit.run_id);
    expect(runs.size).toBe(50);
  });

  it('with the same ids: one wins, the others are told to plan again, and nothing is deleted', async () => {
    const store = createMemoryStore();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 12 }, (_, i) =>
        commitChange(store, layout, changeOf([adding('BTC-USD', 1, 9, `r${i}`)], { runId: `r${i}` })),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBe(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'conflict', retryable: true });
    }
    expect(await listCommitNumbers(store, layout)).toEqual([1]);
  });

  it('a reader polling during 200 commits always reads a whole snapshot that never goes back', async () => {
    const store = createMemoryStore();
    let writing = true;
    let reads = 0;
    const read = async (): Promise<void> => {
      for (let last = 0; writing; reads++) {
        await new Promise<void>((turn) => setImmediate(turn)); // let the writers work
        const head = await readHead(store, layout);
        if (head !== undefined) expectWhole(head);
        expect(head?.number ?? 0).toBeGreaterThanOrEqual(last);
        last = head?.number ?? 0;
        expect(head?.products.reduce((sum, { present }) => sum + present.count, 0) ?? 0).toBe(2 * last);
      }
    };
    const write = async (writer: number): Promise<void> => {
      for (let i = 0; i < 50; i++) {
        const first = 2 * (50 * writer + i);
        await commitChange(
          store,
          layout,
          changeOf([adding(`P${i % 3}`, first, first + 1)], { runId: `${writer} ${i}` }),
        );
      }
    };
    const readers = [read(), read()];
    await Promise.all([0, 1, 2, 3].map(write));
    writing = false;
    await Promise.all(readers);
    expect(reads).toBeGreaterThan(100);
    await expectChain(store, 200);
  });
});

describe('a lost or failed answer', () => {
  /** Every fault of one commit: each call fails before it is done, or after it. */
  const when = ['before', 'after'] as const;

  async function callsOf(prepare: (store: ObjectStore) => Promise<void>, change: Change): Promise<StoreCall[]> {
    const store = createMemoryStore();
    await prepare(store);
    const calls: StoreCall[] = [];
    await commitChange(
      faultyStore(store, (call) => void calls.push(call)),
      layout,
      change,
    );
    return calls;
  }

  const change = changeOf(
    [
      { ...adding('BTC-USD', 101, 200), removeFiles: [] },
      adding('ETH-USD', 1, 5),
      { ...adding('SOL-USD', 7, 7), addQuarantined: RangeSet.of(8) },
    ],
    { runId: 'crashing' },
  );
  const prepare = async (store: ObjectStore): Promise<void> => {
    await commitChange(store, layout, changeOf([adding('BTC-USD', 1, 100)]));
  };

  it('at every single call of a commit, then a retry: committed once, whole at every moment', async () => {
    const calls = await callsOf(prepare, change);
    expect(calls.length).toBeGreaterThan(10);
    for (const { number } of calls) {
      for (const moment of when) {
        const store = createMemoryStore();
        await prepare(store);
        const faulty = faultyStore(store, (call) =>
          call.number === number ? { when: moment, error: new Error('killed') } : undefined,
        );
        const first = await commitChange(faulty, layout, change).catch((error: unknown) => error);
        const between = (await readHead(store, layout))!;
        expectWhole(between);
        const retry = await commitChange(store, layout, change).catch((error: unknown) => error);
        // Whoever sees a conflict finds all of its change in the head.
        if (between.number === 2) expect(retry).toMatchObject({ code: 'conflict' });
        else expect(first).toMatchObject({ message: 'killed' });
        const head = (await readHead(store, layout))!;
        expect([head.number, presentOf(head), presentOf(head, 'ETH-USD')]).toEqual([2, '1-200', '1-5']);
        expect(fileListOf(head, 'coinbase', 'SOL-USD')?.quarantined.toString()).toBe('8');
        await expectChain(store, 2);
      }
    }
  });

  it('of the create itself is settled by reading back: no error, no second commit', async () => {
    const store = createMemoryStore();
    await prepare(store);
    let lost = 0;
    const faulty = faultyStore(store, ({ verb, key }) => {
      if (verb !== 'putIfAbsent' || !key.startsWith(layout.commits)) return undefined;
      lost++;
      return { when: 'after', error: new Error('timeout') };
    });
    expect((await commitChange(faulty, layout, change)).number).toBe(2);
    expect(lost).toBe(1);
    await expectChain(store, 2);
  });

  it('of a create that never happened is the error itself', async () => {
    const store = createMemoryStore();
    const faulty = faultyStore(store, ({ verb, key }) =>
      verb === 'putIfAbsent' && key.startsWith(layout.commits)
        ? { when: 'before', error: new Error('disk full') }
        : undefined,
    );
    await expect(commitChange(faulty, layout, change)).rejects.toThrow('disk full');
    expect(await readHead(store, layout)).toBeUndefined();
  });

  it('under random faults of many committers: every change at most once, and once where it was promised', async () => {
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat(19)), async (dice) => {
        const store = createMemoryStore();
        const flaky = faultyStore(store, () => {
          const roll = dice.next().value as number;
          return roll < 2 ? { when: when[roll]!, error: new Error('flaky') } : undefined;
        });
        const outcomes = await Promise.allSettled(
          Array.from({ length: 8 }, (_, i) =>
            commitChange(flaky, layout, changeOf([adding('P', i, i)], { runId: `r${i}` })),
          ),
        );
        const head = await readHead(store, layout);
        if (head !== undefined) expectWhole(head);
        const present = fileListOf(head, 'coinbase', 'P')?.present ?? RangeSet.empty;
        for (const [i, outcome] of outcomes.entries())
          if (outcome.status === 'fulfilled') expect(present.contains(i)).toBe(true);
        expect(present.count).toBe(head?.number ?? 0);
        await expectChain(store, head?.number ?? 0);
      }),
      { numRuns: 60 },
    );
  });
});

describe('validation against the head', () => {
  async function lake(): Promise<{ store: ObjectStore; head: Snapshot }> {
    const store = createMemoryStore();
    return { store, head: await commitChange(store, layout, changeOf([adding('BTC-USD', 1, 9)])) };
  }

  it('refuses ids that are in the table, and files that are gone', async () => {
    const { store, head } = await lake();
    await expect(commitChange(store, layout, changeOf([adding('BTC-USD', 9, 12, 'b')]))).rejects.toThrow(
      'coinbase BTC-USD: ids 9 are in the table already; another run committed first. Planning again.',
    );
    const removeFiles = head.products[0]!.files.map(({ path }) => path);
    const compact = changeOf([{ ...adding('BTC-USD', 1, 9, 'c'), removeFiles, addPresent: RangeSet.empty }], {
      kind: 'compact',
    });
    expect(presentOf(await commitChange(store, layout, compact))).toBe('1-9');
    await expect(commitChange(store, layout, compact)).rejects.toThrow('is no longer live');
    expect(await listCommitNumbers(store, layout)).toEqual([1, 2]);
  });

  it('refuses files whose rows, ids and list do not agree, and commits nothing', async () => {
    const { store } = await lake();
    const good = adding('BTC-USD', 20, 29);
    const file = good.addFiles[0]!;
    const wrong: Change['products'][number][] = [
      { ...good, addPresent: RangeSet.of(20, 30) },
      { ...good, addPresent: RangeSet.empty },
      { ...good, addFiles: [] },
      { ...good, addFiles: [file, file] },
      { ...good, addFiles: [{ ...file, rows: 9 }] },
      { ...good, addFiles: [file, { ...fileOf('p2', RangeSet.of(25, 29)), rows: 0 }] },
      { ...good, addFiles: [{ ...file, path: 'unified_trades/v1/BTC-USD_1_a.parquet' }] },
    ];
    for (const product of wrong) {
      await expect(commitChange(store, layout, changeOf([product]))).rejects.toMatchObject({
        code: 'damaged-file-list',
      });
      await expect(commitChange(store, layout, changeOf([product]))).rejects.toThrow('nothing was committed');
    }
    expect(await latestCommitNumber(store, layout)).toBe(1);
  });

  it('moves ids out of quarantine when they come into the table, and keeps the others', async () => {
    const { store } = await lake();
    const quarantine = { ...adding('BTC-USD', 20, 20), addQuarantined: RangeSet.parse('10-12') };
    await commitChange(store, layout, changeOf([quarantine], { quarantine: ['quarantine/b', 'quarantine/a'] }));
    const head = await commitChange(
      store,
      layout,
      changeOf([adding('BTC-USD', 11, 11)], { quarantine: ['quarantine/a'] }),
    );
    expect(fileListOf(head, 'coinbase', 'BTC-USD')?.quarantined.toString()).toBe('10,12');
    expect(head.commit.quarantine).toEqual(['quarantine/a', 'quarantine/b']);
  });

  it('of a change for one base only refuses every other', async () => {
    const { store } = await lake();
    const rebuild = changeOf([], { kind: 'rebuild', onlyOnBase: 1, tableVersion: 2, replaceProducts: [] });
    const rebuilt = await commitChange(store, layout, rebuild);
    expect([rebuilt.number, rebuilt.commit.table_version, rebuilt.products]).toEqual([2, 2, []]);
    await expect(commitChange(store, layout, rebuild)).rejects.toThrow('the table moved from snapshot 1 to 2');
    const empty = createMemoryStore();
    await expect(commitChange(empty, layout, rebuild)).rejects.toThrow('the table moved from snapshot 1 to 0');
  });

  it('keeps a pinned table from transforms until it is released', async () => {
    const { store, head } = await lake();
    await commitChange(store, layout, changeOf([adding('BTC-USD', 10, 19)]));
    const back = changeOf([], { kind: 'rollback', pinned: 1, replaceProducts: head.products, onlyOnBase: 2 });
    const pinned = await commitChange(store, layout, back);
    expect([pinned.commit.pinned, presentOf(pinned)]).toEqual([1, '1-9']);
    await expect(commitChange(store, layout, changeOf([adding('ETH-USD', 1, 1)]))).rejects.toMatchObject({
      code: 'pinned',
      message: expect.stringContaining('schemahub rollback --release'),
    });
    const vacuum = await commitChange(store, layout, changeOf([], { kind: 'vacuum', retired: ['x'] }));
    expect([vacuum.commit.pinned, vacuum.commit.retired]).toEqual([1, ['x']]);
    const free = await commitChange(store, layout, changeOf([], { kind: 'release', pinned: null }));
    expect([free.commit.pinned, free.commit.retired]).toEqual([null, []]);
    expect(presentOf(await commitChange(store, layout, changeOf([adding('BTC-USD', 10, 19, 'again')])))).toBe('1-19');
  });

  it('rewrites only the lists of products that changed', async () => {
    const { store } = await lake();
    const before = await commitChange(store, layout, changeOf([adding('ETH-USD', 1, 9)]));
    const writes: string[] = [];
    const counting = faultyStore(store, ({ verb, key }) => {
      if (verb.startsWith('put')) writes.push(key);
      return undefined;
    });
    const after = await commitChange(counting, layout, changeOf([adding('BTC-USD', 10, 19)]));
    expect(after.commit.products[1]).toEqual(before.commit.products[1]);
    expect(writes).toEqual([after.commit.products[0]!.list, layout.commit(3), layout.commitPointer]);
    expect(after.commit.mapping_hashes).toEqual({ raw_coinbase_trades: 'm' });
  });
});

describe('the chain', () => {
  it('has no commit that names another parent than the one before it', async () => {
    const store = createMemoryStore();
    for (let i = 0; i < 3; i++) await commitChange(store, layout, changeOf([adding('BTC-USD', i, i)]));
    for (const [from, to] of [
      ['"number": 2,', '"number": 1,'],
      [
        /"sha256": "[0-9a-f]{64}"/.exec(Buffer.from((await store.get(layout.commit(3)))!.bytes).toString())![0],
        '"sha256": "x"',
      ],
    ] as const) {
      const { bytes } = (await store.get(layout.commit(3)))!;
      await edit(store, layout.commit(3), from, to);
      await expect(readSnapshot(store, layout, 3)).rejects.toThrow(
        'expected a commit of version 1 with number 3; its parent is',
      );
      await overwrite(store, layout.commit(3), bytes);
    }
    await edit(store, layout.commit(3), '"parent": {', '"parent": null, "was": {');
    await expect(readHead(store, layout)).rejects.toMatchObject({ code: 'damaged-commit' });
  });
});

describe('commit numbers', () => {
  it('are never free again: a tombstone keeps its number from a zombie', async () => {
    const store = createMemoryStore();
    for (let i = 0; i < 3; i++)
      await commitChange(store, layout, changeOf([adding('BTC-USD', i, i)], { runId: `r${i}` }));
    const old = (await readSnapshot(store, layout, 2)).commit;
    const sha256 = shaOf((await store.get(layout.commit(2)))!.bytes);
    await buryCommit(store, layout, 2);
    await buryCommit(store, layout, 2);
    await buryCommit(store, layout, 77);
    expect(await readCommit(store, layout, 2)).toMatchObject({
      kind: 'tombstone',
      body: { version: 1, tombstone: true, number: 2, sha256, time: old.time, retired: [] },
    });
    expect(await createCommit(store, layout, old)).toBe('taken');
    expect(await listCommitNumbers(store, layout)).toEqual([1, 2, 3]);
    await expect(readSnapshot(store, layout, 2)).rejects.toMatchObject({ code: 'retired' });
    await expect(readSnapshot(store, layout, 9)).rejects.toThrow('snapshot 9: there is no such commit in memory');
    expect((await commitChange(store, layout, changeOf([adding('BTC-USD', 5, 5)]))).number).toBe(4);
  });

  it('come from a listing: the pointer may be absent, damaged, behind or ahead', async () => {
    const store = createMemoryStore();
    for (let i = 0; i < 4; i++) await commitChange(store, layout, changeOf([adding('BTC-USD', i, i)]));
    expect(Buffer.from((await store.get(layout.commitPointer))!.bytes).toString()).toBe('{"number":4}\n');
    for (const text of [
      '',
      '{',
      'null',
      '[]',
      '{"number":1}',
      '{"number":-4}',
      '{"number":"4"}',
      '{"number":1e300}',
      '{"number":400}',
      '{"number":9007199254740991}',
      '{"number":2.5}',
    ]) {
      await overwrite(store, layout.commitPointer, Buffer.from(text));
      expect(await latestCommitNumber(store, layout), text).toBe(4);
      expect((await readHead(store, layout))?.number, text).toBe(4);
    }
    await store.delete([layout.commitPointer]);
    expect((await commitChange(store, layout, changeOf([adding('BTC-USD', 9, 9)]))).number).toBe(5);
    expect(await latestCommitNumber(createMemoryStore(), layout)).toBe(0);
  });

  it('are not read from copies, folders below and names that are none of ours', async () => {
    const store = createMemoryStore();
    await commitChange(store, layout, changeOf([adding('BTC-USD', 1, 1)]));
    const name = layout.commit(9).slice(layout.commits.length);
    for (const key of [
      `old/${name}`,
      `x${name}`,
      `${name}.bak`,
      '9.json',
      '00000000000000000000.json',
      '99999999999999999999.json',
      '.DS_Store',
    ])
      await store.putIfAbsent(`${layout.commits}${key}`, Buffer.from('{}'));
    expect(await listCommitNumbers(store, layout)).toEqual([1]);
    expect(await latestCommitNumber(store, layout)).toBe(1);
  });
});

describe('damage', () => {
  async function lake(): Promise<{ store: ObjectStore; list: string }> {
    const store = createMemoryStore();
    const { commit } = await commitChange(store, layout, changeOf([adding('BTC-USD', 1, 9)]));
    return { store, list: commit.products[0]!.list };
  }
  const key = layout.commit(1);

  it.each([
    ['no JSON', '{', ''],
    ['number 1; its version is 7', '"version": 1', '"version": 7'],
    ['its number is 6', '"number": 1', '"number": 6'],
    ['its time is 5', '"time": "2026-01-01T00:00:00.000Z"', '"time": 5'],
    ['its kind is', '"kind": "transform"', '"kind": null'],
    ['its run_id is', '"run_id": "run"', '"run_id": 1'],
    ['its parent is', '"parent": null', '"parent": {"number":0,"sha256":"x"}'],
    ['its table_version is', '"table_version": 1', '"table_version": "1"'],
    ['its schema_hash is', '"schema_hash": "s"', '"schema_hash": []'],
    ['its mapping_hashes is', '"raw_coinbase_trades": "m"', '"raw_coinbase_trades": 5'],
    ['its products is', '"rows": 9', '"rows": -9'],
    ['its products is', '"product_id": "BTC-USD"', '"product_id": null'],
    ['its quarantine is', '"quarantine": []', '"quarantine": [5]'],
    ['its sources is', '"sources": {', '"sources": null, "x": {'],
    ['its pinned is', '"pinned": null', '"pinned": "1"'],
    ['its retired is', '"retired": []', '"retired": {}'],
    ['expected the tombstone of number 1', '"version": 1', '"version": 1, "tombstone": true'],
    ['says coinbase BTC-USD BTC-USD: 1 files, 8 rows', '"rows": 9', '"rows": 8'],
    ['says coinbase ETH-USD', '"product_id": "BTC-USD"', '"product_id": "ETH-USD"'],
  ])('of the newest commit is named: %s', async (sentence, from, to) => {
    const { store } = await lake();
    if (sentence === 'no JSON') await overwrite(store, key, Buffer.from('{"version"'));
    else await edit(store, key, from, to);
    await expect(readHead(store, layout)).rejects.toMatchObject({ name: 'LakeError', code: 'damaged-commit', key });
    if (sentence !== 'no JSON') await expect(readHead(store, layout)).rejects.toThrow(sentence);
    await expect(readHead(store, layout)).rejects.toThrow(
      /^unified_trades\/commits\/0{19}1\.json: .*[Rr]estore this object from a backup\.$/s,
    );
  });

  it('of a commit that is no object at all', async () => {
    for (const text of ['null', '5', '[]', '"x"', '']) {
      const { store } = await lake();
      await overwrite(store, key, Buffer.from(text));
      await expect(readHead(store, layout), text).rejects.toMatchObject({ code: 'damaged-commit' });
    }
  });

  it('of a file list is found by its name: every flipped byte, a missing one, another list in its place', async () => {
    const { store, list } = await lake();
    const bytes = (await store.get(list))!.bytes;
    const good = await readFileList(store, list);
    let told = 0;
    for (let at = 0; at < bytes.length; at++) {
      const flipped = Uint8Array.from(bytes);
      flipped[at] = flipped[at]! ^ 4;
      await overwrite(store, list, flipped);
      const outcome = await readHead(store, layout).catch((error: unknown) => error);
      if (outcome instanceof LakeError) {
        expect([outcome.code, outcome.key]).toEqual(['damaged-file-list', list]);
        told++;
      } else expect((outcome as Snapshot).products).toEqual([good]);
    }
    expect(told).toBeGreaterThan(bytes.length - 10);
    await overwrite(store, list, gzipSync(gunzipSync(bytes).toString().replace('"rows":9', '"rows":8')));
    await expect(readHead(store, layout)).rejects.toThrow('its content does not fit its name');
    await store.delete([list]);
    await expect(readHead(store, layout)).rejects.toMatchObject({
      code: 'missing-object',
      message: expect.stringContaining('a commit names this file list'),
    });
  });

  it('of a list that would be committed again stops the commit', async () => {
    const { store, list } = await lake();
    const head = (await readHead(store, layout))!;
    await commitChange(store, layout, changeOf([adding('BTC-USD', 10, 19)]));
    await overwrite(store, list, Buffer.from('rot'));
    const back = changeOf([], { kind: 'rollback', pinned: 1, replaceProducts: head.products });
    await expect(commitChange(store, layout, back)).rejects.toMatchObject({ code: 'damaged-file-list', key: list });
    expect(presentOf(await readHead(store, layout))).toBe('1-19');
  });
});

describe('a file list', () => {
  it('reads back equal, under a name made from its content, whatever order its files came in', async () => {
    const ranges = fc.uniqueArray(fc.nat(300), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(ranges, fc.nat(5), async (starts, turn) => {
        const store = createMemoryStore();
        const files = starts.map((start) =>
          fileOf(`p${start}`, RangeSet.of(10 * start, 10 * start + 4), { month: `2026-0${1 + (start % 9)}` }),
        );
        const present = files.reduce((ids, file) => ids.union(file.ids), RangeSet.empty);
        const list = {
          exchange: 'coinbase',
          productId: 'ö/X',
          symbol: 'X',
          files,
          present,
          quarantined: RangeSet.parse('7,9-'),
        };
        const key = await writeFileList(store, layout, list);
        const turned = [...files.slice(turn), ...files.slice(0, turn)];
        expect(await writeFileList(store, layout, { ...list, files: turned })).toBe(key);
        expect((await keysOf(store)).length).toBe(1);
        const held = await readFileList(store, key);
        expect({ ...held, files: undefined }).toEqual({ ...list, files: undefined });
        expect([...held.files].sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual(
          [...files].sort((a, b) => (a.path < b.path ? -1 : 1)),
        );
      }),
      { numRuns: 60 },
    );
  });
});

it('a file list that unpacks without end is damage, not the end of memory', async () => {
  const store = createMemoryStore();
  const key = `unified_trades/files/coinbase/X/${'0'.repeat(32)}.json.gz`;
  await store.putIfAbsent(key, gzipSync(Buffer.alloc(101_000_000), { level: 1 }));
  await expect(readFileList(store, key)).rejects.toMatchObject({ code: 'damaged-file-list', key });
  await expect(readFileList(store, key)).rejects.toThrow(/larger than|100000000/);
});
