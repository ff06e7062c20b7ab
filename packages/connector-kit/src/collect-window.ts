import type { TradeFacts, TradePage } from '@schemahub/core';
import type { IdRange } from '@schemahub/coverage';
import { ConnectorError } from './errors.js';
import { type RowReader, readRows, type TradeRows, type TradesReply, uniqueRows } from './trade-rows.js';

export interface PageSource extends RowReader {
  /** One request: the `limit` greatest trades with id ≤ `upTo`, in any order. */
  readonly fetchPage: (upTo: number, limit: number) => Promise<TradesReply>;
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

interface Collected {
  /** Pages, newest first. */
  readonly pages: readonly TradeRows[];
  readonly lastReply: TradesReply;
  readonly bytes: number;
}

function checkWindow(window: IdRange): void {
  const { first, last } = window;
  // Above 2^53 − 2 no exclusive cursor `last + 1` could be written.
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last + 1) || first < 0 || first > last) {
    throw new ConnectorError(
      'invalid-window',
      `window: expected ids 0 ≤ first ≤ last < 2^53−1, got ${first} … ${last}`,
    );
  }
}

/** Asks downwards from `upTo` until `wanted` says that the last page goes far enough, or a page is empty. */
async function collect(
  source: PageSource,
  upTo: number,
  wanted: (lowest: number, rows: number) => number,
): Promise<Collected> {
  const pages: TradeRows[] = [];
  let bytes = 0;
  let rows = 0;
  let top = upTo;
  let limit = wanted(upTo + 1, 0);
  for (;;) {
    const reply = await source.fetchPage(top, Math.min(limit, source.pageLimit));
    const page = uniqueRows(readRows(reply, { upTo: top }, source), reply.url, source);
    bytes += reply.body.length;
    const lowest = page.ids.at(-1);
    if (lowest === undefined) return { pages, lastReply: reply, bytes };
    pages.push(page);
    rows += page.ids.length;
    limit = lowest === 0 ? 0 : wanted(lowest, rows);
    if (limit <= 0) return { pages, lastReply: reply, bytes };
    top = lowest - 1;
  }
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
    fetchPage: async (upTo, limit) => {
      requests++;
      const reply = await options.fetchPage(upTo, limit);
      if (reply.elapsedMs !== undefined) elapsedMs = (elapsedMs ?? 0) + reply.elapsedMs;
      return reply;
    },
  };
  const { pages, lastReply, bytes } = await collect(source, window.last, (lowest) => lowest - window.first);
  const ids: number[] = [];
  const records: Uint8Array[] = [];
  let times: { first: unknown; last: unknown } | undefined;
  let nextBelow: number | undefined;
  for (const page of pages) {
    for (let at = 0; at < page.ids.length; at++) {
      const id = page.ids[at]!;
      if (id < window.first) {
        nextBelow ??= id;
        continue;
      }
      ids.push(id);
      records.push(page.records[at]!);
      times = { first: page.values[at], last: times?.last ?? page.values[at] };
    }
  }
  ids.reverse();
  records.reverse();
  return {
    window,
    ids: Float64Array.from(ids),
    records,
    firstTime: times === undefined ? '' : options.factsOf(times.first).ts,
    lastTime: times === undefined ? '' : options.factsOf(times.last).ts,
    nextBelow: ids[0] === window.first ? undefined : nextBelow,
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
  const { pages } = await collect(options, upTo, (_lowest, rows) => limit - rows);
  return pages
    .flatMap((page) => page.values)
    .slice(0, limit)
    .map((value) => options.factsOf(value));
}
