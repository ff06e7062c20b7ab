import { RangeSet } from '@schemahub/coverage';
import { createLayout, type EvidenceFold, parseEvidence, readEvidence, writeEvidence } from '@schemahub/lake';
import { describe, expect, it } from 'vitest';
import { ingestDefaults } from './context.js';
import { judgeAnswer, lostNeighbours, planHoles, unprovenVoids, voidsToAskAgain } from './holes.js';
import { createSimBench, requireTruth, type SimBench, START } from './testing/sim-bench.js';

const set = RangeSet.parse;

function evidenceOf({ store }: SimBench): Promise<EvidenceFold> {
  return readEvidence(store, createLayout(), 'coinbase', 'X-USD');
}

describe('planHoles', () => {
  it.each([
    ['5', '1-4,6-9', [[5, 5, true]], undefined],
    // Void 7 and the unasked 8 belong to the hole that reaches from held to held.
    ['5-6', '1-4,9', [[5, 8, true]], undefined],
    ['5,8', '1-4,9', [[5, 8, true]], undefined],
    ['2-3', '9', [[2, 8, false]], undefined],
    ['5-7', '1-4', [], 7],
    ['5,9-10', '1-4,6', [[5, 5, true]], 10],
    ['', '1-4', [], undefined],
  ])('missing %s, held %s', (missing, fetched, holes, openAbove) => {
    const plan = planHoles(set(missing), set(fetched));
    expect(plan.holes.map(({ first, last, hasLower }) => [first, last, hasLower])).toEqual(holes);
    expect(plan.openAbove).toBe(openAbove);
  });
});

describe('judgeAnswer', () => {
  const hole = { first: 5, last: 8, hasLower: true };
  const old = { request: '', anchorTime: '2026-01-01T00:00:00Z', date: Date.parse('2026-01-01T00:10:00Z') };
  it.each([
    ['exactly both neighbours', { ids: [9, 4] }, hole, { kind: 'empty' }],
    ['a second too young', { ids: [9, 4], date: old.date - 1 }, hole, { kind: 'young' }],
    ['no date', { ids: [9, 4], date: undefined }, hole, { kind: 'unclear' }],
    ['a row inside', { ids: [9, 7] }, hole, { kind: 'rows', first: 5, last: 8 }],
    ['the lower neighbour missing', { ids: [9, 3] }, hole, { kind: 'unclear' }],
    [
      'a lower neighbour that is not held',
      { ids: [9, 3] },
      { ...hole, hasLower: false },
      { kind: 'rows', first: 3, last: 3 },
    ],
    ['a row inside, from a venue that pages upwards', { ids: [7, 4] }, hole, { kind: 'rows', first: 5, last: 8 }],
    ['the anchor missing', { ids: [7, 3] }, hole, { kind: 'unclear' }],
    ['the anchor missing, no lower neighbour held', { ids: [7, 4] }, { ...hole, hasLower: false }, { kind: 'unclear' }],
    ['one row', { ids: [9] }, hole, { kind: 'unclear' }],
    ['no row', { ids: [] }, hole, { kind: 'unclear' }],
    ['three rows', { ids: [9, 4, 3] }, hole, { kind: 'unclear' }],
    ['ascending rows', { ids: [9, 12] }, hole, { kind: 'unclear' }],
  ])('%s', (_, answer, one, verdict) => {
    expect(judgeAnswer({ ...old, ...answer }, one, 600_000)).toEqual(verdict);
  });
});

describe('voidsToAskAgain', () => {
  const date = '2026-01-01T00:00:00Z';
  const second = { request: '', ids: [9, 4], date: '2026-01-01T00:00:05Z' };
  const probes = [{ request: '', ids: [9, 4], date, fresh_connection: true }, second];
  const run = { first: 5, last: 8, lower: 4, upper: 9, probes };
  const end = Date.parse('2026-01-31T00:00:05Z');
  it.each([
    ['younger than 30 days', end - 1, '4,9', ['5-8']],
    ['30 days old', end, '4,9', []],
    ['whose lower trade is no longer held', end - 1, '9', []],
    ['whose upper trade is no longer held', end - 1, '4', []],
    ['in which a trade is held by now', end - 1, '4,6,9', []],
  ])('%s', (_, now, fetched, asked) => {
    const holes = voidsToAskAgain([run, run], set(fetched), now, ingestDefaults.reprobeMs);
    expect(holes.map(({ first, last }) => `${first}-${last}`)).toEqual(asked);
  });
});

