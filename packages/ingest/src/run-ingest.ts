import type { Lease } from '@schemahub/coordination';
import { ExchangeError, type Head, type Product } from '@schemahub/core';
import { type Account, account, type RangeSet, RangeSet as Ranges } from '@schemahub/coverage';
import type { VoidRun } from '@schemahub/lake';
import type { IngestContext } from './context.js';
import { IngestError } from './errors.js';
import { missingOf, type ProductHoles, planHoles, probeHoles, youngVoids } from './holes.js';
import { fetchIds, ingestProduct, type ProductProgress, record, voidRunsOf } from './ingest-product.js';
import { withRetries } from './retry.js';
import { fetchHead } from './same-trades.js';

export type ProductState =
  | 'complete'
  | 'incomplete'
  /** Another run holds its lease. */
  | 'held'
  /** The exchange does not know it, or no longer serves it. */
  | 'unknown'
  /** Its id space changed, or its origin is another. */
  | 'refused'
  | 'failed';

export interface ProductResult {
  readonly productId: string;
  readonly state: ProductState;
  /** Why it is not complete, in words. */
  readonly reason: string | undefined;
  readonly progress: ProductProgress | undefined;
  /** The run's own range: raw counts as done. */
  readonly account: Account | undefined;
  /** Young or unclear holes: no reason for an exit code but verify's. */
  readonly unsettled: RangeSet;
  readonly error: unknown;
}

export interface IngestResult {
  readonly products: readonly ProductResult[];
  /** The run was stopped by a signal. */
  readonly stopped: boolean;
  /** The exchange was given up. */
  readonly unavailable: Error | undefined;
}

interface Slot {
  readonly productId: string;
  lease: Lease | undefined;
  progress: ProductProgress | undefined;
  state: ProductState | undefined;
  reason: string | undefined;
  error: unknown;
  unsettled: RangeSet;
}

const HOLE_ROUNDS = 4;
/** Windows asked upwards for a held neighbour above the edge of what was asked. */
const EDGE_WINDOWS = 4;

/** What ends the whole run, not one product. */
function endsRun(error: unknown): boolean {
  if (error instanceof IngestError) return error.code === 'exchange-unavailable' || error.code === 'exchange-refused';
  return error instanceof ExchangeError
    ? error.kind === 'forbidden'
    : error instanceof Error && error.name === 'StoreError';
}

function judge(slot: Slot, error: unknown): void {
  slot.error = error;
  slot.reason = error instanceof Error ? error.message : String(error);
  if (error instanceof ExchangeError && error.kind === 'product') slot.state = 'unknown';
  else if (error instanceof IngestError && (error.code === 'id-space-changed' || error.code === 'other-origin'))
    slot.state = 'refused';
  else slot.state = 'failed';
}

/** Runs `work` over items, `workers` at a time, in order of the list. */
async function pool<T>(items: readonly T[], workers: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) await work(items[next++]!);
  };
  await Promise.all(Array.from({ length: Math.min(workers, items.length) }, lane));
}

/** The catalogue as a map. Its failure after all tries is the exchange's: nothing was begun. */
export async function readCatalogue(context: IngestContext): Promise<ReadonlyMap<string, Product>> {
  const { connector, clock, random, onEvent, stop } = context;
  try {
    const list = await withRetries({ clock, random, product: '-', onEvent, signal: stop }, () =>
      connector.listProducts({ signal: stop, priority: 'head' }),
    );
    return new Map(list.map((product) => [product.id, product]));
  } catch (error) {
    if (!(error instanceof ExchangeError)) throw error;
    if (error.kind === 'forbidden')
      throw new IngestError('exchange-refused', `${connector.exchange} refuses this client: ${error.message}`, {
        cause: error,
      });
    throw new IngestError(
      'exchange-unavailable',
      `${connector.exchange} cannot be reached at ${connector.origin}: ${error.message}. Nothing was changed; run the same command again later.`,
      { cause: error },
    );
  }
}

/** Products whose heads are asked for at the same time; the limiter paces them. */
const HEADS_AT_ONCE = 16;

