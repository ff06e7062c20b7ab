import { setMaxListeners } from 'node:events';
import type { Lease } from '@schemahub/coordination';
import { ExchangeError, type Product } from '@schemahub/core';
import { type Account, account, RangeSet } from '@schemahub/coverage';
import {
  checkSettings,
  type IngestContext,
  type IngestSettings,
  type RunContext,
  requestsAtOnce,
  type ScannedHead,
} from './context.js';
import { IngestError } from './errors.js';
import { createFlights, requestsInHand } from './flights.js';
import { closeProduct, fetchProduct, prepareProduct } from './ingest-product.js';
import { poolHedged, poolWhileIdle } from './pool.js';
import type { ProductProgress } from './product-progress.js';
import { missingOf } from './product-progress.js';
import { fetchHead, retried } from './same-trades.js';
import { type OpenProduct, settleHoles } from './settle-holes.js';

/** How a product ended. */
export type ProductState =
  /** Every id of the run's range is held or void, or too young to be settled. */
  | 'complete'
  /** Ids are missing, or the run was stopped before it came to it. */
  | 'incomplete'
  /** Another run holds its lease. */
  | 'held'
  /** The exchange does not know it, and neither does the lake. */
  | 'unknown'
  /** Its id space changed, or its origin is another. */
  | 'refused'
  | 'failed';

/** One product of a run. */
export interface ProductResult {
  readonly productId: string;
  readonly state: ProductState;
  /** Why it is not complete, in words. */
  readonly reason: string | undefined;
  readonly progress: ProductProgress | undefined;
  /** The run's own range: raw counts as done. */
  readonly account: Account | undefined;
  /** Missing ids below trades that are too young to attest anything: no reason for an exit code but verify's. */
  readonly unsettled: RangeSet;
  /** What ended the product, where something did. */
  readonly error: unknown;
}

/** What a run did. */
export interface IngestResult {
  readonly products: readonly ProductResult[];
  /** The run was stopped by a signal. */
  readonly stopped: boolean;
  /** The exchange was given up, or refuses this client. */
  readonly unavailable: Error | undefined;
}

interface Slot {
  readonly productId: string;
  lease: Lease | undefined;
  /** That another run held it was told. */
  isToldHeld: boolean;
  progress: ProductProgress | undefined;
  state: ProductState | undefined;
  reason: string | undefined;
  error: unknown;
  unsettled: RangeSet;
}

function createSlot(productId: string): Slot {
  return {
    productId,
    lease: undefined,
    isToldHeld: false,
    progress: undefined,
    state: undefined,
    reason: undefined,
    error: undefined,
    unsettled: RangeSet.empty,
  };
}

function refusal(exchange: string, error: ExchangeError): IngestError {
  const message = `${exchange} refuses this client: ${error.message}. Check the API keys, and whether the exchange serves your country; then run the same command again.`;
  return new IngestError('exchange-refused', message, { cause: error });
}

/** What ends the whole run, not one product; undefined for all else. */
function endingOf(exchange: string, error: unknown): Error | undefined {
  if (error instanceof ExchangeError) return error.kind === 'forbidden' ? refusal(exchange, error) : undefined;
  if (error instanceof IngestError)
    return error.code === 'exchange-unavailable' || error.code === 'exchange-refused' ? error : undefined;
  return error instanceof Error && error.name === 'StoreError' && !isLocked(error) ? error : undefined;
}

/** A key of the product that another process has locked and does not free: it is stopped in the midst of a write. */
function isLocked(error: unknown): boolean {
  return error instanceof Error && error.name === 'StoreError' && (error as { code?: unknown }).code === 'locked';
}

function judge(slot: Slot, error: unknown): void {
  slot.error = error;
  slot.reason = error instanceof Error ? error.message : String(error);
  const code = error instanceof IngestError ? error.code : undefined;
  if (error instanceof ExchangeError && error.kind === 'product') slot.state = 'unknown';
  else if (isLocked(error)) slot.state = 'held';
  else if (code === 'id-space-changed' || code === 'other-origin') slot.state = 'refused';
  else slot.state = code === 'exchange-unavailable' ? 'incomplete' : 'failed';
}

