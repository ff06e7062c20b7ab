import type {
  CallOptions,
  CursorConnector,
  CursorPage,
  CursorRow,
  ProbeAnswer,
  TradeFacts,
  TradePage,
  UnnumberedRows,
  WindowedConnector,
} from '@schemahub/core';
import type { IdRange } from '@schemahub/coverage';
import { checkWindow } from './collect-window.js';
import { ConnectorError, contractBreak } from './errors.js';
import { type Chain, type NumberedRow, numberRows } from './number-rows.js';
import { parseTradeTime } from './trade-time.js';

export interface CursorWindowsOptions {
  /**
   * The greatest held trade with an id ≤ `id`: a cursor is derived from its time, so that a hole is read from its lower
   * edge. Undefined when none is held; then the place is searched by time.
   */
  readonly heldAt?: ((product: string, id: number) => Promise<TradeFacts | undefined>) | undefined;
}

/** A place in a product's history, and the rows from it on that are known already. */
interface Walk {
  next: bigint;
  chain: Chain;
  /** Rows that no window took yet, ascending. */
  rows: NumberedRow[];
  unnumbered: UnnumberedRows[];
  /** The reply that came last. */
  page: CursorPage | undefined;
}

interface Counted {
  bytes: number;
  requests: number;
}

type Send = (CallOptions & { freshConnection?: boolean | undefined }) | undefined;

/** Pages that are walked rather than searched for: a search takes some requests too. */
const WALKED_PAGES = 3;
/** Steps of a search by time: bisection of a century by nanoseconds takes 62. */
const SEARCH_STEPS = 70;
/** Answers without anything new before the end of the history is believed: one page may be short. */
const LAST_LOOKS = 2;
/** Walks remembered: one a product that is fetched, with some room. */
const WALKS = 64;

function newWalk(next: bigint, isJoined: boolean): Walk {
  return { next, chain: { seen: -1, isJoined, pending: [] }, rows: [], unnumbered: [], page: undefined };
}

function microsOf({ ts }: Pick<TradeFacts, 'ts'>): number {
  return parseTradeTime(ts).micros;
}

function firstNumbered(rows: readonly CursorRow[]): CursorRow | undefined {
  return rows.find(({ id }) => id !== undefined);
}

function lastNumbered(rows: readonly CursorRow[]): CursorRow | undefined {
  return rows.findLast(({ id }) => id !== undefined);
}

/** The walk takes a page over. False when it brought nothing new. */
function take(walk: Walk, page: CursorPage, connector: CursorConnector): boolean {
  const { chain, rows, unnumbered } = numberRows(walk.chain, page.rows, connector.withId, page.request);
  const isNew = rows.length > 0 || chain.pending.length > walk.chain.pending.length;
  const isStuck = !isNew && page.rows.length >= connector.pageLimit && page.next === walk.next;
  walk.chain = chain;
  walk.rows.push(...rows);
  walk.unnumbered.push(...unnumbered);
  // More trades in one instant than a page holds: what lies behind them is reached, the rest is missing and is told.
  walk.next = isStuck ? page.next + 2n : page.next;
  walk.page = page;
  return isNew || isStuck;
}

/** Searches by time for pages that hold a place in the id space. */
function createSearch(connector: CursorConnector) {
  const { pageLimit, cursorBefore } = connector;

  /** A page whose first trade is at or below `id`, with the rows up to it or not far from it; undefined: the history begins above. */
  async function find(product: string, id: number, send: Send, counted: Counted): Promise<Walk> {
    const ask = async (cursor: bigint): Promise<CursorPage> => {
      counted.requests++;
      const page = await connector.fetchFrom(product, cursor, send);
      counted.bytes += page.bytes;
      return page;
    };
    const start = (cursor: bigint, page: CursorPage): Walk => {
      const walk = newWalk(cursor, cursor === 0n);
      take(walk, page, connector);
      return walk;
    };
    const reach = (page: CursorPage): number => (lastNumbered(page.rows)?.id ?? -1) + WALKED_PAGES * pageLimit;
    const begin = await ask(0n);
    const oldest = lastNumbered(begin.rows);
    if (oldest === undefined || id <= reach(begin)) return start(0n, begin);
    counted.requests++;
    const newest = await connector.fetchNewest(product, send);
    counted.bytes += newest.bytes;
    const head = lastNumbered(newest.rows);
    if (head === undefined) return start(0n, begin);
    // The place lies after `low`, and not after `high`.
    let low = { id: oldest.id!, micros: microsOf(oldest.facts) };
    let high = { id: head.id!, micros: microsOf(head.facts) + 1 };
    let best = { cursor: 0n, page: begin };
    for (let step = 0; step < SEARCH_STEPS && high.micros - low.micros > 1; step++) {
      // Interpolation, drawn to the middle every other step so that both ends close in, and aimed a page too early.
      const share = (id - pageLimit / 2 - low.id) / Math.max(1, high.id - low.id);
      const part = step % 2 === 0 ? Math.min(0.99, Math.max(0.01, share)) : 0.5;
      const micros = low.micros + Math.max(1, Math.floor((high.micros - low.micros) * part));
      const page = await ask(cursorBefore(micros));
      const first = firstNumbered(page.rows);
      if (first !== undefined && first.id! <= id) {
        best = { cursor: cursorBefore(micros), page };
        if (id <= reach(page)) break;
        low = { id: lastNumbered(page.rows)!.id!, micros: Math.max(micros, microsOf(lastNumbered(page.rows)!.facts)) };
      } else high = { id: first?.id ?? high.id, micros };
    }
    return start(best.cursor, best.page);
  }

  return { find };
}

