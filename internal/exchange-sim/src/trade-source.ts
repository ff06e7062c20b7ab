import type { IdRange } from '@schemahub/coverage';
import type { SimTrade } from './trade-text.js';

/** Where a product's trades come from: made by a function of the id, or recorded. */
export interface TradeSource {
  /** Lowest id there is. */
  readonly firstId: number;
  /** Greatest id there can ever be. */
  readonly lastId: number;
  /** Ids between them that the source itself lacks. */
  readonly missing: readonly IdRange[];
  /** µs since 1970. */
  readonly timeUs: (id: number) => number;
  /** The greatest id executed at or before an instant; below `firstId` when there is none. */
  readonly lastIdAt: (timeUs: number) => number;
  readonly trade: (id: number) => SimTrade;
  /** JSON rows of a range that holds no missing id, newest first: chunks of rows joined by commas, to be joined by commas. */
  readonly rows: (range: IdRange) => readonly Uint8Array[];
}