/** The catalogue as a map. Its failure after all tries is the exchange's: nothing was begun. Throws `IngestError`. */
export async function readCatalogue(context: IngestContext): Promise<ReadonlyMap<string, Product>> {
  const { connector, stop } = context;
  try {
    const list = await retried(context, 'catalogue', () => connector.listProducts({ signal: stop, priority: 'head' }));
    return new Map(list.map((product) => [product.id, product]));
  } catch (error) {
    if (!(error instanceof ExchangeError)) throw error;
    if (error.kind === 'forbidden') throw refusal(connector.exchange, error);
    throw new IngestError(
      'exchange-unavailable',
      `${connector.exchange} cannot be reached at ${connector.origin}: ${error.message.replace(/\.$/, '')}. Nothing was changed; run the same command again later.`,
      { cause: error },
    );
  }
}

interface Scan extends ScannedHead {
  /** Ids that the lake holds, or knows to be void. */
  readonly held: number;
}

/**
 * Heads of all products before a long run, so that it knows how much there is to do. A head that cannot be had is left
 * out: its product asks again, and tells why, when its turn comes.
 */
async function scanHeads(context: IngestContext, productIds: readonly string[]): Promise<Map<string, ScannedHead>> {
  const { connector, checkpoints, onEvent } = context;
  const heads = new Map<string, ScannedHead>();
  const total = productIds.length;
  let done = 0;
  const ask = async (product: string, signal: AbortSignal): Promise<Scan | undefined> => {
    try {
      const head = await fetchHead({ ...context, stop: AbortSignal.any([context.stop, signal]) }, product);
      const stored = await checkpoints.read(connector.exchange, product).catch(() => undefined);
      const held = (stored?.fetched.count ?? 0) + (stored?.void.count ?? 0);
      return { head, held, todo: Math.max(0, (head?.trade.id ?? 0) - held) };
    } catch (error) {
      if (context.stop.aborted || endingOf(connector.exchange, error) !== undefined) throw error;
      return undefined;
    }
  };
  const answered = (product: string, scan: Scan | undefined): void => {
    done++;
    if (scan === undefined) return;
    heads.set(product, scan);
    onEvent({ type: 'head-scanned', product, todo: scan.todo, held: scan.held, done, total });
  };
  await poolHedged(productIds, requestsAtOnce(context), { ask, answered });
  return heads;
}

function resultOf(slot: Slot, settings: IngestSettings): ProductResult {
  const { productId, progress, unsettled, error } = slot;
  const sums =
    progress &&
    account({
      wanted: progress.wanted,
      present: RangeSet.empty,
      quarantined: RangeSet.empty,
      void: progress.checkpoint.void,
      raw: progress.checkpoint.fetched,
    });
  const result = { productId, progress, account: sums, unsettled, error };
  if (sums === undefined || progress === undefined || slot.state !== undefined)
    return {
      ...result,
      state: slot.state ?? 'incomplete',
      reason: slot.reason ?? 'the run ended before it came to this product',
    };
  const open = sums.missing.difference(unsettled);
  const unseen = settings.fullRefresh ? progress.checkpoint.recheck.intersect(progress.wanted) : RangeSet.empty;
  const reasons = [
    slot.reason,
    open.isEmpty ? undefined : `${open.count} ids are missing (${open.toString().slice(0, 80)})`,
    unseen.isEmpty ? undefined : `${unseen.count} ids are still to be compared`,
  ].filter((reason) => reason !== undefined);
  const state = open.isEmpty && unseen.isEmpty ? 'complete' : 'incomplete';
  return { ...result, state, reason: reasons.length === 0 ? undefined : reasons.join('; ') };
}

/** A run under way. */
interface Run {
  /** Its stop is the user's, or the run's own end. */
  context: RunContext;
  readonly halt: AbortController;
  ending: Error | undefined;
}

