import { type IdRange, RangeSet } from '@schemahub/coverage';

export interface WindowPlanOptions {
  /** Ids to ask for. */
  readonly todo: RangeSet;
  /** Width of the fixed grid. */
  readonly gridSize: number;
  readonly order: 'oldest' | 'newest';
  /** Ids of `todo` that somebody else is asking for: they are not handed out before `release`. */
  readonly held?: RangeSet | undefined;
}

/**
 * Which window comes next. The plan is two sets of ids and nothing else: a window that is handed out, or shown to be
 * without rows by another's page, is taken out of the first; one whose page is there, out of both.
 */
export interface WindowPlan {
  /** The next window of the grid, clipped to the ids still wanted in it; undefined when all are handed out. */
  readonly next: () => IdRange | undefined;
  /** A window's page: its rows are known, and nothing was returned from `nextBelow` to it, or from it to `nextAbove`. */
  readonly finish: (
    window: IdRange,
    page: {
      readonly rows: number;
      readonly nextBelow?: number | undefined;
      readonly nextAbove?: number | undefined;
    },
  ) => void;
  /** Hands out what was held back, without `rowless`: ids that are known to have no rows. */
  readonly release: (rowless: RangeSet) => void;
  /** Whether `next` has another window. */
  readonly hasNext: () => boolean;
  /** Ids whose windows are not finished: to come, in flight, waiting for a retry, given up. */
  readonly unfinished: () => RangeSet;
}

export function createWindowPlan(options: WindowPlanOptions): WindowPlan {
  const { gridSize, order, held = RangeSet.empty } = options;
  let waiting = options.todo.difference(held);
  let unfinished = options.todo;
  /** Oldest first, a hole is met at its low end and no page tells its width: look ahead in growing steps. */
  let stride = 0;
  let emptyUpTo = 0;

  const cellAt = (id: number): IdRange => {
    const start = Math.floor(id / gridSize) * gridSize;
    const inside = waiting.clip(start, start + gridSize - 1);
    return { first: inside.first!, last: inside.last! };
  };
  const startId = (): number | undefined => {
    if (order === 'newest') return waiting.last;
    if (stride === 0) return waiting.first;
    const ahead = waiting.ceiling(emptyUpTo + stride * gridSize) ?? waiting.last;
    stride *= 2;
    return ahead;
  };

  const dropRowless = (first: number, last: number): void => {
    if (first > last) return;
    const rowless = waiting.clip(first, last);
    waiting = waiting.difference(rowless);
    unfinished = unfinished.difference(rowless);
  };

  return {
    next: () => {
      const id = startId();
      if (id === undefined) return undefined;
      const window = cellAt(id);
      waiting = waiting.difference(RangeSet.of(window.first, window.last));
      return window;
    },
    finish: (window, page) => {
      const done = RangeSet.of(window.first, window.last);
      waiting = waiting.difference(done);
      unfinished = unfinished.difference(done);
      if (page.rows > 0) stride = 0;
      else if (order === 'oldest' && window.last > emptyUpTo) {
        emptyUpTo = window.last;
        stride = Math.max(stride, 1);
      }
      const { nextBelow, nextAbove } = page;
      if (nextBelow !== undefined) dropRowless(nextBelow + 1, window.first - 1);
      if (nextAbove === undefined) return;
      // The page tells how wide the hole is: no looking ahead.
      stride = 0;
      dropRowless(window.last + 1, nextAbove - 1);
    },
    release: (rowless) => {
      unfinished = unfinished.difference(rowless);
      waiting = waiting.union(held.intersect(unfinished)).difference(rowless);
    },
    hasNext: () => !waiting.isEmpty,
    unfinished: () => unfinished,
  };
}
