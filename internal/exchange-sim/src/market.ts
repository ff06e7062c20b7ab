import type { IdRange } from '@schemahub/coverage';
import { refuse } from './errors.js';
import { countIds, greatestIds, type IdList, leastIds, toRanges, withoutIds } from './id-ranges.js';
import type { TradeSource } from './trade-source.js';

export interface MarketOptions {
  readonly product: string;
  readonly source: TradeSource;
  /** Newest id; below the source's first id when nothing has traded yet. */
  readonly head: number;
  /** Ids that no trade has. */
  readonly voids: IdList;
  /** Whether trades appear as the clock passes their time. */
  readonly followClock: boolean;
  readonly now: () => number;
}

export interface SelectOptions {
  /** Ids below this only. */
  readonly below?: number | undefined;
  /** Ids above this only. */
  readonly above?: number | undefined;
  /** The least ids from this on, ascending, instead of the greatest ones. */
  readonly from?: number | undefined;
  readonly limit: number;
  /** The state at this instant, ms; for cached and lagging answers. */
  readonly asOfMs: number;
  /** Whether trades hidden for some pages are left out, and the page counted. */
  readonly countsHidden: boolean;
}

/** Until when a trade is kept from the pages that should hold it. */
export interface HideOptions {
  /** From how many pages it is missing. Default 1 when `untilMs` is absent. */
  readonly pages?: number | undefined;
  /** Until which instant it is missing, ms. */
  readonly untilMs?: number | undefined;
}

/** The trades that one product has, had, and does not show yet. */
export interface Market {
  readonly source: TradeSource;
  /** Newest id that exists and is no void, as of an instant (default: now); undefined without trades. */
  readonly newestId: (asOfMs?: number) => number | undefined;
  /** The `limit` greatest shown ids, as descending ranges; with `from` the least ones, ascending. */
  readonly select: (options: SelectOptions) => readonly IdRange[];
  /** All ids that exist now, hidden or not, ascending. */
  readonly existing: () => readonly IdRange[];
  /** All ids that existed at an instant, those too that are no longer served. */
  readonly issued: (asOfMs: number) => readonly IdRange[];
  /** Ids between floor and head that no trade has, ascending. */
  readonly voids: () => readonly IdRange[];
  readonly addTrades: (count: number) => void;
  readonly addVoids: (ids: IdList) => void;
  readonly fillVoids: (ids: IdList) => void;
  readonly hide: (ids: readonly number[], options: HideOptions) => void;
  /** Ids below are no longer served. */
  readonly trim: (floor: number) => void;
  readonly freeze: () => void;
  readonly unfreeze: () => void;
}

interface Hiding {
  pagesLeft: number;
  readonly untilMs: number;
}

interface HeadLog {
  readonly at: (asOfMs: number) => number;
  readonly add: (count: number) => void;
  readonly freeze: () => void;
  readonly unfreeze: () => void;
}

/** The head over time. Only the last minute is remembered: no cache lags longer. */
function createHeadLog(options: MarketOptions): HeadLog {
  const { source, now } = options;
  const steps: { atMs: number; head: number }[] = [{ atMs: Number.NEGATIVE_INFINITY, head: options.head }];
  let frozenAtMs = Number.POSITIVE_INFINITY;
  function at(asOfMs: number): number {
    let step = steps.length - 1;
    while (step > 0 && steps[step]!.atMs > asOfMs) step -= 1;
    const head = steps[step]!.head;
    if (!options.followClock) return head;
    const byClock = source.lastIdAt(Math.floor(Math.min(asOfMs, frozenAtMs) * 1000));
    return Math.min(source.lastId, Math.max(head, byClock));
  }
  return {
    at,
    add: (count) => {
      const head = at(now()) + count;
      if (head > source.lastId) {
        refuse(
          'addTrades',
          `at most ${source.lastId - at(now())} more trades`,
          count,
          'A recording ends where it ends.',
        );
      }
      steps.push({ atMs: now(), head });
      while (steps.length > 2 && steps[1]!.atMs < now() - 60_000) steps.shift();
    },
    freeze: () => {
      frozenAtMs = now();
    },
    unfreeze: () => {
      frozenAtMs = Number.POSITIVE_INFINITY;
    },
  };
}

