import type { RangeSet } from '@schemahub/coverage';
import { MAX_OBJECT_SPAN } from '@schemahub/lake';

/** A finished window: what is kept of its page, and the bytes it holds of the budget. */
export interface FinishedWindow {
  readonly first: number;
  readonly last: number;
  readonly ids: Float64Array;
  readonly lines: readonly Uint8Array[];
  readonly ingestTs: string;
  readonly bytes: number;
}

export interface AssemblerOptions {
  readonly objectTrades: number;
  readonly order: 'oldest' | 'newest';
  /** Ids of the plan whose windows are not finished: a run of windows must not reach across them. */
  readonly unfinished: () => RangeSet;
}

/** Joins finished windows in id order into runs that are worth an object. Pure bookkeeping: nothing is written here. */
export interface Assembler {
  readonly add: (window: FinishedWindow) => void;
  /** Takes the runs that reached the size or span of an object. */
  readonly takeFull: () => FinishedWindow[][];
  /** Takes the longest run as it is: the byte budget is short. */
  readonly takeLongest: () => FinishedWindow[] | undefined;
  readonly takeAll: () => FinishedWindow[][];
}

function tradesOf(run: readonly FinishedWindow[]): number {
  return run.reduce((sum, window) => sum + window.ids.length, 0);
}

function idAt(window: FinishedWindow, end: 'first' | 'last'): number {
  return (end === 'first' ? window.ids[0] : window.ids.at(-1)) ?? window[end];
}

export function createAssembler(options: AssemblerOptions): Assembler {
  let windows: FinishedWindow[] = [];

  /** Maximal sequences of finished windows with nothing unfinished between them. */
  const runs = (): FinishedWindow[][] => {
    const unfinished = options.unfinished();
    const found: FinishedWindow[][] = [];
    for (const window of windows) {
      const run = found.at(-1);
      const previous = run?.at(-1);
      const joined =
        previous !== undefined &&
        !(window.first > previous.last + 1 && unfinished.intersects(previous.last + 1, window.first - 1));
      if (run !== undefined && joined) run.push(window);
      else found.push([window]);
    }
    return found;
  };

  /** Cuts a run into objects from the side on which the plan began; the last piece is `rest`. */
  const cut = (
    run: readonly FinishedWindow[],
  ): { readonly full: FinishedWindow[][]; readonly rest: FinishedWindow[] } => {
    const full: FinishedWindow[][] = [];
    const ordered = options.order === 'oldest' ? run : [...run].reverse();
    let piece: FinishedWindow[] = [];
    let trades = 0;
    for (const window of ordered) {
      const edge = piece[0] ?? window;
      const span =
        options.order === 'oldest'
          ? idAt(window, 'last') - idAt(edge, 'first')
          : idAt(edge, 'last') - idAt(window, 'first');
      if (piece.length > 0 && (span >= MAX_OBJECT_SPAN || trades + window.ids.length > options.objectTrades)) {
        full.push(piece);
        piece = [];
        trades = 0;
      }
      piece.push(window);
      trades += window.ids.length;
    }
    if (trades >= options.objectTrades) {
      full.push(piece);
      piece = [];
    }
    return { full, rest: piece };
  };

  const remove = (taken: readonly (readonly FinishedWindow[])[]): void => {
    const gone = new Set(taken.flat());
    if (gone.size > 0) windows = windows.filter((window) => !gone.has(window));
  };

  const ascending = (pieces: FinishedWindow[][]): FinishedWindow[][] =>
    pieces.map((piece) => [...piece].sort((a, b) => a.first - b.first));

  return {
    add: (window) => {
      if (window.ids.length === 0) return;
      let at = windows.length;
      while (at > 0 && windows[at - 1]!.first > window.first) at--;
      windows.splice(at, 0, window);
    },
    takeFull: () => {
      const full = runs().flatMap((run) => cut(run).full);
      remove(full);
      return ascending(full);
    },
    takeLongest: () => {
      const pieces = runs().flatMap((run) => {
        const { full, rest } = cut(run);
        return [...full, rest];
      });
      const longest = pieces.reduce<FinishedWindow[] | undefined>(
        (best, piece) => (tradesOf(piece) > tradesOf(best ?? []) ? piece : best),
        undefined,
      );
      if (longest === undefined) return undefined;
      remove([longest]);
      return ascending([longest])[0];
    },
    takeAll: () => {
      const pieces = runs().flatMap((run) => {
        const { full, rest } = cut(run);
        return rest.length > 0 ? [...full, rest] : full;
      });
      remove(pieces);
      return ascending(pieces);
    },
  };
}
