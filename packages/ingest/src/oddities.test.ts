import { RangeSet } from '@schemahub/coverage';
import { createLayout, readEvidence } from '@schemahub/lake';
import { describe, expect, it } from 'vitest';
import type { IngestContext } from './context.js';
import { createSimBench, requireHeld, requireTruth, type SimBench, START, truthOf } from './testing/sim-bench.js';

const OLD = '2026-11-21T10:00:00Z';
const P = 'BTC-USD';

function benchOf(spec: Partial<Parameters<typeof createSimBench>[0]['products'][number]>, more = {}): SimBench {
  return createSimBench({ products: [{ id: P, trades: 640, endTime: OLD, ...spec }], gridSize: 100, ...more });
}

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | undefined)?.code;

async function evidenceOf(bench: SimBench): ReturnType<typeof readEvidence> {
  return await readEvidence(bench.store, createLayout(), 'coinbase', P);
}

describe('what exchanges do', () => {
  it.each([
    ['fewer trades than a page', { trades: 640 }, 1000],
    ['one trade', { trades: 1 }, 1000],
    ['a hole wider than a page', { trades: 900, voids: [{ first: 250, last: 700 }] }, 100],
    [
      'void ids among the lowest',
      { trades: 640, voids: [2, { first: 5, last: 7 }, 90, { first: 99, last: 101 }] },
      100,
    ],
    ['a first id above 1', { firstId: 37, trades: 400 }, 100],
    ['a first id of 0', { firstId: 0, trades: 300 }, 100],
    ['a first id far above 1', { firstId: 5_000_000, trades: 640 }, 1000],
    ['a first id at an edge of the grid', { firstId: 300, trades: 200 }, 100],
  ])('%s', async (_, spec, gridSize) => {
    for (const order of ['oldest', 'newest'] as const) {
      const bench = benchOf(spec, { gridSize });
      await requireTruth(bench, await bench.run('backfill', [P], { order, objectTrades: 300 }), P);
      const evidence = await evidenceOf(bench);
      expect(evidence.floor).toBe(truthOf(bench.sim, P).first);
      expect(evidence.void.toString()).toBe(RangeSet.fromRanges(bench.sim.control.voidsOf(P)).toString());
      const before = await bench.dump();
      await requireTruth(bench, await bench.run('backfill', [P], { order, objectTrades: 300 }), P);
      expect(await bench.dump()).toEqual(before);
    }
  });

  it.each([1, 2, 3, 6, 9, 10, 11, 12, 13])(
    'false empty answers in %i pages in a row at the search for the floor: no trade stays unfetched',
    async (pages) => {
      const bench = benchOf({ trades: 640 });
      const hidden = Array.from({ length: 400 }, (_, i) => i + 1);
      bench.sim.control.hide(P, hidden, { pages });
      await bench.run('backfill', [P]);
      // What a lie of many pages still hides is found when it is over.
      bench.sim.control.hide(P, hidden, { pages: 0 });
      await requireTruth(bench, await bench.run('repair', [P]), P);
      expect((await evidenceOf(bench)).floor).toBe(1);
    },
  );

  it('a floor that false empty answers made too high is lowered by the next repair', async () => {
    const bench = benchOf({ trades: 640 });
    const hidden = Array.from({ length: 400 }, (_, i) => i + 1);
    bench.sim.control.hide(P, hidden, { untilMs: START + 3600_000 });
    await bench.run('backfill', [P]);
    expect((await evidenceOf(bench)).floor).toBe(401);
    await bench.clock.sleep(3600_000);
    await requireTruth(bench, await bench.run('repair', [P]), P);
    expect((await evidenceOf(bench)).floor).toBe(1);
    const before = await bench.dump();
    await requireTruth(bench, await bench.run('repair', [P]), P);
    expect(await bench.dump()).toEqual(before);
  });

  it('no trades at all, then the first ones', async () => {
    const bench = benchOf({ trades: 0 });
    const empty = await bench.run('backfill', [P]);
    expect([empty.products[0]?.state, empty.products[0]?.account?.wanted.count]).toEqual(['complete', 0]);
    bench.sim.control.addTrades(P, 5);
    await requireTruth(bench, await bench.run('backfill', [P]), P);
  });

  it('a head that goes backwards is asked again, and neither lowers the head nor writes', async () => {
    const bench = benchOf({ trades: 640 });
    await bench.run('backfill', [P]);
    const before = await bench.dump();
    bench.sim.control.hide(P, [638, 639, 640], { pages: 2 });
    const result = await bench.run('ingest', [P]);
    expect(result.products[0]?.state).toBe('complete');
    expect(result.products[0]?.progress?.head?.trade.id).toBe(640);
    expect(bench.sleeps.filter((ms) => ms === 5000).length).toBeGreaterThan(0);
    expect(await bench.dump()).toEqual(before);
  });

  it('a ticker ahead of the trades is not believed', async () => {
    const bench = benchOf({ trades: 640 });
    bench.sim.control.setTickerLead(P, 500);
    await requireTruth(bench, await bench.run('backfill', [P]), P);
    expect((await evidenceOf(bench)).head?.id).toBe(640);
  });

  it.each([
    ['below the held ones', { trades: 50 }, { id: 50 }],
    ['to the very same newest id', { trades: 640 }, { id: 640 }],
    ['and pass the held ones', { trades: 2000 }, { id: 2000 }],
  ])('ids restart %s: said after three looks, 5 s apart', async (_, restart, head) => {
    const bench = benchOf({ trades: 640 });
    await bench.run('backfill', [P]);
    const before = await bench.dump();
    bench.sim.control.restartIds(P, restart);
    bench.sleeps.length = 0;
    bench.requests();
    const result = await bench.run('ingest', [P]);
    expect([result.products[0]?.state, codeOf(result.products[0]?.error)]).toEqual(['refused', 'id-space-changed']);
    expect(bench.sleeps).toEqual([5000, 5000]);
    // The catalogue, the head where it lies above, and three looks.
    expect(bench.requests()).toBe(head.id > 640 ? 5 : 4);
    expect(await bench.dump()).toEqual(before);
  });

  it.each([
    ['ingest', {}],
    ['ingest', { order: 'newest' }],
    ['backfill', {}],
    ['backfill', { fullRefresh: true }],
    ['backfill', { to: { id: 700 } }],
  ] as const)('ids restart and pass the held ones: %s %o is refused, nothing written', async (mode, settings) => {
    const bench = benchOf({ trades: 640 });
    await bench.run('backfill', [P]);
    const before = await bench.dump();
    bench.sim.control.restartIds(P, { trades: 2000 });
    const result = await bench.run(mode, [P], settings);
    expect([result.products[0]?.state, codeOf(result.products[0]?.error)]).toEqual(['refused', 'id-space-changed']);
    expect(await bench.dump()).toEqual(before);
  });

  it('ids restart while an old hole is open: still refused before anything is written', async () => {
    const bench = benchOf({ trades: 640, endTime: '2026-11-21T11:59:59Z', voids: [600] });
    await bench.run('backfill', [P]);
    const before = await bench.dump();
    bench.sim.control.restartIds(P, { trades: 2000, endTime: OLD });
    expect((await bench.run('ingest', [P])).products[0]?.state).toBe('refused');
    expect(await bench.dump()).toEqual(before);
  });

  it('the page that would show the last held trade lacks it once: no false alarm', async () => {
    const bench = benchOf({ trades: 640 });
    await bench.run('backfill', [P]);
    bench.sim.control.addTrades(P, 100);
    bench.sim.control.hide(P, [640], { pages: 1 });
    await requireTruth(bench, await bench.run('ingest', [P]), P);
  });

  it('history trimmed above the last held trade is no other id space: what is served is fetched, the rest is missing', async () => {
    const bench = benchOf({ trades: 640 });
    await bench.run('backfill', [P]);
    bench.sim.control.addTrades(P, 300);
    bench.sim.control.trim(P, 800);
    const { products } = await bench.run('ingest', [P]);
    expect([products[0]?.state, products[0]?.account?.missing.toString()]).toEqual(['incomplete', '641-799']);
    expect((await bench.raw(P)).ids.toString()).toBe('1-640,800-940');
  });

  it('a product that disappears is closed, and complete as far as it was known', async () => {
    const bench = benchOf({ trades: 640 });
    await bench.run('backfill', [P]);
    bench.sim.control.removeProduct(P);
    const result = await bench.run('ingest', [P, 'NO-SUCH']);
    expect(result.products.map(({ state }) => state)).toEqual(['complete', 'unknown']);
    expect((await evidenceOf(bench)).closed?.status).toBe('not served');
    const before = await bench.dump();
    await bench.run('backfill', [P]);
    expect(await bench.dump()).toEqual(before);
  });

  it('a product that disappears before all was fetched is incomplete, and says how much is missing', async () => {
    const bench = benchOf({ trades: 640 });
    const stop = new AbortController();
    const onEvent: IngestContext['onEvent'] = ({ type }) => type === 'object-landed' && stop.abort();
    const settings = { objectTrades: 100, chunkConcurrency: 1 };
    const stopped = await bench.run('backfill', [P], settings, { stop: stop.signal, onEvent });
    expect([stopped.stopped, stopped.products[0]?.state]).toEqual([true, 'incomplete']);
    bench.sim.control.removeProduct(P);
    const { state, reason, account } = (await bench.run('backfill', [P])).products[0]!;
    expect(state).toBe('incomplete');
    expect(reason).toContain(`${account?.missing.count} ids are missing`);
    expect(account?.missing.isEmpty).toBe(false);
  });

  it.each(['trades', 'empty', 'not-found', 'bad-request'] as const)(
    'a delisted product that serves %s is closed',
    async (serves) => {
      const bench = benchOf({ trades: 640 });
      await bench.run('backfill', [P]);
      bench.sim.control.delist(P, serves);
      const result = await bench.run('ingest', [P]);
      expect([result.products[0]?.state, result.products[0]?.reason]).toEqual(['complete', undefined]);
      expect((await evidenceOf(bench)).closed?.status).toBe('delisted');
      const before = await bench.dump();
      await bench.run('backfill', [P]);
      expect(await bench.dump()).toEqual(before);
      // Listed again: it goes on where it was.
      bench.sim.control.delist(P, 'trades');
      bench.sim.control.setStatus(P, 'online');
      bench.sim.control.addTrades(P, 5);
      await requireTruth(bench, await bench.run('ingest', [P]), P);
      expect((await evidenceOf(bench)).closed).toBeUndefined();
      const { checkpoints } = bench.contextOf({ mode: 'ingest' });
      expect((await checkpoints.read('coinbase', P))?.closed).toBeUndefined();
    },
  );

  it('a late trade below the head: repair finds it within 30 days, and only then', async () => {
    const bench = benchOf({ trades: 640, voids: [{ first: 200, last: 209 }] });
    await bench.run('backfill', [P]);
    bench.sim.control.fillVoids(P, [204]);
    const day = 24 * 3600_000;
    await bench.clock.sleep(29 * day);
    const result = await bench.run('repair', [P]);
    await requireHeld(bench, result, P, truthOf(bench.sim, P));
    expect(result.products[0]?.progress?.newTrades).toBe(1);
    bench.sim.control.fillVoids(P, [207]);
    await bench.clock.sleep(31 * day);
    bench.requests();
    expect((await bench.run('repair', [P])).products[0]?.progress?.newTrades).toBe(0);
    expect(bench.requests()).toBe(3); // catalogue, head, and what lies below the floor
  });

  it('a hole below a young trade is named, is no reason for failure, and is settled later', async () => {
    const bench = benchOf({ trades: 640, voids: [600], endTime: '2026-11-21T11:59:30Z' });
    const young = await bench.run('backfill', [P]);
    expect([young.products[0]?.state, young.products[0]?.unsettled.toString()]).toEqual(['complete', '600']);
    expect((await evidenceOf(bench)).void.toString()).toBe('');
    await bench.clock.sleep(11 * 60_000);
    const later = await bench.run('backfill', [P]);
    expect([later.products[0]?.unsettled.toString(), (await evidenceOf(bench)).void.toString()]).toEqual(['', '600']);
  });

  it('rows that lag behind on every replica are not declared void', async () => {
    const bench = benchOf({ trades: 640 });
    // Missing from the window's page and the first probe; there when the second one is asked.
    bench.sim.control.hide(P, [300], { pages: 2 });
    await requireTruth(bench, await bench.run('backfill', [P]), P);
    expect((await evidenceOf(bench)).void.toString()).toBe('');
  });

  it('an origin other than the remembered one is refused', async () => {
    const bench = benchOf({ trades: 640 });
    await bench.run('backfill', [P]);
    const before = await bench.dump();
    const connector = { ...bench.connector, origin: 'https://other.test' };
    const result = await bench.run('ingest', [P], {}, { connector });
    expect([result.products[0]?.state, codeOf(result.products[0]?.error)]).toEqual(['refused', 'other-origin']);
    expect(await bench.dump()).toEqual(before);
    expect((await bench.run('ingest', [P], { acceptOrigin: true }, { connector })).products[0]?.state).toBe('complete');
  });
});
