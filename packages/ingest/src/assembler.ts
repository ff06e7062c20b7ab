import type { TradeFacts } from '@schemahub/core';
import type { RangeSet } from '@schemahub/coverage';
import { MAX_OBJECT_SPAN, type PackedRows } from '@schemahub/lake';

/** A finished window with the rows that are kept of its page, and the bytes it holds of the budget. */
export interface FinishedWindow {
  readonly first: number;
  readonly last: number;
  readonly rows: PackedRows;
  readonly lastTrade: TradeFacts;
  readonly bytes: number;
}

export interface AssemblerOptions {
  /** Trades at which an object is cut. */
  readonly objectTrades: number;
  /** The side on which the plan began: objects are cut from there. */
  readonly order: 'oldest' | 'newest';
  /** Ids of the plan whose windows are not finished: a run of windows must not reach across them. */
  readonly unfinished: () => RangeSet;
}

/** Joins finished windows in id order into runs that are worth an object. Pure bookkeeping: nothing is written here. */
export interface Assembler {
  /** A window with at least one row. */
  readonly add: (window: FinishedWindow) => void;
  /** Takes the runs that reached the size or span of an object. */
  readonly takeFull: () => FinishedWindow[][];
  /** Takes the run of most trades as it is: the byte budget is short. */
  readonly takeLongest: () => FinishedWindow[] | undefined;
  /** Takes everything, in runs of at most an object's size. */
  readonly takeAll: () => FinishedWindow[][];
  /** Bytes and trades of the windows that were not taken yet. */
  readonly heldBytes: () => number;
  readonly heldTrades: () => number;
}

type Run = readonly FinishedWindow[];

function tradesOf(run: Run): number {
  return run.reduce((sum, window) => sum + window.rows.ids.length, 0);
}

/** Maximal sequences of finished windows with nothing unfinished between them. */
function runsOf(windows: Run, unfinished: RangeSet): FinishedWindow[][] {
  const runs: FinishedWindow[][] = [];
  for (const window of windows) {
    const run = runs.at(-1);
    const above = (run?.at(-1)?.last ?? -1) + 1;
    const isJoined = window.first <= above || !unfinished.intersects(above, window.first - 1);
    if (run !== undefined && isJoined) run.push(window);
    else runs.push([window]);
  }
  return runs;
}

/** Whether an object that begins at the window `edge` can also hold `window`, above or below it. */
function fitsSpan(edge: FinishedWindow, window: FinishedWindow): boolean {
  const first = Math.min(edge.rows.ids[0]!, window.rows.ids[0]!);
  const last = Math.max(edge.rows.ids.at(-1)!, window.rows.ids.at(-1)!);
  return last - first < MAX_OBJECT_SPAN;
}

/** Cuts a run into objects from the side on which the plan began; `rest` is not full yet. */
function cutRun(run: Run, options: AssemblerOptions): { full: FinishedWindow[][]; rest: FinishedWindow[] } {
  const full: FinishedWindow[][] = [];
  let rest: FinishedWindow[] = [];
  for (const window of options.order === 'oldest' ? run : [...run].reverse()) {
    const isFull = tradesOf(rest) + window.rows.ids.length > options.objectTrades;
    if (rest.length > 0 && (isFull || !fitsSpan(rest[0]!, window))) {
      full.push(rest);
      rest = [];
    }
    rest.push(window);
  }
  if (tradesOf(rest) >= options.objectTrades) {
    full.push(rest);
    rest = [];
  }
  return { full, rest };
}

export function createAssembler(options: AssemblerOptions): Assembler {
  let windows: FinishedWindow[] = [];
  let heldBytes = 0;
  let heldTrades = 0;

  const cutAll = (): { full: FinishedWindow[][]; rest: FinishedWindow[] }[] =>
    runsOf(windows, options.unfinished()).map((run) => cutRun(run, options));

  const take = (pieces: readonly FinishedWindow[][]): FinishedWindow[][] => {
    const taken = new Set(pieces.flat());
    if (taken.size > 0) windows = windows.filter((window) => !taken.has(window));
    for (const { bytes } of taken) heldBytes -= bytes;
    heldTrades -= tradesOf([...taken]);
    return pieces.map((piece) => [...piece].sort((a, b) => a.first - b.first));
  };

  const allPieces = (): FinishedWindow[][] =>
    cutAll()
      .flatMap(({ full, rest }) => [...full, rest])
      .filter((piece) => piece.length > 0);

  return {
    add: (window) => {
      heldBytes += window.bytes;
      heldTrades += window.rows.ids.length;
      let at = windows.length;
      while (at > 0 && windows[at - 1]!.first > window.first) at--;
      windows.splice(at, 0, window);
    },
    takeFull: () => take(cutAll().flatMap(({ full }) => full)),
    takeLongest: () => {
      const [longest] = allPieces().sort((a, b) => tradesOf(b) - tradesOf(a));
      return longest && take([longest])[0];
    },
    takeAll: () => take(allPieces()),
    heldBytes: () => heldBytes,
    heldTrades: () => heldTrades,
  };
}
