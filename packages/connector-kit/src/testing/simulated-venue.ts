import type { Product, TradeFacts } from '@schemahub/core';
import type { FetchLike } from '../fetch-like.js';
import { parseTradeTime } from '../trade-time.js';

/** What a venue's URL asks for. */
export type VenueRequest =
  | { readonly kind: 'products' }
  | { readonly kind: 'product'; readonly product: string }
  /**
   * The `limit` greatest trades ≤ `upTo`; with `from` the least ones ≥ it, with `since` (RFC 3339) the first ones at or
   * after it; without all three the newest ones. `ascending`: oldest first.
   */
  | {
      readonly kind: 'trades';
      readonly product: string;
      readonly upTo?: number | undefined;
      readonly from?: number | undefined;
      readonly since?: string | undefined;
      readonly limit: number;
      readonly ascending?: boolean | undefined;
    };

/** How one venue writes what the simulated venue knows. */
export interface VenueDialect {
  readonly origin: string;
  /** Undefined for a URL that the venue does not have. */
  readonly parse: (url: URL) => VenueRequest | undefined;
  /** JSON text of one row. */
  readonly trade: (trade: TradeFacts, idAsString: boolean) => string;
  /** JSON text of one catalogue row. */
  readonly product: (product: Product) => string;
  /** Body of a catalogue or trades reply. Default: a JSON array of the rows. */
  readonly body?:
    | ((request: VenueRequest, rows: readonly string[], trades: readonly TradeFacts[]) => string)
    | undefined;
  /** Status of an error about an unknown product. Default 404. */
  readonly unknownProductStatus?: number | undefined;
  /** JSON text of an error. */
  readonly error: (what: 'unknown-product' | 'rate' | 'server') => string;
}

export interface VenueProduct {
  readonly product: Product;
  /** Ascending by id. */
  readonly trades: readonly TradeFacts[];
}

/** What goes wrong with one reply. */
export type VenueFault =
  /** Only the `rows` newest of the page. */
  | { readonly kind: 'short-page'; readonly rows: number }
  | { readonly kind: 'missing-row'; readonly id: number }
  /** Every row twice. */
  | { readonly kind: 'duplicate-rows' }
  | { readonly kind: 'unsorted-rows' }
  /** The row comes twice, once with another price. */
  | { readonly kind: 'conflicting-row'; readonly id: number }
  /** A row with this id on top, whatever was asked. */
  | { readonly kind: 'alien-row'; readonly id: number }
  | { readonly kind: 'row-without-id' }
  | { readonly kind: 'string-ids' }
  /** The reply comes from a replica that has seen nothing above this id. */
  | { readonly kind: 'stale'; readonly id: number }
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly type: 'json' | 'html';
      readonly retryAfter?: string | undefined;
    }
  /** The body stops in the middle, length and all, as a broken proxy leaves it. */
  | { readonly kind: 'truncated-body' }
  /** `content-length` says more than comes. */
  | { readonly kind: 'short-of-length' }
  | { readonly kind: 'malformed-body' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'reset-mid-body' }
  /** Nothing ever comes, and the abort signal is ignored. */
  | { readonly kind: 'silence' };

export interface SimulatedVenue {
  readonly fetch: FetchLike;
  readonly load: (products: readonly VenueProduct[]) => void;
  /** The next request meets the first fault, the one after it the second, … */
  readonly inject: (...faults: readonly VenueFault[]) => void;
  /** URLs asked, in order. */
  readonly urls: () => readonly string[];
  /** Bodies sent, in order. */
  readonly bodies: () => readonly Uint8Array[];
}

const DATE = 'Sun, 27 Sep 2026 15:57:30 GMT';
const HTML = '<!DOCTYPE html><html><head><title>Error</title></head><body>Bad gateway</body></html>';