describe('lostNeighbours', () => {
  const runOf = (first: number, last: number) => ({ first, last, lower: first - 1, upper: last + 1, probes: [] });
  it.each([
    ['nothing is lost', '4,9', ''],
    ['the trade below', '9', '4'],
    ['the trade above', '4', '9'],
    ['both', '1', '4,9'],
    ['the void is held by now', '5-8', ''],
  ])('%s', (_, fetched, lost) => {
    expect(lostNeighbours([runOf(5, 8)], set(fetched)).toString()).toBe(lost);
  });

  it('a void that another run still proves needs nothing', () => {
    expect(lostNeighbours([runOf(5, 8), runOf(6, 7)], set('4,9')).toString()).toBe('');
  });
});

describe('a void whose evidence proves nothing', () => {
  it.each([5, 40])(
    'is asked about by a repair after %i days, its answer written down, and that is all',
    async (days) => {
      const bench = createSimBench({
        products: [{ id: 'X-USD', trades: 300, voids: [200], endTime: START - 3600_000 }],
      });
      await bench.run('backfill', ['X-USD']);
      const context = bench.contextOf({ mode: 'repair' });
      // As an older run wrote it down: two answers of one moment.
      const { voidRuns } = await evidenceOf(bench);
      const probes = voidRuns[0]!.probes.map((probe) => ({ ...probe, date: voidRuns[0]!.probes[0]!.date }));
      for await (const { key } of bench.store.list(context.layout.evidence('coinbase', 'X-USD'))) {
        const evidence = parseEvidence(key, (await bench.store.get(key))!.bytes);
        if (evidence.void === undefined) continue;
        await bench.store.delete([key]);
        await writeEvidence(bench.store, context.layout, { ...evidence, void: [{ ...voidRuns[0]!, probes }] });
      }
      expect(unprovenVoids((await evidenceOf(bench)).voidRuns).toString()).toBe('200');
      await bench.clock.sleep(days * 24 * 3600_000);
      await requireTruth(bench, await bench.run('repair', ['X-USD']), 'X-USD');
      expect(unprovenVoids((await evidenceOf(bench)).voidRuns).toString()).toBe('');
      const before = await bench.dump();
      await bench.run('repair', ['X-USD']);
      expect(await bench.dump()).toEqual(before);
    },
  );
});

describe('the price of holes', () => {
  it.each([
    // Catalogue, head, first window (2: it reaches below id 1), 2 for the floor, 3 windows above the hole, 2 questions.
    ['newest', 12],
    // The same, and steps that double.
    ['oldest', 35],
  ] as const)('%s first: a hole of 5,000 windows is settled by few requests', async (order, requests) => {
    const voids = [{ first: 101, last: 500_100 }];
    const bench = createSimBench({
      products: [{ id: 'X-USD', trades: 500_200, voids, endTime: START - 3600_000 }],
      gridSize: 100,
    });
    await requireTruth(
      bench,
      await bench.run('backfill', ['X-USD'], { order, workers: 1, chunkConcurrency: 1 }),
      'X-USD',
    );
    expect(bench.requests()).toBe(requests);
  });

  it('the five seconds are waited once for all holes of all products', async () => {
    const names = ['A-USD', 'B-USD', 'C-USD'];
    const voids = Array.from({ length: 20 }, (_, i) => 10 * i + 7);
    const products = names.map((id) => ({ id, trades: 300, voids, endTime: START - 3600_000 }));
    const bench = createSimBench({ products, gridSize: 100 });
    const result = await bench.run('backfill', names, { workers: 1 });
    for (const name of names) await requireTruth(bench, result, name);
    // One for each floor while windows are fetched, all at the same time, and one for the 60 holes.
    expect(bench.sleeps).toEqual([5000, 5000, 5000, 5000]);
    expect(bench.clock.now() - START).toBe(10_000);
    // Catalogue; each: head, first window (2 requests), 2 for the floor, 3 windows, 2 for each hole.
    expect(bench.requests()).toBe(1 + 3 * (1 + 2 + 2 + 3 + 40));
  });

  it('no hole waits for nothing', async () => {
    const bench = createSimBench({
      products: [{ id: 'X-USD', trades: 300, endTime: START - 3600_000 }],
      gridSize: 100,
    });
    await bench.run('backfill', ['X-USD']);
    bench.sleeps.length = 0;
    bench.sim.control.addTrades('X-USD', 20);
    await bench.run('ingest', ['X-USD']);
    expect(bench.sleeps).toEqual([]);
  });
});