/**
 * A cursor venue as a windowed connector: windows asked oldest first follow the chain of pages with about one request a
 * page, and any other window is found from the held trade below it, else by time. Rows that were read beyond a window
 * wait for the next one, at most a page a product. Proof: `cursor-chained`.
 */
export function windowsOverCursor(connector: CursorConnector, options: CursorWindowsOptions = {}): WindowedConnector {
  const { gridSize, pageLimit, cursorBefore } = connector;
  const walks = new Map<string, Walk>();
  const search = createSearch(connector);

  const keep = (product: string, walk: Walk): void => {
    walks.delete(product);
    walks.set(product, walk);
    for (const [name] of walks) if (walks.size > WALKS) walks.delete(name);
  };

  async function step(product: string, walk: Walk, send: Send, counted: Counted): Promise<boolean> {
    counted.requests++;
    const page = await connector.fetchFrom(product, walk.next, send);
    counted.bytes += page.bytes;
    return take(walk, page, connector);
  }

  /** From the held trade at or below `id`; undefined when none is held or it is no longer where it was. */
  async function fromHeld(product: string, id: number, send: Send, counted: Counted): Promise<Walk | undefined> {
    const held = await options.heldAt?.(product, id);
    if (held === undefined || id - held.id > WALKED_PAGES * pageLimit) return undefined;
    const walk = newWalk(cursorBefore(microsOf(held)), false);
    await step(product, walk, send, counted);
    return walk.rows.length > 0 && walk.rows[0]!.id <= id ? walk : undefined;
  }

  /** A walk that will meet every trade from `id` on, taken out of the memory: two calls never share one. */
  async function walkTo(product: string, id: number, send: Send, counted: Counted): Promise<Walk> {
    const known = walks.get(product);
    walks.delete(product);
    const from = known?.rows[0]?.id ?? (known?.chain.seen ?? -1) + 1;
    const isNear = known !== undefined && from <= id && id - known.chain.seen <= WALKED_PAGES * pageLimit;
    if (isNear) return known;
    return (await fromHeld(product, id, send, counted)) ?? (await search.find(product, id, send, counted));
  }

  /** Walks until the trade `last` or one above it is there, or the history ends. */
  async function walkUntil(product: string, walk: Walk, last: number, send: Send, counted: Counted): Promise<void> {
    let looks = 0;
    while ((walk.rows.at(-1)?.id ?? walk.chain.seen) < last && looks < LAST_LOOKS) {
      looks = (await step(product, walk, send, counted)) ? 0 : looks + 1;
    }
  }

  async function fetchWindow(product: string, window: IdRange, send: Send): Promise<TradePage> {
    checkWindow(window);
    const counted: Counted = { bytes: 0, requests: 0 };
    const walk = await walkTo(product, window.first, send, counted);
    try {
      await walkUntil(product, walk, window.last, send, counted);
      return pageOf(walk, window, counted);
    } finally {
      keep(product, walk);
    }
  }

  /** Existing trades up to `upTo`, descending, at least `limit` of them where there are so many. */
  async function fetchBelow(product: string, upTo: number, limit: number, send: Send): Promise<readonly TradeFacts[]> {
    checkWindow({ first: 0, last: upTo });
    if (!Number.isSafeInteger(limit) || limit < 1)
      throw new ConnectorError('invalid-window', `limit: expected a whole number ≥ 1, got ${limit}`);
    const counted: Counted = { bytes: 0, requests: 0 };
    const found: TradeFacts[] = [];
    let top = upTo;
    while (found.length < limit && top >= 0) {
      const low = Math.max(0, top - (limit - found.length) + 1);
      const walk = (await fromHeld(product, low, send, counted)) ?? (await search.find(product, low, send, counted));
      await walkUntil(product, walk, top, send, counted);
      const rows = walk.rows.filter(({ id }) => id <= top);
      found.push(...rows.map(({ facts }) => facts).reverse());
      const lowest = rows[0]?.id;
      if (lowest === undefined) break;
      top = lowest - 1;
    }
    return found.slice(0, limit);
  }

  /** One page from just before `lower`: are L and U neighbours in it? */
  async function probe(
    product: string,
    upper: number,
    send: (Send & { lower?: number | undefined }) | undefined,
  ): Promise<ProbeAnswer> {
    if (!Number.isSafeInteger(upper + 1) || upper < 0)
      throw new ConnectorError('invalid-window', `probe: expected an id 0 … 2^53−2, got ${upper}`);
    const lower = send?.lower;
    if (lower === undefined) return await lookBelow(product, upper, send);
    const held = (await options.heldAt?.(product, lower)) ?? (await fetchBelow(product, lower, 1, send))[0];
    if (held === undefined) throw contractBreak(`trade ${lower} is held, and ${product} shows none at or below it`);
    const page = await connector.fetchFrom(product, cursorBefore(microsOf(held)), send);
    return answerOf(page, lower, upper);
  }

  /** The greatest trades ≤ `upper`: one page when the history begins above. */
  async function lookBelow(product: string, upper: number, send: Send): Promise<ProbeAnswer> {
    const page = await connector.fetchFrom(product, 0n, send);
    const first = firstNumbered(page.rows);
    const none = { request: page.request, ids: [], anchorTime: '', date: page.date };
    if (first === undefined || first.id! > upper) return none;
    const rows = await fetchBelow(product, upper, 2, send);
    return { ...none, request: `ids ≤ ${upper}`, ids: rows.map(({ id }) => id), anchorTime: rows[0]?.ts ?? '' };
  }

  return {
    kind: 'windowed',
    exchange: connector.exchange,
    origin: connector.origin,
    gridSize,
    proof: connector.proof,
    isSequential: true,
    listProducts: connector.listProducts,
    findProduct: connector.findProduct,
    parseTrade: connector.parseTrade,
    rawLine: connector.rawLine,
    fetchHead: async (product, send) => {
      const page = await connector.fetchNewest(product, { priority: 'head', ...send });
      const newest = lastNumbered(page.rows);
      if (newest === undefined && page.rows.length > 0)
        throw contractBreak(`the newest ${page.rows.length} rows of ${product} have no ids: there is no head to go by`);
      return newest === undefined ? undefined : { trade: { ...newest.facts, id: newest.id! }, date: page.date };
    },
    fetchWindow,
    fetchBelow,
    probe,
    firstAt: async (product, micros, send) => {
      const cursor = cursorBefore(micros);
      const walk = newWalk(cursor, false);
      const counted: Counted = { bytes: 0, requests: 0 };
      let looks = 0;
      for (;;) {
        const found = walk.rows.find(({ facts }) => microsOf(facts) >= micros);
        if (found !== undefined) {
          walk.rows = walk.rows.filter(({ id }) => id >= found.id);
          keep(product, walk);
          return found.id;
        }
        if (looks >= LAST_LOOKS) return undefined;
        looks = (await step(product, walk, send, counted)) ? 0 : looks + 1;
      }
    },
  };
}

