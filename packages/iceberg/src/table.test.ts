import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFolderStore, createMemoryStore, type ObjectStore } from '@schemahub/object-store';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { CatalogEntry } from './catalog.js';
import { keyOfUri } from './location.js';
import { type NewDataFile, readManifestList, writeManifestList } from './manifest.js';
import { newTable, parseMetadata, printMetadata, type TableMetadata } from './metadata.js';
import { type IcebergTable, openIcebergTable } from './table.js';
import { change, committed, created, dataFile, keysOf, namesOf, newTrades, T0, trades } from './test-support.js';
import { schemaOf } from './types.js';

const DAY = 86_400_000;
const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** Metadata of a new table with another member in it. */
function withMember(name: string, value: unknown): string {
  const metadata = JSON.parse(
    Buffer.from(printMetadata(newTable({ ...newTrades, location: 'x' }))).toString(),
  ) as object;
  return JSON.stringify({ ...metadata, [name]: value });
}

function open(store: ObjectStore = createMemoryStore()) {
  return openIcebergTable({ store, prefix: 't' });
}

/** Counts what a store is asked for. */
function counting(store: ObjectStore) {
  const seen = { gets: 0, puts: 0, putBytes: 0 };
  const counted: ObjectStore = {
    ...store,
    get: (key, options) => {
      seen.gets += 1;
      return store.get(key, options);
    },
    putIfAbsent: (key, body) => {
      seen.puts += 1;
      seen.putBytes += (body as Uint8Array).length;
      return store.putIfAbsent(key, body);
    },
  };
  return { store: counted, seen };
}

