import { encodeCheckpoint } from '@schemahub/checkpoint';
import { RangeSet } from '@schemahub/coverage';
import { createLayout, listRawNames, parseRawName, readCondemned } from '@schemahub/lake';
import { StoreError } from '@schemahub/object-store';
import { faultyStore } from '@schemahub/object-store/testing';
import { describe, expect, it } from 'vitest';
import { condemnObjects } from './condemn.js';
import { rebuildCheckpoint } from './load-checkpoint.js';
import { createSimBench, requireTruth, type SimBench, truthOf } from './testing/sim-bench.js';

const P = 'BTC-USD';
const KEY = `checkpoints/coinbase/${P}.json`;
const layout = createLayout();
const settings = { objectTrades: 100 };

function createBench(
  voids = [
    { first: 250, last: 300 },
    { first: 420, last: 421 },
  ],
): SimBench {
  return createSimBench({ products: [{ id: P, trades: 500, voids, endTime: '2026-11-21T10:00:00Z' }], gridSize: 50 });
}

async function textOf(bench: SimBench, key: string): Promise<string> {
  return Buffer.from((await bench.store.get(key))!.bytes).toString();
}

async function replace(bench: SimBench, key: string, bytes: Uint8Array): Promise<void> {
  await bench.store.delete([key]);
  await bench.store.putIfAbsent(key, bytes);
}

async function namesOf(bench: SimBench): ReturnType<typeof listRawNames> {
  const condemned = new Set((await readCondemned(bench.store, layout, 'coinbase', P)).keys());
  return await listRawNames(bench.store, layout, { exchange: 'coinbase', product: P, condemned });
}

const stored = (bench: SimBench) => bench.contextOf({ mode: 'ingest' }).checkpoints.read('coinbase', P);

describe('a checkpoint that is gone or corrupt', () => {
  it.each([
    ['deleted', undefined],
    ['cut', '{"version":1,'],
    ['of another version', '{"version":2}'],
    ['edited', 'edited'],
    ['not even text', '\u0000\u0001'],
  ])('%s: rebuilt equal, and nothing is fetched again', async (_, text) => {
    const bench = createBench();
    await bench.run('backfill', [P], settings);
    const before = await textOf(bench, KEY);
    if (text === undefined) await bench.store.delete([KEY]);
    else await replace(bench, KEY, Buffer.from(text === 'edited' ? before.replace('"1-', '"2-') : text));
    bench.requests();
    await requireTruth(bench, await bench.run('ingest', [P], settings), P);
    expect(await textOf(bench, KEY)).toBe(before);
    expect(bench.requests()).toBe(2); // catalogue and head
    expect(bench.events.filter(({ type }) => type === 'checkpoint-rebuilt')).toHaveLength(1);
  });

  it('deleted in the middle of a refresh: only what is left to compare is lost', async () => {
    const bench = createBench();
    await bench.run('backfill', [P], settings);
    const { checkpoints } = bench.contextOf({ mode: 'ingest' });
    await checkpoints.update('coinbase', P, { recheckAdded: RangeSet.of(1, 77) });
    const before = encodeCheckpoint((await stored(bench))!);
    await bench.store.delete([KEY]);
    await bench.run('repair', [P], settings);
    expect(encodeCheckpoint((await stored(bench))!)).toEqual({ ...before, recheck: '' });
  });
});

describe('an object that is landed where a damaged one of its name has just appeared', () => {
  it('lands beside it, the damaged one is condemned, and nothing is lost', async () => {
    const bench = createBench();
    let damaged = '';
    const store: SimBench['store'] = {
      ...bench.store,
      putIfAbsent: async (key, body) => {
        if (damaged === '' && key.endsWith('.jsonl.gz')) {
          damaged = key;
          await bench.store.putIfAbsent(key, Buffer.from('not gzip'));
        }
        return await bench.store.putIfAbsent(key, body);
      },
    };
    await requireTruth(bench, await bench.run('backfill', [P], settings, { store }), P);
    expect(damaged).not.toBe('');
    expect([...(await readCondemned(bench.store, layout, 'coinbase', P)).keys()]).toEqual([damaged]);
    expect((await namesOf(bench)).map(({ key }) => key)).toContain(damaged.replace('.jsonl.gz', '.r2.jsonl.gz'));
    const healed = encodeCheckpoint((await stored(bench))!);
    await bench.store.delete([KEY]);
    await requireTruth(bench, await bench.run('repair', [P], settings), P);
    expect(encodeCheckpoint((await stored(bench))!)).toEqual(healed);
  });
});

