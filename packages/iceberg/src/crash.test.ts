import { createMemoryStore, type ObjectStore } from '@schemahub/object-store';
import { faultyStore } from '@schemahub/object-store/testing';
import { describe, expect, it } from 'vitest';
import { createGlueCatalog, type GlueApi } from './glue-catalog.js';
import { currentSnapshot } from './metadata.js';
import { type IcebergTable, openIcebergTable } from './table.js';
import { change, dataFile, keysOf, namesOf, newTrades, T0 } from './test-support.js';
import { createMemoryGlue } from './testing/index.js';

const STATES = 4;
const DAY = 86_400_000;
/** State n: files n-1 and n, so that every step adds one and removes one. */
const filesOfState = (state: number) => [state - 1, state].map((at) => dataFile(`f${at}`, { symbol: `S${at % 2}` }));
const stateOf = (table: { summary: Readonly<Record<string, string>> } | undefined): number =>
  Number(table?.summary.state ?? 0);

/** What a publisher does: bring the table to each state that it lacks, whatever an earlier run left. */
async function publish(table: IcebergTable): Promise<void> {
  for (;;) {
    const entry = (await table.load()) ?? (await table.create(newTrades));
    if (entry === 'conflict') continue;
    const state = stateOf(currentSnapshot(entry.metadata));
    await table.catalog.sync(entry);
    if (state === STATES) break;
    const before = state === 0 ? [] : filesOfState(state);
    const after = filesOfState(state + 1);
    const keys = new Set(after.map(({ key }) => key));
    const known = new Set(before.map(({ key }) => key));
    await table.commit(
      entry,
      change(
        after.filter(({ key }) => !known.has(key)),
        before.filter(({ key }) => !keys.has(key)),
        { summary: { state: String(state + 1) }, timestampMs: T0 + state, fanIn: 2 },
      ),
    );
  }
  const entry = (await table.load())!;
  await table.expire(entry, { now: T0 + 2 * DAY, keepMs: 0, keepSnapshots: 2 });
}

function openOn(store: ObjectStore, glue: GlueApi): IcebergTable {
  const catalog = createGlueCatalog({ store, prefix: 't', location: 'memory:///t', glue, name: 'db.t' });
  return openIcebergTable({ store, prefix: 't', catalog });
}

/** Every call to the store and to Glue goes through one counter; call `at` fails before or after it was done. */
function faulty(at: number, when: 'before' | 'after') {
  const store = createMemoryStore({ now: () => T0 });
  const glue = createMemoryGlue();
  let calls = 0;
  const error = new Error('the machine stops here');
  const faultyObjects = faultyStore(store, () => (calls++ === at ? { when, error } : undefined));
  const guard = async <T>(run: () => Promise<T>): Promise<T> => {
    const isFault = calls++ === at;
    if (isFault && when === 'before') throw error;
    const result = await run();
    if (isFault) throw error;
    return result;
  };
  const faultyGlue: GlueApi = {
    getTable: () => guard(glue.getTable),
    createTable: (input) => guard(() => glue.createTable(input)),
    updateTable: (input, base) => guard(() => glue.updateTable(input, base)),
  };
  return { store, glue, broken: openOn(faultyObjects, faultyGlue), sound: openOn(store, glue), calls: () => calls };
}

async function expectWhole(table: IcebergTable, store: ObjectStore, glue: GlueApi): Promise<void> {
  const entry = (await table.load())!;
  expect(await namesOf(table, entry)).toEqual([`f${STATES - 1}`, `f${STATES}`]);
  const states = entry.metadata.snapshots.map(stateOf);
  expect(states).toEqual([STATES - 1, STATES]);
  // One metadata file a commit: the first, one a state, and the expiry.
  expect(entry.version).toBe(STATES + 2);
  // No snapshot twice: the sequence numbers count exactly the states.
  expect(entry.metadata['last-sequence-number']).toBe(BigInt(STATES));
  expect(Buffer.from((await store.get('t/metadata/version-hint.text'))!.bytes).toString()).toBe(String(entry.version));
  expect((await glue.getTable())!.parameters.metadata_location).toBe(entry.metadataLocation);
  const held = new Set(await keysOf(store, 't/metadata/'));
  const needed = await table.referenced(entry);
  for (const key of needed.metadata) expect(held, key).toContain(key);
  expect([...needed.data].sort()).toEqual([2, 3, 4].map((at) => `t/data/f${at}.parquet`));
}

describe('a publisher that dies', () => {
  it.each(['before', 'after'] as const)(
    '%s any single call to the store or to Glue, and is run again',
    async (when) => {
      const whole = faulty(-1, when);
      await publish(whole.broken);
      await expectWhole(whole.sound, whole.store, whole.glue);
      const calls = whole.calls();
      expect(calls).toBeGreaterThan(60);
      for (let at = 0; at < calls; at += 1) {
        const { store, glue, broken, sound } = faulty(at, when);
        const outcome = await publish(broken).then(
          () => 'survived',
          (error: Error) => error.message,
        );
        // A lost answer of the commit itself is settled by reading back, so some runs survive.
        expect(['survived', 'the machine stops here']).toContain(outcome);
        await publish(sound);
        await expectWhole(sound, store, glue);
        const before = await keysOf(store);
        await publish(sound);
        expect(await keysOf(store), 'a run with nothing to do').toEqual(before);
      }
    },
  );

  it('two publishers side by side make each snapshot once', async () => {
    const { store, glue, sound } = faulty(-1, 'before');
    const other = openOn(store, glue);
    await Promise.all([publish(sound), publish(other), publish(openOn(store, glue))]);
    await publish(other);
    await expectWhole(sound, store, glue);
  });
});
