import { setMaxListeners } from 'node:events';
import { ExchangeError, type TradePage } from '@schemahub/core';
import { type IdRange, RangeSet } from '@schemahub/coverage';
import { type Assembler, createAssembler, type FinishedWindow } from './assembler.js';
import type { FetchWindowsOptions, FetchWindowsResult, LaterPage } from './fetch-windows-options.js';
import { finishWindow, rowlessAround } from './finish-window.js';
import type { FlightMember } from './flights.js';
import { landRun } from './land.js';
import { landUnnumbered } from './land-unnumbered.js';
import { createLandingQueue, type LandingQueue } from './landing-queue.js';
import { createTries, type Tries } from './retry.js';
import { cutTradesOf, hasRoomFor, type ObjectSize } from './unwritten.js';
import { createWindowPlan, type WindowPlan } from './window-plan.js';

/** Bytes that a window is expected to hold for each id of the grid, before its page is there. */
const EXPECTED_BYTES_PER_ID = 400;

/** A window with its reservation: a failed one keeps both and comes back at `notBefore`. */
interface Job {
  readonly window: IdRange;
  readonly reserved: number;
  readonly tries: Tries;
  notBefore: number;
}

/** What a fetch has in hand. */
interface Work {
  readonly options: FetchWindowsOptions;
  readonly plan: WindowPlan;
  readonly assembler: Assembler;
  readonly landing: LandingQueue;
  readonly halt: AbortController;
  readonly signal: AbortSignal;
  /** This product's part of the requests in hand. */
  readonly flights: FlightMember;
  readonly inFlight: Set<Promise<void>>;
  readonly retries: Set<Job>;
  /** Windows of a second look that brought nothing new and are not credited. */
  readonly rechecked: IdRange[];
  /** Trades at which an object is cut. */
  readonly cutTrades: number;
  /** False while the lowest page is on its way: an object landed above it would lie inside the one that gets it. */
  isLowestKnown: boolean;
  /** The wait for `options.later`. */
  later: Promise<void> | undefined;
  /** The next window's wait for the byte budget. */
  reserving: Promise<void> | undefined;
  /** Bytes reserved for the next window, which waits for its place among the requests in hand. */
  ready: number | undefined;
  result: FetchWindowsResult;
}

/**
 * Fetches windows of one product and lands them. The window is the unit of retry: a failed one goes back with its
 * tries and a not-before time, and the others go on. Never throws: whatever happens, what is in flight ends, what is
 * finished becomes durable (unless the lease was lost), and the result says how far it came.
 */
export async function fetchWindows(options: FetchWindowsOptions): Promise<FetchWindowsResult> {
  const work = beginWork(options);
  const { budget } = options.context;
  const leave = budget.join({ held: work.assembler.heldBytes, flush: () => flushLongest(work) });
  try {
    if (options.later !== undefined) work.later = takeLater(work, options.later);
    for (const page of options.prefetched ?? []) await takePage(work, page);
    if (options.archived !== undefined) await takeArchived(work, options.archived);
    await fetchAll(work);
  } catch (error) {
    fail(work, error);
  } finally {
    leave();
    work.flights.leave();
  }
  await Promise.all([...work.inFlight, work.reserving, work.later]);
  for (const { reserved } of work.retries) budget.release(reserved);
  if (work.ready !== undefined) budget.release(work.ready);
  for (const run of work.assembler.takeAll()) land(work, run);
  await work.landing.drained();
  if (options.heldRows !== undefined && work.result.failure === undefined) {
    // Windows that another page showed to be without rows were never asked for: they are done as well.
    credit(work, options.todo.difference(work.plan.unfinished()));
    await work.landing.drained();
  }
  return work.result;
}

/** Room for one window of the grid. */
function reservationOf({ context }: FetchWindowsOptions): number {
  return context.connector.gridSize * EXPECTED_BYTES_PER_ID;
}

function sizeOf({ context: { settings, connector } }: FetchWindowsOptions): ObjectSize {
  return { objectTrades: settings.objectTrades, gridSize: connector.gridSize };
}

