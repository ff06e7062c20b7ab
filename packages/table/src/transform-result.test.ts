import { RangeSet } from '@schemahub/coverage';
import { expect, test } from 'vitest';
import { planTransform } from './plan-transform.js';
import type { RawProduct } from './raw-product.js';
import { createTransformReport } from './transform-result.js';

const SOURCES = { c: 'raw_coinbase_trades', k: 'raw_kraken_trades' } as const;

/** `c:complete c:absent`: products of the two sources and how far they were fetched. */
function productsOf(text: string): RawProduct[] {
  return text.split(' ').map((word, at): RawProduct => {
    const [source, state] = word.split(':') as [keyof typeof SOURCES, RawProduct['state']];
    const productId = `P${at}-USD`;
    const fetched = state === 'absent' ? RangeSet.empty : RangeSet.of(1, 5);
    return { exchange: source, productId, symbol: productId, source: SOURCES[source], names: [], fetched, state };
  });
}

test.each([
  ['c:complete', false],
  ['c:complete c:complete k:complete', false],
  ['c:partial', true],
  ['c:complete c:partial', true],
  ['c:complete k:partial', true],
  // What nobody has fetched anything of is absent, not half there; beside something of its source it is.
  ['c:absent', false],
  ['c:absent c:absent k:complete', false],
  ['c:complete c:absent', true],
  ['c:partial c:absent', true],
] as const)('%s: something that is wanted was not there: %s', (text, isPartial) => {
  const plans = productsOf(text).map((product) => planTransform({ list: undefined, product }));
  const { finish } = createTransformReport(plans);
  expect(finish({ snapshot: undefined, commit: undefined }, []).isPartial).toBe(isPartial);
});