/** Takes a window's rows out of the walk. */
function pageOf(walk: Walk, window: IdRange, counted: Counted): TradePage {
  const { first, last } = window;
  const inside = walk.rows.filter(({ id }) => id >= first && id <= last);
  walk.rows = walk.rows.filter(({ id }) => id > last);
  const unnumbered = walk.unnumbered.filter(({ lower, upper }) => upper > first && lower < last);
  walk.unnumbered = walk.unnumbered.filter(({ lower }) => lower >= last);
  const ids = inside.map(({ id }) => id);
  return {
    window,
    ids: Float64Array.from(ids),
    records: inside.map(({ record }) => record),
    firstTime: inside[0]?.facts.ts ?? '',
    lastTime: inside.at(-1)?.facts.ts ?? '',
    nextAbove: ids.at(-1) === last ? undefined : walk.rows[0]?.id,
    receivedAt: walk.page?.receivedAt ?? 0,
    date: walk.page?.date,
    bytes: counted.bytes,
    requests: counted.requests,
    ...(unnumbered.length > 0 ? { unnumbered } : {}),
  };
}

/** U and the row below it in the page, where both are there; rows without an id between them leave it unclear. */
function answerOf(page: CursorPage, lower: number, upper: number): ProbeAnswer {
  const { request, date, rows } = page;
  const at = rows.findIndex(({ id }) => id === upper);
  const above = rows[at];
  const below = rows[at - 1];
  const low = rows.findIndex(({ id }) => id === lower);
  const next = rows[low + 1];
  // More trades than a page holds came into the hole: the page ends below U.
  if (at < 0 && low >= 0 && next?.id !== undefined && next.id < upper)
    return { request, ids: [next.id, lower], anchorTime: next.facts.ts, date };
  if (at < 1 || below?.id === undefined || low < 0)
    return { request, ids: above === undefined ? [] : [upper], anchorTime: above?.facts.ts ?? '', date };
  return { request, ids: [upper, below.id], anchorTime: above!.facts.ts, date };
}