/** Works on one product: its error is its own, unless it ends the run. False when it failed. */
async function guarded(run: Run, slot: Slot, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return !givenUp(run, slot);
  } catch (error) {
    if (run.context.stop.aborted && error === run.context.stop.reason) {
      slot.reason = 'the run was stopped';
      return false;
    }
    const ending = endingOf(run.context.connector.exchange, error);
    if (ending === undefined && givenUp(run, slot)) return false;
    judge(slot, error);
    if (ending !== undefined) {
      run.ending ??= ending;
      run.halt.abort(ending);
    }
    return false;
  }
}

/** Whether the product's lease was lost meanwhile: it is another run's now. */
function givenUp({ context }: Run, slot: Slot): boolean {
  if (slot.lease?.lost.aborted !== true || context.stop.aborted) return false;
  if (slot.state !== 'held') context.onEvent({ type: 'lease-lost', product: slot.productId });
  slot.state = 'held';
  slot.reason = 'its lease was lost while this process slept or could not reach the store; another run may hold it';
  return true;
}

/** The run's context with the product's own end: a lost lease stops its requests and drops what is not written. */
function contextOf({ context }: Run, { lease: held }: Slot): RunContext {
  if (held === undefined) return context;
  const stop = AbortSignal.any([context.stop, held.lost]);
  // Every request in flight listens to it.
  setMaxListeners(0, stop);
  return { ...context, stop, lost: held.lost };
}

/** Takes the product's lease. False when another run holds it. */
async function lease(run: Run, slot: Slot): Promise<boolean> {
  const { connector, leases, onEvent } = run.context;
  const acquired = await leases.acquire(`product:${connector.exchange}:${slot.productId}`);
  if (acquired.kind === 'held') {
    slot.lease = acquired.lease;
    return true;
  }
  slot.state = 'held';
  slot.reason = `held by process ${acquired.holder.pid} of another run`;
  if (!slot.isToldHeld) onEvent({ type: 'lease-taken', product: slot.productId, holder: `${acquired.holder.pid}` });
  slot.isToldHeld = true;
  return false;
}

/** Whether the lake has evidence of a product. */
async function isKnown({ store, layout, connector }: IngestContext, productId: string): Promise<boolean> {
  for await (const _ of store.list(layout.evidence(connector.exchange, productId))) return true;
  return false;
}

async function runProduct(
  run: Run,
  slot: Slot,
  product: Product | undefined,
  endPreparation: () => void,
): Promise<void> {
  const { productId } = slot;
  if (run.context.stop.aborted) return;
  if (product === undefined && !(await isKnown(run.context, productId))) {
    slot.state = 'unknown';
    slot.reason = `not a product of ${run.context.connector.exchange}; see its list with: schemahub update-seed --all --dry-run`;
    return;
  }
  if (!run.context.settings.dryRun && !(await lease(run, slot))) return;
  const context = contextOf(run, slot);
  if (product === undefined) {
    slot.progress = await closeProduct(context, productId);
    return;
  }
  const prepared = await prepareProduct(context, product);
  // A product that comes back after its lease was lost has brought something already.
  prepared.progress.newTrades += slot.progress?.newTrades ?? 0;
  slot.progress = prepared.progress;
  await fetchProduct(context, prepared, endPreparation);
  if (context.lost?.aborted === true) return;
  context.onEvent({ type: 'product-finished', product: productId, newTrades: slot.progress.newTrades });
  // Nothing is left to settle: a heartbeat less, and others need not wait for the end of this run.
  if (context.settings.mode !== 'repair' && missingOf(slot.progress).isEmpty) await slot.lease?.release();
}

/** Requests that a product's beginning is worth: one, or as many windows as the scan has shown it to need. */
function weightOf({ context }: Run, productId: string): number {
  const todo = context.heads.get(productId)?.todo ?? 0;
  return Math.max(1, Math.min(requestsAtOnce(context), Math.ceil(todo / context.connector.gridSize)));
}

