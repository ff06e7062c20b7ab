import { RangeSet } from '@schemahub/coverage';
import {
  type Change,
  type CommitSource,
  type DataFile,
  type FileList,
  fileListOf,
  type ProductChange,
  type Snapshot,
} from '@schemahub/lake';
import { type BadRowLimit, createBadRowLimit } from './bad-row-limit.js';
import { type BlockPool, withBlockPool } from './block-pool.js';
import { commitPlanned } from './commit-loop.js';
import { mappingOf, type TableContext } from './context.js';
import { type DerivedProduct, deriveProducts } from './derive-product.js';
import { guardMeaning, meaningOf, refusePinned } from './mapping-guard.js';
import { createNameIndex } from './name-index.js';
import { planCompaction } from './plan-compaction.js';
import { type ProductPlan, planTransform } from './plan-transform.js';
import { type ProductsInput, type RawProduct, resolveProducts } from './raw-product.js';
import { rederiveBlocks } from './rederive-product.js';
import { createTransformReport, type TransformReport, type TransformResult } from './transform-result.js';

/** Refused records that a run bears, as a share of all, beyond the ten that it always bears. */
export const DEFAULT_MAX_BAD = 0.001;
/** Live files of a cell; with more the transform itself makes them one. */
const MAX_CELL_FILES = 32;

export interface TransformOptions {
  /** Products to carry into the table, in this order. */
  readonly products: ProductsInput;
  /** Share of refused records, 0 … 1, above which a run fails. Default 0.001. */
  readonly maxBad?: number | undefined;
  /** Plan and count only; nothing is read, written or committed. Default false. */
  readonly dryRun?: boolean | undefined;
}

/** Raw → table, only what is new: see `Table.transform`. */
export async function transform(context: TableContext, options: TransformOptions): Promise<TransformResult> {
  const maxShare = options.maxBad ?? DEFAULT_MAX_BAD;
  createBadRowLimit({ maxShare, mostRecords: 0 }); // refuses a wrong share before anything else
  let products: readonly RawProduct[] = [];
  let report = createTransformReport([]);
  const committed = await commitPlanned(context, {
    guard: (base) => {
      refusePinned(base);
      guardMeaning(context, base, products);
    },
    plan: async (base) => {
      products = await resolveProducts(options.products);
      for (const { source } of products) mappingOf(context, source);
      guardMeaning(context, base, products);
      const plans = products.map((product) =>
        planTransform({ list: fileListOf(base, product.exchange, product.productId), product }),
      );
      report = createTransformReport(plans);
      if (options.dryRun === true) return undefined;
      return await deriveChange(context, base, plans, { maxShare, report });
    },
  });
  return report.finish(committed, context.stopwatch.report());
}

async function deriveChange(
  context: TableContext,
  base: Snapshot | undefined,
  plans: readonly ProductPlan[],
  options: { readonly maxShare: number; readonly report: TransformReport },
): Promise<Change | undefined> {
  const { report } = options;
  const limit = createBadRowLimit({ maxShare: options.maxShare, mostRecords: mostRecords(plans) });
  const version = base?.commit.table_version ?? 1;
  const changes = await withBlockPool(context, countBlocks(plans), async (pool) => {
    const made: (ProductChange | undefined)[] = [];
    for (const derived of await deriveProducts(pool, plans, { version, limit, archived: false })) {
      report.addProduct(derived);
      made.push(await changeOf(pool, base, derived, version, report));
    }
    finishLimit(limit, report);
    return made.filter((change) => change !== undefined);
  });
  if (changes.length === 0) return undefined;
  const products = plans.map(({ product }) => product);
  return {
    kind: 'transform',
    runId: context.runId,
    time: context.timestamp(),
    products: changes,
    ...meaningOf(context, new Set(products.map(({ source }) => source))),
    sources: sourcesOf(products, report.unreadableProducts()),
    quarantine: report.quarantineKeys(),
  };
}

