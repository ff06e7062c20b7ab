/** Part of an object's trades at which it is cut: what is left is asked for while it is written. */
const CUT_AT = 0.75;

export interface ObjectSize {
  /** The most that a crash may cost: trades that were asked for and are not durable. */
  readonly objectTrades: number;
  /** Trades of a page at most. */
  readonly gridSize: number;
}

/** Trades at which an object is cut: while nothing is being written, a page always fits beside what is less. */
export function cutTradesOf({ objectTrades, gridSize }: ObjectSize): number {
  return Math.max(1, Math.min(Math.floor(objectTrades * CUT_AT), objectTrades - gridSize));
}

/** Whether one more page may be asked for. Where objects are smaller than a page, pages are asked for one at a time. */
export function hasRoomFor(unwritten: number, { objectTrades, gridSize }: ObjectSize): boolean {
  return unwritten === 0 || unwritten + gridSize <= objectTrades;
}
