import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createCoinbaseSim } from './coinbase-sim.js';
import { demoProducts } from './demo-products.js';

it('holds 100,640 trades: four products of 25,000, one of 640; one wide hole, five short ones', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const { control } = createCoinbaseSim({ products: demoProducts(seed), seed });
      expect(control.products().map((product) => [product, control.countOf(product)])).toEqual([
        ['BTC-USD', 25_000],
        ['ETH-USD', 25_000],
        ['SOL-USD', 25_000],
        ['XRP-USD', 25_000],
        ['WLD-USD', 640],
      ]);
      const widths = (product: string): number[] =>
        control.voidsOf(product).map((range) => range.last - range.first + 1);
      expect(control.products().map(widths)).toEqual([[], [2500], [1, 1, 2, 1, 45], [], []]);
      expect(control.voidsOf('SOL-USD')[0]!.first).toBeLessThan(1000);
      for (const product of control.products()) {
        expect(control.tradesOf(product).next().value.id).toBe(1);
      }
    }),
    { numRuns: 30 },
  );
});
