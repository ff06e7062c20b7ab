import type { TradeFacts, TradePage } from '@schemahub/core';
import type { IdRange } from '@schemahub/coverage';
import { ConnectorError } from './errors.js';
import {
  type Judge,
  type RowReader,
  readRows,
  sendAndRead,
  type TradeRows,
  type TradesReply,
  uniqueRows,
} from './trade-rows.js';

export interface PageSource extends RowReader {
  /** One request: the `limit` greatest trades with id ≤ `upTo`, in any order. */
  readonly fetchPage: (upTo: number, limit: number, judge: Judge) => Promise<TradesReply>;
  /** Greatest number of rows the venue puts on one page. */
  readonly pageLimit: number;
}

export interface CollectWindowOptions extends PageSource {
  readonly window: IdRange;
}

export interface CollectBelowOptions extends PageSource {
  readonly upTo: number;
  /** How many trades are wanted. */
  readonly limit: number;
}

interface Collected<Kept> {
  /** What is kept of each page, newest first. */
  readonly pages: readonly Kept[];
  readonly lastReply: TradesReply;
  readonly bytes: number;
}

export function checkWindow(window: IdRange): void {
  const { first, last } = window;
  // Above 2^53 − 2 no exclusive cursor `last + 1` could be written.
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last + 1) || first < 0 || first > last) {
    throw new ConnectorError(
      'invalid-window',
      `window: expected ids 0 ≤ first ≤ last < 2^53−1, got ${first} … ${last}`,
    );
  }
}

interface CollectPlan<Kept> {
  readonly upTo: number;
  /** How many rows are still wanted below `lowest`, after `rows` rows. */
  readonly wanted: (lowest: number, rows: number) => number;
  /** What is kept of a page: its parsed rows take ten times the memory of their bytes and should not outlive it. */
  readonly keep: (page: TradeRows) => Kept;
}

/** Asks downwards from `upTo` until `wanted` says that the last page goes far enough, or a page is empty. */
async function collect<Kept>(source: PageSource, plan: CollectPlan<Kept>): Promise<Collected<Kept>> {
  const pages: Kept[] = [];
  let bytes = 0;
  let rows = 0;
  let top = plan.upTo;
  let limit = plan.wanted(top + 1, 0);
  for (;;) {
    const upTo = top;
    const rowsWanted = Math.min(limit, source.pageLimit);
    const { reply, value: page } = await sendAndRead(
      (judge) => source.fetchPage(upTo, rowsWanted, judge),
      (answer) => uniqueRows(readRows(answer, { upTo }, source), answer.url, source),
    );
    bytes += reply.body.length;
    const lowest = page.ids.at(-1);
    if (lowest === undefined) return { pages, lastReply: reply, bytes };
    pages.push(plan.keep(page));
    rows += page.ids.length;
    limit = lowest === 0 ? 0 : plan.wanted(lowest, rows);
    if (limit <= 0) return { pages, lastReply: reply, bytes };
    top = lowest - 1;
  }
}

/** A page's rows inside a window, newest first. */
interface ClippedPage {
  readonly ids: readonly number[];
  readonly records: readonly Uint8Array[];
  /** Times of the lowest and the greatest row; absent without rows. */
  readonly times: { readonly first: string; readonly last: string } | undefined;
  /** The greatest row below the window. */
  readonly below: number | undefined;
}

function clipPage({ ids, records, values }: TradeRows, first: number, { factsOf }: RowReader): ClippedPage {
  const outside = ids.findIndex((id) => id < first);
  const count = outside < 0 ? ids.length : outside;
  return {
    ids: ids.slice(0, count),
    records: records.slice(0, count),
    times: count === 0 ? undefined : { first: factsOf(values[count - 1]).ts, last: factsOf(values[0]).ts },
    below: ids[count],
  };
}

/**
 * All trades that the venue returns for a window, ascending and each once. A page that ends above the window's low end
 * is continued from its lowest row until it passes it or is empty (SPEC §5): a page may be short, a hole may be wider
 * than a page, and neither is told from the other by its length. Rows below the window are dropped; the greatest of
 * them is `nextBelow`. At most one request a row plus one; in practice one.
 */
export async function collectWindow(options: CollectWindowOptions): Promise<TradePage> {
  const { window } = options;
  checkWindow(window);
  let requests = 0;
  let elapsedMs: number | undefined;
  const source: PageSource = {
    ...options,
    fetchPage: async (upTo, limit, judge) => {
      requests++;
      const reply = await options.fetchPage(upTo, limit, judge);
      if (reply.elapsedMs !== undefined) elapsedMs = (elapsedMs ?? 0) + reply.elapsedMs;
      return reply;
    },
  };
  const { pages, lastReply, bytes } = await collect(source, {
    upTo: window.last,
    wanted: (lowest) => lowest - window.first,
    keep: (page) => clipPage(page, window.first, options),
  });
  const ids = pages.flatMap((page) => page.ids).reverse();
  const times = pages.flatMap((page) => page.times ?? []);
  return {
    window,
    ids: Float64Array.from(ids),
    records: pages.flatMap((page) => page.records).reverse(),
    firstTime: times.at(-1)?.first ?? '',
    lastTime: times[0]?.last ?? '',
    nextBelow: ids[0] === window.first ? undefined : pages.find(({ below }) => below !== undefined)?.below,
    receivedAt: lastReply.receivedAt,
    date: lastReply.date,
    bytes,
    requests,
    elapsedMs,
  };
}

/** The `limit` greatest trades with id ≤ `upTo`, descending; short pages are continued until an empty one. */
export async function collectBelow(options: CollectBelowOptions): Promise<readonly TradeFacts[]> {
  const { upTo, limit } = options;
  checkWindow({ first: 0, last: upTo });
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new ConnectorError('invalid-window', `limit: expected a whole number ≥ 1, got ${limit}`);
  }
  const { pages } = await collect(options, {
    upTo,
    wanted: (_lowest, rows) => limit - rows,
    keep: ({ values }) => values.map(options.factsOf),
  });
  return pages.flat().slice(0, limit);
}
