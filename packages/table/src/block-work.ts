import type { RangeSet } from '@schemahub/coverage';
import type { DataFile } from '@schemahub/lake';
import type { ScanReport } from '@schemahub/mapping-engine';
import type { ConflictSample } from './dedupe.js';
import type { RefusedSample } from './errors.js';
import type { BlockCells } from './plan-compaction.js';
import type { BlockPlan } from './plan-transform.js';
import type { RawProduct } from './raw-product.js';
import type { UnreadableObject } from './scan-object.js';

/** The product that a block belongs to. */
export type BlockProduct = Pick<RawProduct, 'exchange' | 'productId' | 'symbol' | 'source'>;

/** A block of which new ids become rows. Plain data, like its answer: either may cross to another thread. */
export interface DeriveTask {
  readonly product: BlockProduct;
  readonly plan: BlockPlan;
  /** The n of `v{n}/`. */
  readonly version: number;
  /** Archived raw counts as unreadable: for rebuild. */
  readonly archived: boolean;
  /** False: only read, to find every object that cannot be used. */
  readonly writes: boolean;
}

/** A block of which cells are derived again. */
export interface RederiveTask {
  readonly product: BlockProduct;
  /** All ids of its cells, and the raw objects that may hold them. */
  readonly plan: BlockPlan;
  readonly block: BlockCells;
  /** The n of `v{n}/`. */
  readonly version: number;
}

export interface ProductCounts {
  readonly rows: number;
  /** Records whose id is in the table already. */
  readonly dropped: number;
  /** Records that lost against another with the same id in this run. */
  readonly duplicates: number;
  /** Ids whose records tell different trades. */
  readonly conflicts: number;
  /** Records that the mapping refused. */
  readonly refused: number;
}

/** What a block gave; its files are written and not yet committed. */
export interface DerivedBlock {
  readonly files: readonly DataFile[];
  /** Ids of the files. */
  readonly ids: RangeSet;
  /** Ids whose every record was refused. */
  readonly quarantined: RangeSet;
  readonly quarantineKeys: readonly string[];
  readonly counts: ProductCounts;
  readonly conflictSamples: readonly ConflictSample[];
  readonly refusedSamples: readonly RefusedSample[];
  /** Objects of which nothing was used; with one the block gave nothing. */
  readonly unreadable: readonly UnreadableObject[];
  readonly scans: readonly ScanReport[];
}

/** A cell that could not be derived again as it was, and is left as it is. */
export interface LeftCell {
  readonly exchange: string;
  readonly productId: string;
  readonly symbol: string;
  readonly month: string;
  readonly block: number;
  /** Ids in the table that the raw objects no longer give; empty when only an object could not be read. */
  readonly missing: RangeSet;
  readonly reason: string;
}

export interface RederivedBlock {
  /** Paths that the new files replace. */
  readonly removed: readonly string[];
  readonly added: readonly DataFile[];
  readonly left: readonly LeftCell[];
  readonly unreadable: readonly UnreadableObject[];
  readonly rows: number;
  readonly conflicts: number;
  readonly conflictSamples: readonly ConflictSample[];
}

export interface BlockHooks {
  /** Ends the block between objects and files. */
  readonly signal: AbortSignal;
  /** Told of records refused so far in this block whenever there are more, with the first of them. May throw to end the run. */
  readonly onRefused?: ((refused: number, samples: () => readonly RefusedSample[]) => void) | undefined;
}

/** Does the work of one block, here or in another thread. One block at a time. */
export interface BlockDeriver {
  readonly derive: (task: DeriveTask, hooks: BlockHooks) => Promise<DerivedBlock>;
  readonly rederive: (task: RederiveTask, hooks: BlockHooks) => Promise<RederivedBlock>;
}