describe('a table', () => {
  it('shows what was committed, snapshot by snapshot', async () => {
    const table = open();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => dataFile(name)) as [NewDataFile, NewDataFile, NewDataFile];
    const first = committed(await table.commit(await created(table), change([a, b])));
    const second = committed(await table.commit(first, change([c], [a])));
    const entry = (await table.load())!;
    expect(entry).toEqual(second);
    expect(await namesOf(table, entry)).toEqual(['b', 'c']);
    const ids = entry.metadata.snapshots.map((snapshot) => snapshot['snapshot-id']);
    expect(await namesOf(table, entry, ids[0]!)).toEqual(['a', 'b']);
    expect(entry.metadata.snapshots.map(({ summary }) => summary)).toMatchObject([
      {
        operation: 'append',
        'added-data-files': '2',
        'added-records': '20',
        'total-records': '20',
        'deleted-data-files': '0',
      },
      {
        operation: 'overwrite',
        'deleted-data-files': '1',
        'deleted-records': '10',
        'total-data-files': '2',
        'total-records': '20',
      },
    ]);
    const [file] = await table.files(entry);
    expect(file).toMatchObject({
      partition: ['BTC-USD', 672],
      rows: 10,
      bytes: 110,
      splitOffsets: [4],
      sortOrderId: 1,
      columns: [
        { fieldId: 1, size: 20, values: 10, nulls: 0, lower: 'BTC-USD', upper: 'BTC-USD' },
        { fieldId: 2, lower: 1n, upper: 2n ** 62n },
        { fieldId: 3, nans: 0, lower: -0, upper: 1e300 },
      ],
    });
  });

  it('the same commit on the same table has the same bytes', async () => {
    const stores = [createMemoryStore(), createMemoryStore()] as const;
    for (const store of stores) {
      const table = open(store);
      const first = committed(await table.commit(await created(table), change([dataFile('a')])));
      await table.commit(first, change([dataFile('b')], [dataFile('a')]));
    }
    const [one, other] = await Promise.all(stores.map((store) => keysOf(store)));
    expect(one).toEqual(other);
    expect(one!.filter((key) => key.endsWith('.json')).length).toBe(3);
  });

  it('a removed file that is not there, a file twice, and a wrong shape are refused', async () => {
    const table = open();
    const base = committed(await table.commit(await created(table), change([dataFile('a')])));
    await expect(table.commit(base, change([], [dataFile('z')]))).rejects.toThrow(
      't/data/z.parquet: is to leave the table, but is not in it.',
    );
    await expect(table.commit(base, change([dataFile('b'), dataFile('b')]))).rejects.toThrow('twice');
    await expect(table.commit(base, change([{ ...dataFile('b'), partition: ['x'] }]))).rejects.toThrow(
      'expected 2 partition values, got 1',
    );
    await expect(table.commit(base, change([{ ...dataFile('b'), key: 'elsewhere/b' }]))).rejects.toThrow(
      'expected a key below t/',
    );
    await expect(
      table.commit(base, change([{ ...dataFile('b'), columns: [{ fieldId: 2, lower: 'text' }] }])),
    ).rejects.toThrow('A value of type long was expected');
    expect(await namesOf(table, (await table.load())!)).toEqual(['a']);
  });

  it('replaceAll makes it show the given files only', async () => {
    const table = open();
    const base = committed(await table.commit(await created(table), change([dataFile('a'), dataFile('b')])));
    const entry = committed(await table.commit(base, change([dataFile('b'), dataFile('c')], [], { replaceAll: true })));
    expect(await namesOf(table, entry)).toEqual(['b', 'c']);
    expect(entry.metadata.snapshots.at(-1)!.summary).toMatchObject({
      'deleted-data-files': '2',
      'total-data-files': '2',
    });
  });

  it('an old base is a conflict, and nothing changes', async () => {
    const table = open();
    const base = await created(table);
    await table.commit(base, change([dataFile('a')]));
    expect(await table.commit(base, change([dataFile('b')]))).toBe('conflict');
    expect(await namesOf(table, (await table.load())!)).toEqual(['a']);
  });

  it('ids of 63 bits pass through the metadata digit for digit', async () => {
    const table = open();
    const { metadata } = committed(await table.commit(await created(table), change([dataFile('a')])));
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
        fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
        (id, sequence) => {
          const [snapshot] = metadata.snapshots;
          const other = {
            ...metadata,
            'last-sequence-number': sequence,
            'current-snapshot-id': id,
            snapshots: [{ ...snapshot!, 'snapshot-id': id, 'parent-snapshot-id': id, 'sequence-number': sequence }],
            refs: { main: { 'snapshot-id': id, type: 'branch' as const } },
            'snapshot-log': [{ 'snapshot-id': id, 'timestamp-ms': T0 }],
          };
          expect(parseMetadata(printMetadata(other))).toEqual(other);
          expect(Buffer.from(printMetadata(other)).toString()).toMatch(`"snapshot-id":${id}`);
        },
      ),
    );
  });
});

