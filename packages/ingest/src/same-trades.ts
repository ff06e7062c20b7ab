import { equalTrades } from '@schemahub/connector-kit';
import type { Head, TradeFacts } from '@schemahub/core';
import type { IngestContext } from './context.js';
import { IngestError } from './errors.js';
import { withRetries } from './retry.js';

const LOOKS = 3;

function differs(held: TradeFacts, seen: TradeFacts | undefined): string | undefined {
  if (seen === undefined || seen.id !== held.id) return `trade ${held.id} is no longer there`;
  return equalTrades(held, seen)
    ? undefined
    : `trade ${held.id} was ${held.side} ${held.quantity} at ${held.price} (${held.ts}), now it is ${seen.side} ${seen.quantity} at ${seen.price} (${seen.ts})`;
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
  const { connector, clock, random, onEvent, stop } = context;
  return withRetries({ clock, random, product: productId, onEvent, signal: stop }, () =>
    connector.fetchHead(productId, { signal: stop, priority: 'head' }),
  );
}

/**
 * The head, checked against the last held trade: a newest id below it is asked three times, ≥ 5 s apart, because the
 * first page is cached; then the id space has changed. Throws `IngestError` `id-space-changed`.
 */
export async function fetchCheckedHead(
  context: IngestContext,
  productId: string,
  held: TradeFacts | undefined,
): Promise<Head | undefined> {
  const { clock, settings, stop } = context;
  for (let look = 1; ; look++) {
    const head =
      look === 1 && context.heads?.has(productId) ? context.heads.get(productId) : await fetchHead(context, productId);
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
 * Compares the last held trade with the row that the first window brought. Unequal or absent, it is asked for by itself
 * until it was unequal three times, ≥ 5 s apart. Throws `IngestError` `id-space-changed`.
 */
export async function checkLastTrade(
  context: IngestContext,
  productId: string,
  held: TradeFacts,
  seen: TradeFacts | undefined,
): Promise<void> {
  const { connector, clock, random, settings, onEvent, stop } = context;
  let why = differs(held, seen);
  for (let look = 2; why !== undefined; look++) {
    if (look > LOOKS) throw changed(productId, why);
    await clock.sleep(settings.probeWaitMs, stop);
    const [row] = await withRetries({ clock, random, product: productId, onEvent, signal: stop }, () =>
      connector.fetchBelow(productId, held.id, 1, { signal: stop, priority: 'head' }),
    );
    why = differs(held, row);
  }
}
