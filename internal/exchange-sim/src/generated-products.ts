import { defaultClock, type SimClock } from './clock.js';
import { createGeneratedProduct } from './coinbase-control.js';
import { type CoinbaseProductSpec, defaultEndTime, planProduct } from './coinbase-product.js';
import type { CoinbaseProduct } from './coinbase-routes.js';
import { refuse } from './errors.js';

/** Products made from specs, and the clock that starts at their newest trade unless one is given. */
export function generateProducts(
  specs: readonly CoinbaseProductSpec[],
  seed: string,
  given: SimClock | undefined,
): ReturnType<typeof defaultClock> & { readonly products: Map<string, CoinbaseProduct> } {
  const ids = specs.map((spec) => spec.id);
  const twice = ids.find((id, place) => ids.indexOf(id) !== place);
  if (twice !== undefined) refuse('products', 'each product once', twice, 'Remove one of the two.');
  const endTimes = specs.map((spec) => planProduct(spec).endTimeMs);
  const newestMs = endTimes.length === 0 ? Date.parse(defaultEndTime) : Math.max(...endTimes);
  const { clock, adoptClock } = defaultClock(given, newestMs);
  const products = new Map(specs.map((spec) => [spec.id, createGeneratedProduct(spec, seed, 0, clock.now)]));
  return { clock, adoptClock, products };
}
