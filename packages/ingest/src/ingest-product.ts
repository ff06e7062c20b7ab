import { type Checkpoint, type CheckpointChange, cursorOf } from '@schemahub/checkpoint';
import { confirmFloor, type FloorEvidence, findProvisionalFloor } from '@schemahub/connector-kit';
import type { CallPriority, Head, Product, TradePage } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import { type Evidence, type EvidenceRequest, readEvidence, writeEvidence } from '@schemahub/lake';
import { type IngestContext, timeText } from './context.js';
import { IngestError } from './errors.js';
import { type FetchWindowsResult, fetchWindows } from './fetch-windows.js';
import { createHeldRows } from './held-rows.js';
import { missingOf } from './holes.js';
import { type LoadedProduct, loadCheckpoint } from './load-checkpoint.js';
import { withRetries } from './retry.js';
import { checkLastTrade, fetchCheckedHead } from './same-trades.js';
import { planScope, scopeIds } from './scope.js';

/** A product as far as its windows were fetched; its holes are settled together with those of all others. */
export interface ProductProgress {
  readonly product: Product;
  checkpoint: Checkpoint;
  head: Head | undefined;
  /** Ids of this run's own range between floor and head. */
  wanted: RangeSet;
  newTrades: number;
  fresh: RangeSet;
  different: RangeSet;
  vanished: RangeSet;
  /** Missing ids before anything was fetched, and pages of the plan: what a dry run tells. */
  todo: number;
  pages: number;
}

const PRIORITY: Readonly<Record<IngestContext['settings']['mode'], CallPriority>> = {
  ingest: 'live',
  backfill: 'backfill',
  repair: 'repair',
};

/** Writes evidence of what is news, then merges it into the checkpoint. Nothing new writes nothing. */
export async function record(
  context: IngestContext,
  checkpoint: Checkpoint,
  news: Omit<CheckpointChange, 'fetched' | 'void' | 'condemned' | 'lastUpdated'>,
  more: Pick<Evidence, 'floor' | 'void'> = {},
): Promise<Checkpoint> {
  const { connector, store, layout, clock } = context;
  const { productId } = checkpoint;
  const askedNew = news.asked?.difference(checkpoint.asked);
  const evidence: Partial<Evidence> = {
    ...(news.symbol !== undefined && news.symbol !== checkpoint.symbol ? { symbol: news.symbol } : {}),
    ...(news.origin !== undefined && news.origin !== checkpoint.origin ? { origin: news.origin } : {}),
    ...(askedNew !== undefined && !askedNew.isEmpty ? { asked: askedNew.toString() } : {}),
    ...(news.anchor !== undefined && checkpoint.anchor === undefined ? { anchor: news.anchor } : {}),
    ...(news.head !== undefined && news.head.id > (checkpoint.head?.id ?? -1)
      ? { head: { id: news.head.id, seen_at: news.head.seenAt } }
      : {}),
    ...(news.closed !== undefined && news.closed?.status !== checkpoint.closed?.status
      ? { closed: news.closed === null ? null : { status: news.closed.status, seen_at: news.closed.seenAt } }
      : {}),
    ...more,
  };
  const isNews = Object.keys(evidence).length > 0;
  const time = timeText(clock.now());
  if (isNews)
    await writeEvidence(store, layout, {
      version: 1,
      exchange: connector.exchange,
      product_id: productId,
      time,
      ...evidence,
    });
  // A status that was recorded keeps the time it was first seen.
  const closed = 'closed' in evidence ? news.closed : undefined;
  const voids = more.void === undefined ? undefined : RangeSet.fromRanges(more.void);
  const floor = more.floor?.id;
  return await context.checkpoints.update(connector.exchange, productId, {
    ...news,
    closed,
    floor,
    void: voids,
    lastUpdated: isNews ? time : undefined,
  });
}