/**
 * Heads of all products before a long run, so that it knows how much there is to do. A head that cannot be had is left
 * out: its product asks again, and tells why, when its turn comes.
 */
async function scanHeads(
  context: IngestContext,
  productIds: readonly string[],
): Promise<Map<string, Head | undefined>> {
  const heads = new Map<string, Head | undefined>();
  let done = 0;
  await pool(productIds, HEADS_AT_ONCE, async (product) => {
    if (context.stop.aborted) return;
    try {
      const head = await fetchHead(context, product);
      heads.set(product, head);
      const stored = await context.checkpoints.read(context.connector.exchange, product).catch(() => undefined);
      const held = (stored?.fetched.count ?? 0) + (stored?.void.count ?? 0);
      const todo = Math.max(0, (head?.trade.id ?? 0) - held);
      context.onEvent({ type: 'head-scanned', product, todo, held, done: ++done, total: productIds.length });
    } catch (error) {
      if (endsRun(error)) throw error;
      done++;
    }
  });
  return heads;
}

/** Rows that the edge of an asked range needs above it, so that its last hole lies between two held trades. */
async function holdAbove(context: IngestContext, progress: ProductProgress, id: number): Promise<void> {
  const { connector, clock, random, onEvent, stop } = context;
  const head = progress.checkpoint.head?.id ?? id;
  for (let step = 0, from = id + 1; step < EDGE_WINDOWS && from <= head; step++, from += connector.gridSize) {
    const window = { first: from, last: Math.min(head, from + connector.gridSize - 1) };
    const page = await withRetries({ clock, random, product: progress.product.id, onEvent, signal: stop }, () =>
      connector.fetchWindow(progress.product.id, window, { signal: stop, priority: 'repair' }),
    );
    const lowest = page.ids[0];
    if (lowest !== undefined) return await fetchIds(context, progress, Ranges.of(lowest), 'oldest');
  }
}

/** One round of questions about all holes of all products; returns the products whose rows changed. */
async function holeRound(context: IngestContext, slots: readonly Slot[], round: number): Promise<Slot[]> {
  const asked: ProductHoles[] = [];
  for (const { progress } of slots) {
    if (progress === undefined) continue;
    const missing = missingOf(progress.checkpoint, progress.wanted);
    const plan = planHoles(missing, progress.checkpoint.fetched);
    for (const id of plan.openAbove) await holdAbove(context, progress, id);
    const { holes } = plan.openAbove.length > 0 ? planHoles(missing, progress.checkpoint.fetched) : plan;
    const again =
      context.settings.mode === 'repair' && round === 1
        ? youngVoids(
            await voidRunsOf(context, progress.product.id),
            progress.checkpoint.fetched,
            context.clock.now(),
            context.settings.reprobeMs,
          )
        : [];
    if (holes.length + again.length > 0) asked.push({ product: progress.product.id, holes: [...holes, ...again] });
  }
  if (asked.length === 0) return [];
  const results = await probeHoles(context, asked);
  const changed: Slot[] = [];
  for (const slot of slots) {
    const result = results.get(slot.productId);
    const { progress } = slot;
    if (result === undefined || progress === undefined) continue;
    const news: VoidRun[] = result.voids.filter(
      ({ first, last }) => !Ranges.of(first, last).difference(progress.checkpoint.void).isEmpty,
    );
    if (news.length > 0) progress.checkpoint = await record(context, progress.checkpoint, {}, { void: news });
    for (const { first, last } of news) context.onEvent({ type: 'void-settled', product: slot.productId, first, last });
    slot.unsettled = Ranges.fromRanges(result.unsettled.map(({ hole }) => hole));
    for (const { hole, reason } of result.unsettled)
      context.onEvent({ type: 'hole-unsettled', product: slot.productId, ...hole, reason });
    const rows = result.rows.difference(progress.checkpoint.fetched);
    if (rows.isEmpty) continue;
    await fetchIds(context, progress, rows, 'newest');
    changed.push(slot);
  }
  return changed;
}

/** Settles the holes of all products together, at most four rounds. */
async function settleHoles(context: IngestContext, slots: readonly Slot[]): Promise<void> {
  let open = slots.filter(({ progress, state }) => progress !== undefined && state === undefined);
  for (let round = 1; round <= HOLE_ROUNDS && open.length > 0; round++) open = await holeRound(context, open, round);
}

