import { arrayPage, type PrintRow, printRows } from './ascending-page.js';
import type { CoinbaseProduct } from './coinbase-routes.js';
import type { Fault } from './fault.js';
import { jsonReply, type SimReply, type SimRequest } from './reply.js';
import type { RouteContext, VenueRoutes } from './venue.js';
import type { WeightMeter } from './weight-meter.js';

/** What a host of Binance serves. `mirror`: data-api.binance.vision, without historicalTrades; `restricted`: 451 to all. */
export type BinanceRole = 'api' | 'mirror' | 'restricted';

export interface BinanceRoutesOptions {
  readonly products: ReadonlyMap<string, CoinbaseProduct>;
  readonly meter: WeightMeter | undefined;
  readonly weightPerMinute: number;
  readonly role: () => BinanceRole;
  /** Answers paths of the archive. */
  readonly archive: (path: string, nowMs: number) => SimReply | undefined;
}

const maxRows = 1000;
const defaultRows = 500;
const endpointWeights: Readonly<Record<string, number>> = {
  exchangeInfo: 20,
  trades: 25,
  historicalTrades: 25,
  aggTrades: 4,
};

const failed = (status: number, code: number, msg: string): SimReply => jsonReply(status, { code, msg });
const invalidSymbol = (): SimReply => failed(400, -1121, 'Invalid symbol.');
const restricted = (): SimReply =>
  failed(
    451,
    0,
    "Service unavailable from a restricted location according to 'b. Eligibility' in https://www.binance.com/en/terms. Please contact customer service if you believe you received this message in error.",
  );

/** 16 decimals of price × size, cut to the eight that Binance prints. */
export function quoteQuantity(price: string, size: string): string {
  const product = (BigInt(price.replace('.', '')) * BigInt(size.replace('.', ''))) / 100_000_000n;
  const digits = String(product).padStart(9, '0');
  return `${digits.slice(0, -8)}.${digits.slice(-8)}`;
}

/** A row of /trades and /historicalTrades; the stand-in's `side` is the maker's. */
function printBinanceRow(isMicros: boolean): PrintRow {
  return ({ id, price, size, side }, timeUs) =>
    `{"id":${id},"price":"${price}","qty":"${size}","quoteQty":"${quoteQuantity(price, size)}","time":${isMicros ? timeUs : Math.floor(timeUs / 1000)},"isBuyerMaker":${side === 'buy'},"isBestMatch":true}`;
}

/** One aggregate a trade, under ids of its own: nothing here depends on how trades are joined. */
function printAggregate(isMicros: boolean): PrintRow {
  return ({ id, price, size, side }, timeUs) =>
    `{"a":${id + 7},"p":"${price}","q":"${size}","f":${id},"l":${id},"T":${isMicros ? timeUs : Math.floor(timeUs / 1000)},"m":${side === 'buy'},"M":true}`;
}

function wholeOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  return /^\d+$/.test(text) ? Number(text) : Number.NaN;
}

function listing({ listing: { id, status, base, quote } }: CoinbaseProduct): Record<string, unknown> {
  return {
    symbol: id,
    status: status === 'online' ? 'TRADING' : 'BREAK',
    baseAsset: base,
    baseAssetPrecision: 8,
    quoteAsset: quote,
    quotePrecision: 8,
    isSpotTradingAllowed: true,
  };
}

function answerInfo({ products, weightPerMinute }: BinanceRoutesOptions, query: URLSearchParams): SimReply {
  const symbol = query.get('symbol');
  const named = symbol === null ? [...products.values()] : [products.get(symbol)];
  if (named.includes(undefined)) return invalidSymbol();
  return jsonReply(200, {
    timezone: 'UTC',
    rateLimits: [
      { rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit: weightPerMinute },
      { rateLimitType: 'RAW_REQUESTS', interval: 'MINUTE', intervalNum: 5, limit: 300_000 },
    ],
    symbols: named.map((product) => listing(product!)),
  });
}

