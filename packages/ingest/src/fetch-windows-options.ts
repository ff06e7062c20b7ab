import type { Checkpoint } from '@schemahub/checkpoint';
import type { CallPriority, Product, TradePage } from '@schemahub/core';
import type { RangeSet } from '@schemahub/coverage';
import type { RunContext } from './context.js';
import type { HeldRows } from './held-rows.js';

export interface FetchWindowsOptions {
  readonly context: RunContext;
  readonly product: Product;
  readonly checkpoint: Checkpoint;
  /** Ids to ask for; rows of other ids are dropped, because they are held already. */
  readonly todo: RangeSet;
  readonly priority: CallPriority;
  /** Second look: rows are compared with those held. */
  readonly heldRows?: HeldRows | undefined;
  /** Pages fetched before, that hold some of `todo`. */
  readonly prefetched?: readonly TradePage[] | undefined;
  /** Pages that come from elsewhere than the API, before it is asked for the rest. */
  readonly archived?: AsyncIterable<TradePage> | undefined;
  /** Ids of `todo` that another request is about: they are not asked for before it has ended. */
  readonly later?: LaterPage | undefined;
}

/** A page that is being fetched while windows are. */
export interface LaterPage {
  readonly ids: RangeSet;
  /** Whether other windows would be asked for in vain: they wait until it is found. */
  readonly isFar: () => boolean;
  /** The page, if there was one, and ids that turned out to have no rows. A rejection ends the product. */
  readonly found: Promise<{ readonly page: TradePage | undefined; readonly rowless: RangeSet }>;
}

export interface FetchWindowsResult {
  readonly checkpoint: Checkpoint;
  readonly newTrades: number;
  /** Of a second look: ids that were not held, that are held with another trade, that are held and no longer shown. */
  readonly fresh: RangeSet;
  readonly different: RangeSet;
  readonly vanished: RangeSet;
  /**
   * What ended the product before its plan was done: an `ExchangeError` that is not worth a retry, an `IngestError`, an
   * error of the store. Undefined also when windows were given up or the run was stopped.
   */
  readonly failure: unknown;
}
