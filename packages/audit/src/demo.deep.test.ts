import { RangeSet } from '@schemahub/coverage';
import { demoProducts } from '@schemahub/exchange-sim';
import { expect, it } from 'vitest';
import { createBench } from './testing/bench.js';

it('proves the demo: 100,640 trades and every void of the exchange, by names and by every byte', async () => {
  const products = demoProducts(1, { endTime: '2026-11-21T11:00:00Z' });
  const bench = await createBench(products);
  await bench.ingest(
    'backfill',
    products.map(({ id }) => id),
  );
  await bench.transform();
  for (const deep of [false, true]) {
    const certificate = await bench.verify({ deep });
    expect(certificate.findings).toEqual([]);
    expect(certificate.verdict).toBe('complete');
    expect(certificate.totals.in_table).toBe(100_640);
    expect(certificate.totals.missing).toBe(0);
    for (const { id } of products) {
      const own = certificate.products.find((one) => one.product_id === id)!;
      expect(own.account.void.ids).toBe(RangeSet.fromRanges(bench.sim.control.voidsOf(id)).toString());
      expect(own.account.in_table.count).toBe(bench.sim.control.countOf(id));
    }
  }
});
