import { readCommit } from '@schemahub/lake';
import type { ObjectStore } from '@schemahub/object-store';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CommitFacts, keptCommits, planVacuum } from './plan-vacuum.js';
import { createTestLake, type TestLake, tradeOf, tradesOf, truthOf } from './test-lake.js';
import type { VacuumOptions, VacuumResult } from './vacuum.js';

const DAY_MS = 86_400_000;

async function step(lake: TestLake, first: number, last: number): Promise<void> {
  await lake.put(tradesOf(first, last));
  await lake.table().transform({ products: [await lake.product()] });
}

async function compact(lake: TestLake): Promise<void> {
  await lake.table().compact({ products: [await lake.product()] });
}

/** Lets the store's clock go on, and vacuums at its time. */
async function vacuumAfter(lake: TestLake, ms: number, options: VacuumOptions = {}): Promise<VacuumResult> {
  lake.clock.time += ms;
  return await lake.table().vacuum({ now: lake.clock.time, ...options });
}

async function dataFiles(lake: TestLake): Promise<string[]> {
  return Object.keys(await lake.hashes('unified_trades/v1/'));
}

describe('vacuum', () => {
  test('retires first, deletes a day later, and the table stays the same', async () => {
    const lake = createTestLake();
    for (const id of [1, 2, 3]) await step(lake, id, id);
    await compact(lake);
    expect(await dataFiles(lake)).toHaveLength(4);
    const retired = await vacuumAfter(lake, 8 * DAY_MS, { keepSnapshots: 1 });
    expect(retired.retired).toHaveLength(6); // three data files, three lists
    expect(retired.deleted).toEqual([]);
    expect(retired.commit).toBe(5);
    expect(await dataFiles(lake)).toHaveLength(4);
    expect((await vacuumAfter(lake, DAY_MS - 1, { keepSnapshots: 1 })).deleted).toEqual([]);
    const deleted = await vacuumAfter(lake, 1, { keepSnapshots: 1 });
    expect(deleted.deleted.toSorted()).toEqual(retired.retired.toSorted());
    expect(deleted.deletedBytes).toBeGreaterThan(1000);
    expect(deleted.commit).toBeUndefined();
    expect(await dataFiles(lake)).toHaveLength(1);
    expect(await lake.rows()).toEqual(truthOf(tradesOf(1, 3)));
  });

  test('a second run at the same moment changes nothing, however often', async () => {
    const lake = createTestLake();
    for (let id = 1; id <= 15; id += 1) await step(lake, id, id);
    await compact(lake);
    await vacuumAfter(lake, 30 * DAY_MS);
    const before = await lake.hashes();
    for (let run = 0; run < 12; run += 1) expect((await vacuumAfter(lake, 0)).commit).toBeUndefined();
    expect(await lake.hashes()).toEqual(before);
  });

  test('the last snapshots stay whatever their age; vacuum commits do not push them out', async () => {
    const lake = createTestLake();
    for (let id = 1; id <= 12; id += 1) {
      await step(lake, id, id);
      await compact(lake);
    }
    for (let run = 0; run < 5; run += 1) await vacuumAfter(lake, 30 * DAY_MS);
    const { snapshots } = await lake.table().snapshots();
    const states = snapshots.filter(({ kind, available }) => kind !== 'vacuum' && available);
    expect(states).toHaveLength(10);
    for (const { number } of states) {
      await lake.table().rollback(number);
      expect((await lake.rows()).length).toBe(states.find((state) => state.number === number)?.rows);
    }
  });

  test('old commits become tombstones that keep their numbers', async () => {
    const lake = createTestLake();
    for (const id of [1, 2, 3]) await step(lake, id, id);
    const sealed = await readCommit(lake.store, lake.layout, 1);
    const result = await vacuumAfter(lake, 8 * DAY_MS, { keepSnapshots: 1 });
    expect(result.buried).toEqual([1, 2]);
    const buried = await readCommit(lake.store, lake.layout, 1);
    expect(buried?.kind).toBe('tombstone');
    expect(buried?.body).toMatchObject({ number: 1, sha256: sealed?.kind === 'commit' ? sealed.sha256 : '' });
    await expect(lake.table().rollback(1)).rejects.toMatchObject({ code: 'retired' });
    await step(lake, 4, 4);
    expect((await lake.head())?.number).toBe(5);
    expect((await lake.table().snapshots()).snapshots.map(({ number }) => number)).toEqual([5, 4, 3]);
  });

  test('a commit that still retires files is not buried, even when it is old', async () => {
    const lake = createTestLake();
    for (const id of [1, 2]) await step(lake, id, id);
    await compact(lake);
    const first = await vacuumAfter(lake, 8 * DAY_MS, { keepSnapshots: 1 });
    const published = new Set([first.retired.find((path) => path.endsWith('.parquet'))!]);
    await step(lake, 3, 3);
    const second = await vacuumAfter(lake, 30 * DAY_MS, { keepSnapshots: 1, publishedPaths: published });
    expect(second.deleted).not.toContain([...published][0]);
    expect(second.buried).not.toContain(first.commit);
    expect(await dataFiles(lake)).toEqual(expect.arrayContaining([...published]));
    // Published no longer: now it goes, and then its commit.
    const third = await vacuumAfter(lake, 0, { keepSnapshots: 1 });
    expect(third.deleted).toEqual([...published]);
    expect(third.buried).toContain(first.commit);
  });

  test('leftovers of a dead run are retired after a day, and never before', async () => {
    const lake = createTestLake();
    await step(lake, 1, 3);
    const folder = (await dataFiles(lake))[0]!.replace(/[^/]+$/, '');
    const orphan = `${folder}unified_trades_0_dead-run_0.parquet`;
    await lake.store.putIfAbsent(orphan, Buffer.from('x'));
    await lake.store.putIfAbsent(`${folder}foreign.parquet`, Buffer.from('x'));
    expect((await vacuumAfter(lake, DAY_MS - 1)).retired).toEqual([]);
    expect((await vacuumAfter(lake, 1)).retired).toEqual([orphan]);
    expect((await vacuumAfter(lake, DAY_MS)).deleted).toEqual([orphan]);
    expect(await dataFiles(lake)).toContain(`${folder}foreign.parquet`); // not ours to delete
  });

  test('a writer that slept while its file was retired plans again instead of committing it', async () => {
    const lake = createTestLake();
    await step(lake, 1, 3);
    await lake.put(tradesOf(4, 6));
    let woken = false;
    const events: string[] = [];
    const store: ObjectStore = {
      ...lake.store,
      putIfAbsent: async (key, body) => {
        if (key.startsWith(lake.layout.commits) && !woken) {
          woken = true;
          expect((await vacuumAfter(lake, 3 * DAY_MS)).retired.length).toBeGreaterThan(0);
          expect((await vacuumAfter(lake, 3 * DAY_MS)).deleted.length).toBeGreaterThan(0);
        }
        return await lake.store.putIfAbsent(key, body);
      },
    };
    const table = lake.table({ store, onEvent: ({ type }) => void events.push(type) });
    await table.transform({ products: [await lake.product()] });
    expect(events).toContain('planned-again');
    expect(await lake.rows()).toEqual(truthOf(tradesOf(1, 3)).concat(truthOf(tradesOf(4, 6))));
  });

  test('a commit between the survey and the retirement makes it look again', async () => {
    const lake = createTestLake();
    await step(lake, 1, 3);
    await compact(lake);
    await step(lake, 4, 4);
    await compact(lake);
    lake.clock.time += 20 * DAY_MS;
    let isDone = false;
    const store: ObjectStore = {
      ...lake.store,
      putIfAbsent: async (key, body) => {
        if (key.startsWith(lake.layout.commits) && !isDone) {
          isDone = true;
          await lake.table().rollback(1); // brings back what was about to be retired
        }
        return await lake.store.putIfAbsent(key, body);
      },
    };
    const result = await lake.table({ store }).vacuum({ now: lake.clock.time, keepSnapshots: 1 });
    const [list] = (await lake.head())!.products;
    for (const { path } of list!.files) expect(result.retired).not.toContain(path);
    await vacuumAfter(lake, 9 * DAY_MS, { keepSnapshots: 1 });
    expect(await lake.rows()).toEqual(truthOf(tradesOf(1, 3)));
  });

  test('a list without files is never retired: the same name may come to life again', async () => {
    const lake = createTestLake();
    const bad = Array.from({ length: 3 }, (_, at) => tradeOf(at + 1, { price: '0' }));
    await lake.put(bad);
    await lake.table().transform({ products: [await lake.product()] });
    const lists = Object.keys(await lake.hashes('unified_trades/files/'));
    await step(lake, 4, 5);
    const result = await vacuumAfter(lake, 20 * DAY_MS, { keepSnapshots: 1 });
    for (const key of lists) expect(result.retired).not.toContain(key);
  });

  test('dry run tells and touches nothing; an empty lake is left alone; wrong options are refused', async () => {
    const lake = createTestLake();
    expect(await lake.table().vacuum()).toMatchObject({ commit: undefined, deleted: [], retired: [], buried: [] });
    for (const id of [1, 2]) await step(lake, id, id);
    await compact(lake);
    lake.clock.time += 20 * DAY_MS;
    const before = await lake.hashes();
    const told = await lake.table().vacuum({ now: lake.clock.time, keepSnapshots: 1, dryRun: true });
    expect(told).toMatchObject({ commit: undefined, buried: [1, 2] });
    expect(told.retired).toHaveLength(4);
    expect(await lake.hashes()).toEqual(before);
    await expect(lake.table().vacuum({ keepSnapshots: 0 })).rejects.toMatchObject({ code: 'invalid-option' });
    await expect(lake.table().vacuum({ keepMs: -1 })).rejects.toMatchObject({ code: 'invalid-option' });
  });

  test('without a time it goes by the newest object: nothing ages while nothing is written', async () => {
    const lake = createTestLake();
    for (const id of [1, 2]) await step(lake, id, id);
    await compact(lake);
    lake.clock.time += 20 * DAY_MS;
    expect((await lake.table().vacuum({ keepSnapshots: 1 })).retired).toEqual([]);
    await step(lake, 3, 3);
    expect((await lake.table().vacuum({ keepSnapshots: 1 })).retired.length).toBeGreaterThan(0);
  });

  test('snapshots stay for seven days unless it is told otherwise', async () => {
    const lake = createTestLake();
    for (const id of [1, 2]) await step(lake, id, id);
    await compact(lake);
    expect((await vacuumAfter(lake, 7 * DAY_MS, { keepSnapshots: 1 })).retired).toEqual([]);
    expect((await vacuumAfter(lake, 1, { keepSnapshots: 1 })).retired).toHaveLength(4); // two data files, two lists
  });
});