/** The ids hidden now. Counting a page lets those within its span come one page nearer to being shown. */
function createHidden(now: () => number): {
  readonly hide: Market['hide'];
  readonly ids: () => readonly number[];
  readonly countPage: (span: IdRange) => void;
} {
  const hidden = new Map<number, Hiding>();
  return {
    hide: (ids, { pages, untilMs }) => {
      const pagesLeft = pages ?? (untilMs === undefined ? 1 : 0);
      for (const id of ids) hidden.set(id, { pagesLeft, untilMs: untilMs ?? Number.NEGATIVE_INFINITY });
    },
    ids: () => {
      for (const [id, hiding] of hidden) if (hiding.pagesLeft <= 0 && hiding.untilMs <= now()) hidden.delete(id);
      return [...hidden.keys()];
    },
    countPage: (span) => {
      for (const [id, hiding] of hidden) if (id >= span.first && id <= span.last) hiding.pagesLeft -= 1;
    },
  };
}

/** Refuses ids that are not void, and ids that a recording lacks: no trade could take their place. */
function requireFillable(product: string, ids: IdList, holes: readonly IdRange[], missing: readonly IdRange[]): void {
  const unknown = toRanges(ids).find((range) => {
    const isVoid = holes.some((hole) => hole.first <= range.first && range.last <= hole.last);
    return !isVoid || missing.some((gap) => gap.first <= range.last && range.first <= gap.last);
  });
  if (unknown === undefined) return;
  const expected = `ids of ${product} that are void`;
  refuse('fillVoids', expected, `${unknown.first} to ${unknown.last}`, 'Name ids given as voids before.');
}

/** One product's trades and the ways they come, go and hide. */
export function createMarket(options: MarketOptions): Market {
  const { source, now } = options;
  const log = createHeadLog(options);
  const hidden = createHidden(now);
  let holes = toRanges([...source.missing, ...options.voids]);
  let floor = source.firstId;

  function select(wanted: SelectOptions): readonly IdRange[] {
    const bounds = {
      first: Math.max(floor, (wanted.above ?? -1) + 1, wanted.from ?? 0),
      last: Math.min(log.at(wanted.asOfMs), (wanted.below ?? Number.POSITIVE_INFINITY) - 1),
    };
    const hiddenIds = wanted.countsHidden ? hidden.ids() : [];
    const excluded = hiddenIds.length === 0 ? holes : toRanges([...holes, ...hiddenIds]);
    const isUp = wanted.from !== undefined;
    const picked = (isUp ? leastIds : greatestIds)(bounds, excluded, wanted.limit);
    if (hiddenIds.length > 0) {
      const edge = countIds(picked) === wanted.limit ? picked.at(-1)! : undefined;
      const span = isUp ? { last: edge?.last ?? bounds.last } : { first: edge?.first ?? bounds.first };
      hidden.countPage({ ...bounds, ...span });
    }
    return picked;
  }

  function newestId(asOfMs?: number): number | undefined {
    return select({ limit: 1, asOfMs: asOfMs ?? now(), countsHidden: false })[0]?.last;
  }

  function existing(): readonly IdRange[] {
    const head = log.at(now());
    return head < floor ? [] : withoutIds([{ first: floor, last: head }], holes);
  }

  function issued(asOfMs: number): readonly IdRange[] {
    const head = log.at(asOfMs);
    return head < source.firstId ? [] : withoutIds([{ first: source.firstId, last: head }], holes);
  }

  return {
    source,
    newestId,
    select,
    existing,
    issued,
    voids: () => {
      const head = log.at(now());
      return head < floor ? [] : withoutIds([{ first: floor, last: head }], existing());
    },
    addTrades: log.add,
    addVoids: (ids) => {
      holes = toRanges([...holes, ...ids]);
    },
    fillVoids: (ids) => {
      requireFillable(options.product, ids, holes, source.missing);
      holes = withoutIds(holes, ids);
    },
    hide: hidden.hide,
    trim: (lowest) => {
      floor = Math.max(source.firstId, lowest);
    },
    freeze: log.freeze,
    unfreeze: log.unfreeze,
  };
}