describe('raw objects that somebody deleted, unseen by any certificate', () => {
  it.each([
    ['a dense one', 0],
    ['one with a hole', 2],
    ['the last one', -1],
  ])('%s: repair condemns what is gone, fetches it again, and every later look agrees', async (_, index) => {
    const bench = createBench();
    await bench.run('backfill', [P], settings);
    const before = (await stored(bench))!;
    const name = (await namesOf(bench)).at(index)!;
    await bench.store.delete([name.key]);
    await requireTruth(bench, await bench.run('repair', [P], settings), P);
    const healed = (await stored(bench))!;
    expect(healed.fetched.toString()).toBe(before.fetched.toString());
    expect([before.epoch, healed.epoch]).toEqual([0, 1]);
    expect((await namesOf(bench)).map(({ key }) => key)).toContain(name.key);
    expect(bench.events.filter(({ type }) => type === 'condemned')).toHaveLength(1);
    const dump = await bench.dump();
    await requireTruth(bench, await bench.run('repair', [P], settings), P);
    expect(await bench.dump()).toEqual(dump);
    await bench.store.delete([KEY]);
    await bench.run('repair', [P], settings);
    expect(encodeCheckpoint((await stored(bench))!)).toEqual(encodeCheckpoint(healed));
    // A second loss of the same object is another one.
    await bench.store.delete([name.key]);
    await requireTruth(bench, await bench.run('repair', [P], settings), P);
    expect((await stored(bench))!.epoch).toBe(2);
  });

  it('all of them, in more than one object: nothing is left of the claim', async () => {
    const bench = createBench();
    await bench.run('backfill', [P], settings);
    await bench.store.delete((await namesOf(bench)).map(({ key }) => key));
    await requireTruth(bench, await bench.run('repair', [P], settings), P);
    expect((await bench.raw(P)).ids.toString()).toBe(truthOf(bench.sim, P).toString());
  });
});

