import { RangeSet } from '@schemahub/coverage';
import { demoProducts } from '@schemahub/exchange-sim';
import { describe, expect, it } from 'vitest';
import { createSimBench, truthOf } from './testing/sim-bench.js';

const END = '2026-11-21T11:59:00Z';

describe('backfill', () => {
  it('lands exactly the trades of five products, settles every hole, and changes nothing when repeated', async () => {
    const products = demoProducts(1, { endTime: '2026-11-21T11:00:00Z' });
    const bench = createSimBench({ products });
    const names = products.map(({ id }) => id);
    const result = await bench.run('backfill', names);
    for (const product of result.products) {
      expect([product.productId, product.state, product.reason]).toEqual([product.productId, 'complete', undefined]);
      const raw = await bench.raw(product.productId);
      const truth = truthOf(bench.sim, product.productId);
      expect(raw.ids.toString()).toBe(truth.toString());
      expect(raw.rows).toBe(truth.count);
      expect(product.account?.missing.toString()).toBe('');
      expect(product.account?.void.toString()).toBe(
        RangeSet.fromRanges(bench.sim.control.voidsOf(product.productId)).toString(),
      );
    }
    const before = await bench.dump();
    const again = await bench.run('backfill', names);
    expect(again.products.every(({ state }) => state === 'complete')).toBe(true);
    expect(await bench.dump()).toEqual(before);
  });
});

describe('ingest', () => {
  it('brings new trades at the head in few requests', async () => {
    const bench = createSimBench({ products: [{ id: 'BTC-USD', trades: 5000, endTime: END }] });
    await bench.run('backfill', ['BTC-USD']);
    bench.requests();
    bench.sim.control.addTrades('BTC-USD', 300);
    const result = await bench.run('ingest', ['BTC-USD']);
    expect(bench.requests()).toBe(3);
    expect(result.products[0]?.progress?.newTrades).toBe(300);
    expect((await bench.raw('BTC-USD')).ids.toString()).toBe('1-5300');
  });
});