/** Works on products: `workers` of them at a time, and more while those leave the exchange idle. */
async function runProducts(run: Run, slots: readonly Slot[], catalogue: ReadonlyMap<string, Product>): Promise<void> {
  const { settings, flights } = run.context;
  const most = requestsAtOnce(run.context);
  await poolWhileIdle(slots, { lanes: settings.workers, most, flights }, async (slot) => {
    const endPreparation = flights.begin(weightOf(run, slot.productId));
    try {
      await guarded(run, slot, () => runProduct(run, slot, catalogue.get(slot.productId), endPreparation));
    } finally {
      endPreparation();
    }
  });
}

/** One more look at what another run held: its process may have died, or given up its lease, meanwhile. */
async function runHeld(run: Run, slots: readonly Slot[], catalogue: ReadonlyMap<string, Product>): Promise<void> {
  const held = slots.filter(({ state }) => state === 'held');
  for (const slot of held) {
    // A lease of our own that we could not work under.
    await slot.lease?.release();
    slot.lease = undefined;
    slot.state = undefined;
    slot.reason = undefined;
  }
  await runProducts(run, held, catalogue);
}

async function settleAll(run: Run, slots: readonly Slot[]): Promise<void> {
  const open = slots.flatMap((slot) => {
    const { progress, state } = slot;
    if (progress?.head === undefined || state !== undefined) return [];
    const guard: OpenProduct['guard'] = (work) => guarded(run, slot, work);
    return [
      { slot, context: contextOf(run, slot), progress, unsettled: RangeSet.empty, unproven: RangeSet.empty, guard },
    ];
  });
  try {
    await settleHoles(run.context, open);
  } finally {
    for (const { slot, unsettled } of open) slot.unsettled = unsettled;
  }
}

async function runAll(run: Run, slots: readonly Slot[]): Promise<void> {
  const { settings } = run.context;
  const catalogue = await readCatalogue(run.context);
  const known = slots.map(({ productId }) => productId).filter((product) => catalogue.has(product));
  const isLong = settings.mode === 'backfill' || settings.fullRefresh;
  if (isLong) run.context = { ...run.context, heads: await scanHeads(run.context, known) };
  await runProducts(run, slots, catalogue);
  await runHeld(run, slots, catalogue);
  if (!settings.dryRun && !run.context.stop.aborted) await settleAll(run, slots);
}

/**
 * Runs `ingest`, `backfill` or `repair` over products: each under its own lease, windows in parallel, holes of all of
 * them settled together at the end. A product that fails does not stop the others. Whatever ends the run, what was
 * fetched is landed and credited before this returns. Throws `IngestError` `invalid-option`, and what the store throws.
 */
export async function runIngest(context: IngestContext, productIds: readonly string[]): Promise<IngestResult> {
  checkSettings(context.settings, context.connector);
  const halt = new AbortController();
  const stop = AbortSignal.any([context.stop, halt.signal]);
  // Every request in flight listens to it.
  setMaxListeners(0, stop);
  const limit = (): number => {
    const most = requestsAtOnce(context);
    return context.load === undefined ? most : requestsInHand(context.load(), most);
  };
  const run: Run = {
    context: { ...context, stop, flights: createFlights(limit), heads: new Map() },
    halt,
    ending: undefined,
  };
  const slots = [...new Set(productIds)].map(createSlot);
  try {
    await runAll(run, slots);
  } catch (error) {
    if (!(stop.aborted && error === stop.reason)) {
      run.ending ??= endingOf(context.connector.exchange, error);
      if (run.ending === undefined) throw error;
    }
  } finally {
    await Promise.allSettled(slots.map((slot) => slot.lease?.release()));
  }
  if (run.ending !== undefined && !(run.ending instanceof IngestError)) throw run.ending;
  const products = slots.map((slot) => resultOf(slot, context.settings));
  return { products, stopped: context.stop.aborted, unavailable: run.ending };
}
