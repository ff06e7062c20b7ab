import { RangeSet } from '@schemahub/coverage';
import { BLOCK_IDS, type FileList, type RawName } from '@schemahub/lake';
import { createNameIndex, type NameIndex } from './name-index.js';
import type { RawProduct } from './raw-product.js';

/** The ids of one block that are to become rows, and the raw objects to read for them. */
export interface BlockPlan {
  /** Floor of id ÷ 2,097,152. */
  readonly block: number;
  readonly ids: RangeSet;
  /** Ascending by first id. */
  readonly names: readonly RawName[];
  /** Rows that the objects can give at most. */
  readonly maxRows: number;
}

export interface ProductPlan {
  readonly product: RawProduct;
  /** fetched − present − quarantined. */
  readonly newIds: RangeSet;
  /** Ascending; none for ids that no object can hold. */
  readonly blocks: readonly BlockPlan[];
}

/** What is left to transform of one product. Pure. */
export function planTransform(options: {
  readonly list: FileList | undefined;
  readonly product: RawProduct;
}): ProductPlan {
  const { list, product } = options;
  const newIds = product.fetched
    .difference(list?.present ?? RangeSet.empty)
    .difference(list?.quarantined ?? RangeSet.empty);
  return { product, newIds, blocks: planBlocks(newIds, createNameIndex(product.names)) };
}

/** Divides ids into blocks with their raw objects. */
export function planBlocks(ids: RangeSet, index: NameIndex): BlockPlan[] {
  const blocks: BlockPlan[] = [];
  for (const { first, last } of ids.windows(BLOCK_IDS)) {
    const plan = planBlock(ids.clip(first, last), index);
    if (plan.names.length > 0) blocks.push(plan);
  }
  return blocks;
}

/** `ids`: of one block, not empty. */
export function planBlock(ids: RangeSet, index: NameIndex): BlockPlan {
  const names = index.intersecting(ids);
  const maxRows = names.reduce((sum, name) => sum + mostRows(name, ids), 0);
  return { block: Math.floor(ids.first! / BLOCK_IDS), ids, names, maxRows };
}

/** An object holds each id once at most. */
export function mostRows(name: RawName, ids: RangeSet): number {
  return Math.min(name.count, ids.clip(name.first, name.last).count);
}