function selectRows(
  held: VenueProduct,
  request: Extract<VenueRequest, { kind: 'trades' }>,
  fault: VenueFault | undefined,
): TradeFacts[] {
  const { from, since } = request;
  const upTo = Math.min(
    request.upTo ?? Number.POSITIVE_INFINITY,
    fault?.kind === 'stale' ? fault.id : Number.POSITIVE_INFINITY,
  );
  const shown = held.trades.filter((trade) => trade.id <= upTo);
  const sinceMicros = since === undefined ? undefined : parseTradeTime(since).micros;
  const ahead =
    sinceMicros !== undefined
      ? shown.filter(({ ts }) => parseTradeTime(ts).micros >= sinceMicros)
      : from !== undefined
        ? shown.filter(({ id }) => id >= from)
        : undefined;
  const newest = shown.toReversed().slice(0, request.limit);
  const rows = ahead?.slice(0, request.limit) ?? (request.ascending === true ? newest.toReversed() : newest);
  switch (fault?.kind) {
    case 'short-page':
      return rows.slice(0, fault.rows);
    case 'missing-row':
      return rows.filter((trade) => trade.id !== fault.id);
    case 'duplicate-rows':
      return rows.flatMap((trade) => [trade, trade]);
    case 'unsorted-rows':
      return [...rows.filter((_, at) => at % 2 === 1), ...rows.filter((_, at) => at % 2 === 0)];
    case 'conflicting-row':
      return rows.flatMap((trade) => (trade.id === fault.id ? [trade, { ...trade, price: '0.00000003' }] : [trade]));
    case 'alien-row':
      return [{ ...held.trades[0]!, id: fault.id }, ...rows];
    default:
      return rows;
  }
}

function bodyOf(
  dialect: VenueDialect,
  held: readonly VenueProduct[],
  request: VenueRequest,
  fault: VenueFault | undefined,
): string | undefined {
  const { body = (_request, rows) => `[${rows.join(',')}]` } = dialect;
  if (request.kind === 'products')
    return body(
      request,
      held.map(({ product }) => dialect.product(product)),
      [],
    );
  const found = held.find(({ product }) => product.id === request.product);
  if (found === undefined) return undefined;
  if (request.kind === 'product')
    return dialect.body === undefined
      ? dialect.product(found.product)
      : body(request, [dialect.product(found.product)], []);
  const trades = selectRows(found, request, fault);
  const rows = trades.map((trade) => dialect.trade(trade, fault?.kind === 'string-ids'));
  if (fault?.kind === 'row-without-id') rows.push('{"price":"1.0"}');
  return body(request, rows, trades);
}

function brokenBody(
  body: Uint8Array,
  fault: VenueFault | undefined,
): Uint8Array<ArrayBuffer> | string | ReadableStream<Uint8Array> {
  const half = body.slice(0, Math.floor(body.length / 2));
  if (fault?.kind === 'truncated-body') return half;
  if (fault?.kind === 'short-of-length') return body.slice(0, -1);
  if (fault?.kind === 'malformed-body') return `${Buffer.from(half)},]`;
  if (fault?.kind !== 'reset-mid-body') return body.slice();
  return new ReadableStream({
    start: (controller) => controller.enqueue(half),
    pull: (controller) => controller.error(Object.assign(new TypeError('terminated'), { code: 'ECONNRESET' })),
  });
}

/** A venue in memory that speaks one dialect and misbehaves on demand. It never slows down and never limits. */
export function createSimulatedVenue(dialect: VenueDialect): SimulatedVenue {
  let held: readonly VenueProduct[] = [];
  const faults: VenueFault[] = [];
  const urls: string[] = [];
  const bodies: Uint8Array[] = [];
  const fetch: FetchLike = async (url) => {
    urls.push(url);
    const fault = faults.shift();
    if (fault?.kind === 'silence') return new Promise<Response>(() => {});
    if (fault?.kind === 'reset')
      throw new TypeError('fetch failed', {
        cause: Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }),
      });
    const html = fault?.kind === 'status' && fault.type === 'html';
    const headers: Record<string, string> = {
      date: DATE,
      'content-type': html ? 'text/html; charset=UTF-8' : 'application/json; charset=utf-8',
    };
    if (fault?.kind === 'status') {
      if (fault.retryAfter !== undefined) headers['retry-after'] = fault.retryAfter;
      const text = html ? HTML : dialect.error(fault.status === 429 ? 'rate' : 'server');
      return new Response(text, { status: fault.status, headers });
    }
    const request = dialect.parse(new URL(url));
    if (request === undefined) throw new Error(`simulated venue: expected a URL of the venue, got ${url}`);
    const text = bodyOf(dialect, held, request, fault);
    if (text === undefined)
      return new Response(dialect.error('unknown-product'), { status: dialect.unknownProductStatus ?? 404, headers });
    const body = new TextEncoder().encode(text);
    bodies.push(body);
    if (fault?.kind !== 'truncated-body' && fault?.kind !== 'malformed-body')
      headers['content-length'] = `${body.length}`;
    return new Response(brokenBody(body, fault), { status: 200, headers });
  };
  return {
    fetch,
    load: (products) => {
      held = products;
    },
    inject: (...more) => {
      faults.push(...more);
    },
    urls: () => urls,
    bodies: () => bodies,
  };
}
