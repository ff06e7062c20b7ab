import { applyChange, type Checkpoint, cursorOf } from '@schemahub/checkpoint';
import { ExchangeError, type Head, type Product, type TradePage } from '@schemahub/core';
import { MAX_ID, RangeSet } from '@schemahub/coverage';
import { archivedPages, archiveOf, planArchived } from './archived-pages.js';
import { type IngestContext, type RunContext, requestsAtOnce, timeText } from './context.js';
import { IngestError } from './errors.js';
import { type FloorSearch, searchFloor } from './floor.js';
import { type LoadedProduct, loadCheckpoint } from './load-checkpoint.js';
import { condemnLost } from './lost-ids.js';
import { fetchIds, missingOf, PRIORITY, type ProductProgress, startProgress } from './product-progress.js';
import { type News, record } from './record.js';
import { checkLastTrade, fetchCheckedHead, fetchHead, tradeUpTo } from './same-trades.js';
import { lowestAsked, planScope, scopeIds } from './scope.js';

/** A product whose windows can be fetched. */
export interface PreparedProduct {
  readonly progress: ProductProgress;
  readonly loaded: LoadedProduct;
  /** Ids of this run, open upwards where the command is. */
  readonly scope: RangeSet;
  /** The page that was fetched to compare the last held trade. */
  readonly checked: TradePage | undefined;
}

function checkOrigin(context: IngestContext, checkpoint: Checkpoint): void {
  const { connector, settings } = context;
  if (checkpoint.origin === undefined || checkpoint.origin === connector.origin || settings.acceptOrigin) return;
  throw new IngestError(
    'other-origin',
    `${checkpoint.productId}: this lake holds trades from ${checkpoint.origin}, this run would fetch from ${connector.origin}. ` +
      'Use another --lake; if it is the same exchange behind another address, run again with --accept-origin.',
  );
}

/** The head; undefined without trades, and for a delisted product also when its trades are no longer served. */
async function headOf(context: RunContext, product: Product, held: Checkpoint['lastTrade']): Promise<Head | undefined> {
  if (product.status !== 'delisted') return await fetchCheckedHead(context, product.id, held);
  try {
    if ((await fetchHead(context, product.id)) === undefined) return undefined;
    return await fetchCheckedHead(context, product.id, held);
  } catch (error) {
    if (error instanceof ExchangeError && error.kind === 'product') return undefined;
    throw error;
  }
}

/** Ids to ask for: what is missing; in a second look what is to be compared as well. */
function todoOf({ checkpoint, wanted }: ProductProgress, settings: IngestContext['settings']): RangeSet {
  const missing = missingOf({ checkpoint, wanted });
  if (settings.fullRefresh) return checkpoint.recheck.intersect(wanted).union(missing);
  return settings.skipCheckpoint ? wanted : missing;
}

/**
 * Loads the checkpoint, looks at the head, plans, compares the last held trade, and only then records what the run
 * wants: all that comes before the first window. Throws before anything is written when the product is not the one
 * that the lake holds.
 */
export async function prepareProduct(context: RunContext, product: Product): Promise<PreparedProduct> {
  const { connector, clock, settings } = context;
  const loaded = await loadCheckpoint(context, product.id, {
    from: (stored) => lowestAsked(stored, settings),
    // A repair trusts nothing.
    allEvidence: settings.mode === 'repair',
  });
  checkOrigin(context, loaded.checkpoint);
  const checkpoint =
    settings.mode === 'repair' ? await condemnLost(context, loaded.checkpoint, loaded.names) : loaded.checkpoint;
  const progress = startProgress(product, checkpoint);
  const head = await headOf(context, product, checkpoint.lastTrade);
  const now = timeText(clock.now());
  const isDelisted = product.status === 'delisted';
  const closed = isDelisted ? { status: product.status, seenAt: now } : checkpoint.closed && null;
  const facts: News = { symbol: product.symbol, origin: connector.origin, closed };
  if (head === undefined) {
    progress.wanted = scopeIds(checkpoint, heldScope(context, checkpoint));
    if (!settings.dryRun) progress.checkpoint = await record(context, checkpoint, facts);
    return { progress, loaded, scope: RangeSet.empty, checked: undefined };
  }
  progress.head = head;
  const { range: scope, change } = await planScope({ context, productId: product.id, checkpoint, head });
  const news = { ...facts, ...change, head: { id: head.trade.id, seenAt: now } };
  // As it will be; written only after the comparison.
  const planned = applyChange(checkpoint, { ...news, floor: undefined, void: undefined });
  progress.wanted = scopeIds(planned, scope);
  // A refresh that was interrupted goes on with what is left of it.
  const isNewRefresh = settings.fullRefresh && checkpoint.recheck.intersect(progress.wanted).isEmpty;
  const recheckAdded = isNewRefresh ? progress.wanted : undefined;
  progress.checkpoint = applyChange(planned, { recheckAdded });
  if (settings.dryRun) return { progress, loaded, scope, checked: undefined };
  const { lastTrade } = checkpoint;
  const todo = todoOf(progress, settings);
  const checked =
    lastTrade === undefined || lastTrade.id === head.trade.id || todo.isEmpty
      ? undefined
      : await checkLastTrade(context, product.id, lastTrade, todo);
  progress.checkpoint = await record(context, checkpoint, { ...news, recheckAdded });
  return { progress, loaded, scope, checked };
}

/** The command's ids of a product that the exchange no longer serves: what was asked of it before. */
function heldScope({ settings }: IngestContext, checkpoint: Checkpoint): RangeSet {
  const first = settings.mode === 'ingest' ? checkpoint.anchor : 0;
  return first === undefined ? RangeSet.empty : checkpoint.asked.clip(first, MAX_ID);
}