function answerRows(product: CoinbaseProduct, endpoint: string, request: SimRequest, context: RouteContext): SimReply {
  const query = request.url.searchParams;
  const limit = wholeOf(query, 'limit') ?? defaultRows;
  const fromId = wholeOf(query, 'fromId');
  const startTime = wholeOf(query, 'startTime');
  if (!(limit > 0)) return failed(400, -1100, "Illegal characters found in parameter 'limit'.");
  if (Number.isNaN(fromId)) return failed(400, -1100, "Illegal characters found in parameter 'fromId'.");
  if (fromId !== undefined && startTime !== undefined)
    return failed(400, -1128, 'Combination of optional parameters invalid.');
  const { source, select } = product.market;
  const { fault, nowMs } = context;
  const lags = fault?.kind === (fromId === undefined ? 'stale-head' : 'lagging-replica');
  const asOfMs = lags ? nowMs - (fault.lagMs ?? 6000) : nowMs;
  const startUs = startTime === undefined ? undefined : startTime >= 1e14 ? startTime : startTime * 1000;
  const isAggregate = endpoint === 'aggTrades';
  const from =
    fromId ?? (startUs === undefined || !isAggregate ? undefined : Math.max(0, source.lastIdAt(startUs - 1) + 1));
  const ranges = select({ from, limit: Math.min(limit, maxRows), asOfMs, countsHidden: true });
  const isMicros = request.headers['x-mbx-time-unit']?.toUpperCase() === 'MICROSECOND';
  const print = isAggregate ? printAggregate(isMicros) : printBinanceRow(isMicros);
  const page = arrayPage(printRows(source, from === undefined ? ranges.toReversed() : ranges, print), context);
  return {
    status: 200,
    headers: { 'content-type': 'application/json;charset=UTF-8' },
    body: page.body,
    rows: page.rows.length,
    faulted: page.faulted || lags,
  };
}

/** How Binance says that it fails (EXCHANGES §2.3); a page of HTML comes from its edge. */
function failureInWords({ status, body }: Extract<Fault, { kind: 'status' }>): SimReply | undefined {
  if (body === 'html') return undefined;
  const words = 'Spot server is currently overloaded with other requests. Please try again in a few minutes.';
  if (body === 'maintenance') return failed(status, -1008, words);
  return failed(status, -1001, 'Internal error; unable to process your request. Please try again.');
}

/** The public market data of Binance spot: exchangeInfo, trades, historicalTrades, aggTrades, time (EXCHANGES §2.7). */
export function createBinanceRoutes(options: BinanceRoutesOptions): VenueRoutes {
  const { products, meter, role, archive } = options;
  const isArchive = ({ url }: SimRequest): boolean => url.pathname.startsWith('/data/');
  const endpointOf = ({ url }: SimRequest): string => /^\/api\/v3\/(\w+)$/.exec(url.pathname)?.[1] ?? '';
  return {
    admit: (request, nowMs) => {
      // Another host, with neither weights nor borders.
      if (isArchive(request)) return undefined;
      if (role() === 'restricted') return restricted();
      const refusal = meter?.take(request.remote, endpointWeights[endpointOf(request)] ?? 1, nowMs);
      return refusal === undefined ? undefined : { ...refusal, rateLimited: true };
    },
    failure: failureInWords,
    answer: (request, context) => {
      const stored = archive(request.url.pathname, context.nowMs);
      if (stored !== undefined) return stored;
      const endpoint = endpointOf(request);
      const used = meter?.headers(request.remote, context.nowMs) ?? {};
      const withUsed = (reply: SimReply): SimReply => ({ ...reply, headers: { ...reply.headers, ...used } });
      if (endpoint === 'time') return withUsed(jsonReply(200, { serverTime: Math.floor(context.nowMs) }));
      if (endpoint === 'exchangeInfo') return withUsed(answerInfo(options, request.url.searchParams));
      const known = endpoint === 'trades' || endpoint === 'aggTrades' || endpoint === 'historicalTrades';
      if (!known || (endpoint === 'historicalTrades' && role() === 'mirror'))
        return { status: 404, headers: { 'content-type': 'text/html' }, body: Buffer.from('<html></html>'), rows: 0 };
      const product = products.get(request.url.searchParams.get('symbol') ?? '');
      if (product === undefined) return withUsed(invalidSymbol());
      return withUsed(answerRows(product, endpoint, request, context));
    },
  };
}