function resultOf(slot: Slot): ProductResult {
  const { productId, progress, unsettled, error } = slot;
  if (progress === undefined || slot.state !== undefined) {
    return {
      productId,
      state: slot.state ?? 'failed',
      reason: slot.reason,
      progress,
      account: undefined,
      unsettled,
      error,
    };
  }
  const { checkpoint, wanted } = progress;
  const sums = account({
    wanted,
    present: Ranges.empty,
    quarantined: Ranges.empty,
    void: checkpoint.void,
    raw: checkpoint.fetched,
  });
  const open = sums.missing.difference(unsettled);
  const isComplete = open.isEmpty;
  const reason = isComplete ? undefined : `${open.count} ids are missing (${open.toString().slice(0, 80)})`;
  return {
    productId,
    state: isComplete ? 'complete' : 'incomplete',
    reason,
    progress,
    account: sums,
    unsettled,
    error,
  };
}

/**
 * Runs `ingest`, `backfill` or `repair` over products: each under its own lease, windows in parallel, holes of all of
 * them settled together at the end. A product that fails does not stop the others. Whatever ends the run, what was
 * fetched is landed and credited before this returns.
 */
export async function runIngest(context: IngestContext, productIds: readonly string[]): Promise<IngestResult> {
  const { leases, settings, stop, onEvent } = context;
  const catalogue = await readCatalogue(context);
  const halt = new AbortController();
  const known = productIds.filter((product) => catalogue.has(product));
  const heads = settings.mode === 'backfill' || settings.fullRefresh ? await scanHeads(context, known) : undefined;
  const inner: IngestContext = { ...context, heads, stop: AbortSignal.any([stop, halt.signal]) };
  const slots: Slot[] = productIds.map((productId) => ({
    productId,
    lease: undefined,
    progress: undefined,
    state: undefined,
    reason: undefined,
    error: undefined,
    unsettled: Ranges.empty,
  }));
  let ending: unknown;

  const guarded = async (slot: Slot, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (inner.stop.aborted && ending === undefined && stop.aborted) {
        slot.reason = 'stopped';
        return;
      }
      judge(slot, error);
      if (endsRun(error)) {
        ending ??= error;
        halt.abort(error);
      }
    }
  };

  const one = async (slot: Slot): Promise<void> => {
    if (inner.stop.aborted) return;
    const product = catalogue.get(slot.productId);
    if (product === undefined) {
      slot.state = 'unknown';
      slot.reason = `${slot.productId} is not a product of ${context.connector.exchange}; see its list with: schemahub update-seed --all --dry-run`;
      return;
    }
    if (!settings.dryRun) {
      const acquired = await leases.acquire(`product:${context.connector.exchange}:${slot.productId}`);
      if (acquired.kind === 'taken') {
        slot.state = 'held';
        slot.reason = `held by process ${acquired.holder.pid} of another run`;
        onEvent({ type: 'lease-taken', product: slot.productId, holder: `${acquired.holder.pid}` });
        return;
      }
      slot.lease = acquired.lease;
    }
    slot.progress = await ingestProduct(inner, product);
    onEvent({ type: 'product-finished', product: slot.productId, newTrades: slot.progress.newTrades });
  };

  try {
    await pool(slots, settings.workers, (slot) => guarded(slot, () => one(slot)));
    if (!settings.dryRun && !inner.stop.aborted) {
      const all: Slot = {
        productId: '*',
        lease: undefined,
        progress: undefined,
        state: undefined,
        reason: undefined,
        error: undefined,
        unsettled: Ranges.empty,
      };
      await guarded(all, () => settleHoles(inner, slots));
      if (all.error !== undefined && ending === undefined) ending = all.error;
    }
  } finally {
    await Promise.all(slots.map(({ lease }) => lease?.release()));
  }
  if (ending !== undefined && !(ending instanceof IngestError)) throw ending;
  return { products: slots.map(resultOf), stopped: stop.aborted, unavailable: ending };
}
