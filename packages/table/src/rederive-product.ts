import type { BlockPool } from './block-pool.js';
import type { RederivedBlock } from './block-work.js';
import { identityOf } from './derive-product.js';
import type { NameIndex } from './name-index.js';
import type { BlockCells } from './plan-compaction.js';
import { planBlock } from './plan-transform.js';
import type { RawProduct } from './raw-product.js';

interface RederiveOptions {
  readonly product: RawProduct;
  /** Its sound raw objects. */
  readonly index: NameIndex;
  readonly blocks: readonly BlockCells[];
  /** The n of `v{n}/`. */
  readonly version: number;
}

/** Derives blocks of a product again, see `rederiveBlock`; the results in their order. */
export async function rederiveBlocks(pool: BlockPool, options: RederiveOptions): Promise<RederivedBlock[]> {
  const { product, index, blocks, version } = options;
  return await Promise.all(
    blocks.map((block) =>
      pool.run((deriver, signal) => {
        const plan = planBlock(block.ids, index);
        return deriver.rederive({ product: identityOf(product), plan, block, version }, { signal });
      }),
    ),
  );
}
