import { applyRowFault } from './coinbase-page.js';
import type { Market } from './market.js';
import { hashText, mix } from './random.js';
import { jsonReply, type SimReply, type SimRequest } from './reply.js';
import { createTokenBuckets, type TokenBucketOptions } from './token-bucket.js';
import { eightDecimals } from './trade-text.js';
import type { RouteContext, VenueRoutes } from './venue.js';

/** What Coinbase says of a product in /products. */
export interface CoinbaseListing {
  readonly id: string;
  readonly base: string;
  readonly quote: string;
  readonly status: 'online' | 'offline' | 'internal' | 'delisted';
  readonly quoteIncrement: string;
  readonly baseIncrement: string;
  /** What /trades answers for it: its trades, an empty page, 404, or the old 400 `product_id is not a valid product`. */
  readonly serves: 'trades' | 'empty' | 'not-found' | 'bad-request';
}

/** A product of the simulation: its listing and its market, both of which control may exchange. */
export interface CoinbaseProduct {
  listing: CoinbaseListing;
  market: Market;
  /** How many ids the ticker is ahead of the trades (below 0: behind). */
  tickerLead: number;
}

/** How old answers of the CDN can be, ms. */
export interface StaleHead {
  /** Page without cursor. */
  readonly pageMs: number;
  readonly tickerMs: number;
}

export interface CoinbaseRoutesOptions {
  readonly seed: string;
  readonly products: ReadonlyMap<string, CoinbaseProduct>;
  readonly rateLimit: TokenBucketOptions | undefined;
  readonly staleHead: StaleHead | undefined;
}

const maxRows = 1000;
const notFound = (): SimReply => jsonReply(404, { message: 'NotFound' });
const badRequest = (message: string): SimReply => jsonReply(400, { message });

function listingRow(listing: CoinbaseListing): Record<string, unknown> {
  return {
    id: listing.id,
    base_currency: listing.base,
    quote_currency: listing.quote,
    quote_increment: listing.quoteIncrement,
    base_increment: listing.baseIncrement,
    // The real one is inconsistent too: BTC-USD beside MOVE/USD.
    display_name: listing.status === 'online' ? listing.id : `${listing.base}/${listing.quote}`,
    min_market_funds: '1',
    margin_enabled: false,
    post_only: false,
    limit_only: false,
    cancel_only: false,
    status: listing.status,
    status_message: '',
    trading_disabled: listing.status === 'delisted',
    fx_stablecoin: false,
    max_slippage_percentage: '0.02000000',
    auction_mode: false,
    high_bid_limit_percentage: '',
  };
}

/** An absent parameter, its whole number, or `invalid`. */
function readInteger(query: URLSearchParams, name: string): number | undefined | 'invalid' {
  const text = query.get(name);
  if (text === null) return undefined;
  return /^-?\d+$/.test(text) ? Number(text) : 'invalid';
}

interface PageQuery {
  readonly after: number | undefined;
  readonly before: number | undefined;
  readonly limit: number;
}

/** The page asked for, or the message of a 400. */
function readPageQuery(query: URLSearchParams): PageQuery | string {
  const after = readInteger(query, 'after');
  const before = readInteger(query, 'before');
  const limit = readInteger(query, 'limit');
  if (after === 'invalid') return 'Invalid value for pagination after';
  if (before === 'invalid') return 'Invalid value for pagination before';
  if (limit === 'invalid' || (limit !== undefined && limit <= 0)) return 'Invalid value for pagination limit';
  if (after !== undefined && before !== undefined) return 'Only one of pagination before and after may be given';
  return { after, before, limit: Math.min(limit ?? maxRows, maxRows) };
}

interface Snapshot {
  readonly asOfMs: number;
  readonly ageSeconds: number;
  readonly faulted: boolean;
}

/** Three edges of the CDN, each with its own copy renewed every `maxAgeMs`: what one says may be older than what another said before. */
function edgeSnapshot(seed: number, context: RouteContext, maxAgeMs: number): number {
  const phaseMs = ((mix(seed, context.index) % 3) * maxAgeMs) / 3;
  return Math.floor((context.nowMs - phaseMs) / maxAgeMs) * maxAgeMs + phaseMs;
}

function snapshotFor(seed: number, context: RouteContext, maxAgeMs: number | undefined, isCursor: boolean): Snapshot {
  const { fault, nowMs } = context;
  const lags = fault?.kind === (isCursor ? 'lagging-replica' : 'stale-head');
  const lagMs = (fault?.kind === 'lagging-replica' || fault?.kind === 'stale-head' ? fault.lagMs : undefined) ?? 6000;
  const asOfMs = lags
    ? nowMs - lagMs
    : maxAgeMs === undefined || isCursor
      ? nowMs
      : edgeSnapshot(seed, context, maxAgeMs);
  return { asOfMs, ageSeconds: Math.floor((nowMs - asOfMs) / 1000), faulted: lags };
}

