import type { Catalog, CatalogEntry } from '../catalog.js';
import { newTable, type TableMetadata } from '../metadata.js';

export interface ConformanceCase {
  readonly name: string;
  /** Rejects when the driver does not keep the port's promise. */
  readonly run: () => Promise<void>;
}

export interface CatalogUnderTest {
  /** Two handles on one table that does not exist yet, as two processes have them. */
  readonly open: () => Promise<readonly [Catalog, Catalog]>;
  /** URI of the table's folder. */
  readonly location: string;
}

function check(isRight: boolean, what: string): void {
  if (!isRight) throw new Error(what);
}

function madeBy(entry: CatalogEntry | 'conflict', what: string): CatalogEntry {
  if (entry === 'conflict') throw new Error(`${what}: expected it to be committed, got a conflict`);
  return entry;
}

/** The suite of the `Catalog` port: plain cases, for any test runner. */
export function catalogConformance({ open, location }: CatalogUnderTest): readonly ConformanceCase[] {
  const first = newTable({
    uuid: '6f1c1f0e-0000-4000-8000-000000000001',
    location,
    schema: { type: 'struct', 'schema-id': 0, fields: [{ id: 1, name: 'id', required: true, type: 'long' }] },
    timestampMs: 1_700_000_000_000,
  });
  const changed = (base: TableMetadata, value: string): TableMetadata => ({
    ...base,
    'last-updated-ms': base['last-updated-ms'] + 1,
    'last-sequence-number': 2n ** 62n,
    properties: { ...base.properties, value },
  });
  const created = async (catalog: Catalog): Promise<CatalogEntry> => {
    const entry = madeBy(await catalog.commit(undefined, first), 'the first commit');
    await catalog.sync(entry);
    return entry;
  };
  return [
    {
      name: 'has no table at first, and then the one that was made, digit for digit',
      run: async () => {
        const [one, other] = await open();
        check((await one.load()) === undefined, 'load: expected undefined before the first commit');
        await created(one);
        const loaded = await other.load();
        check(loaded?.metadata['table-uuid'] === first['table-uuid'], 'load: expected the table');
        const next = madeBy(await other.commit(loaded, changed(loaded!.metadata, 'x')), 'the second commit');
        await other.sync(next);
        const again = await one.load();
        check(again?.metadata['last-sequence-number'] === 2n ** 62n, 'load: expected 2^62 to come back');
        check(again?.metadataLocation === next.metadataLocation, 'load: expected the newest metadata file');
      },
    },
    {
      name: 'lets one of two writers win, and tells the other',
      run: async () => {
        const [one, other] = await open();
        const base = await created(one);
        const seen = await other.load();
        const answers = await Promise.all([
          one.commit(base, changed(base.metadata, 'one')),
          other.commit(seen, changed(base.metadata, 'other')),
        ]);
        const winners = answers.filter((answer) => answer !== 'conflict');
        check(winners.length === 1, `commit: expected one winner, got ${winners.length}`);
        await one.sync(winners[0]!);
        const value = (await one.load())?.metadata.properties.value;
        check(value === winners[0]!.metadata.properties.value, 'load: expected what the winner wrote');
      },
    },
    {
      name: 'refuses a second first commit and a commit on an old base',
      run: async () => {
        const [one, other] = await open();
        const base = await created(one);
        check((await other.commit(undefined, changed(first, 'late'))) === 'conflict', 'create: expected a conflict');
        await one.sync(madeBy(await one.commit(base, changed(base.metadata, 'a')), 'the second commit'));
        check((await other.commit(base, changed(base.metadata, 'b'))) === 'conflict', 'commit: expected a conflict');
      },
    },
    {
      name: 'takes its own commit for success when it is tried again',
      run: async () => {
        const [one, other] = await open();
        const base = await created(one);
        const next = changed(base.metadata, 'same');
        const entry = madeBy(await one.commit(base, next), 'the commit');
        const again = madeBy(await other.commit(base, next), 'the same commit again');
        check(again.metadataLocation === entry.metadataLocation, 'commit: expected the same metadata file');
      },
    },
    {
      name: 'brings its pointers up after a crash before sync, and never back',
      run: async () => {
        const [one, other] = await open();
        const base = await created(one);
        const entry = madeBy(await one.commit(base, changed(base.metadata, 'new')), 'the commit');
        const found = await other.load();
        check(found?.metadataLocation === entry.metadataLocation, 'load: expected the commit whose sync is missing');
        await other.sync(entry);
        await one.sync(base);
        check((await one.load())?.metadataLocation === entry.metadataLocation, 'sync: expected it not to go back');
        await one.sync(entry);
      },
    },
  ];
}
