import type { Checkpoint } from '@schemahub/checkpoint';
import { type CallPriority, ExchangeError, type Product, type TradePage } from '@schemahub/core';
import { type IdRange, RangeSet } from '@schemahub/coverage';
import { createAssembler, type FinishedWindow } from './assembler.js';
import type { IngestContext } from './context.js';
import type { HeldRows } from './held-rows.js';
import { landRun } from './land.js';
import { planRetry } from './retry.js';
import { createWindowPlan } from './window-plan.js';

/** Bytes that a window of the grid is expected to hold before its page is there. */
const EXPECTED_BYTES_PER_ID = 400;
/** Objects of one product that are written at a time, while fetching goes on. */
const WRITES_AT_ONCE = 2;
/** Windows of a full refresh that are credited in one write of the checkpoint. */
const RECHECKED_AT_ONCE = 100;

export interface FetchWindowsOptions {
  readonly context: IngestContext;
  readonly product: Product;
  readonly checkpoint: Checkpoint;
  /** Ids to ask for. */
  readonly todo: RangeSet;
  /** Ids whose rows are kept; rows of other ids in the same windows are held already. */
  readonly keep: RangeSet;
  readonly order: 'oldest' | 'newest';
  readonly priority: CallPriority;
  /** Second look: rows are compared with those held. */
  readonly heldRows?: HeldRows | undefined;
  /** A page fetched before, for a window of `todo`. */
  readonly prefetched?: TradePage | undefined;
  /** Called with the first page, before any other window is asked for. Throws to stop the product. */
  readonly onFirstPage?: ((page: TradePage) => Promise<void>) | undefined;
}

export interface FetchWindowsResult {
  readonly checkpoint: Checkpoint;
  readonly newTrades: number;
  readonly fresh: RangeSet;
  readonly different: RangeSet;
  readonly vanished: RangeSet;
  /** Windows that failed all their tries. */
  readonly givenUp: readonly IdRange[];
}

interface Retry {
  readonly window: IdRange;
  readonly attempt: number;
  readonly notBefore: number;
}

/** Turns a page's rows into lines of the raw layer. */
function finish(context: IngestContext, product: Product, page: TradePage, keep: readonly number[]): FinishedWindow {
  const lines = keep.map((i) =>
    context.connector.rawLine(product, page.records[i]!, { rawPayload: context.settings.rawPayload }),
  );
  return {
    first: page.window.first,
    last: page.window.last,
    ids: Float64Array.from(keep, (i) => page.ids[i]!),
    lines,
    // The clock knows ms; the raw layer's form has µs.
    ingestTs: new Date(page.receivedAt).toISOString().replace('Z', '000Z'),
    bytes: lines.reduce((sum, line) => sum + line.length, 0),
  };
}

/**
 * Fetches windows of one product and lands them. The window is the unit of retry: a failed one goes back with its
 * attempt count and a not-before time, and the others go on. Never throws for a window; throws for what ends the
 * product (`ExchangeError` of kind product, forbidden, request; `IngestError`; store errors), after everything that is
 * finished has been landed.
 */
export async function fetchWindows(options: FetchWindowsOptions): Promise<FetchWindowsResult> {
  return await createFetch(options).run();
}

