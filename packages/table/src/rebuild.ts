import { RangeSet } from '@schemahub/coverage';
import { type Change, type FileList, fileListOf, type Snapshot, sortFiles } from '@schemahub/lake';
import { createBadRowLimit } from './bad-row-limit.js';
import { withBlockPool } from './block-pool.js';
import { commitPlanned } from './commit-loop.js';
import { mappingOf, type TableContext } from './context.js';
import { type DerivedProduct, deriveProducts } from './derive-product.js';
import { type LostIds, TableError } from './errors.js';
import { guardMeaning, meaningOf } from './mapping-guard.js';
import { createNameIndex } from './name-index.js';
import { type ProductPlan, planBlocks } from './plan-transform.js';
import { type ProductsInput, productKey, type RawProduct, resolveProducts, sourceOfList } from './raw-product.js';
import { countBlocks, DEFAULT_MAX_BAD, finishLimit, mostRecords, sourcesOf } from './transform.js';
import { createTransformReport, type TransformReport, type TransformResult } from './transform-result.js';

export interface RebuildOptions {
  /** All products of the sources that are rebuilt; others are ignored. */
  readonly products: ProductsInput;
  /** Sources to derive again: `raw_coinbase_trades`. Default all that the products have. */
  readonly sources?: readonly string[] | undefined;
  /** Share of refused records, 0 … 1, above which a run fails. Default 0.001. */
  readonly maxBad?: number | undefined;
  /** Commit although ids that are in the table would be lost. Default false. */
  readonly acceptLoss?: boolean | undefined;
  /** Plan and count only. Default false. */
  readonly dryRun?: boolean | undefined;
}

export interface RebuildResult extends TransformResult {
  /** Ids that were in the table and no longer are; never without `acceptLoss`. */
  readonly lost: readonly LostIds[];
}

/** Derives whole sources again: see `Table.rebuild`. */
export async function rebuild(context: TableContext, options: RebuildOptions): Promise<RebuildResult> {
  let report = createTransformReport([]);
  let lost: readonly LostIds[] = [];
  const committed = await commitPlanned(context, {
    plan: async (base) => {
      const products = await resolveProducts(options.products);
      const sources = new Set(options.sources ?? products.map(({ source }) => source));
      for (const source of sources) mappingOf(context, source);
      guardOthers(context, base, products, sources);
      const plans = products
        .filter(({ source }) => sources.has(source))
        .map((product) => planRebuild(fileListOf(base, product.exchange, product.productId), product));
      report = createTransformReport(plans);
      if (options.dryRun === true) return undefined;
      const planned = await deriveChange(context, base, { plans, sources, products, report, options });
      lost = planned.lost;
      return planned.change;
    },
  });
  return { ...report.finish(committed, context.stopwatch.report()), lost };
}

/** All that is in the table or in raw. Pure. */
function planRebuild(list: FileList | undefined, product: RawProduct): ProductPlan {
  const ids = product.fetched.union(list?.present ?? RangeSet.empty);
  return { product, newIds: ids, blocks: planBlocks(ids, createNameIndex(product.names)) };
}

/** Sources that stay as they are must still mean the same. */
function guardOthers(
  context: TableContext,
  base: Snapshot | undefined,
  products: readonly RawProduct[],
  sources: ReadonlySet<string>,
): void {
  const hasOthers = base?.products.some((list) => !sources.has(sourceOfList(list, products))) ?? false;
  if (hasOthers)
    guardMeaning(
      context,
      base,
      products,
      Object.keys(context.mappings).filter((name) => !sources.has(name)),
    );
}

interface RebuildPlan {
  readonly plans: readonly ProductPlan[];
  readonly sources: ReadonlySet<string>;
  readonly products: readonly RawProduct[];
  readonly report: TransformReport;
  readonly options: RebuildOptions;
}

async function deriveChange(
  context: TableContext,
  base: Snapshot | undefined,
  { plans, sources, products, report, options }: RebuildPlan,
): Promise<{ readonly change: Change | undefined; readonly lost: readonly LostIds[] }> {
  const limit = createBadRowLimit({ maxShare: options.maxBad ?? DEFAULT_MAX_BAD, mostRecords: mostRecords(plans) });
  const version = base === undefined ? 1 : base.commit.table_version + 1;
  const lists: FileList[] = [];
  const all = await withBlockPool(context, countBlocks(plans), (pool) =>
    deriveProducts(pool, plans, { version, limit, archived: true }),
  );
  for (const derived of all) {
    report.addProduct(derived);
    if (derived.files.length > 0 || !derived.quarantined.isEmpty) lists.push(listOf(derived));
  }
  finishLimit(limit, report);
  const replaced = base?.products.filter((list) => sources.has(sourceOfList(list, products))) ?? [];
  const lost = lostIds(replaced, lists);
  if (lost.length > 0 && options.acceptLoss !== true) throw refuseLoss(lost);
  if (lists.length === 0 && replaced.length === 0) return { change: undefined, lost };
  const kept = base?.products.filter((list) => !replaced.includes(list)) ?? [];
  return {
    lost,
    change: {
      kind: 'rebuild',
      runId: context.runId,
      time: context.timestamp(),
      products: [],
      replaceProducts: [...kept, ...lists].sort((a, b) => (productKey(a) < productKey(b) ? -1 : 1)),
      tableVersion: version,
      pinned: null,
      ...meaningOf(context, sources),
      sources: sourcesOf(
        plans.map(({ product }) => product),
        report.unreadableProducts(),
      ),
      quarantine: report.quarantineKeys(),
    },
  };
}

function listOf({ product, files, ids, quarantined }: DerivedProduct): FileList {
  const { exchange, productId, symbol } = product;
  return { exchange, productId, symbol, files: sortFiles(files), present: ids, quarantined };
}

function lostIds(before: readonly FileList[], after: readonly FileList[]): LostIds[] {
  return before.flatMap((list) => {
    const next = after.find((other) => productKey(other) === productKey(list));
    const ids = list.present.difference(next?.present ?? RangeSet.empty);
    return ids.isEmpty ? [] : [{ exchange: list.exchange, productId: list.productId, ids }];
  });
}

const SHOWN_CHARACTERS = 200;

function refuseLoss(lost: readonly LostIds[]): TableError {
  const named = lost.map((entry) => {
    const ids = entry.ids.toString();
    const shown = ids.length > SHOWN_CHARACTERS ? `${ids.slice(0, SHOWN_CHARACTERS)}…` : ids;
    return `${productKey(entry)}: ${entry.ids.count} ids (${shown})`;
  });
  return new TableError(
    'ids-lost',
    `A rebuild from the raw objects at hand would lose ids that are in the table: ${named.join('; ')}. Nothing was committed. Bring the raw objects back (schemahub repair), or give --accept-loss.`,
    { lost },
  );
}
