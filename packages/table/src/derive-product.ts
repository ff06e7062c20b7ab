import { RangeSet } from '@schemahub/coverage';
import type { DataFile } from '@schemahub/lake';
import type { ScanReport } from '@schemahub/mapping-engine';
import type { BadRowLimit } from './bad-row-limit.js';
import type { TableContext } from './context.js';
import type { ConflictSample } from './dedupe.js';
import type { RefusedSample } from './errors.js';
import { splitMonths } from './months.js';
import { createNameIndex, type NameIndex } from './name-index.js';
import { type BlockPlan, type ProductPlan, planBlocks } from './plan-transform.js';
import { refusedSample, writeQuarantine } from './quarantine.js';
import type { RawProduct } from './raw-product.js';
import { type BlockRows, idsOfRows, readBlock, releaseRows } from './read-block.js';
import type { UnreadableObject } from './scan-object.js';
import { writeCell } from './write-cell.js';

/** What reading a product's new ids gave; files are written and not yet committed. */
export interface DerivedProduct {
  readonly product: RawProduct;
  readonly files: readonly DataFile[];
  /** Ids of the files. */
  readonly ids: RangeSet;
  /** Ids whose every record was refused. */
  readonly quarantined: RangeSet;
  readonly quarantineKeys: readonly string[];
  readonly counts: ProductCounts;
  readonly conflictSamples: readonly ConflictSample[];
  readonly refusedSamples: readonly RefusedSample[];
  /** Objects of which nothing was used. */
  readonly unreadable: readonly UnreadableObject[];
  readonly scans: readonly ScanReport[];
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

const NO_COUNTS: ProductCounts = { rows: 0, dropped: 0, duplicates: 0, conflicts: 0, refused: 0 };
const MAX_SAMPLES = 10;

export interface DeriveOptions {
  readonly plan: ProductPlan;
  /** The n of `v{n}/`. */
  readonly version: number;
  readonly limit: BadRowLimit;
  /** Archived raw counts as unreadable: for rebuild. */
  readonly archived: boolean;
}

/**
 * Reads the planned ids block by block and writes their files. An object that turns out damaged gives nothing at all,
 * not even to a block that was read before the damage was met: then the product is read once more without it.
 */
export async function deriveProduct(context: TableContext, options: DeriveOptions): Promise<DerivedProduct> {
  const { plan } = options;
  const unreadable: UnreadableObject[] = [];
  for (;;) {
    const excluded = new Set(unreadable.map(({ key }) => key));
    const names = plan.product.names.filter(({ key }) => !excluded.has(key));
    const index = createNameIndex(names);
    const blocks = excluded.size === 0 ? plan.blocks : planBlocks(plan.newIds, index);
    options.limit.restart(plan.product);
    const derived = emptyProduct(plan.product, unreadable);
    const before = unreadable.length;
    for (const block of blocks) await deriveBlock(context, options, { block, index, derived, unreadable, before });
    if (unreadable.length === before) return derived;
  }
}

interface BlockWork {
  readonly block: BlockPlan;
  readonly index: NameIndex;
  readonly derived: Growing;
  readonly unreadable: UnreadableObject[];
  /** Unreadable objects known before this reading of the product. */
  readonly before: number;
}

/** One block; nothing of its rows outlives the call, so that memory holds one block at a time. */
async function deriveBlock(context: TableContext, options: DeriveOptions, work: BlockWork): Promise<void> {
  const { block, index, derived, unreadable, before } = work;
  const { product } = options.plan;
  const rows = await readBlock(context, {
    product,
    plan: block,
    archived: options.archived,
    onRefused: (refused, samples) => options.limit.check(product, derived.counts.refused + refused, samples),
  });
  for (const object of rows.unreadable) addUnreadable(unreadable, object);
  // Once something is to be left out, the rest is only read to find everything that is.
  if (unreadable.length > before) return;
  const files = await writeBlock(context, options, block.block, rows, index.digest);
  releaseRows(context, rows);
  addBlock(derived, rows, files, await writeQuarantine(context, product, rows.refused));
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Growing extends Mutable<DerivedProduct> {
  files: DataFile[];
  quarantineKeys: string[];
  conflictSamples: ConflictSample[];
  refusedSamples: RefusedSample[];
  scans: ScanReport[];
}

function emptyProduct(product: RawProduct, unreadable: readonly UnreadableObject[]): Growing {
  return {
    product,
    files: [],
    ids: RangeSet.empty,
    quarantined: RangeSet.empty,
    quarantineKeys: [],
    counts: NO_COUNTS,
    conflictSamples: [],
    refusedSamples: [],
    unreadable,
    scans: [],
  };
}

function addUnreadable(list: UnreadableObject[], object: UnreadableObject): void {
  if (!list.some(({ key }) => key === object.key)) list.push(object);
}

function addBlock(
  derived: Growing,
  rows: BlockRows,
  files: readonly DataFile[],
  quarantineKey: string | undefined,
): void {
  derived.files.push(...files);
  derived.ids = derived.ids.union(rows.ids);
  const refusedIds = RangeSet.fromIds(rows.refused.map(({ id }) => Number(id)));
  derived.quarantined = derived.quarantined.union(refusedIds.difference(rows.ids));
  if (quarantineKey !== undefined) derived.quarantineKeys.push(quarantineKey);
  const { counts } = derived;
  derived.counts = {
    rows: counts.rows + rows.rows.length,
    dropped: counts.dropped + rows.dropped,
    duplicates: counts.duplicates + rows.duplicates,
    conflicts: counts.conflicts + rows.conflicts,
    refused: counts.refused + rows.refused.length,
  };
  derived.conflictSamples.push(...rows.conflictSamples.slice(0, MAX_SAMPLES - derived.conflictSamples.length));
  derived.refusedSamples.push(...rows.refused.slice(0, MAX_SAMPLES - derived.refusedSamples.length).map(refusedSample));
  // The records stay in quarantine only: a block's worth of them is all that is held at a time.
  derived.scans.push(...rows.scans.map((scan) => ({ ...scan, refused: [] })));
}

async function writeBlock(
  context: TableContext,
  { plan, version }: DeriveOptions,
  block: number,
  { batch, rows, ids }: BlockRows,
  digest: (ids: RangeSet) => string,
): Promise<DataFile[]> {
  const files: DataFile[] = [];
  const slices = splitMonths(batch, rows);
  for (const slice of slices) {
    const cellIds = slices.length === 1 ? ids : idsOfRows(batch, rows.subarray(slice.from, slice.to));
    const rawDigest = digest(cellIds);
    files.push(
      await writeCell(context, { product: plan.product, version, block, slice, batch, rows, ids: cellIds, rawDigest }),
    );
  }
  return files;
}