export function countBlocks(plans: readonly ProductPlan[]): number {
  return plans.reduce((sum, { blocks }) => sum + blocks.length, 0);
}

/** Records that the planned objects can give at most. */
export function mostRecords(plans: readonly ProductPlan[]): number {
  return plans.reduce((sum, { blocks }) => sum + blocks.reduce((rows, block) => rows + block.maxRows, 0), 0);
}

export function finishLimit(limit: BadRowLimit, report: TransformReport): void {
  const { rows, duplicates, refused } = report.totals();
  limit.finish(rows + duplicates + refused, report.refusedSamples);
}

async function changeOf(
  pool: BlockPool,
  base: Snapshot | undefined,
  derived: DerivedProduct,
  version: number,
  report: TransformReport,
): Promise<ProductChange | undefined> {
  if (derived.files.length === 0 && derived.quarantined.isEmpty) return undefined;
  const { exchange, productId, symbol } = derived.product;
  const list = fileListOf(base, exchange, productId);
  const { removeFiles, addFiles } = await joinCrowdedCells(pool, list, derived, version, report);
  return {
    exchange,
    productId,
    symbol,
    addFiles,
    removeFiles,
    addPresent: derived.ids,
    addQuarantined: derived.quarantined,
  };
}

/** Cells that the new files crowd (more than 32) are derived again as one file each, in the same commit. */
async function joinCrowdedCells(
  pool: BlockPool,
  list: FileList | undefined,
  derived: DerivedProduct,
  version: number,
  report: TransformReport,
): Promise<{ readonly removeFiles: readonly string[]; readonly addFiles: readonly DataFile[] }> {
  const { product } = derived;
  const touched = new Set(derived.files.map(({ block, month }) => `${block} ${month}`));
  const files = [...(list?.files ?? []), ...derived.files];
  const next: FileList = {
    exchange: product.exchange,
    productId: product.productId,
    symbol: product.symbol,
    files,
    present: (list?.present ?? RangeSet.empty).union(derived.ids),
    quarantined: RangeSet.empty,
  };
  const crowded = planCompaction({
    list: next,
    isDue: (cell) => cell.files.length > MAX_CELL_FILES && touched.has(`${cell.block} ${cell.month}`),
  });
  if (crowded.length === 0) return { removeFiles: [], addFiles: derived.files };
  const unreadable = new Set(derived.unreadable.map(({ key }) => key));
  const index = createNameIndex(product.names.filter(({ key }) => !unreadable.has(key)));
  const removed = new Set<string>();
  const added: DataFile[] = [];
  for (const result of await rederiveBlocks(pool, { product, index, blocks: crowded, version })) {
    for (const path of result.removed) removed.add(path);
    added.push(...result.added);
    report.addRederived(result);
  }
  const live = new Set(list?.files.map(({ path }) => path));
  return {
    removeFiles: [...removed].filter((path) => live.has(path)),
    // A file of this run that was joined at once is never named by a commit: vacuum finds it.
    addFiles: [...derived.files.filter(({ path }) => !removed.has(path)), ...added],
  };
}

/** How far each source was carried: the least of its products. */
export function sourcesOf(
  products: readonly RawProduct[],
  unreadable: ReadonlySet<RawProduct>,
): Record<string, CommitSource> {
  const sources: Record<string, CommitSource> = {};
  for (const source of new Set(products.map((product) => product.source))) {
    const own = products.filter((product) => product.source === source);
    const isAbsent = own.every(({ state }) => state === 'absent');
    const isComplete = own.every((product) => product.state === 'complete' && !unreadable.has(product));
    sources[source] = {
      state: isAbsent ? 'absent' : isComplete ? 'complete' : 'partial',
      wanted_end: Object.fromEntries(
        own.flatMap(({ productId, wantedEnd }) => (wantedEnd === undefined ? [] : [[productId, wantedEnd]])),
      ),
    };
  }
  return sources;
}
