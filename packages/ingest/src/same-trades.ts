import { equalTrades } from '@schemahub/connector-kit';
import type { CallPriority, Head, TradeFacts, TradePage } from '@schemahub/core';
import type { RangeSet } from '@schemahub/coverage';
import type { IngestContext, RunContext } from './context.js';
import { IngestError } from './errors.js';
import { withRetries } from './retry.js';

/** Looks, ≥ 5 s apart, before an id space is said to have changed. */
const LOOKS = 3;

/** A small request of a product, with its retries. */
export function retried<T>(context: IngestContext, product: string, attempt: () => Promise<T>): Promise<T> {
  const { clock, random, onEvent, stop } = context;
  return withRetries({ clock, random, product, onEvent, signal: stop }, attempt);
}

/** The greatest trade up to an id; undefined when nothing is served so far down. */
export async function tradeUpTo(
  context: IngestContext,
  product: string,
  id: number,
  priority: CallPriority,
): Promise<TradeFacts | undefined> {
  const options = { signal: context.stop, priority };
  return (await retried(context, product, () => context.connector.fetchBelow(product, id, 1, options)))[0];
}

function describe({ side, quantity, price, ts }: TradeFacts): string {
  return `${side} ${quantity} at ${price} (${ts})`;
}

/** How the exchange's trade is not the held one, in words; undefined when it is. */
function differs(held: TradeFacts, seen: TradeFacts | undefined): string | undefined {
  if (seen === undefined || seen.id !== held.id) return `trade ${held.id} is no longer there`;
  return equalTrades(held, seen) ? undefined : `trade ${held.id} was ${describe(held)}, now it is ${describe(seen)}`;
}

function changed(productId: string, why: string): IngestError {
  return new IngestError(
    'id-space-changed',
    `${productId}: id space changed: ${why}. The exchange restarted its ids, or this lake holds another exchange's trades. ` +
      'Nothing was written for this product. Use another --lake for the new ids.',
  );
}

/** The newest trade, or undefined for a product without trades. Repeats the small request as SPEC §5 says. */
export function fetchHead(context: IngestContext, productId: string): Promise<Head | undefined> {
  return retried(context, productId, () =>
    context.connector.fetchHead(productId, { signal: context.stop, priority: 'head' }),
  );
}

/**
 * The head, checked against the last held trade: a newest id below it is asked three times, ≥ 5 s apart, because the
 * first page is cached; then the id space has changed. Throws `IngestError` `id-space-changed`.
 */
export async function fetchCheckedHead(
  context: RunContext,
  productId: string,
  held: TradeFacts | undefined,
): Promise<Head | undefined> {
  const { clock, settings, stop, heads } = context;
  for (let look = 1; ; look++) {
    const scanned = look === 1 ? heads.get(productId) : undefined;
    const head = scanned === undefined ? await fetchHead(context, productId) : scanned.head;
    if (held === undefined || (head !== undefined && head.trade.id > held.id)) return head;
    const why =
      head === undefined
        ? 'it has no trades any more'
        : head.trade.id < held.id
          ? `its newest trade is ${head.trade.id}, held is ${held.id}`
          : differs(held, head.trade);
    if (why === undefined) return head;
    if (look === LOOKS) throw changed(productId, why);
    await clock.sleep(settings.probeWaitMs, stop);
  }
}

/**
 * Compares the last held trade with the exchange's, before anything of this run is written. The window that starts at
 * it and reaches up to the next edge of the grid is asked for: where its other ids are `missing`, the page saves that
 * request later. Unequal or absent, the trade is asked for by itself until it was unequal three times, ≥ 5 s apart. Where
 * nothing is served down there any more (history was trimmed), there is nothing to compare, and the run goes on.
 * Throws `IngestError` `id-space-changed`.
 */
export async function checkLastTrade(
  context: IngestContext,
  productId: string,
  held: TradeFacts,
  missing: RangeSet,
): Promise<TradePage> {
  const { connector, clock, settings, stop } = context;
  const options = { signal: stop, priority: 'head' as const };
  const edge = (Math.floor(held.id / connector.gridSize) + 1) * connector.gridSize - 1;
  const window = { first: held.id, last: missing.clip(held.id, edge).last ?? held.id };
  const page = await retried(context, productId, () => connector.fetchWindow(productId, window, options));
  const at = page.ids.indexOf(held.id);
  let why = differs(held, at < 0 ? undefined : connector.parseTrade(page.records[at]!));
  let empty = 0;
  for (let look = 2; why !== undefined; look++) {
    if (look > LOOKS) throw changed(productId, why);
    await clock.sleep(settings.probeWaitMs, stop);
    const row = await tradeUpTo(context, productId, held.id, 'head');
    why = differs(held, row);
    // Nothing at all is served so far down any more: a trimmed history. Restarted ids would show others there.
    if (row === undefined && at < 0 && ++empty === LOOKS - 1) return page;
  }
  return page;
}