/** Whether another page may be asked for: what was asked for and is not durable is what a crash costs. */
function hasRoom(work: Work): boolean {
  const size = sizeOf(work.options);
  const asked = work.inFlight.size + (work.later === undefined ? 0 : 1);
  return hasRoomFor(heldTrades(work) + work.landing.trades() + asked * size.gridSize, size);
}

/** Trades that were answered and that nothing writes yet. */
function heldTrades({ options, assembler, rechecked }: Work): number {
  return assembler.heldTrades() + rechecked.length * options.context.connector.gridSize;
}

function beginWork(options: FetchWindowsOptions): Work {
  const { connector, settings, stop } = options.context;
  const { order } = settings;
  const cutTrades = cutTradesOf(sizeOf(options));
  const plan = createWindowPlan({ todo: options.todo, gridSize: connector.gridSize, order, held: options.later?.ids });
  const halt = new AbortController();
  const signal = AbortSignal.any([stop, halt.signal]);
  // Every request in flight listens to it.
  setMaxListeners(0, signal);
  const empty = RangeSet.empty;
  const work: Work = {
    options,
    plan,
    assembler: createAssembler({ objectTrades: cutTrades, order, unfinished: plan.unfinished }),
    landing: createLandingQueue((error) => fail(work, error)),
    halt,
    signal,
    flights: options.context.flights.join(),
    inFlight: new Set(),
    retries: new Set(),
    rechecked: [],
    cutTrades,
    isLowestKnown: options.later === undefined,
    later: undefined,
    reserving: undefined,
    ready: undefined,
    result: {
      checkpoint: options.checkpoint,
      newTrades: 0,
      fresh: empty,
      different: empty,
      vanished: empty,
      failure: undefined,
    },
  };
  return work;
}

/** Ends the product. What only tells that it ended, or that the run was stopped, is no failure. */
function fail(work: Work, error: unknown): void {
  if (work.signal.aborted && error === work.signal.reason) return;
  work.result = { ...work.result, failure: work.result.failure ?? error };
  work.halt.abort(error);
}

/** Sends windows until all are finished, given up, or the run ends. */
async function fetchAll(work: Work): Promise<void> {
  const { clock, connector } = work.options.context;
  const { inFlight, retries, signal, plan, flights } = work;
  while (!signal.aborted) {
    const due = [...retries].find(({ notBefore }) => notBefore <= clock.now());
    const isFar = work.later !== undefined && work.options.later?.isFar() === true;
    if (!hasRoom(work)) makeRoom(work);
    const isOpen = hasRoom(work) && !isFar;
    const isReserved = work.ready !== undefined || work.reserving !== undefined;
    if (isOpen && !isReserved && plan.hasNext()) work.reserving = reserveNext(work);
    // Pages that follow each other are asked one at a time, the one that failed before the next.
    const hasTurn = connector.isSequential !== true || inFlight.size === 0;
    const isNext = connector.isSequential !== true || retries.size === 0;
    const ready = isOpen && hasTurn && (due !== undefined || (work.ready !== undefined && isNext));
    const more = isOpen && hasTurn && (retries.size > 0 || plan.hasNext());
    if (flights.ask({ ready, more })) {
      if (due === undefined) launchNext(work);
      else {
        retries.delete(due);
        launch(work, due);
      }
      continue;
    }
    const isWaiting = work.reserving !== undefined || work.later !== undefined;
    if (inFlight.size + retries.size === 0 && !isWaiting && !plan.hasNext()) return;
    await nextChange(work, isOpen);
  }
}

/** Waits for a page, a place in the budget, a landing, a place among the requests in hand, or the time of the next retry. */
async function nextChange(work: Work, isOpen: boolean): Promise<void> {
  const { clock, flights } = work.options.context;
  const wake = new AbortController();
  const waits: Promise<unknown>[] = [...work.inFlight, flights.changed()];
  if (work.reserving !== undefined) waits.push(work.reserving);
  if (work.later !== undefined) waits.push(work.later);
  if (!isOpen && work.landing.size() > 0) waits.push(work.landing.drained());
  const notBefore = Math.min(...[...work.retries].map((job) => job.notBefore));
  if (isOpen && notBefore > clock.now() && work.retries.size > 0) {
    const signal = AbortSignal.any([work.signal, wake.signal]);
    waits.push(clock.sleep(notBefore - clock.now(), signal).catch(() => undefined));
  }
  await Promise.race(waits);
  wake.abort();
}