/**
 * A product that the lake knows and the catalogue no longer lists: it is closed, wanted ends at its last head, and
 * nothing is asked for.
 */
export async function closeProduct(context: IngestContext, productId: string): Promise<ProductProgress> {
  const { clock, settings } = context;
  const { checkpoint } = await loadCheckpoint(context, productId, { from: (stored) => cursorOf(stored) ?? 0 });
  checkOrigin(context, checkpoint);
  const { symbol = productId } = checkpoint;
  const [base = symbol, quote = ''] = symbol.split('-');
  const progress = startProgress({ id: productId, symbol, base, quote, status: 'delisted' }, checkpoint);
  const closed = { status: 'not served', seenAt: timeText(clock.now()) };
  if (!settings.dryRun) progress.checkpoint = await record(context, checkpoint, { closed });
  progress.wanted = scopeIds(progress.checkpoint, heldScope(context, checkpoint));
  return progress;
}

function pagesOf(todo: RangeSet, gridSize: number): number {
  let pages = 0;
  for (const { first, last } of todo) pages += Math.floor(last / gridSize) - Math.floor(first / gridSize) + 1;
  return pages;
}

/**
 * Fetches a prepared product's windows. Holes come after, for all products together. `endPreparation` is called when
 * the windows themselves count among the requests in hand.
 */
export async function fetchProduct(
  context: RunContext,
  prepared: PreparedProduct,
  endPreparation: () => void,
): Promise<void> {
  const { settings, onEvent, connector } = context;
  const { progress, loaded, scope, checked } = prepared;
  const { head, product } = progress;
  if (head === undefined) return;
  // An incremental run with a lower bound of its own may begin below the lowest id that there is.
  const mayReachFloor = settings.mode !== 'ingest' || settings.from !== undefined || settings.after !== undefined;
  if (settings.mode === 'repair' && (await hasRowsBelowFloor(context, progress)))
    progress.checkpoint = { ...progress.checkpoint, floor: undefined };
  const needsFloor = progress.checkpoint.floor === undefined && mayReachFloor && !settings.dryRun;
  let isFloorFar = false;
  const onFirstEmpty = (): void => {
    isFloorFar = true;
  };
  const priority = PRIORITY[settings.mode];
  const searching = needsFloor ? searchFloor(context, product.id, head, { priority, onFirstEmpty }) : undefined;
  const begin = (floor: number | undefined): RangeSet => {
    progress.wanted = scopeIds(progress.checkpoint, scope, floor);
    const todo = todoOf(progress, settings);
    progress.todo = todo.count;
    progress.pages = pagesOf(todo, connector.gridSize);
    return todo;
  };
  const tell = (): void => {
    const { todo, pages } = progress;
    const workers = requestsAtOnce(context);
    onEvent({ type: 'product-started', product: product.id, head, todo, pages, workers });
  };
  const isSecondLook = settings.fullRefresh || settings.skipCheckpoint;
  // Windows need not wait for the floor; a second look compares, and so needs to know first what is wanted.
  const todo = begin(isSecondLook ? (await searching)?.floor : undefined);
  const found = searching?.then(({ floor, page }) => {
    begin(floor);
    tell();
    return { page, rowless: floor === undefined ? RangeSet.empty : RangeSet.of(0, Math.max(0, floor - 1)) };
  });
  // Both are awaited below, but not on every path: a failure meanwhile is no unhandled rejection.
  for (const search of [searching, found]) search?.catch(() => undefined);
  if (found === undefined) tell();
  if (settings.dryRun) {
    progress.archive = await planArchived(context, product.id, todo);
    return;
  }
  endPreparation();
  // Which files there are to take is known once the floor is.
  const archived = async function* (): AsyncGenerator<TradePage> {
    const floor = (await searching)?.floor ?? 0;
    yield* archivedPages(context, product.id, todo.clip(floor, MAX_ID));
  };
  if (!todo.isEmpty) {
    await fetchIds(context, progress, todo, {
      prefetched: checked === undefined ? [] : [checked],
      archived: archiveOf(context) && archived(),
      later: found && { ids: RangeSet.of(0, connector.gridSize - 1), found, isFar: () => isFloorFar },
      compareWith: isSecondLook ? loaded.names : undefined,
    });
  }
  const search = await searching;
  if (search !== undefined && !context.stop.aborted) await settleFloor(context, progress, search, scope);
}

/**
 * `repair` asks once more what lies below a known floor: an exchange that answered `[]` falsely each time it was asked
 * made it too high, and nothing else would ever ask for the ids below it.
 */
async function hasRowsBelowFloor(context: RunContext, { checkpoint, product }: ProductProgress): Promise<boolean> {
  const { floor } = checkpoint;
  if (floor === undefined || floor === 0) return false;
  return (await tradeUpTo(context, product.id, floor - 1, PRIORITY.repair)) !== undefined;
}

/** Records a confirmed floor; one that turned out lower brings more windows. */
async function settleFloor(
  context: RunContext,
  progress: ProductProgress,
  search: FloorSearch,
  scope: RangeSet,
): Promise<void> {
  const floor = await search.confirmed;
  // Without a confirmed floor everything that was asked for is wanted: what is below the lowest row is missing.
  if (floor !== undefined) progress.checkpoint = await record(context, progress.checkpoint, { floor });
  progress.wanted = scopeIds(progress.checkpoint, scope);
  if (floor === undefined || floor.id >= (search.floor ?? floor.id)) return;
  const below = missingOf(progress).clip(floor.id, (search.floor ?? floor.id) - 1);
  if (!below.isEmpty) await fetchIds(context, progress, below);
}
