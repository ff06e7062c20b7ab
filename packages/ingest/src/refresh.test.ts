import { describe, expect, it } from 'vitest';
import type { IngestContext, IngestSettings } from './context.js';
import { createSimBench, requireTruth, type SimBench } from './testing/sim-bench.js';

const P = 'BTC-USD';
const refresh: Partial<IngestSettings> = { fullRefresh: true, objectTrades: 100 };

function createBench(trades = 500): SimBench {
  const voids = [{ first: 180, last: 330 }, 400];
  return createSimBench({ products: [{ id: P, trades, voids, endTime: '2026-11-21T10:00:00Z' }], gridSize: 50 });
}

/** The exchange tells another price for one trade. */
function withOtherPrice(bench: SimBench, id: number): IngestContext['connector'] {
  const { connector } = bench;
  return {
    ...connector,
    fetchWindow: async (product, window, options) => {
      const page = await connector.fetchWindow(product, window, options);
      const records = page.records.map((record, i) =>
        page.ids[i] === id
          ? Buffer.from(
              Buffer.from(record)
                .toString()
                .replace(/"price":"[^"]*"/, '"price":"1.25000000"'),
            )
          : record,
      );
      return { ...page, records };
    },
  };
}

const stored = (bench: SimBench) => bench.contextOf({ mode: 'ingest' }).checkpoints.read('coinbase', P);

describe('full refresh', () => {
  it('equal trades write nothing, and everything that is held is asked for', async () => {
    const bench = createBench();
    await bench.run('backfill', [P], { objectTrades: 100 });
    const before = await bench.dump();
    bench.requests();
    await requireTruth(bench, await bench.run('backfill', [P], refresh), P);
    expect(await bench.dump()).toEqual(before);
    // Windows that hold rows, and at most two of the hole's.
    expect(bench.requests()).toBeGreaterThanOrEqual(2 + 8);
    expect((await stored(bench))?.recheck.toString()).toBe('');
    bench.requests();
    await bench.run('backfill', [P], refresh);
    expect(bench.requests()).toBeGreaterThanOrEqual(2 + 8);
  });

  it('a different trade lands beside the held one and is reported, once', async () => {
    const bench = createBench();
    await bench.run('backfill', [P], { objectTrades: 100 });
    const connector = withOtherPrice(bench, 120);
    const { progress } = (await bench.run('backfill', [P], refresh, { connector })).products[0]!;
    expect([progress?.different.toString(), progress?.newTrades, progress?.fresh.toString()]).toEqual(['120', 1, '']);
    const before = await bench.dump();
    const again = await bench.run('backfill', [P], refresh, { connector });
    expect(again.products[0]?.progress?.different.toString()).toBe('');
    expect(await bench.dump()).toEqual(before);
    const raw = await bench.raw(P);
    expect(raw.rows).toBe(raw.ids.count + 1);
  });

  it('new trades below the head land and are told; vanished ones are kept and told', async () => {
    const bench = createBench();
    await bench.run('backfill', [P], { objectTrades: 100 });
    bench.sim.control.fillVoids(P, [400, 200]);
    bench.sim.control.hide(P, [10, 20], { pages: 1 });
    const result = await bench.run('backfill', [P], refresh);
    expect(result.products[0]?.progress?.fresh.toString()).toBe('200,400');
    expect(result.products[0]?.progress?.vanished.toString()).toBe('10,20');
    await requireTruth(bench, result, P);
  });

  it('held trades that vanished as a whole window are told as well', async () => {
    const bench = createBench();
    await bench.run('backfill', [P], { objectTrades: 100 });
    const ids = Array.from({ length: 120 }, (_, i) => 40 + i);
    bench.sim.control.hide(P, ids, { pages: 20 });
    for (const order of ['oldest', 'newest'] as const) {
      const result = await bench.run('backfill', [P], { ...refresh, order });
      expect(result.products[0]?.progress?.vanished.toString()).toBe('40-159');
    }
  });

  it('an interrupted one goes on where it was, and brings new trades too', async () => {
    const bench = createBench(1500);
    await bench.run('backfill', [P], { objectTrades: 100 });
    const stop = new AbortController();
    let answers = 0;
    const onEvent: IngestContext['onEvent'] = ({ type }) =>
      type === 'request-succeeded' && ++answers === 15 && stop.abort();
    const one = { ...refresh, chunkConcurrency: 1 };
    const first = await bench.run('backfill', [P], one, { stop: stop.signal, onEvent });
    expect([first.stopped, first.products[0]?.state]).toEqual([true, 'incomplete']);
    const left = (await stored(bench))!.recheck;
    expect(left.count).toBeGreaterThan(0);
    expect(left.count).toBeLessThan(1500);
    bench.sim.control.addTrades(P, 30);
    bench.requests();
    await requireTruth(bench, await bench.run('backfill', [P], one), P);
    expect(bench.requests()).toBeLessThan(2 + 30);
    expect((await stored(bench))?.recheck.toString()).toBe('');
  });

  it('a damaged object that is met is condemned and replaced', async () => {
    const bench = createBench();
    await bench.run('backfill', [P], { objectTrades: 100 });
    const keys: string[] = [];
    for await (const { key } of bench.store.list('raw_')) keys.push(key);
    await bench.store.delete([keys[1]!]);
    await bench.store.putIfAbsent(keys[1]!, Buffer.from('no gzip'));
    await requireTruth(bench, await bench.run('backfill', [P], refresh), P);
    expect(bench.events.filter(({ type }) => type === 'condemned')).toHaveLength(1);
  });
});