function answerTrades(
  product: CoinbaseProduct,
  request: SimRequest,
  context: RouteContext,
  snapshots: SnapshotSource,
): SimReply {
  const { serves } = product.listing;
  if (serves === 'not-found') return notFound();
  if (serves === 'bad-request') return badRequest('product_id is not a valid product');
  const query = readPageQuery(request.url.searchParams);
  if (typeof query === 'string') return badRequest(query);
  const isCursor = query.after !== undefined || query.before !== undefined;
  const snapshot = snapshots.page(context, isCursor);
  const { market } = product;
  const ranges =
    serves === 'empty'
      ? []
      : market.select({
          below: query.after,
          above: query.before,
          limit: query.limit,
          asOfMs: snapshot.asOfMs,
          countsHidden: true,
        });
  const page = applyRowFault(market.source, ranges, context.fault, context.index);
  // A replica's answer is a miss of the cache, however old what it says.
  const age = isCursor ? 0 : snapshot.ageSeconds;
  const headers: Record<string, string> = {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'public, max-age=5',
    'cf-cache-status': age > 0 ? 'HIT' : 'MISS',
    age: String(age),
  };
  if (page.newest !== undefined && page.oldest !== undefined) {
    headers['cb-before'] = String(page.newest);
    headers['cb-after'] = String(page.oldest);
  }
  return { status: 200, headers, body: page.body, rows: page.rows, faulted: page.faulted || snapshot.faulted };
}

function answerTicker(product: CoinbaseProduct, context: RouteContext, snapshots: SnapshotSource): SimReply {
  const { market, tickerLead, listing } = product;
  const snapshot = snapshots.ticker(context);
  const newest = market.newestId(snapshot.asOfMs);
  if (newest === undefined || listing.serves === 'not-found') return notFound();
  const trade = market.source.trade(newest);
  const body = {
    ask: trade.price,
    bid: trade.price,
    volume: eightDecimals(newest % 1_000_000_007, 3),
    trade_id: newest + tickerLead,
    price: trade.price,
    size: trade.size,
    time: trade.time,
    rfq_volume: '0.000000',
  };
  const headers = { 'cache-control': 'public, max-age=1', age: String(snapshot.ageSeconds) };
  return { ...jsonReply(200, body, headers), faulted: snapshot.faulted };
}

function answerTime(nowMs: number): SimReply {
  return jsonReply(200, { iso: new Date(nowMs).toISOString(), epoch: nowMs / 1000 }, { 'cache-control': 'no-store' });
}

interface SnapshotSource {
  readonly page: (context: RouteContext, isCursor: boolean) => Snapshot;
  readonly ticker: (context: RouteContext) => Snapshot;
}

function createAdmission(rateLimit: TokenBucketOptions | undefined): VenueRoutes['admit'] {
  const takeToken = rateLimit === undefined ? undefined : createTokenBuckets(rateLimit);
  return (request, nowMs) => {
    if ((request.headers['user-agent'] ?? '').trim() === '') return badRequest('User-Agent header is required.');
    if (takeToken !== undefined && !takeToken(request.remote, nowMs)) {
      return { ...jsonReply(429, { message: 'Public rate limit exceeded' }), rateLimited: true };
    }
    return undefined;
  };
}

/** The public market data of Coinbase Exchange: /products, /products/{id}, …/ticker, …/trades, /time. */
export function createCoinbaseRoutes(options: CoinbaseRoutesOptions): VenueRoutes {
  const { products, staleHead } = options;
  const seed = hashText(`${options.seed}/edges`);
  const snapshots: SnapshotSource = {
    page: (context, isCursor) => snapshotFor(seed, context, staleHead?.pageMs, isCursor),
    ticker: (context) => snapshotFor(seed, context, staleHead?.tickerMs, false),
  };
  const cached = { 'cache-control': 'public, max-age=5' };

  function answer(request: SimRequest, context: RouteContext): SimReply {
    if (request.method !== 'GET' && request.method !== 'HEAD') return jsonReply(405, { message: 'MethodNotAllowed' });
    const parts = request.url.pathname.split('/').slice(1);
    if (parts[0] === 'time' && parts.length === 1) return answerTime(context.nowMs);
    if (parts[0] !== 'products') return notFound();
    if (parts.length === 1)
      return jsonReply(
        200,
        [...products.values()].map((product) => listingRow(product.listing)),
        cached,
      );
    const product = products.get(decodeSegment(parts[1]!));
    if (product === undefined) return notFound();
    if (parts.length === 2) return jsonReply(200, listingRow(product.listing), cached);
    if (parts.length > 3) return notFound();
    if (parts[2] === 'trades') return answerTrades(product, request, context, snapshots);
    if (parts[2] === 'ticker') return answerTicker(product, context, snapshots);
    return notFound();
  }

  return { admit: createAdmission(options.rateLimit), answer };
}

/** A path segment decoded; one that cannot be decoded is no product's name. */
function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return '';
  }
}