/** Takes a page that nobody has reserved bytes for. */
async function takePage(work: Work, page: TradePage): Promise<void> {
  const reserved = reservationOf(work.options);
  await work.options.context.budget.reserve(reserved, work.signal);
  await accept(work, page, reserved);
}

/** Takes pages that come faster than they are written. */
async function takeArchived(work: Work, pages: AsyncIterable<TradePage>): Promise<void> {
  const { context, product } = work.options;
  work.flights.ask({ ready: false, more: false });
  for await (const page of pages) {
    await takePage(work, page);
    context.onEvent({ type: 'archive-page', product: product.id, trades: page.ids.length });
    if (!hasRoom(work)) makeRoom(work);
    if (!hasRoom(work)) await work.landing.drained();
    work.signal.throwIfAborted();
  }
}

async function takeLater(work: Work, { found }: LaterPage): Promise<void> {
  try {
    const { page, rowless } = await found;
    // The page first: what it holds must not be handed out in between.
    if (page !== undefined) await takePage(work, page);
    work.plan.release(rowless);
    work.isLowestKnown = true;
    landFull(work);
  } catch (error) {
    fail(work, error);
  } finally {
    work.later = undefined;
  }
}

/** Waits for the next window's place in the byte budget. */
async function reserveNext(work: Work): Promise<void> {
  const reserved = reservationOf(work.options);
  try {
    await work.options.context.budget.reserve(reserved, work.signal);
    work.ready = reserved;
  } catch (error) {
    fail(work, error);
  } finally {
    work.reserving = undefined;
  }
}

/** Sends the plan's next window: which one that is may have changed since its bytes were reserved. */
function launchNext(work: Work): void {
  const { budget, random, onEvent } = work.options.context;
  const reserved = work.ready!;
  work.ready = undefined;
  const window = work.plan.next();
  if (window === undefined) {
    budget.release(reserved);
    return;
  }
  const tries = createTries({ random, product: work.options.product.id, onEvent });
  launch(work, { window, reserved, tries, notBefore: 0 });
}

function launch(work: Work, job: Job): void {
  const endFlight = work.flights.begin();
  const task = fetchOne(work, job, endFlight).catch((error: unknown) => fail(work, error));
  work.inFlight.add(task);
  void task.then(() => work.inFlight.delete(task));
}

async function fetchOne(work: Work, job: Job, endFlight: () => void): Promise<void> {
  const { context, product, priority } = work.options;
  const { clock, connector, onEvent } = context;
  const begun = clock.now();
  let page: TradePage;
  try {
    page = await connector.fetchWindow(product.id, job.window, { signal: work.signal, priority });
  } catch (error) {
    return windowFailed(work, job, error);
  } finally {
    endFlight();
  }
  const seconds = (page.elapsedMs ?? clock.now() - begun) / 1000;
  onEvent({ type: 'request-succeeded', product: product.id, trades: page.ids.length, seconds });
  await accept(work, page, job.reserved);
}

function windowFailed(work: Work, job: Job, error: unknown): void {
  const { context, product } = work.options;
  const isExchange = error instanceof ExchangeError;
  const delayMs = isExchange && !work.signal.aborted ? job.tries.failed(error) : undefined;
  if (delayMs !== undefined) {
    job.notBefore = context.clock.now() + delayMs;
    work.retries.add(job);
    return;
  }
  context.budget.release(job.reserved);
  if (work.signal.aborted) return;
  if (!isExchange || !error.retryable) {
    fail(work, error);
    return;
  }
  const { first, last } = job.window;
  context.onEvent({ type: 'window-given-up', product: product.id, first, last, error });
}

