import { encodeCheckpoint } from '@schemahub/checkpoint';
import { createLayout, hashedPart, landRawObject, listRawNames, readRawObject, writeEvidence } from '@schemahub/lake';
import { describe, expect, it } from 'vitest';
import { condemnObjects } from './condemn.js';
import { loadCheckpoint, rebuildCheckpoint } from './load-checkpoint.js';
import { condemnLost } from './lost-ids.js';
import { createSimBench, type SimBench } from './testing/sim-bench.js';

const P = 'BTC-USD';
const layout = createLayout();
const prefix = layout.raw('coinbase', P);
const products = [{ id: P, trades: 499, endTime: '2026-11-21T10:00:00Z' }];

/** Five objects of a hundred trades each, all credited. */
async function fullBench(voids: { first: number; last: number }[] = []): Promise<SimBench> {
  const bench = createSimBench({ products: [{ ...products[0]!, voids }], gridSize: 50 });
  await bench.run('backfill', [P], { objectTrades: 150 });
  return bench;
}

const contextOf = (bench: SimBench) => bench.contextOf({ mode: 'repair' });
const stored = async (bench: SimBench) => (await contextOf(bench).checkpoints.read('coinbase', P))!;
const namesOf = (bench: SimBench) => listRawNames(bench.store, layout, { exchange: 'coinbase', product: P });

/** Lands these held trades once more as an object of their own, as a run did that saw them in another window. */
async function landAgain(bench: SimBench, ids: readonly number[]): Promise<string> {
  const { readId } = contextOf(bench);
  const lines = new Map<number, Uint8Array>();
  for (const name of await namesOf(bench)) {
    const contents = await readRawObject(bench.store, name, readId);
    for (const [i, line] of contents.lines.entries()) lines.set(contents.ids[i]!, hashedPart(line));
  }
  const ingestTs = ids.map(() => '2026-11-21T13:00:00.000000Z');
  const rows = { ids: Float64Array.from(ids), lines: ids.map((id) => lines.get(id)!), ingestTs };
  return (await landRawObject(bench.store, prefix, rows, readId)).name.key;
}

const between = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);
const reason = 'test';

describe('a condemned object', () => {
  it('costs the ids that no other object holds, and the last trade when it held that', async () => {
    const bench = await fullBench();
    await landAgain(bench, between(350, 420));
    const names = await namesOf(bench);
    const keyFrom = (first: number): string => names.find((name) => name.first === first)!.key;
    await condemnObjects(contextOf(bench), P, [{ key: keyFrom(300), reason }]);
    expect((await stored(bench)).fetched.toString()).toBe('1-299,350-499');
    expect((await stored(bench)).lastTrade?.id).toBe(499);
    await condemnObjects(contextOf(bench), P, [{ key: keyFrom(400), reason }]);
    expect((await stored(bench)).fetched.toString()).toBe('1-299,350-420');
    expect((await stored(bench)).lastTrade).toMatchObject({ id: 420, ts: expect.stringContaining('T') });
    await requireHeldAgain(bench);
  });

  it('does not stand on a neighbour that turns out damaged as well', async () => {
    const bench = await fullBench();
    const sparse = await landAgain(bench, [350, 352, 420]);
    await bench.store.delete([sparse]);
    await bench.store.putIfAbsent(sparse, Buffer.from('no gzip'));
    const victim = (await namesOf(bench)).find(({ first }) => first === 300)!;
    await condemnObjects(contextOf(bench), P, [{ key: victim.key, reason }]);
    const { fetched, epoch } = await stored(bench);
    expect([fetched.toString(), epoch]).toEqual(['1-299,400-499', 2]);
    await requireHeldAgain(bench);
  });

  it('is not credited by the run that landed it just before', async () => {
    const bench = await fullBench();
    bench.sim.control.addTrades(P, 40);
    let key = '';
    const store: SimBench['store'] = {
      ...bench.store,
      putIfAbsent: async (name, body) => {
        const answer = await bench.store.putIfAbsent(name, body);
        if (key === '' && name.startsWith(prefix)) {
          key = name;
          await condemnObjects(contextOf(bench), P, [{ key, reason }]);
        }
        return answer;
      },
    };
    await bench.run('ingest', [P], {}, { store });
    expect(key).not.toBe('');
    // What the checkpoint says is what sound objects hold: the run has noticed, and fetched them again.
    expect((await stored(bench)).fetched.toString()).toBe((await bench.raw(P)).ids.toString());
    expect((await stored(bench)).epoch).toBe(1);
    await requireHeldAgain(bench);
  });

  it('is not credited by an adoption that listed it just before', async () => {
    const bench = await fullBench();
    const key = await landAgain(bench, between(350, 420));
    const { checkpoints } = contextOf(bench);
    // As if no run had ever credited what it holds.
    const victims = (await namesOf(bench)).filter((name) => name.first >= 300 && name.key !== key);
    await bench.store.delete(victims.map((name) => name.key));
    await condemnObjects(
      contextOf(bench),
      P,
      [...victims.map((name) => name.key), key].map((one) => ({ key: one, reason })),
    );
    expect((await stored(bench)).fetched.toString()).toBe('1-299');
    const again = await landRevision(bench, key);
    let isDone = false;
    const store: SimBench['store'] = {
      ...bench.store,
      list: async function* (...args) {
        yield* bench.store.list(...args);
        if (isDone || !args[0]?.startsWith(prefix)) return;
        isDone = true;
        await condemnObjects(contextOf(bench), P, [{ key: again, reason }]);
      },
    };
    const { checkpoint } = await loadCheckpoint(bench.contextOf({ mode: 'ingest' }, { store }), P);
    expect([isDone, checkpoint.fetched.toString()]).toEqual([true, '1-299']);
    expect((await checkpoints.read('coinbase', P))?.fetched.toString()).toBe('1-299');
  });

  it('is condemned before a checkpoint is rebuilt without it: the watermark falls in another epoch', async () => {
    const bench = await fullBench([{ first: 130, last: 139 }]);
    const victim = (await namesOf(bench))[1]!;
    const flipped = (await bench.store.get(victim.key))!.bytes.slice();
    flipped[flipped.length >> 1]! ^= 0x20;
    await bench.store.delete([victim.key, layout.checkpoint('coinbase', P)]);
    await bench.store.putIfAbsent(victim.key, flipped);
    const seen: string[] = [];
    const store: SimBench['store'] = {
      ...bench.store,
      putIfMatch: async (key, body, version) => {
        const { epoch, fetched } = JSON.parse(Buffer.from(body).toString()) as { epoch: number; fetched: string };
        seen.push(`epoch ${epoch}: ${fetched}`);
        return await bench.store.putIfMatch(key, body, version);
      },
    };
    await loadCheckpoint(bench.contextOf({ mode: 'ingest' }, { store }), P);
    expect([...new Set(seen)]).toEqual(['epoch 1: 1-99,200-499']);
  });

  it('is ignored also where its evidence is older than what the checkpoint knows', async () => {
    const bench = await fullBench();
    const victim = (await namesOf(bench))[1]!;
    const evidence = { version: 1, exchange: 'coinbase', product_id: P } as const;
    const time = '2020-01-01T00:00:00.000Z';
    await writeEvidence(bench.store, layout, { ...evidence, time, condemned: [{ key: victim.key, reason }] });
    const { checkpoint, names } = await loadCheckpoint(contextOf(bench), P);
    expect(names.map(({ key }) => key)).not.toContain(victim.key);
    expect([checkpoint.fetched.toString(), checkpoint.epoch]).toEqual(['1-99,200-499', 1]);
    await requireHeldAgain(bench);
  });
});