describe('adoption', () => {
  it('credits objects that a dead run landed, and fetches only the rest', async () => {
    const [full, bench] = [createBench(), createBench()];
    await full.run('backfill', [P], settings);
    await bench.run('backfill', [P], { ...settings, to: { id: 1 } });
    const names = await namesOf(full);
    for (const { key } of names.slice(1, 4)) await bench.store.putIfAbsent(key, (await full.store.get(key))!.bytes);
    const adopted = names.slice(1, 4).reduce((sum, { count }) => sum + count, 0);
    const before = bench.sim.stats.rows;
    const result = await bench.run('backfill', [P], settings);
    await requireTruth(bench, result, P);
    // The head, the held trade, a page that reaches over a hole, and small questions bring some rows more.
    expect(bench.sim.stats.rows - before).toBeLessThan(truthOf(bench.sim, P).count - adopted + 100);
    expect(result.products[0]?.progress?.newTrades).toBe(truthOf(bench.sim, P).count - adopted - 1);
    expect(bench.events.find(({ type }) => type === 'adopted')).toMatchObject({ objects: 3, trades: adopted });
  });

  it('opens only objects with holes, and none once their ids are credited', async () => {
    const bench = createBench();
    await bench.run('backfill', [P], settings);
    await bench.store.delete([KEY]);
    let opened = 0;
    const store = {
      ...bench.store,
      get: (key: string) => {
        if (key.endsWith('.gz')) opened++;
        return bench.store.get(key);
      },
    };
    const sparse = (await namesOf(bench)).filter(({ first, last, count }) => count < last - first + 1).length;
    await bench.run('ingest', [P], settings, { store });
    expect(opened).toBe(sparse + 1); // and the one with the last trade
    await bench.run('ingest', [P], settings, { store });
    expect(opened).toBe(sparse + 1);
  });

  it('does not open an object whose holes are held by another', async () => {
    const bench = createBench([]);
    await bench.run('backfill', [P], { from: { id: 100 }, to: { id: 200 } });
    await bench.run('backfill', [P]);
    expect((await namesOf(bench)).map(({ first, last, count }) => [first, last, count])).toEqual([
      [1, 500, 399],
      [100, 200, 101],
    ]);
    const get = async (key: string) => {
      expect(key.endsWith('.gz')).toBe(false);
      return await bench.store.get(key);
    };
    await requireTruth(bench, await bench.run('ingest', [P], {}, { store: { ...bench.store, get } }), P);
  });

  it('a damaged object with holes is condemned, its ids fetched again, the good copy written beside it', async () => {
    const bench = createBench();
    await bench.run('backfill', [P], settings);
    const victim = (await namesOf(bench)).find(({ first, last, count }) => count < last - first + 1)!;
    const { bytes } = (await bench.store.get(victim.key))!;
    await replace(bench, victim.key, bytes.subarray(0, bytes.length - 20));
    await bench.store.delete([KEY]);
    await requireTruth(bench, await bench.run('backfill', [P], settings), P);
    expect([...(await readCondemned(bench.store, layout, 'coinbase', P)).keys()]).toEqual([victim.key]);
    const copy = (await namesOf(bench)).find(({ first }) => first === victim.first)!;
    expect([copy.revision, copy.hash]).toEqual([2, victim.hash]);
    expect((await stored(bench))?.epoch).toBe(1);
  });

  it('damage of the object with the last trade does not stop a rebuild', async () => {
    const bench = createBench();
    await bench.run('backfill', [P], settings);
    const top = (await namesOf(bench)).at(-1)!;
    await replace(bench, top.key, Buffer.from('no gzip'));
    await bench.store.delete([KEY]);
    await requireTruth(bench, await bench.run('backfill', [P], settings), P);
    expect((await stored(bench))?.lastTrade?.id).toBe(500);
  });
});

describe('condemnation', () => {
  it('alone lowers the watermark, raises the epoch, and repair heals it, also where the object was deleted', async () => {
    for (const how of ['damaged', 'deleted', 'sound'] as const) {
      const bench = createBench();
      await bench.run('ingest', [P], { ...settings, from: { id: 1 } });
      const before = (await stored(bench))!;
      const victim = (await namesOf(bench))[1]!;
      if (how === 'damaged') await replace(bench, victim.key, Buffer.from('x'));
      if (how === 'deleted') await bench.store.delete([victim.key]);
      const context = bench.contextOf({ mode: 'repair' });
      await condemnObjects(context, P, [{ key: victim.key, reason: 'test' }]);
      await bench.clock.sleep(1000);
      await condemnObjects(context, P, [{ key: victim.key, reason: 'told twice' }]);
      const after = (await stored(bench))!;
      expect([before.epoch, after.epoch]).toEqual([0, 1]);
      expect(after.fetched.toString()).toBe(
        before.fetched.difference(RangeSet.of(victim.first, victim.last)).toString(),
      );
      await requireTruth(bench, await bench.run('repair', [P], settings), P);
      const copies = (await namesOf(bench)).filter(({ hash }) => hash === victim.hash);
      expect(copies.map(({ revision }) => revision)).toEqual([2]);
      const healed = (await stored(bench))!;
      const { checkpoint } = await rebuildCheckpoint(context, P);
      expect(encodeCheckpoint(checkpoint)).toEqual(encodeCheckpoint(healed));
    }
  });

  it('a run that died between evidence and checkpoint is finished by the next', async () => {
    const bench = createBench();
    await bench.run('backfill', [P], settings);
    const checkpoint = await textOf(bench, KEY);
    const victim = (await namesOf(bench))[0]!;
    await condemnObjects(bench.contextOf({ mode: 'repair' }), P, [{ key: victim.key, reason: 'test' }]);
    await replace(bench, KEY, Buffer.from(checkpoint));
    await requireTruth(bench, await bench.run('repair', [P], settings), P);
    expect((await stored(bench))?.epoch).toBe(1);
  });

  it('foreign names among the raw objects are told and left alone', async () => {
    const bench = createBench();
    await bench.run('backfill', [P], settings);
    const key = `raw_coinbase_trades/${P}/notes.txt`;
    await bench.store.putIfAbsent(key, Buffer.from('mine'));
    await requireTruth(bench, await bench.run('backfill', [P], settings), P);
    expect(bench.events).toContainEqual({ type: 'foreign-object', product: P, key });
    expect(parseRawName(key)).toBeUndefined();
  });
});