test('the plan never touches what is referenced, young or already retired, and buries a prefix', () => {
  const commit = fc.record({
    kind: fc.constantFrom('transform', 'vacuum', 'compact') as fc.Arbitrary<CommitFacts['kind']>,
    createdAt: fc.integer({ min: 0, max: 100 }),
    retired: fc.subarray(['a', 'b', 'c', 'd', 'e']),
  });
  fc.assert(
    fc.property(
      fc.array(commit, { minLength: 1, maxLength: 8 }),
      fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 5, maxLength: 5 }),
      fc.subarray(['a', 'b', 'c', 'd', 'e']),
      fc.subarray(['a', 'b', 'c', 'd', 'e']),
      (facts, ages, referencedKeys, publishedKeys) => {
        const limits = { now: 100, keepMs: 50, keepSnapshots: 2, minAgeMs: 20 };
        const commits = facts.map((fact, at) => ({ ...fact, number: at + 1 }));
        const objects = ['a', 'b', 'c', 'd', 'e'].map((key, at) => ({ key, size: 1, modifiedAt: ages[at]! }));
        const referenced = new Set(referencedKeys);
        const published = new Set(publishedKeys);
        const plan = planVacuum({ limits, commits, objects, referenced, published });
        const kept = keptCommits(commits, limits);
        const retiredAt = (key: string): number =>
          Math.min(...commits.filter(({ retired }) => retired.includes(key)).map(({ createdAt }) => createdAt));
        for (const key of [...plan.remove, ...plan.retire]) expect(referenced.has(key)).toBe(false);
        for (const key of plan.remove) {
          expect(published.has(key)).toBe(false);
          expect(retiredAt(key)).toBeLessThanOrEqual(80);
        }
        for (const key of plan.retire) {
          expect(retiredAt(key)).toBe(Number.POSITIVE_INFINITY);
          expect(objects.find((object) => object.key === key)?.modifiedAt).toBeLessThanOrEqual(80);
        }
        expect(plan.bury).toEqual(plan.bury.map((_, at) => at + 1));
        for (const number of plan.bury) expect(kept.has(number)).toBe(false);
        expect(kept.has(commits.length)).toBe(true);
      },
    ),
  );
});