describe('adoption', () => {
  it('sees rows in what was void: a dead repair had landed trades that the exchange filled in', async () => {
    const bench = await fullBench([{ first: 250, last: 259 }]);
    expect((await stored(bench)).void.toString()).toBe('250-259');
    bench.sim.control.fillVoids(P, between(250, 259));
    const before = await bench.store.get(layout.checkpoint('coinbase', P));
    await bench.run('repair', [P]);
    expect((await stored(bench)).fetched.toString()).toBe('1-499');
    // The repair died before it had credited them.
    await bench.store.delete([layout.checkpoint('coinbase', P)]);
    await bench.store.putIfAbsent(layout.checkpoint('coinbase', P), before!.bytes);
    bench.requests();
    const { checkpoint } = await loadCheckpoint(bench.contextOf({ mode: 'ingest' }), P);
    expect(checkpoint.fetched.toString()).toBe('1-499');
    expect(bench.requests()).toBe(0);
  });
});

describe('ids that a checkpoint claims and no object holds', () => {
  it('are looked for once more before they are given up: another run may have landed them meanwhile', async () => {
    const bench = await fullBench();
    const names = await namesOf(bench);
    bench.sim.control.addTrades(P, 40);
    await bench.run('ingest', [P]);
    const checkpoint = await stored(bench);
    const after = await condemnLost(contextOf(bench), checkpoint, names);
    expect(encodeCheckpoint(after)).toEqual(encodeCheckpoint(checkpoint));
    expect((await stored(bench)).epoch).toBe(0);
  });
});

/** Lands the rows of a condemned object under its next revision, and credits nothing. */
async function landRevision(bench: SimBench, key: string): Promise<string> {
  const { bytes } = (await bench.store.get(key))!;
  const next = key.replace('.jsonl.gz', '.r2.jsonl.gz');
  await bench.store.putIfAbsent(next, bytes);
  return next;
}

/** A repair brings everything back, and a rebuilt checkpoint says the same. */
async function requireHeldAgain(bench: SimBench): Promise<void> {
  const result = await bench.run('repair', [P], { objectTrades: 100 });
  expect([result.products[0]?.state, result.products[0]?.reason]).toEqual(['complete', undefined]);
  expect((await bench.raw(P)).ids.toString()).toBe(`1-${bench.sim.control.headOf(P)}`);
  const { checkpoint } = await rebuildCheckpoint(contextOf(bench), P);
  expect(encodeCheckpoint(await stored(bench))).toEqual(encodeCheckpoint(checkpoint));
}
