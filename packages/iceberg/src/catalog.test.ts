import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFolderStore, createMemoryStore } from '@schemahub/object-store';
import { afterAll, describe, expect, it } from 'vitest';
import { createFolderCatalog } from './catalog.js';
import { createGlueCatalog, hiveType } from './glue-catalog.js';
import { openIcebergTable } from './table.js';
import { change, committed, created, dataFile, namesOf } from './test-support.js';
import { catalogConformance, createMemoryGlue } from './testing/index.js';

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'iceberg-'));
  folders.push(folder);
  return folder;
}

const place = { prefix: 't', location: 'memory:///t' };

describe('folder catalog in memory', () => {
  const open = async () => {
    const catalog = createFolderCatalog({ store: createMemoryStore(), ...place });
    return [catalog, catalog] as const;
  };
  for (const { name, run } of catalogConformance({ open, location: place.location })) it(name, run);
});

describe('folder catalog on a folder', () => {
  const open = async () => {
    const folder = await newFolder();
    return [0, 1].map(() => createFolderCatalog({ store: createFolderStore({ folder }), ...place })) as never;
  };
  for (const { name, run } of catalogConformance({ open, location: place.location })) it(name, run);
});

describe('Glue catalog', () => {
  const open = async () => {
    const store = createMemoryStore();
    const glue = createMemoryGlue();
    return [0, 1].map(() => createGlueCatalog({ store, glue, name: 'db.t', ...place })) as never;
  };
  for (const { name, run } of catalogConformance({ open, location: place.location })) it(name, run);
});

describe('version-hint.text', () => {
  it.each(['', 'x', '99', '1'])('may say %j: the table is found all the same', async (hint) => {
    const store = createMemoryStore();
    const table = openIcebergTable({ store, prefix: 't' });
    const base = await created(table);
    const entry = committed(await table.commit(base, change([dataFile('a')])));
    const held = (await store.get('t/metadata/version-hint.text'))!;
    expect(Buffer.from(held.bytes).toString()).toBe('2');
    await store.putIfMatch('t/metadata/version-hint.text', Buffer.from(hint), held.version);
    expect((await table.load())?.metadataLocation).toBe(entry.metadataLocation);
  });
});

describe('Glue', () => {
  function openGlue() {
    const store = createMemoryStore();
    const glue = createMemoryGlue();
    const catalog = createGlueCatalog({ store, glue, name: 'db.t', ...place });
    return { store, glue, table: openIcebergTable({ store, prefix: 't', catalog }) };
  }

  it('names the newest metadata file, the one before, and what another tool noted', async () => {
    const { glue, table } = openGlue();
    const base = await created(table);
    glue.put({ ...glue.stored()!.parameters, owner: 'somebody' });
    await table.commit(base, change([dataFile('a')]));
    expect(glue.stored()!.parameters).toEqual({
      table_type: 'ICEBERG',
      metadata_location: 'memory:///t/metadata/v2.metadata.json',
      previous_metadata_location: 'memory:///t/metadata/v1.metadata.json',
      owner: 'somebody',
    });
  });

  it('what another engine committed is loaded, and can be built upon', async () => {
    const { store, glue, table } = openGlue();
    const base = committed(await table.commit(await created(table), change([dataFile('a')])));
    // Another engine: a metadata file under its own name, and Glue's pointer moved to it.
    const other = openIcebergTable({ store, prefix: 't' });
    const foreign = committed(await other.commit(base, change([dataFile('b')], [], { summary: { engine: 'other' } })));
    const uri = 'memory:///t/metadata/00003-0a1b.metadata.json';
    await store.putIfAbsent(
      't/metadata/00003-0a1b.metadata.json',
      (await store.get('t/metadata/v3.metadata.json'))!.bytes,
    );
    await store.delete(['t/metadata/v3.metadata.json']);
    glue.put({ ...glue.stored()!.parameters, metadata_location: uri });
    const loaded = (await table.load())!;
    expect(loaded.metadataLocation).toBe(uri);
    expect(loaded.metadata.snapshots.at(-1)).toEqual(foreign.metadata.snapshots.at(-1));
    // A commit that did not see it leaves Glue's pointer alone and says so; one that did moves it.
    await expect(table.commit(base, change([dataFile('c')]))).rejects.toThrow(
      'another engine committed memory:///t/metadata/00003-0a1b',
    );
    const next = committed(
      await table.commit((await table.load())!, change([dataFile('d')], [], { replaceAll: true })),
    );
    expect(glue.stored()!.parameters.metadata_location).toBe(next.metadataLocation);
    expect(await namesOf(table, (await table.load())!)).toEqual(['d']);
  });

  it('a table of another kind is refused', async () => {
    const { glue, table } = openGlue();
    glue.put({ classification: 'parquet' });
    await expect(table.load()).rejects.toThrow('Glue table db.t: exists and is no Iceberg table');
  });

  it('types as Athena shows them', () => {
    const types = ['long', 'timestamptz', 'decimal(38, 18)', 'string', 'fixed[4]'].map(hiveType);
    expect(types).toEqual(['bigint', 'timestamp', 'decimal(38,18)', 'string', 'binary']);
    expect(hiveType({ type: 'list', 'element-id': 2, element: 'long', 'element-required': true })).toBe(
      'array<bigint>',
    );
  });
});
