import {
  daysOf,
  equalTrades,
  estimateArchive,
  type MissingStretch,
  parseTradeTime,
  planArchive,
} from '@schemahub/connector-kit';
import {
  type ArchiveFile,
  type ArchivePeriod,
  ExchangeError,
  type TradeArchive,
  type TradeFacts,
  type TradePage,
} from '@schemahub/core';
import { type IdRange, RangeSet } from '@schemahub/coverage';
import { writeEvidence } from '@schemahub/lake';
import { type IngestContext, type RunContext, timeText } from './context.js';
import { planRetry } from './retry.js';
import { retried, tradeUpTo } from './same-trades.js';

/** Tries of one file: each is a whole download. */
const FILE_TRIES = 3;
/** Pages below which a stretch is not worth the two requests that tell when it happened. */
const LEAST_PAGES = 20;
/** Periods one after the other without a file: the archive does not have this product, or not yet. */
const ABSENT_LIMIT = 5;
/** Pages a second where nobody measures: what a weight of 6000 a minute allows. */
const PAGES_PER_SECOND = 4;

/** A range of missing ids with the trades at its ends. */
interface Stretch {
  readonly range: IdRange;
  readonly ends: readonly TradeFacts[];
  readonly periods: readonly ArchivePeriod[];
  readonly stretch: MissingStretch | undefined;
}

/** The archive that a run may use; undefined where there is none or it is switched off. */
export function archiveOf({
  connector,
  settings,
}: Pick<IngestContext, 'connector' | 'settings'>): TradeArchive | undefined {
  return settings.archive === 'never' ? undefined : connector.archive;
}

/** Nothing about the archive ends a run: it is told and left. Throws where the run was stopped. */
export function leaveArchive({ stop, onEvent }: IngestContext, product: string, error: unknown): void {
  if (stop.aborted) throw error;
  const reason = error instanceof Error ? error.message : String(error);
  onEvent({ type: 'archive-trouble', product, period: undefined, reason, isGivenUp: true });
}

export function msOf({ ts }: TradeFacts): number {
  return Math.floor(parseTradeTime(ts).micros / 1000);
}

/** The first trade of a page's worth of ids: what a range begins with where the history begins in it. */
async function oldestTrade(context: RunContext, product: string, from: number): Promise<TradeFacts | undefined> {
  const { connector, stop } = context;
  const window = { first: from, last: from + connector.gridSize - 1 };
  const { records, nextAbove } = await retried(context, product, () =>
    connector.fetchWindow(product, window, { signal: stop, priority: 'head' }),
  );
  const [record] = records;
  if (record !== undefined) return connector.parseTrade(record);
  return nextAbove === undefined ? undefined : await tradeUpTo(context, product, nextAbove, 'head');
}

/** When a range happened, and the files that hold it. The trade below its first id may be the oldest that is served. */
async function planStretch(
  context: RunContext,
  archive: TradeArchive,
  product: string,
  range: IdRange,
): Promise<Stretch> {
  const { connector, clock, settings } = context;
  const first =
    (await tradeUpTo(context, product, range.first, 'head')) ?? (await oldestTrade(context, product, range.first));
  const last = await tradeUpTo(context, product, range.last, 'head');
  if (last === undefined) return { range, ends: [], periods: [], stretch: undefined };
  const rate = context.load?.().requestsPerSecond ?? PAGES_PER_SECOND;
  const stretch = {
    ids: range.last - Math.max(range.first, first?.id ?? 0) + 1,
    fromMs: first === undefined ? Date.parse(`${archive.firstMonth}-01T00:00:00Z`) : msOf(first),
    untilMs: msOf(last),
  };
  const periods = planArchive(stretch, {
    mode: settings.archive === 'always' ? 'always' : 'auto',
    pageTrades: connector.gridSize,
    pagesPerSecond: Number.isFinite(rate) ? rate : PAGES_PER_SECOND,
    nowMs: clock.now(),
  });
  return { range, ends: first === undefined ? [last] : [first, last], periods, stretch };
}

/** What the archive has to give of one file; undefined where it has none, or none that can be used: REST gives the rest. */
export async function openArchiveFile(
  context: IngestContext,
  archive: TradeArchive,
  product: string,
  period: ArchivePeriod,
): Promise<ArchiveFile | undefined> {
  const { clock, random, stop, onEvent } = context;
  for (let attempt = 1; ; attempt++) {
    try {
      return await archive.open(product, period, { signal: stop, priority: 'backfill' });
    } catch (error) {
      if (!(error instanceof ExchangeError) || error.kind === 'forbidden') throw error;
      const { delayMs } = planRetry(error, attempt, random());
      const isLast = attempt >= FILE_TRIES || delayMs === undefined;
      const reason = error.message;
      onEvent({ type: 'archive-trouble', product, period: period.name, reason, isGivenUp: isLast });
      if (isLast) return undefined;
      await clock.sleep(delayMs, stop);
    }
  }
}

/** Writes down where rows come from, before the first of them. */
async function recordFile(
  { connector, store, layout, clock, checkpoints }: RunContext,
  archive: TradeArchive,
  product: string,
  file: ArchiveFile,
): Promise<void> {
  const { exchange } = connector;
  const now = timeText(clock.now());
  const { lastUpdated } = (await checkpoints.read(exchange, product)) ?? {};
  const time = lastUpdated !== undefined && lastUpdated > now ? lastUpdated : now;
  const { sha256, ids, date } = file;
  const url = archive.origin + file.request;
  const evidence = { url, sha256, ids: ids.toString(), date: date === undefined ? null : timeText(date) };
  await writeEvidence(store, layout, { version: 1, exchange, product_id: product, time, archive: evidence });
  await checkpoints.update(exchange, product, { lastUpdated: time });
}

