/**
 * Where calls wait behind the first of their lane (one lane per priority and set of budgets).
 * The limiter needs no more than this, so any queue can stand in: Bottleneck is the default.
 */
export interface TurnQueue {
  /**
   * Calls `turn` once all turns added before it are over; a turn is over when its promise settles (it never rejects).
   * May call it before `add` returns.
   */
  readonly add: (turn: () => Promise<void>) => void;
  /** Forgets the turns that have not begun. Nothing is added afterwards. */
  readonly stop: () => void;
}

/** A queue of our own without timers: exact on a virtual clock, and for rates above some 100 calls a second. */
export function createFifoQueue(): TurnQueue {
  let waiting: (() => Promise<void>)[] = [];
  let first = 0;
  let busy = false;

  function next(): void {
    const turn = waiting[first];
    if (turn === undefined) {
      waiting = [];
      first = 0;
      busy = false;
      return;
    }
    first += 1;
    // Moving the rest down only when half is used keeps a turn at constant cost.
    if (first > 1024 && first * 2 > waiting.length) {
      waiting = waiting.slice(first);
      first = 0;
    }
    busy = true;
    turn().then(next, next);
  }

  return {
    add: (turn) => {
      waiting.push(turn);
      if (!busy) next();
    },
    stop: () => {
      waiting = [];
      first = 0;
    },
  };
}
