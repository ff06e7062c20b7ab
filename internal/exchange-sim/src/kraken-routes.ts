import { arrayPage, printRows } from './ascending-page.js';
import type { CoinbaseProduct } from './coinbase-routes.js';
import type { Fault } from './fault.js';
import { jsonReply, type SimReply, type SimRequest } from './reply.js';
import type { TakeToken } from './token-bucket.js';
import type { SimTrade } from './trade-text.js';
import type { RouteContext, VenueRoutes } from './venue.js';

/** How a row's id looks: as it is, 0 as in stretches of 2023, or absent as before. */
export type KrakenId = 'number' | 'zero' | 'absent';

export interface KrakenRoutesOptions {
  readonly products: ReadonlyMap<string, CoinbaseProduct>;
  /** Token of a bucket by address and pair; undefined for no limit. */
  readonly takeToken: TakeToken | undefined;
  /** Whether `since` means "from" (true) or "after". Nobody knows for sure (EXCHANGES §3.2). */
  readonly isInclusive: boolean;
  readonly idOf: (pair: string, id: number) => KrakenId;
  /** Every so many replies lack `last`; 0: none. */
  readonly withoutLast: number;
}

const maxRows = 1000;
const errors = (text: string): SimReply => jsonReply(200, { error: [text] });

/** Kraken's internal name, which the result is keyed by whatever was asked for. */
function internalName({ listing }: CoinbaseProduct): string {
  return `X${listing.base}Z${listing.quote}`;
}

/** ns since 1970 of a trade: all trades of one µs share them, so a burst has equal times. */
function nanosOf(timeUs: number): bigint {
  return BigInt(timeUs) * 1000n + BigInt((timeUs * 7919) % 1000);
}

/** The time as Kraken prints it: the shortest text of the double nearest to the ns. */
export function krakenTime(timeUs: number): string {
  const ns = String(nanosOf(timeUs)).padStart(10, '0');
  return String(Number(`${ns.slice(0, -9)}.${ns.slice(-9)}`));
}

/** `side` of the stand-in is the maker's; Kraken tells the taker's. */
function printKrakenRow(kind: KrakenId, trade: SimTrade, timeUs: number): string {
  const taker = trade.side === 'buy' ? 's' : 'b';
  const id = kind === 'absent' ? '' : `,${kind === 'zero' ? 0 : trade.id}`;
  const type = trade.id % 3 === 0 ? 'm' : 'l';
  return `["${trade.price}","${trade.size}",${krakenTime(timeUs)},"${taker}","${type}",""${id}]`;
}

/** A `since` of seconds, perhaps with a fraction, is cut to 10 ms; 13 digits and more are ns. */
function readSince(text: string): bigint | undefined {
  if (/^\d{13,19}$/.test(text)) return BigInt(text);
  if (!/^\d{1,12}(\.\d+)?$/.test(text)) return undefined;
  return BigInt(Math.floor(Number(text) * 100)) * 10_000_000n;
}

function listing(product: CoinbaseProduct): Record<string, unknown> {
  const { id, base, quote, status } = product.listing;
  return {
    altname: id,
    wsname: `${base}/${quote}`,
    aclass_base: 'currency',
    base: `X${base}`,
    aclass_quote: 'currency',
    quote: `Z${quote}`,
    pair_decimals: 1,
    lot_decimals: 8,
    status: status === 'online' ? 'online' : 'cancel_only',
  };
}

function answerPairs(products: KrakenRoutesOptions['products'], query: URLSearchParams): SimReply {
  const pair = query.get('pair');
  const named = pair === null ? [...products.values()] : [products.get(pair)];
  if (named.includes(undefined)) return errors('EQuery:Unknown asset pair');
  const result = Object.fromEntries(named.map((product) => [internalName(product!), listing(product!)]));
  return jsonReply(200, { error: [], result });
}

function firstIdFrom({ source }: CoinbaseProduct['market'], since: bigint, isInclusive: boolean): number {
  const us = Number(since / 1000n);
  let id = Math.max(source.firstId, source.lastIdAt(us - 1) + 1);
  const isBefore = (at: number): boolean => {
    const ns = nanosOf(source.timeUs(at));
    return isInclusive ? ns < since : ns <= since;
  };
  while (id <= source.lastId && source.timeUs(id) <= us && isBefore(id)) id += 1;
  return id;
}

