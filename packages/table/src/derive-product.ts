import { RangeSet } from '@schemahub/coverage';
import type { BadRowLimit } from './bad-row-limit.js';
import type { BlockPool } from './block-pool.js';
import type { BlockProduct, DerivedBlock, ProductCounts } from './block-work.js';
import { createNameIndex } from './name-index.js';
import { type ProductPlan, planBlocks } from './plan-transform.js';
import type { RawProduct } from './raw-product.js';
import type { UnreadableObject } from './scan-object.js';

/** What reading a product's new ids gave: that of its blocks, in their order. */
export interface DerivedProduct extends DerivedBlock {
  readonly product: RawProduct;
}

const MAX_SAMPLES = 10;

export interface DeriveOptions {
  /** The n of `v{n}/`. */
  readonly version: number;
  readonly limit: BadRowLimit;
  /** Archived raw counts as unreadable: for rebuild. */
  readonly archived: boolean;
}

/** The products that have anything to read, in their order. */
export async function deriveProducts(
  pool: BlockPool,
  plans: readonly ProductPlan[],
  options: DeriveOptions,
): Promise<DerivedProduct[]> {
  const due = plans.filter(({ blocks }) => blocks.length > 0);
  return await Promise.all(due.map((plan) => deriveProduct(pool, plan, options)));
}

/**
 * Reads the planned ids block by block and writes their files. An object that turns out damaged gives nothing at all,
 * not even to a block that was read before the damage was met: then the product is read once more without it.
 */
async function deriveProduct(pool: BlockPool, plan: ProductPlan, options: DeriveOptions): Promise<DerivedProduct> {
  const { version, limit, archived } = options;
  const { product } = plan;
  const unreadable = new Map<string, UnreadableObject>();
  for (;;) {
    const names = product.names.filter(({ key }) => !unreadable.has(key));
    const blocks = unreadable.size === 0 ? plan.blocks : planBlocks(plan.newIds, createNameIndex(names));
    limit.restart(product);
    let isSound = true;
    const derived = await Promise.all(
      blocks.map((block) =>
        pool.run(async (deriver, signal) => {
          // Once something is to be left out, the rest is only read to find everything that is.
          const result = await deriver.derive(
            { product: identityOf(product), plan: block, version, archived, writes: isSound },
            { signal, onRefused: (refused, samples) => limit.check(product, block.block, refused, samples) },
          );
          if (result.unreadable.length > 0) isSound = false;
          return result;
        }),
      ),
    );
    if (isSound) return { product, ...mergeBlocks(derived), unreadable: [...unreadable.values()] };
    // In the order of blocks, not in that in which threads met them.
    for (const object of derived.flatMap((block) => block.unreadable)) unreadable.set(object.key, object);
  }
}

/** What a block needs to know of its product: not the names of all its objects. */
export function identityOf({ exchange, productId, symbol, source }: RawProduct): BlockProduct {
  return { exchange, productId, symbol, source };
}

function mergeBlocks(blocks: readonly DerivedBlock[]): DerivedBlock {
  const sum = (member: keyof ProductCounts): number => blocks.reduce((all, { counts }) => all + counts[member], 0);
  const union = (member: 'ids' | 'quarantined'): RangeSet =>
    blocks.reduce((all, block) => all.union(block[member]), RangeSet.empty);
  return {
    files: blocks.flatMap(({ files }) => files),
    ids: union('ids'),
    quarantined: union('quarantined'),
    quarantineKeys: blocks.flatMap(({ quarantineKeys }) => quarantineKeys),
    counts: {
      rows: sum('rows'),
      dropped: sum('dropped'),
      duplicates: sum('duplicates'),
      conflicts: sum('conflicts'),
      refused: sum('refused'),
    },
    conflictSamples: blocks.flatMap(({ conflictSamples }) => conflictSamples).slice(0, MAX_SAMPLES),
    refusedSamples: blocks.flatMap(({ refusedSamples }) => refusedSamples).slice(0, MAX_SAMPLES),
    unreadable: [],
    scans: blocks.flatMap(({ scans }) => scans),
  };
}