describe('what attests a hole', () => {
  const P = 'X-USD';
  const products = [{ id: P, trades: 300, voids: [200], endTime: START - 3600_000 }];

  it('is a question over a fresh connection and another one; so the evidence says', async () => {
    const bench = createSimBench({ products });
    const asked: [number, boolean | undefined][] = [];
    const connector: typeof bench.connector = {
      ...bench.connector,
      probe: (product, upper, options) => {
        if (upper === 201) asked.push([upper, options?.freshConnection]);
        return bench.connector.probe(product, upper, options);
      },
    };
    await bench.run('backfill', [P], {}, { connector });
    expect(asked).toEqual([
      [201, true],
      [201, false],
    ]);
    const { voidRuns } = await evidenceOf(bench);
    expect(voidRuns[0]?.probes.map(({ ids, fresh_connection }) => [ids, fresh_connection])).toEqual([
      [[201, 199], true],
      [[201, 199], undefined],
    ]);
  });

  it.each([4999, 5000])('is two answers 5 s apart by the clock of the exchange: %i ms', async (apartMs) => {
    const bench = createSimBench({ products });
    // A cache, or a replica whose clock is behind: our own clock says that the wait was long enough.
    let first: number | undefined;
    const connector: typeof bench.connector = {
      ...bench.connector,
      probe: async (product, upper, options) => {
        const answer = await bench.connector.probe(product, upper, options);
        if (upper !== 201) return answer;
        first ??= answer.date!;
        return { ...answer, date: options?.freshConnection ? first : first + apartMs };
      },
    };
    const [result] = (await bench.run('backfill', [P], {}, { connector })).products;
    const isAttested = apartMs >= 5000;
    expect([result?.state, result?.account?.void.toString()]).toEqual(
      isAttested ? ['complete', '200'] : ['incomplete', ''],
    );
    expect((await evidenceOf(bench)).void.toString()).toBe(isAttested ? '200' : '');
    // The next run asks again.
    await requireTruth(bench, await bench.run('backfill', [P]), P);
  });

  it('is asked for in four rounds while rows are promised, once where an answer proves nothing, and anew by the next run', async () => {
    const bench = createSimBench({ products: [{ ...products[0]!, voids: [100, 200] }] });
    const asked: number[] = [];
    const connector: typeof bench.connector = {
      ...bench.connector,
      probe: async (product, upper, options) => {
        const answer = await bench.connector.probe(product, upper, options);
        if (upper < 100) return answer;
        asked.push(upper);
        // The one shows a trade that no page brings, the other only the trade above.
        return { ...answer, ids: upper === 201 ? [201, 200] : [upper] };
      },
    };
    const [result] = (await bench.run('backfill', [P], {}, { connector })).products;
    expect([result?.state, result?.account?.missing.toString()]).toEqual(['incomplete', '100,200']);
    expect(asked).toEqual([101, 201, 201, 201, 201]);
    await requireTruth(bench, await bench.run('backfill', [P]), P);
  });
});