/** How a file contradicts a trade that the API told, in words: it is another exchange's, or another product's. */
async function contradiction(
  { connector }: RunContext,
  file: ArchiveFile,
  ends: readonly TradeFacts[],
): Promise<string | undefined> {
  const known = ends.filter(({ id }) => file.ids.contains(id));
  for await (const page of known.length === 0 ? [] : file.pages(RangeSet.fromIds(known.map(({ id }) => id))))
    for (const record of page.records) {
      const found = connector.parseTrade(record);
      const told = known.find(({ id }) => id === found.id);
      if (told !== undefined && !equalTrades(found, told))
        return `trade ${found.id} is ${found.quantity} at ${found.price} (${found.ts}) there, but ${told.quantity} at ${told.price} (${told.ts}) over the API`;
    }
  return undefined;
}

interface Sources {
  readonly context: RunContext;
  readonly archive: TradeArchive;
  readonly product: string;
  readonly todo: RangeSet;
}

/** Pages of one file; false when there is none. Throws what ends the archive for this product. */
async function* pagesOfFile(
  { context, archive, product, todo }: Sources,
  period: ArchivePeriod,
  ends: readonly TradeFacts[],
): AsyncGenerator<TradePage, boolean> {
  const begun = context.clock.now();
  const file = await openArchiveFile(context, archive, product, period);
  if (file === undefined) return false;
  try {
    const wrong = await contradiction(context, file, ends);
    if (wrong !== undefined) throw new Error(`${file.request}: ${wrong}`);
    const wanted = file.ids.intersect(todo);
    if (wanted.isEmpty) return true;
    await recordFile(context, archive, product, file);
    yield* file.pages(wanted);
    const { request, bytes, leftOut } = file;
    const seconds = (context.clock.now() - begun) / 1000;
    context.onEvent({ type: 'archive-taken', product, request, trades: wanted.count, leftOut, bytes, seconds });
    return true;
  } finally {
    await file.close();
  }
}

/** Pages of a stretch's files; a month without a file is looked for by its days. Returns false when nothing is there. */
async function* pagesOfStretch(
  sources: Sources,
  stretch: Stretch,
  done: Set<string>,
): AsyncGenerator<TradePage, boolean> {
  const isNewest = sources.context.settings.order === 'newest';
  const waiting = isNewest ? stretch.periods.toReversed() : [...stretch.periods];
  let absent = 0;
  for (let period = waiting.shift(); period !== undefined; period = waiting.shift()) {
    if (done.has(period.name)) continue;
    done.add(period.name);
    if (yield* pagesOfFile(sources, period, stretch.ends)) absent = 0;
    else if (period.kind === 'month') waiting.unshift(...(isNewest ? daysOf(period).toReversed() : daysOf(period)));
    else if (++absent >= ABSENT_LIMIT) return false;
  }
  return true;
}

/** Ranges of the missing ids for which files are looked at, in the order of the run. */
function rangesFor({ settings, connector }: RunContext, todo: RangeSet): readonly IdRange[] {
  // A second look asks the exchange itself, unless the user says otherwise.
  if ((settings.fullRefresh || settings.skipCheckpoint) && settings.archive !== 'always') return [];
  const least = settings.archive === 'always' ? 1 : LEAST_PAGES * connector.gridSize;
  const ranges = [...todo].filter(({ first, last }) => last - first + 1 >= least);
  return settings.order === 'newest' ? ranges.reverse() : ranges;
}

/** Files that a run would take. Whether they are there is seen when they are asked for. */
export interface ArchivePlan {
  readonly origin: string;
  readonly files: number;
  /** Names of the first and the last, `2024-05` or `2024-05-01`. */
  readonly first: string;
  readonly last: string;
  /** Missing trades in them, and what they take, about. */
  readonly trades: number;
  readonly seconds: number;
}

/** What `archivedPages` would do, from two small requests a range; undefined where pages over the API are quicker. */
export async function planArchived(
  context: RunContext,
  product: string,
  todo: RangeSet,
): Promise<ArchivePlan | undefined> {
  const archive = archiveOf(context);
  if (archive === undefined) return undefined;
  const periods = new Set<string>();
  let trades = 0;
  let seconds = 0;
  try {
    for (const range of rangesFor(context, todo)) {
      const planned = await planStretch(context, archive, product, range);
      if (planned.stretch === undefined || planned.periods.length === 0) continue;
      const estimate = estimateArchive(planned.stretch, planned.periods);
      for (const { name } of planned.periods) periods.add(name);
      trades += estimate.trades;
      seconds += estimate.seconds;
    }
  } catch (error) {
    leaveArchive(context, product, error);
  }
  const names = [...periods].sort();
  const [first] = names;
  if (first === undefined) return undefined;
  return { origin: archive.origin, files: names.length, first, last: names.at(-1)!, trades, seconds };
}

/**
 * What the venue's archive has of the missing ids, as pages, file after file: only rows, never the absence of one, so
 * whatever a file lacks is asked for over the API afterwards. Nothing about the archive ends a run: it is told and left.
 */
export async function* archivedPages(context: RunContext, product: string, todo: RangeSet): AsyncGenerator<TradePage> {
  const archive = archiveOf(context);
  if (archive === undefined) return;
  const done = new Set<string>();
  try {
    for (const range of rangesFor(context, todo)) {
      const stretch = await planStretch(context, archive, product, range);
      if (!(yield* pagesOfStretch({ context, archive, product, todo }, stretch, done))) return;
    }
  } catch (error) {
    leaveArchive(context, product, error);
  }
}