describe('any schedule of commits', () => {
  interface Step {
    readonly add: readonly { symbol: string; month: number }[];
    readonly drop: readonly number[];
  }
  const step: fc.Arbitrary<Step> = fc.record({
    add: fc.array(fc.record({ symbol: fc.constantFrom('A', 'B', 'é', ''), month: fc.integer({ min: -5, max: 5 }) }), {
      maxLength: 4,
    }),
    drop: fc.array(fc.nat(), { maxLength: 3 }),
  });

  it('every snapshot shows exactly what a plain set says, however manifests were joined', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const table = open();
        let entry = await created(table);
        let number = 0;
        let live = new Map<string, NewDataFile>();
        const history: string[][] = [];
        for (const { add, drop } of steps) {
          const added = add.map((options) => dataFile(`f${number++}`, options));
          const names = [...live.keys()];
          const removed = [...new Set(drop.map((at) => names[at % Math.max(1, names.length)]))].flatMap(
            (name) => live.get(name ?? '') ?? [],
          );
          entry = committed(await table.commit(entry, change(added, removed, { maxEntries: 6, fanIn: 3 })));
          live = new Map([...live, ...added.map((file) => [file.key, file] as const)]);
          for (const { key } of removed) live.delete(key);
          history.push([...live.keys()].sort());
        }
        for (const [at, snapshot] of entry.metadata.snapshots.entries()) {
          const files = await table.files(entry, snapshot['snapshot-id']);
          expect(files.map(({ key }) => key).sort()).toEqual(history[at]);
          expect(snapshot.summary['total-data-files']).toBe(String(history[at]!.length));
          for (const { key, partition } of files) {
            const [, name] = /(f\d+)\.parquet/.exec(key)!;
            expect(partition).toHaveLength(2);
            expect(name).toBeDefined();
          }
        }
        // Each file keeps the number of the snapshot that brought it, also through manifests that were joined.
        for (const { key, sequenceNumber, snapshotId } of await table.files(entry)) {
          const at = history.findIndex((names) => names.includes(key));
          expect(sequenceNumber).toBe(BigInt(at + 1));
          expect(snapshotId).toBe(entry.metadata.snapshots[at]!['snapshot-id']);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('a commit reads and writes what it changes, not the table', async () => {
    const { store, seen } = counting(createMemoryStore());
    const table = open(store);
    let entry = committed(
      await table.commit(
        await created(table),
        change(Array.from({ length: 1000 }, (_, at) => dataFile(`base${at}`, { symbol: `S${at % 50}` }))),
      ),
    );
    const costs: { gets: number; bytes: number }[] = [];
    for (let at = 0; at < 60; at += 1) {
      const before = { ...seen };
      entry = committed(
        await table.commit(
          entry,
          change([dataFile(`n${at}`, { symbol: 'NEW' })], [], {
            retention: { now: T0, keepMs: 0, keepSnapshots: 5, maxSnapshots: 5 },
          }),
        ),
      );
      costs.push({ gets: seen.gets - before.gets, bytes: seen.putBytes - before.putBytes });
    }
    // One list to read and one hint; every tenth commit joins ten manifests of one file each.
    expect(costs.filter(({ gets }) => gets > 3).length).toBeLessThanOrEqual(6);
    expect(Math.max(...costs.map(({ bytes }) => bytes))).toBeLessThan(30_000);
    expect((await table.files(entry)).length).toBe(1060);
  });

  it('only manifests that may hold a removed file are read', async () => {
    const { store, seen } = counting(createMemoryStore());
    const table = open(store);
    let entry = await created(table);
    for (const symbol of ['A', 'B', 'C', 'D', 'E'])
      entry = committed(
        await table.commit(entry, change([dataFile(`${symbol}1`, { symbol }), dataFile(`${symbol}2`, { symbol })])),
      );
    const before = seen.gets;
    entry = committed(await table.commit(entry, change([], [dataFile('C1', { symbol: 'C' })])));
    expect(seen.gets - before).toBe(3); // the list, one manifest, the hint
    expect(await namesOf(table, entry)).toEqual(['A1', 'A2', 'B1', 'B2', 'C2', 'D1', 'D2', 'E1', 'E2']);
  });
});

describe('schema evolution', () => {
  const wider = schemaOf({
    ...trades,
    columns: [...trades.columns, { fieldId: 5, name: 'fee', type: 'double', nullable: true, doc: '' }],
  });

  it('a new optional column is a new schema; old snapshots keep theirs', async () => {
    const table = open();
    const first = committed(await table.commit(await created(table), change([dataFile('a')])));
    const second = committed(await table.commit(first, change([dataFile('b')], [], { schema: wider })));
    const third = committed(await table.commit(second, change([dataFile('c')], [], { schema: wider })));
    expect(third.metadata.schemas.map((schema) => schema['schema-id'])).toEqual([0, 1]);
    expect(third.metadata['last-column-id']).toBe(5);
    expect(third.metadata.snapshots.map((snapshot) => snapshot['schema-id'])).toEqual([0, 1, 1]);
    const back = committed(await table.commit(third, change([dataFile('d')], [], { schema: schemaOf(trades) })));
    expect(back.metadata['current-schema-id']).toBe(0);
    expect(await namesOf(table, back)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('a schema that comes back must be able to read what was written meanwhile', async () => {
    const table = open();
    const first = committed(await table.commit(await created(table), change([dataFile('a')])));
    const narrow = schemaOf({ ...trades, columns: trades.columns.slice(0, 3), primaryKey: [], sortKey: [] });
    // A dropped partition source would be another matter.
    const spec = {
      ...first.metadata['partition-specs'][0]!,
      fields: first.metadata['partition-specs'][0]!.fields.slice(0, 1),
    };
    const plain = {
      ...first,
      metadata: {
        ...first.metadata,
        'partition-specs': [spec],
        snapshots: [],
        'current-snapshot-id': undefined,
        refs: {},
      },
    };
    const without = committed(await table.commit(plain, change([], [], { schema: narrow })));
    await expect(table.commit(without, change([], [], { schema: schemaOf(trades) }))).rejects.toThrow(
      'Column ts: is new and required',
    );
  });

  it.each([
    [
      'a required new column',
      [...trades.columns, { fieldId: 5, name: 'fee', type: 'double', nullable: false, doc: '' }],
      'Column fee: is new and required',
    ],
    [
      'another type',
      trades.columns.map((column) => (column.fieldId === 3 ? { ...column, type: 'string' } : column)),
      'Column price: changes from "double" to "string"',
    ],
    [
      'an id that was used',
      [...trades.columns.slice(0, 3), { fieldId: 0, name: 'x', type: 'double', nullable: true, doc: '' }],
      'Column x: is new with field id 0',
    ],
  ] as const)('%s is refused', async (_name, columns, sentence) => {
    const table = open();
    const base = await created(table);
    const schema = schemaOf({ ...trades, primaryKey: [], columns: columns as typeof trades.columns });
    await expect(table.commit(base, change([], [], { schema }))).rejects.toThrow(sentence);
  });
});

describe('expire', () => {
  it('forgets old snapshots, then deletes what no snapshot needs, and never a data file', async () => {
    let now = T0;
    const store = createMemoryStore({ now: () => now });
    const table = open(store);
    await store.putIfAbsent('t/data/a.parquet', Uint8Array.of(1));
    await store.putIfAbsent('t/metadata/latest-commit.json', Uint8Array.of(1));
    let entry = await created(table);
    for (let at = 0; at < 6; at += 1) {
      now = T0 + at * DAY;
      entry = committed(
        await table.commit(
          entry,
          change([dataFile(`f${at}`)], at > 0 ? [dataFile(`f${at - 1}`)] : [], { timestampMs: now }),
        ),
      );
    }
    const needed = await table.referenced(entry);
    expect([...needed.data].sort()).toEqual([0, 1, 2, 3, 4, 5].map((at) => `t/data/f${at}.parquet`));
    // Times of files have fractions, the table's have none.
    const options = { now: T0 + 10 * DAY + 0.75, keepMs: 6 * DAY, keepSnapshots: 2 };
    const planned = await table.expire(entry, { ...options, dryRun: true });
    const result = await table.expire(entry, options);
    if (result === 'conflict' || planned === 'conflict') throw new Error('conflict');
    expect(planned.expired).toEqual(result.expired);
    expect(result.expired).toHaveLength(4);
    expect(result.entry.metadata.snapshots).toHaveLength(2);
    expect(result.entry.metadata['last-updated-ms']).toBe(T0 + 10 * DAY);
    expect(result.entry.metadata['snapshot-log']).toHaveLength(2);
    expect(await namesOf(table, (await table.load())!)).toEqual(['f5']);
    expect([...(await table.referenced(result.entry)).data].sort()).toEqual(['t/data/f4.parquet', 't/data/f5.parquet']);
    const left = await keysOf(store, 't/');
    expect(left).toEqual(
      expect.arrayContaining(['t/data/a.parquet', 't/metadata/latest-commit.json', 't/metadata/version-hint.text']),
    );
    // Every snapshot that stayed can still be read, and a second run finds nothing.
    for (const snapshot of result.entry.metadata.snapshots) await table.files(result.entry, snapshot['snapshot-id']);
    const again = await table.expire(result.entry, options);
    expect(again).toMatchObject({ expired: [], deleted: [] });
  });

  it('spares young leftovers, the current metadata file and what a tag names', async () => {
    const store = createMemoryStore({ now: () => T0 });
    const table = open(store);
    let entry = await created(table);
    for (const name of ['a', 'b', 'c']) entry = committed(await table.commit(entry, change([dataFile(name)])));
    const tagged = entry.metadata.snapshots[0]!['snapshot-id'];
    entry = committed(
      await table.catalog.commit(entry, {
        ...entry.metadata,
        refs: { ...entry.metadata.refs, keep: { 'snapshot-id': tagged, type: 'tag' } },
      }),
    );
    const result = await table.expire(entry, { now: T0 + 1, keepMs: 0, keepSnapshots: 1 });
    if (result === 'conflict') throw new Error('conflict');
    expect(result.entry.metadata.snapshots.map((snapshot) => snapshot['snapshot-id'])).toContain(tagged);
    expect(result.expired).toHaveLength(1);
    expect(result.deleted).toEqual([]);
    const later = await table.expire(result.entry, { now: T0 + 2 * DAY, keepMs: 0, keepSnapshots: 1 });
    if (later === 'conflict') throw new Error('conflict');
    expect(later.deleted.length).toBeGreaterThan(0);
    expect(await namesOf(table, (await table.load())!, tagged)).toEqual(['a']);
  });
});

describe('expire beside a run that was killed', () => {
  /** A commit that ends before its metadata file: all else is written. */
  const dieBefore = async (
    store: ObjectStore,
    table: IcebergTable,
    entry: CatalogEntry,
    name: string,
  ): Promise<void> => {
    const catalog = { ...table.catalog, commit: async () => 'conflict' as const };
    const died = openIcebergTable({ store, prefix: 't', catalog });
    expect(await died.commit(entry, change([dataFile(name)]))).toBe('conflict');
  };

  it('leaves what was written for the next commit, however old: the next run names it again', async () => {
    let now = T0;
    const store = createMemoryStore({ now: () => now });
    const table = open(store);
    const entry = committed(await table.commit(await created(table), change([dataFile('a')])));
    await dieBefore(store, table, entry, 'b');
    now = T0 + 30 * DAY;
    const written = new Set(await keysOf(store, 't/'));
    // A month later a run makes that commit, and an expire stands just before its delete when it does.
    const stale = (await table.load())!;
    const expired = await table.expire(stale, { now, minAgeMs: DAY });
    if (expired === 'conflict') throw new Error('conflict');
    expect(expired.deleted).toEqual([]);
    const next = committed(await table.commit(expired.entry, change([dataFile('b')])));
    expect([...(await keysOf(store, 't/'))].filter((key) => !written.has(key))).toEqual([
      't/metadata/v3.metadata.json',
    ]);
    expect(await namesOf(table, next)).toEqual(['a', 'b']);
  });

  it('takes it once another commit has that number', async () => {
    const store = createMemoryStore({ now: () => T0 });
    const table = open(store);
    const entry = committed(await table.commit(await created(table), change([dataFile('a')])));
    await dieBefore(store, table, entry, 'b');
    const next = committed(await table.commit(entry, change([dataFile('c')])));
    const result = await table.expire(next, { now: T0 + 2 * DAY, keepMs: 3 * DAY });
    if (result === 'conflict') throw new Error('conflict');
    expect(result.deleted).toHaveLength(2);
    expect(await namesOf(table, next)).toEqual(['a', 'c']);
  });
});

describe('a moved folder', () => {
  it('is noticed, refused for commits, and told anew with its whole history', async () => {
    const root = await mkdtemp(join(tmpdir(), 'iceberg-'));
    folders.push(root);
    const before = open(createFolderStore({ folder: join(root, 'old place') }));
    let entry = await created(before);
    for (const name of ['a', 'b'])
      entry = committed(await before.commit(entry, change([dataFile(name)], name === 'b' ? [dataFile('a')] : [])));
    await rename(join(root, 'old place'), join(root, 'new'));
    const table = open(createFolderStore({ folder: join(root, 'new') }));
    const found = (await table.load())!;
    expect(table.isMoved(found)).toBe(true);
    expect(await namesOf(table, found)).toEqual(['b']);
    await expect(table.commit(found, change([dataFile('c')]))).rejects.toThrow('relocate it first');
    const moved = committed(await table.relocate(found));
    expect(table.isMoved(moved)).toBe(false);
    expect(moved.metadata.snapshots.map((snapshot) => snapshot['snapshot-id'])).toEqual(
      found.metadata.snapshots.map((snapshot) => snapshot['snapshot-id']),
    );
    for (const snapshot of moved.metadata.snapshots) {
      expect(snapshot['manifest-list']).toMatch(`file://${join(root, 'new')}/t/metadata/`);
      expect(await namesOf(table, moved, snapshot['snapshot-id'])).toHaveLength(1);
    }
    const next = committed(await table.commit(moved, change([dataFile('c')])));
    expect(await namesOf(table, next)).toEqual(['b', 'c']);
  });
});

describe('a moved folder that another engine wrote to', () => {
  /** The table after the other engine's change of its metadata and a move. */
  const movedAfter = async (
    foreign: (metadata: TableMetadata, store: ObjectStore) => Promise<TableMetadata>,
  ): Promise<readonly [IcebergTable, CatalogEntry]> => {
    const root = await mkdtemp(join(tmpdir(), 'iceberg-'));
    folders.push(root);
    const store = createFolderStore({ folder: join(root, 'old') });
    const table = open(store);
    const entry = committed(await table.commit(await created(table), change([dataFile('a')])));
    committed(await table.catalog.commit(entry, await foreign(entry.metadata, store)));
    await rename(join(root, 'old'), join(root, 'new'));
    const moved = open(createFolderStore({ folder: join(root, 'new') }));
    return [moved, (await moved.load())!];
  };

  it('its row-level deletes cannot be moved: refused, never read as data', async () => {
    const [table, entry] = await movedAfter(async (metadata, store) => {
      const [snapshot] = metadata.snapshots;
      const list = keyOfUri(snapshot!['manifest-list'], metadata.location, 't');
      const manifests = readManifestList((await store.get(list))!.bytes).map((manifest) => ({
        ...manifest,
        content: 1,
      }));
      const facts = { manifests, snapshotId: snapshot!['snapshot-id'], parentId: undefined, sequenceNumber: 1n };
      await store.putIfAbsent('t/metadata/theirs.avro', writeManifestList(facts));
      return {
        ...metadata,
        snapshots: [{ ...snapshot!, 'manifest-list': `${metadata.location}/metadata/theirs.avro` }],
      };
    });
    await expect(table.relocate(entry)).rejects.toThrow('row-level deletes of another engine');
  });

  it('its statistics lie nowhere any more', async () => {
    const statistics = [{ 'snapshot-id': 1n, 'statistics-path': 'file:///old/t/metadata/x.puffin' }];
    const more = { statistics, 'partition-statistics': statistics, 'next-row-id': 7 };
    const [table, entry] = await movedAfter(async (metadata) => ({ ...metadata, ...more }));
    expect(entry.metadata).toMatchObject({ 'next-row-id': 7 });
    const { metadata } = committed(await table.relocate(entry));
    expect([Object.keys(metadata).filter((name) => name in more), await namesOf(table, (await table.load())!)]).toEqual(
      [['next-row-id'], ['a']],
    );
  });
});

describe('damage is named', () => {
  it.each([
    ['no JSON', '{', 'it is no JSON'],
    ['another version', '{"format-version":3}', 'it has format version 3'],
    ['a member', '{"format-version":2,"table-uuid":7}', 'its table-uuid: expected a text, got 7'],
    [
      'a schema without fields',
      withMember('schemas', [{ 'schema-id': 0, type: 'struct' }]),
      'its fields: expected a list',
    ],
    [
      'a column without a type',
      withMember('schemas', [{ 'schema-id': 0, type: 'struct', fields: [{ id: 1, name: 'a', required: true }] }]),
      'its schemas: expected a type',
    ],
    [
      'a spec without fields',
      withMember('partition-specs', [{ 'spec-id': 0 }]),
      'its fields: expected a list of objects',
    ],
    ['a sort order', withMember('sort-orders', [{ 'order-id': 0, fields: [{}] }]), 'its transform: expected a text'],
    ['properties', withMember('properties', { a: 1 }), 'its properties: expected an object of texts'],
  ])('%s', async (_name, text, sentence) => {
    const store = createMemoryStore();
    await store.putIfAbsent('t/metadata/v1.metadata.json', Buffer.from(text));
    await expect(open(store).load()).rejects.toThrow(`t/metadata/v1.metadata.json: ${sentence}`);
  });

  it('a manifest that is gone or torn', async () => {
    const store = createMemoryStore();
    const table = open(store);
    const entry = committed(await table.commit(await created(table), change([dataFile('a')])));
    const [manifest] = (await keysOf(store, 't/metadata/')).filter((key) => key.endsWith('-m.avro'));
    const { bytes } = (await store.get(manifest!))!;
    await store.delete([manifest!]);
    await expect(table.files(entry)).rejects.toThrow(`${manifest}: a manifest list names it, but it is not in memory`);
    await store.putIfAbsent(manifest!, bytes.slice(0, -20));
    await expect(table.files(entry)).rejects.toThrow(/-m\.avro: an Avro/);
  });

  it.each([
    [
      'no rows',
      '"record_count","type":"long","field-id":103',
      '"record_c0unt","type":"long","field-id":193',
      /without its path/,
    ],
    ['bounds as text', '"bytes","field-id":127', '"string","field-id":12', /holds other values than the format says/],
  ])('a manifest whose own schema says %s', async (_name, is, becomes, sentence) => {
    const store = createMemoryStore();
    const table = open(store);
    const file = { ...dataFile('a'), columns: dataFile('a').columns!.slice(0, 1) };
    const entry = committed(await table.commit(await created(table), change([file])));
    const [key] = (await keysOf(store, 't/metadata/')).filter((name) => name.endsWith('-m.avro'));
    const bytes = Buffer.from((await store.get(key!))!.bytes).toString('latin1');
    expect(bytes.split(is)).toHaveLength(2);
    await store.delete([key!]);
    await store.putIfAbsent(key!, Buffer.from(bytes.replace(is, becomes), 'latin1'));
    await expect(table.files(entry)).rejects.toMatchObject({
      code: 'damaged-file',
      message: expect.stringMatching(sentence),
    });
    await expect(table.files(entry)).rejects.toThrow(`${key!.slice(key!.lastIndexOf('/'))}: `);
  });

  it('metadata that could not be read again never becomes current', async () => {
    const table = open();
    const entry = await created(table);
    const wrong = change([dataFile('a')], [], { properties: { rows: 7 as unknown as string } });
    await expect(table.commit(entry, wrong)).rejects.toThrow('its properties: expected an object of texts');
    expect(await table.load()).toEqual(entry);
  });

  it('options', () => {
    expect(() => openIcebergTable({ store: createMemoryStore(), prefix: '/t' })).toThrow(
      'prefix: expected a key without slashes around it',
    );
    expect(newTrades.uuid).toBeDefined();
  });
});
