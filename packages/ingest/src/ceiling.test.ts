import { describe, expect, it } from 'vitest';
import { CEILING, createPacedBench } from './testing/paced-bench.js';
import { requireTruth, START } from './testing/sim-bench.js';

const endTime = START - 3600_000;
const named = (count: number, trades: (i: number) => number) =>
  Array.from({ length: count }, (_, i) => ({ id: `P${i}-USD`, trades: trades(i), endTime }));

/** The least time that so many requests take, ms. */
const bound = (requests: number): number => (requests / CEILING) * 1000;

describe('as fast as the exchange allows, never faster (virtual clock, answers after 1.8 s)', () => {
  it('half an hour of 50 products is there within two minutes, and soon after its bound', async () => {
    const products = named(50, () => 2000);
    const bench = createPacedBench({ products });
    const names = products.map(({ id }) => id);
    await bench.run('ingest', names, { from: { id: 1500 } }, bench.context);
    // As many trades as half an hour brings: 7,000 of the greatest, a few of the least.
    names.forEach((name, i) => {
      bench.sim.control.addTrades(name, Math.ceil(7000 / (i + 1)));
    });
    bench.requests();
    const begun = bench.clock.now();
    const result = await bench.run('ingest', names, {}, bench.context);
    const elapsed = bench.clock.now() - begun;
    const requests = bench.requests();
    expect(result.products.every(({ state }) => state === 'complete')).toBe(true);
    expect(result.products.reduce((sum, { progress }) => sum + (progress?.newTrades ?? 0), 0)).toBeGreaterThan(30_000);
    // Catalogue, heads, and each window once: the one with the last held trade is the comparison as well.
    expect(requests).toBeLessThan(1 + 50 + 50 + 45);
    expect(elapsed).toBeLessThan(120_000);
    expect(elapsed).toBeLessThan(bound(requests) + 12_000);
    expect(bench.sim.stats.rateLimited).toBe(0);
  });

  // The last four take longer where slow heads are not asked again.
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 106, 111, 116, 121])(
    '765 heads are scanned within 80 seconds (draw %i)',
    async (seed) => {
      const products = named(765, () => 3);
      const bench = createPacedBench({ products, seed });
      const scanned = new Set<string>();
      let ended = 0;
      const result = await bench.run(
        'backfill',
        products.map(({ id }) => id),
        { dryRun: true },
        {
          ...bench.context,
          onEvent: (event) => {
            if (event.type !== 'head-scanned') return;
            scanned.add(event.product);
            expect(event).toMatchObject({ done: scanned.size, total: 765 });
            ended = bench.clock.now();
          },
        },
      );
      const begun = bench.sim.requests()[1]!.atMs;
      expect(scanned.size).toBe(765);
      expect(ended - begun).toBeLessThanOrEqual(80_000);
      // Answered: the catalogue, and each head once. Sent: the slowest of the last ones once more.
      expect(bench.sim.requests()).toHaveLength(766);
      expect(bench.requests()).toBeLessThan(766 + 30);
      expect(result.products.every(({ progress }) => progress?.head?.trade.id === 3)).toBe(true);
      expect(bench.sim.stats.rateLimited).toBe(0);
    },
  );

  it('one product alone uses the whole rate', async () => {
    const bench = createPacedBench({ products: named(1, () => 25_000), gridSize: 100 });
    await requireTruth(bench, await bench.run('backfill', ['P0-USD'], {}, bench.context), 'P0-USD');
    const pages = bench.sim.requests().filter(({ rows }) => rows === 100);
    const seconds = (pages.at(-1)!.atMs - pages[0]!.atMs) / 1000;
    expect(pages.length / seconds).toBeGreaterThan(0.98 * CEILING);
    expect(bench.sim.stats.rateLimited).toBe(0);
  });
});