function floorRequests(evidence: readonly FloorEvidence[]): EvidenceRequest[] {
  return evidence.map(({ request, ids, date }) => ({ request, ids, date: date === undefined ? null : timeText(date) }));
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

/** The floor, when it is not known yet: at once as far as one look tells, confirmed while windows are fetched. */
interface FloorSearch {
  readonly floor: number | undefined;
  readonly page: TradePage | undefined;
  readonly confirmed: Promise<{ readonly id: number; readonly requests: readonly EvidenceRequest[] } | undefined>;
}

async function searchFloor(context: IngestContext, productId: string, head: Head): Promise<FloorSearch> {
  const { connector, clock, random, settings, onEvent, stop } = context;
  const retry = { clock, random, product: productId, onEvent, signal: stop };
  const options = { connector, product: productId, priority: PRIORITY[settings.mode], signal: stop };
  const found = await withRetries(retry, () => findProvisionalFloor({ ...options, head: head.trade.id }));
  const { floor, page } = found;
  if (floor === undefined) return { floor, page, confirmed: Promise.resolve(undefined) };
  const confirmed = withRetries(retry, () =>
    confirmFloor({ ...options, floor, clock, waitMs: settings.probeWaitMs }),
  ).then((settled) => {
    onEvent({ type: 'floor-found', product: productId, floor: settled.floor, confirmed: settled.confirmed });
    return settled.confirmed
      ? { id: settled.floor, requests: floorRequests([...found.evidence, ...settled.evidence]) }
      : undefined;
  });
  confirmed.catch(() => undefined); // awaited after the windows; until then its failure is nobody's news
  return { floor, page, confirmed };
}

/** Loads the checkpoint, looks at the head and records what the run wants: all that comes before the first window. */
export async function prepareProduct(
  context: IngestContext,
  product: Product,
): Promise<{ progress: ProductProgress; loaded: LoadedProduct; scope: RangeSet }> {
  const { connector, clock, settings } = context;
  const loaded = await loadCheckpoint(context, product.id, (checkpoint) =>
    settings.mode === 'ingest' && !settings.fullRefresh ? (cursorOf(checkpoint) ?? 0) : 0,
  );
  let { checkpoint } = loaded;
  checkOrigin(context, checkpoint);
  const head = await fetchCheckedHead(context, product.id, checkpoint.lastTrade);
  const closed =
    product.status === 'delisted'
      ? { status: product.status, seenAt: timeText(clock.now()) }
      : checkpoint.closed === undefined
        ? undefined
        : null;
  const facts = { symbol: product.symbol, origin: connector.origin, closed };
  let scope = RangeSet.empty;
  if (head === undefined) {
    checkpoint = await record(context, checkpoint, facts);
  } else {
    const planned = await planScope({ context, productId: product.id, checkpoint, head });
    scope = planned.range;
    const news = { ...facts, ...planned.change, head: { id: head.trade.id, seenAt: timeText(clock.now()) } };
    const recheckAdded =
      settings.fullRefresh && checkpoint.recheck.isEmpty ? scope.clip(checkpoint.floor ?? 0, head.trade.id) : undefined;
    if (settings.dryRun)
      checkpoint = (await import('@schemahub/checkpoint')).applyChange(checkpoint, { ...news, closed: undefined });
    else checkpoint = await record(context, checkpoint, { ...news, recheckAdded });
  }
  const wanted = scopeIds(checkpoint, scope, undefined);
  const empty = RangeSet.empty;
  return {
    progress: {
      product,
      checkpoint,
      head,
      wanted,
      newTrades: 0,
      fresh: empty,
      different: empty,
      vanished: empty,
      todo: 0,
      pages: 0,
    },
    loaded,
    scope,
  };
}

function pagesOf(todo: RangeSet, gridSize: number): number {
  let pages = 0;
  for (const { first, last } of todo) pages += Math.floor(last / gridSize) - Math.floor(first / gridSize) + 1;
  return pages;
}

function take(progress: ProductProgress, result: FetchWindowsResult): void {
  progress.checkpoint = result.checkpoint;
  progress.newTrades += result.newTrades;
  progress.fresh = progress.fresh.union(result.fresh);
  progress.different = progress.different.union(result.different);
  progress.vanished = progress.vanished.union(result.vanished);
}

/** Fetches ids of a prepared product: also used for rows that a probe showed. */
export async function fetchIds(
  context: IngestContext,
  progress: ProductProgress,
  ids: RangeSet,
  order: 'oldest' | 'newest',
  more: {
    prefetched?: TradePage | undefined;
    onFirstPage?: ((page: TradePage) => Promise<void>) | undefined;
    compareWith?: LoadedProduct['names'] | undefined;
    keep?: RangeSet | undefined;
  } = {},
): Promise<void> {
  const result = await fetchWindows({
    context,
    product: progress.product,
    checkpoint: progress.checkpoint,
    todo: ids,
    keep: more.keep ?? ids,
    order,
    priority: PRIORITY[context.settings.mode],
    heldRows: more.compareWith && createHeldRows(context, more.compareWith),
    prefetched: more.prefetched,
    onFirstPage: more.onFirstPage,
  });
  take(progress, result);
}

/** The ids to ask for, and those whose rows are kept: what is missing, plus the last held trade to compare with. */
function planTodo(
  progress: ProductProgress,
  settings: IngestContext['settings'],
): { todo: RangeSet; missing: RangeSet; check: boolean } {
  const { checkpoint, wanted } = progress;
  if (settings.fullRefresh)
    return { todo: checkpoint.recheck.intersect(wanted), missing: checkpoint.recheck.intersect(wanted), check: false };
  if (settings.skipCheckpoint) return { todo: wanted, missing: wanted, check: false };
  const missing = missingOf(checkpoint, wanted);
  const last = checkpoint.lastTrade?.id;
  // In the grid cell of the first missing id, or the one below: then the window that starts there shows both.
  const check = last !== undefined && settings.order === 'oldest' && missing.first === last + 1;
  return { todo: check ? missing.union(RangeSet.of(last)) : missing, missing, check };
}

/** One product from its checkpoint to the end of its windows. Holes come after, for all products together. */
export async function ingestProduct(context: IngestContext, product: Product): Promise<ProductProgress> {
  const { settings, onEvent, connector } = context;
  const { progress, loaded, scope } = await prepareProduct(context, product);
  const { head } = progress;
  if (head === undefined) return progress;
  const needsFloor = progress.checkpoint.floor === undefined && settings.mode !== 'ingest' && !settings.dryRun;
  const search = needsFloor ? await searchFloor(context, product.id, head) : undefined;
  if (search !== undefined) progress.wanted = scopeIds(progress.checkpoint, scope, search.floor);
  const { todo, missing, check } = planTodo(progress, settings);
  progress.todo = missing.count;
  progress.pages = pagesOf(todo, connector.gridSize);
  onEvent({
    type: 'product-started',
    product: product.id,
    head,
    todo: missing.count,
    pages: progress.pages,
    workers: settings.chunkConcurrency,
  });
  if (settings.dryRun) return progress;
  const { page } = search ?? {};
  const prefetched = page !== undefined && missing.intersects(page.window.first, page.window.last) ? page : undefined;
  const ask =
    prefetched === undefined ? todo : todo.difference(RangeSet.of(prefetched.window.first, prefetched.window.last));
  const held = progress.checkpoint.lastTrade;
  const onFirstPage =
    check && held !== undefined
      ? (first: TradePage): Promise<void> => {
          const at = first.ids.indexOf(held.id);
          return checkLastTrade(
            context,
            product.id,
            held,
            at < 0 ? undefined : connector.parseTrade(first.records[at]!),
          );
        }
      : undefined;
  const compare = settings.fullRefresh || settings.skipCheckpoint;
  if (!ask.isEmpty || prefetched !== undefined) {
    await fetchIds(context, progress, ask, settings.order, {
      prefetched,
      onFirstPage,
      keep: missing,
      compareWith: compare ? loaded.names : undefined,
    });
  }
  await settleFloor(context, progress, search, scope);
  return progress;
}

/** Records a confirmed floor; one that turned out lower brings more windows. */
async function settleFloor(
  context: IngestContext,
  progress: ProductProgress,
  search: FloorSearch | undefined,
  scope: RangeSet,
): Promise<void> {
  const floor = await search?.confirmed;
  if (floor === undefined) return;
  progress.checkpoint = await record(context, progress.checkpoint, {}, { floor });
  progress.wanted = scopeIds(progress.checkpoint, scope, undefined);
  const below = missingOf(progress.checkpoint, progress.wanted).clip(floor.id, (search?.floor ?? floor.id) - 1);
  if (!below.isEmpty) await fetchIds(context, progress, below, context.settings.order);
}

/** Void runs of a product with their evidence: `repair` asks about the young ones again. */
export async function voidRunsOf(
  context: IngestContext,
  productId: string,
): Promise<Awaited<ReturnType<typeof readEvidence>>['voidRuns']> {
  return (await readEvidence(context.store, context.layout, context.connector.exchange, productId)).voidRuns;
}
