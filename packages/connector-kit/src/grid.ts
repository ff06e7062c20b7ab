import { type IdRange, MAX_ID, type RangeSet } from '@schemahub/coverage';
import { ConnectorError, invalidOption } from './errors.js';

export interface GridOptions {
  /** Ids in a window: Coinbase 1000. */
  readonly gridSize: number;
  /** Which window comes first. */
  readonly order: 'oldest' | 'newest';
}

/**
 * The windows to ask for: cells `[k·size, k·size + size − 1]` of the fixed grid, each clipped to the first and last
 * missing id in it. Lazy: a plan over 10^9 ids costs nothing until it is walked. The grid is fixed so that the same
 * trades always make the same windows, whoever asks and when (EXCHANGES §1.3).
 */
export function gridWindows(missing: RangeSet, options: GridOptions): Iterable<IdRange> {
  const { gridSize, order } = options;
  if (!Number.isSafeInteger(gridSize) || gridSize < 1) throw invalidOption('gridSize', 'a whole number ≥ 1', gridSize);
  if (order !== 'oldest' && order !== 'newest') throw invalidOption('order', 'oldest or newest', order);
  if (missing.last === MAX_ID) {
    throw new ConnectorError(
      'invalid-window',
      `missing ids ${missing}: expected an upper end, clip them to the head first`,
    );
  }
  return { [Symbol.iterator]: () => missing.windows(gridSize, order) };
}
