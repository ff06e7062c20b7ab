import type { ArchiveFile, Transport } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import type { FaultKind } from '@schemahub/exchange-sim';
import { createIdReader, createLayout, listRawNames, readRawObject } from '@schemahub/lake';
import { createMemoryStore, type ObjectStore } from '@schemahub/object-store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { IngestSettings } from './context.js';
import { createSimBench, requireTruth, type SimBench, truthOf } from './testing/sim-bench.js';

const P = 'BTC-USD';
const GRID = 20;
const layout = createLayout();

/** Ids that the exchange has told in pages and that no raw object holds: what would be asked again after a crash now. */
interface Watched {
  readonly bench: SimBench;
  /** The most at any answer. */
  readonly worst: () => number;
}

interface WatchedOptions {
  readonly trades: number;
  readonly voids: { first: number; last: number }[];
  readonly share: number;
  readonly seed: number;
  readonly endTime?: string;
  readonly sigma?: number;
  /** No raw object is there before so many trades wait to be written, while there are trades to ask for. */
  readonly heldBack?: number;
}

function watched(options: WatchedOptions): Watched {
  const { trades, voids, share, seed, endTime = '2026-11-21T10:00:00Z', sigma = 1, heldBack = 0 } = options;
  const inner = createMemoryStore();
  const open = new Set<number>();
  let durable = RangeSet.empty;
  let worst = 0;
  const waiting: (() => void)[] = [];
  const wake = (): void => {
    for (const resolve of waiting.splice(0)) resolve();
  };
  const store: ObjectStore = {
    ...inner,
    putIfAbsent: async (key, body) => {
      if (key.startsWith('raw_')) {
        await bench.clock.sleep(100);
        while (open.size < heldBack && open.size + durable.count < trades)
          await new Promise<void>((resolve) => waiting.push(resolve));
      }
      const answer = await inner.putIfAbsent(key, body);
      if (!key.startsWith('raw_')) return answer;
      for (const name of await listRawNames(inner, layout, { exchange: 'coinbase', product: P })) {
        if (name.key !== key) continue;
        const { ids } = await readRawObject(inner, name, createIdReader('trade_id'));
        durable = durable.union(RangeSet.fromIds(ids));
        for (const id of ids) open.delete(id);
      }
      return answer;
    },
  };
  const guard = (transport: Transport): Transport => ({
    send: async (call, sendOptions) => {
      const reply = await transport.send(call, sendOptions);
      const { searchParams } = new URL(call.url, 'https://sim.test');
      const [after, limit] = ['after', 'limit'].map((name) => Number(searchParams.get(name)));
      // Questions of one or two rows are no windows; rows below a window belong to another.
      if (limit! > 2) {
        const rows = JSON.parse(Buffer.from(reply.body).toString()) as { trade_id: number }[];
        for (const { trade_id: id } of rows) if (id >= after! - limit! && !durable.contains(id)) open.add(id);
        worst = Math.max(worst, open.size);
      }
      wake();
      return reply;
    },
  });
  // No lies: a row that is told once and then denied is not asked again.
  const kinds: FaultKind[] = ['status', 'no-reply', 'reset', 'slow'];
  const bench = createSimBench({
    products: [{ id: P, trades, voids, endTime }],
    gridSize: GRID,
    latencyMs: { mean: 200, sigma },
    faults: { share, kinds },
    seed,
    store,
    guard,
  });
  return { bench, worst: () => worst };
}

const spec = fc.record({
  trades: fc.integer({ min: 1, max: 1500 }),
  voids: fc.array(
    fc.tuple(fc.integer({ min: 2, max: 900 }), fc.nat(90)).map(([first, width]) => ({ first, last: first + width })),
    { maxLength: 3 },
  ),
  share: fc.constantFrom(0, 0, 0.3),
  seed: fc.integer(),
});

const settings = fc.record({
  order: fc.constantFrom('oldest' as const, 'newest' as const),
  objectTrades: fc.constantFrom(1, GRID, 3 * GRID, 130, 400),
  chunkConcurrency: fc.constantFrom(1, 3, 25),
  workers: fc.constantFrom(1, 10),
});

describe('rework', () => {
  it('after a crash at any moment is at most one raw object, or one page where objects are smaller', async () => {
    await fc.assert(
      fc.asyncProperty(spec, settings, async ({ voids, ...rest }, own) => {
        const inside = voids.filter(({ last }) => last < rest.trades);
        const { bench, worst } = watched({ ...rest, voids: inside });
        const most = Math.max(own.objectTrades, GRID);
        await bench.run('backfill', [P], own);
        expect(worst()).toBeLessThanOrEqual(most);
        await bench.run('ingest', [P], { ...own, fullRefresh: true });
        expect(worst()).toBeLessThanOrEqual(most);
      }),
      { numRuns: 60 },
    );
  });

  it('leaves objects three quarters of that: fetching goes on while one is written', async () => {
    const { bench } = watched({ trades: 3999, voids: [], share: 0, seed: 1, sigma: 0, heldBack: 600 + 6 * GRID });
    const own: Partial<IngestSettings> = { objectTrades: 800, workers: 1, chunkConcurrency: 5 };
    const result = await bench.run('backfill', [P], own);
    await requireTruth(bench, result, P);
    const names = await listRawNames(bench.store, layout, { exchange: 'coinbase', product: P });
    expect(names.map(({ count }) => count).slice(0, -1)).toEqual([599, 600, 600, 600, 600, 600]);
  });

  it('counts pages of an archive as well', async () => {
    const { bench, worst } = watched({ trades: 1000, voids: [], share: 0, seed: 2, endTime: '2026-11-10T10:00:00Z' });
    const { connector } = bench;
    const [product] = await connector.listProducts();
    const ids = truthOf(bench.sim, P);
    const file: ArchiveFile = {
      request: '/file',
      sha256: '0'.repeat(64),
      bytes: 1,
      ids,
      leftOut: 0,
      pages: async function* (wanted) {
        for (const { first, last } of wanted)
          for (let at = first; at <= last; at = Math.floor(at / GRID) * GRID + GRID)
            yield await connector.fetchWindow(product!.id, {
              first: at,
              last: Math.min(last, Math.floor(at / GRID) * GRID + GRID - 1),
            });
      },
      close: async () => undefined,
    };
    const archive = { origin: 'x', firstMonth: '2026-11', exists: async () => true, open: async () => file };
    const own: Partial<IngestSettings> = { objectTrades: 100, archive: 'always' };
    const result = await bench.run('backfill', [P], own, { connector: { ...connector, archive } });
    await requireTruth(bench, result, P);
    expect(bench.events.filter(({ type }) => type === 'archive-page').length).toBeGreaterThan(40);
    expect(worst()).toBeLessThanOrEqual(100);
  });
});