function answerTrades(options: KrakenRoutesOptions, request: SimRequest, context: RouteContext): SimReply {
  const query = request.url.searchParams;
  const pair = query.get('pair') ?? '';
  const product = options.products.get(pair);
  if (product === undefined) return errors('EQuery:Unknown asset pair');
  const sinceText = query.get('since');
  const since = sinceText === null ? undefined : readSince(sinceText);
  const count = Number(query.get('count') ?? maxRows);
  if ((sinceText !== null && since === undefined) || !(count >= 1 && count <= maxRows))
    return errors('EGeneral:Invalid arguments');
  const { market } = product;
  const { fault, nowMs } = context;
  const lags = fault?.kind === (since === undefined ? 'stale-head' : 'lagging-replica');
  const asOfMs = lags ? nowMs - (fault.lagMs ?? 6000) : nowMs;
  const from = since === undefined ? undefined : firstIdFrom(market, since, options.isInclusive);
  const picked = market.select({ from, limit: count, asOfMs, countsHidden: true });
  const ranges = from === undefined ? picked.toReversed() : picked;
  const print = (trade: SimTrade, timeUs: number): string =>
    printKrakenRow(options.idOf(pair, trade.id), trade, timeUs);
  const page = arrayPage(printRows(market.source, ranges, print), context);
  // The last row that is really there, whatever a fault did to the page.
  const lastRow = page.rows.at(-1);
  const lastTime =
    lastRow === undefined ? undefined : (JSON.parse(Buffer.from(lastRow).toString('utf8')) as unknown[])[2];
  const shown = ranges.flatMap(({ first, last }) => [first, last]);
  const lastId = page.faulted && lastTime !== undefined ? lastIdOf(market, ranges, lastTime as number) : shown.at(-1);
  const last = lastId === undefined ? (since ?? 0n) : nanosOf(market.source.timeUs(lastId));
  const lacksLast = options.withoutLast > 0 && context.index % options.withoutLast === 0;
  const tail = lacksLast ? '' : `,"last":"${last}"`;
  const head = `{"error":[],"result":{${JSON.stringify(internalName(product))}:`;
  const body = Buffer.concat([Buffer.from(head), page.body, Buffer.from(`${tail}}}`)]);
  const headers = { 'content-type': 'application/json; charset=utf-8' };
  return { status: 200, headers, body, rows: page.rows.length, faulted: page.faulted || lags };
}

/** The trade of the page that a printed time belongs to: the highest, as equal times have equal ns. */
function lastIdOf(
  { source }: CoinbaseProduct['market'],
  ranges: readonly { readonly first: number; readonly last: number }[],
  seconds: number,
): number | undefined {
  for (const { first, last } of ranges.toReversed())
    for (let id = last; id >= first; id--) if (Number(krakenTime(source.timeUs(id))) <= seconds) return id;
  return undefined;
}

/** How Kraken says that it fails: a text in an answer of status 200 (EXCHANGES §3.5); a page of HTML comes from its edge. */
function failureInWords({ body }: Extract<Fault, { kind: 'status' }>): SimReply | undefined {
  if (body === 'html') return undefined;
  return errors(body === 'maintenance' ? 'EService:Unavailable' : 'EService:Busy');
}

/** The public market data of Kraken spot: AssetPairs, Trades, Time (EXCHANGES §3.8). */
export function createKrakenRoutes(options: KrakenRoutesOptions): VenueRoutes {
  return {
    admit: (request, nowMs) => {
      const isTrades = request.url.pathname === '/0/public/Trades';
      const bucket = `${request.remote}/${isTrades ? request.url.searchParams.get('pair') : ''}`;
      if (!isTrades || options.takeToken === undefined || options.takeToken(bucket, nowMs)) return undefined;
      return { ...errors('EGeneral:Too many requests'), rateLimited: true };
    },
    failure: failureInWords,
    answer: (request, context) => {
      const { pathname, searchParams } = request.url;
      if (pathname === '/0/public/Time')
        return jsonReply(200, { error: [], result: { unixtime: Math.floor(context.nowMs / 1000) } });
      if (pathname === '/0/public/AssetPairs') return answerPairs(options.products, searchParams);
      return pathname === '/0/public/Trades'
        ? answerTrades(options, request, context)
        : errors('EGeneral:Unknown method');
    },
  };
}