it.each([0, 2 * 3600_000])(
  'of what the venue says anew, the last counts also for a clock that stands still or is %i ms behind',
  async (behindMs) => {
    const bench = createBench();
    await bench.run('backfill', [P], settings);
    const clock = { now: () => bench.clock.now() - behindMs, sleep: bench.clock.sleep };
    for (let change = 1; change <= 6; change++) {
      bench.sim.control.setStatus(P, change % 2 === 1 ? 'delisted' : 'online');
      await bench.run('ingest', [P], settings, { clock });
      const { checkpoint } = await rebuildCheckpoint(bench.contextOf({ mode: 'ingest' }), P);
      expect(checkpoint.closed?.status).toBe(change % 2 === 1 ? 'delisted' : undefined);
      expect(encodeCheckpoint((await stored(bench))!)).toEqual(encodeCheckpoint(checkpoint));
    }
  },
);

it('what a run with a slow clock wrote down before it died is adopted', async () => {
  const bench = createBench();
  await bench.run('ingest', [P], settings);
  const slow = { now: () => bench.clock.now() - 2 * 3600_000, sleep: bench.clock.sleep };
  const dying = faultyStore(bench.store, ({ verb, key }) =>
    verb === 'putIfMatch' && key === KEY ? { when: 'before', error: new StoreError('io', 'dead') } : undefined,
  );
  const range = { from: { id: 100 }, to: { id: 200 } };
  await expect(bench.run('backfill', [P], range, { store: dying, clock: slow })).rejects.toThrow('dead');
  await bench.clock.sleep(121_000);
  await bench.run('ingest', [P], settings);
  const { checkpoint } = await rebuildCheckpoint(bench.contextOf({ mode: 'ingest' }), P);
  expect(checkpoint.asked.contains(150)).toBe(true);
  expect((await stored(bench))?.asked.toString()).toBe(checkpoint.asked.toString());
});

it('evidence older than what the checkpoint knows, which no adoption saw, is taken by a repair', async () => {
  const bench = createBench();
  await bench.run('ingest', [P], settings);
  // Dies between evidence and checkpoint; a neighbour that slept, and never saw that evidence, dates the checkpoint later.
  const dying = faultyStore(bench.store, ({ verb, key }) =>
    verb === 'putIfMatch' && key === KEY ? { when: 'before', error: new StoreError('io', 'dead') } : undefined,
  );
  const range = { from: { id: 100 }, to: { id: 200 } };
  await expect(bench.run('backfill', [P], range, { store: dying })).rejects.toThrow('dead');
  const { checkpoints } = bench.contextOf({ mode: 'ingest' });
  await checkpoints.update('coinbase', P, { lastUpdated: new Date(bench.clock.now() + 3600_000).toISOString() });
  await bench.clock.sleep(121_000);
  await bench.run('repair', [P], settings);
  const { checkpoint } = await rebuildCheckpoint(bench.contextOf({ mode: 'ingest' }), P);
  expect(checkpoint.asked.contains(150)).toBe(true);
  expect((await stored(bench))?.asked.toString()).toBe(checkpoint.asked.toString());
});