function createFetch(options: FetchWindowsOptions): { run: () => Promise<FetchWindowsResult> } {
  const { context, product, keep, order } = options;
  const { connector, budget, clock, settings, onEvent } = context;
  const { gridSize } = connector;
  const plan = createWindowPlan({ todo: options.todo, gridSize, order });
  const assembler = createAssembler({ objectTrades: settings.objectTrades, order, unfinished: plan.unfinished });
  const halt = new AbortController();
  const signal = AbortSignal.any([context.stop, halt.signal]);
  const inFlight = new Set<Promise<void>>();
  const writes = new Set<Promise<void>>();
  const givenUp: IdRange[] = [];
  const rechecked: FinishedWindow[] = [];
  let retries: Retry[] = [];
  let failure: unknown;
  let { checkpoint } = options;
  let newTrades = 0;
  let fresh = RangeSet.empty;
  let different = RangeSet.empty;
  let vanished = RangeSet.empty;

  const fail = (error: unknown): void => {
    failure ??= error;
    halt.abort(error);
  };

  const write = (run: readonly FinishedWindow[]): void => {
    const landing = (async () => {
      try {
        const recheckDone = options.heldRows === undefined ? undefined : RangeSet.fromRanges(run);
        const landed = await landRun(context, product.id, run, { recheckDone });
        checkpoint = landed.checkpoint;
        newTrades += landed.trades;
      } catch (error) {
        fail(error);
      } finally {
        budget.release(run.reduce((sum, { bytes }) => sum + bytes, 0));
      }
    })();
    writes.add(landing);
    void landing.then(() => writes.delete(landing));
  };

  const writeShort = (): void => {
    if (!budget.isShort() || writes.size > 0) return;
    const run = assembler.takeLongest();
    if (run !== undefined) write(run);
  };

  const keptRows = async (page: TradePage): Promise<number[]> => {
    const rows: number[] = [];
    if (options.heldRows !== undefined) {
      const comparison = await options.heldRows.compare(page);
      fresh = fresh.union(comparison.fresh);
      different = different.union(comparison.different);
      vanished = vanished.union(comparison.vanished);
      return [...comparison.keep];
    }
    for (let i = 0; i < page.ids.length; i++) if (keep.contains(page.ids[i]!)) rows.push(i);
    return rows;
  };

  /** Windows that brought nothing new are taken off the stored recheck set, a hundred at a time. */
  const creditRechecked = async (window: FinishedWindow | undefined): Promise<void> => {
    if (window !== undefined) rechecked.push(window);
    if (rechecked.length === 0 || (window !== undefined && rechecked.length < RECHECKED_AT_ONCE)) return;
    const recheckDone = RangeSet.fromRanges(rechecked.splice(0));
    checkpoint = await context.checkpoints.update(connector.exchange, product.id, { recheckDone });
  };

  const accept = async (page: TradePage, reserved: number): Promise<void> => {
    const finished = finish(context, product, page, await keptRows(page));
    budget.adjust(finished.bytes - reserved);
    plan.finish(page.window, { rows: page.ids.length, nextBelow: page.nextBelow });
    if (finished.ids.length === 0) budget.release(finished.bytes);
    else assembler.add(finished);
    if (options.heldRows !== undefined && finished.ids.length === 0) await creditRechecked(finished);
    for (const run of assembler.takeFull()) write(run);
    writeShort();
  };

  const failed = (window: IdRange, attempt: number, error: unknown): void => {
    if (signal.aborted) return;
    if (!(error instanceof ExchangeError)) {
      fail(error);
      return;
    }
    const { attempts, delayMs } = planRetry(error, attempt, context.random());
    onEvent({ type: 'request-failed', product: product.id, error, attempt, attempts, retryInMs: delayMs });
    if (delayMs !== undefined) retries.push({ window, attempt: attempt + 1, notBefore: clock.now() + delayMs });
    else if (error.retryable) {
      givenUp.push(window);
      onEvent({ type: 'window-given-up', product: product.id, first: window.first, last: window.last, error });
    } else fail(error);
  };

  const fetchOne = async (window: IdRange, attempt: number, reserved: number): Promise<void> => {
    const begun = clock.now();
    try {
      const page = await connector.fetchWindow(product.id, window, { signal, priority: options.priority });
      onEvent({
        type: 'request-succeeded',
        product: product.id,
        trades: page.ids.length,
        seconds: (clock.now() - begun) / 1000,
      });
      await accept(page, reserved);
    } catch (error) {
      budget.release(reserved);
      failed(window, attempt, error);
    }
  };

  /** The next window to send: a retry whose time has come, else one of the plan. */
  const next = (): { window: IdRange; attempt: number } | undefined => {
    const due = retries.find(({ notBefore }) => notBefore <= clock.now());
    if (due !== undefined) {
      retries = retries.filter((retry) => retry !== due);
      return due;
    }
    const window = plan.next();
    return window && { window, attempt: 1 };
  };

  const launch = async (window: IdRange, attempt: number): Promise<void> => {
    const reserved = (window.last - window.first + 1) * EXPECTED_BYTES_PER_ID;
    await budget.reserve(reserved, signal);
    const task = fetchOne(window, attempt, reserved);
    inFlight.add(task);
    void task.then(() => inFlight.delete(task));
  };

  /** Waits for a page, a write, or the time of the next retry. */
  const pause = async (): Promise<void> => {
    const wake = new AbortController();
    const waits: Promise<unknown>[] = [...inFlight];
    const soonest = Math.min(...retries.map(({ notBefore }) => notBefore));
    if (Number.isFinite(soonest)) {
      waits.push(
        clock.sleep(Math.max(0, soonest - clock.now()), AbortSignal.any([signal, wake.signal])).catch(() => undefined),
      );
    }
    await Promise.race(waits);
    wake.abort();
  };

  const first = async (): Promise<void> => {
    if (options.prefetched !== undefined) {
      const { prefetched } = options;
      await budget.reserve(prefetched.bytes, signal);
      await accept(prefetched, prefetched.bytes);
    }
    if (options.onFirstPage === undefined) return;
    const window = plan.next();
    if (window === undefined) return;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        const page = await connector.fetchWindow(product.id, window, { signal, priority: options.priority });
        await options.onFirstPage(page);
        await budget.reserve(page.bytes, signal);
        return await accept(page, page.bytes);
      } catch (error) {
        if (!(error instanceof ExchangeError)) throw error;
        const { attempts, delayMs } = planRetry(error, attempt, context.random());
        onEvent({ type: 'request-failed', product: product.id, error, attempt, attempts, retryInMs: delayMs });
        if (delayMs === undefined) throw error;
        await clock.sleep(delayMs, signal);
      }
    }
  };

  const fetchAll = async (): Promise<void> => {
    await first();
    while (!signal.aborted) {
      const job = inFlight.size < settings.chunkConcurrency && writes.size <= WRITES_AT_ONCE ? next() : undefined;
      if (job !== undefined) await launch(job.window, job.attempt);
      else if (inFlight.size > 0 || retries.length > 0) await pause();
      else if (writes.size > WRITES_AT_ONCE) await Promise.race(writes);
      else return;
    }
  };

  const run = async (): Promise<FetchWindowsResult> => {
    const stopListening = budget.onShort(writeShort);
    try {
      await fetchAll();
    } catch (error) {
      if (!signal.aborted) fail(error);
      else if (!context.stop.aborted) failure ??= error;
    }
    stopListening();
    // Whatever happened: what is in flight ends, and what is finished becomes durable.
    await Promise.all(inFlight);
    for (const piece of assembler.takeAll()) write(piece);
    await Promise.all(writes);
    if (failure !== undefined) throw failure;
    await creditRechecked(undefined);
    return { checkpoint, newTrades, fresh, different, vanished, givenUp };
  };
  return { run };
}
