import { expect, it } from 'vitest';
import { CEILING, createPacedBench } from './testing/paced-bench.js';
import { requireTruth, START } from './testing/sim-bench.js';

it('half an hour of work at 10 requests a second over 50 products ends within two minutes of its bound', async () => {
  const products = Array.from({ length: 50 }, (_, i) => ({
    id: `P${i}-USD`,
    // From 180 to 540 windows of ten ids: 18,000 in all.
    trades: 10 * Math.round(180 + (360 * i) / 49),
    endTime: START - 3600_000,
  }));
  const bench = createPacedBench({ products, gridSize: 10 });
  const names = products.map(({ id }) => id);
  const result = await bench.run('backfill', names, {}, bench.context);
  const requests = bench.requests();
  const elapsed = (bench.clock.now() - START) / 1000;
  for (const name of names) await requireTruth(bench, result, name);
  expect(requests).toBeGreaterThan(18_000);
  expect(elapsed).toBeLessThan(requests / CEILING + 120);
  expect(bench.sim.stats.rateLimited).toBe(0);
  expect(bench.sim.stats.peakInFlight).toBeLessThanOrEqual(31);
});
