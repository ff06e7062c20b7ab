import { RangeSet } from '@schemahub/coverage';
import { type Change, fileListOf, type ProductChange, type Snapshot } from '@schemahub/lake';
import { WRITER_VERSION } from '@schemahub/parquet-sink';
import { withBlockPool } from './block-pool.js';
import type { LeftCell, RederivedBlock } from './block-work.js';
import { commitPlanned } from './commit-loop.js';
import { mappingOf, type TableContext } from './context.js';
import type { ConflictSample } from './dedupe.js';
import { guardMeaning, meaningOf } from './mapping-guard.js';
import { createNameIndex, type NameIndex } from './name-index.js';
import { type BlockCells, isCanonical, planCompaction } from './plan-compaction.js';
import { type ProductsInput, type RawProduct, resolveProducts } from './raw-product.js';
import { rederiveBlocks } from './rederive-product.js';
import type { UnreadableObject } from './scan-object.js';
import type { StageReport } from './stopwatch.js';
import { uniqueObjects } from './transform-result.js';

export interface CompactOptions {
  /** Products whose cells are looked at; cells of others stay as they are. */
  readonly products: ProductsInput;
  /** Plan and count only. Default false. */
  readonly dryRun?: boolean | undefined;
}

export interface CompactResult {
  readonly snapshot: Snapshot | undefined;
  /** Number of the commit made; undefined when every cell is canonical, or none could be derived again. */
  readonly commit: number | undefined;
  /** Cells that were not canonical when the run began. */
  readonly cells: number;
  readonly filesRemoved: number;
  readonly filesAdded: number;
  readonly rows: number;
  readonly bytes: number;
  /** Cells left as they are, with the reason: exit 4. */
  readonly left: readonly LeftCell[];
  readonly unreadable: readonly UnreadableObject[];
  /** Ids whose records tell different trades. */
  readonly conflicts: number;
  readonly conflictSamples: readonly ConflictSample[];
  readonly stages: readonly StageReport[];
}

interface ProductWork {
  readonly product: RawProduct;
  readonly index: NameIndex;
  readonly blocks: readonly BlockCells[];
}

const MAX_SAMPLES = 10;

/** Makes every cell canonical: see `Table.compact`. */
export async function compact(context: TableContext, options: CompactOptions): Promise<CompactResult> {
  let products: readonly RawProduct[] = [];
  let work: readonly ProductWork[] = [];
  let results: RederivedBlock[] = [];
  const committed = await commitPlanned(context, {
    guard: (base) => guardMeaning(context, base, products),
    plan: async (base) => {
      products = await resolveProducts(options.products);
      for (const { source } of products) mappingOf(context, source);
      guardMeaning(context, base, products);
      work = planWork(context, base, products);
      results = [];
      if (base === undefined || options.dryRun === true) return undefined;
      return await deriveChange(context, base, work, results);
    },
  });
  const sum = (measure: (block: RederivedBlock) => number): number =>
    results.reduce((all, block) => all + measure(block), 0);
  return {
    ...committed,
    cells: work.reduce((all, { blocks }) => all + blocks.reduce((cells, { months }) => cells + months.size, 0), 0),
    filesRemoved: sum(({ removed }) => removed.length),
    filesAdded: sum(({ added }) => added.length),
    rows: sum(({ rows }) => rows),
    bytes: sum(({ added }) => added.reduce((all, { bytes }) => all + bytes, 0)),
    left: results.flatMap(({ left }) => left),
    unreadable: uniqueObjects(results.flatMap(({ unreadable }) => unreadable)),
    conflicts: sum(({ conflicts }) => conflicts),
    conflictSamples: results.flatMap(({ conflictSamples }) => conflictSamples).slice(0, MAX_SAMPLES),
    stages: context.stopwatch.report(),
  };
}

function planWork(context: TableContext, base: Snapshot | undefined, products: readonly RawProduct[]): ProductWork[] {
  const columns = context.schema.columns.map(({ name }) => name);
  return products.flatMap((product) => {
    const list = fileListOf(base, product.exchange, product.productId);
    if (list === undefined) return [];
    const index = createNameIndex(product.names);
    const blocks = planCompaction({
      list,
      isDue: (cell) => !isCanonical(cell, { index, writer: WRITER_VERSION, columns }),
    });
    return blocks.length === 0 ? [] : [{ product, index, blocks }];
  });
}

async function deriveChange(
  context: TableContext,
  base: Snapshot,
  work: readonly ProductWork[],
  results: RederivedBlock[],
): Promise<Change | undefined> {
  const changes: ProductChange[] = [];
  const version = base.commit.table_version;
  const count = work.reduce((sum, { blocks }) => sum + blocks.length, 0);
  const derived = await withBlockPool(context, count, (pool) =>
    Promise.all(work.map((part) => rederiveBlocks(pool, { ...part, version }))),
  );
  for (const [at, { product }] of work.entries()) {
    const own = derived[at]!;
    results.push(...own);
    const removeFiles = own.flatMap(({ removed }) => removed);
    if (removeFiles.length === 0) continue;
    changes.push({
      exchange: product.exchange,
      productId: product.productId,
      symbol: product.symbol,
      addFiles: own.flatMap(({ added }) => added),
      removeFiles,
      addPresent: RangeSet.empty,
      addQuarantined: RangeSet.empty,
    });
  }
  if (changes.length === 0) return undefined;
  return {
    kind: 'compact',
    runId: context.runId,
    time: context.timestamp(),
    products: changes,
    ...meaningOf(context, new Set(work.map(({ product }) => product.source))),
    sources: {},
    quarantine: [],
  };
}