/** Keeps a page's rows, exchanges its reservation for what it really holds, and lands what is full. */
async function accept(work: Work, page: TradePage, reserved: number): Promise<void> {
  const { budget } = work.options.context;
  let finished: FinishedWindow[];
  try {
    finished = finishWindow(work.options, page, await keptRows(work, page));
  } catch (error) {
    budget.release(reserved);
    throw error;
  }
  budget.adjust(finished.reduce((sum, { bytes }) => sum + bytes, -reserved));
  if (page.unnumbered !== undefined) {
    const { context, product } = work.options;
    work.landing.push(() => landUnnumbered(context, product, page));
  }
  work.plan.finish(page.window, { rows: page.ids.length, ...rowlessAround(work.options, page) });
  for (const window of finished) work.assembler.add(window);
  if (finished.length === 0 && work.options.heldRows !== undefined) work.rechecked.push(page.window);
  landFull(work);
  budget.relieve();
}

/** Nothing that is under way makes room: what is held in pieces, between windows that fail or are slow, is written so. */
function makeRoom(work: Work): void {
  if (!work.isLowestKnown || work.landing.trades() > 0 || heldTrades(work) < work.cutTrades) return;
  if (work.rechecked.length > 0) creditRechecked(work);
  const run = work.assembler.takeLongest();
  if (run !== undefined) land(work, run);
}

function landFull(work: Work): void {
  if (!work.isLowestKnown) return;
  for (const run of work.assembler.takeFull()) land(work, run);
}

/** Indexes of the rows to land: those that the plan still lacks, in a second look those that are new. */
async function keptRows(work: Work, page: TradePage): Promise<number[]> {
  const { heldRows } = work.options;
  const unfinished = work.plan.unfinished();
  const rows = [...page.ids.keys()].filter((i) => unfinished.contains(page.ids[i]!));
  if (heldRows === undefined) return rows;
  const comparison = await heldRows.compare(page);
  const { result } = work;
  work.result = {
    ...result,
    fresh: result.fresh.union(comparison.fresh),
    different: result.different.union(comparison.different),
    vanished: result.vanished.union(comparison.vanished),
  };
  return rows.filter((i) => comparison.keep.has(i));
}

function land(work: Work, run: readonly FinishedWindow[]): void {
  const { context, product, heldRows } = work.options;
  const queuedAt = context.clock.now();
  const queued = work.landing.size();
  const trades = run.reduce((sum, { rows }) => sum + rows.ids.length, 0);
  work.landing.push(async () => {
    try {
      if (context.lost?.aborted === true) return;
      const recheckDone = heldRows === undefined ? undefined : RangeSet.fromRanges(run);
      const waitedSeconds = Math.max(0, context.clock.now() - queuedAt) / 1000;
      const wait = { waitedSeconds, queued };
      const { checkpoint, newTrades } = await landRun(context, product.id, run, { extra: { recheckDone }, wait });
      work.result = { ...work.result, checkpoint, newTrades: work.result.newTrades + newTrades };
    } finally {
      context.budget.release(run.reduce((sum, { bytes }) => sum + bytes, 0));
    }
  }, trades);
}

/** The budget is short: the longest run is written as it is. */
async function flushLongest(work: Work): Promise<void> {
  const run = work.assembler.takeLongest();
  if (run !== undefined) land(work, run);
  await work.landing.drained();
}

/** Windows that brought nothing new are taken off the stored recheck set, an object's worth of them at a time. */
function creditRechecked(work: Work): void {
  const windows = work.rechecked.splice(0);
  credit(work, RangeSet.fromRanges(windows), windows.length * work.options.context.connector.gridSize);
}

function credit(work: Work, recheckDone: RangeSet, trades = 0): void {
  const { context, product } = work.options;
  work.landing.push(async () => {
    if (context.lost?.aborted === true) return;
    const checkpoint = await context.checkpoints.update(context.connector.exchange, product.id, { recheckDone });
    work.result = { ...work.result, checkpoint };
  }, trades);
}
