import type { CallCost, CallOptions, Clock, ExchangeReply, SendOptions, Transport } from '@schemahub/core';
import { ConnectorError, invalidOption } from './errors.js';
import type { Judge, TradesReply } from './trade-rows.js';

/** A base URL as a lake remembers it: without a slash at its end. Throws `ConnectorError` `invalid-option`. */
export function parseOrigin(baseUrl: string): string {
  const expected = 'an http(s) URL without credentials, query and fragment';
  if (!URL.canParse(baseUrl)) throw invalidOption('baseUrl', expected, baseUrl);
  const { protocol, username, password, search, hash, href } = new URL(baseUrl);
  if (username !== '' || password !== '') throw invalidOption('baseUrl', expected, 'one with credentials');
  if (!/^https?:$/.test(protocol) || search !== '' || hash !== '') throw invalidOption('baseUrl', expected, baseUrl);
  return href.replace(/\/+$/, '');
}

/** A member as text; a number is taken by its value. What is absent stays empty for the mapping to judge. */
export function fieldText(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? String(value) : '';
}

/** A product id as a URL can carry it, percent-encoded. Throws `ConnectorError` `invalid-product`. */
export function encodeProduct(product: string, example: string): string {
  try {
    // A dot segment would be resolved away by every URL parser, percent-encoded or not.
    if (product !== '' && product !== '.' && product !== '..') return encodeURIComponent(product);
  } catch {
    // A lone surrogate has no UTF-8 and so no URL.
  }
  throw new ConnectorError(
    'invalid-product',
    `product: expected a venue id such as ${example}, got ${JSON.stringify(product)}`,
  );
}

export interface VenueRequest {
  /** Path and query below the origin. */
  readonly path: string;
  readonly cost: readonly CallCost[];
  /** The product that it is about. */
  readonly subject?: string | undefined;
}

/** Options of one call: the caller's, whether it must not meet a pooled connection, and how its reply is read. */
export type VenueSend = (CallOptions & SendOptions & { readonly judge?: Judge | undefined }) | undefined;

/** Sends a venue's requests and stamps their replies. */
export function createCalls(options: {
  readonly transport: Transport;
  readonly origin: string;
  readonly clock: Clock;
}): (request: VenueRequest, send: VenueSend) => Promise<TradesReply> {
  const { transport, origin, clock } = options;
  if (typeof transport?.send !== 'function') throw invalidOption('transport', 'a transport with send', transport);
  return async ({ path, cost, subject }, send) => {
    const url = origin + path;
    const stamp = ({ body, date, elapsedMs }: ExchangeReply): TradesReply => ({
      body,
      date,
      elapsedMs,
      url,
      receivedAt: clock.now(),
    });
    const judge = send?.judge && ((reply: ExchangeReply): void => send.judge?.(stamp(reply)));
    const reply = await transport.send(
      { url, cost, subject, priority: send?.priority, judge },
      { signal: send?.signal, freshConnection: send?.freshConnection },
    );
    return stamp(reply);
  };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The body as JSON; undefined when it is none. Parsed whole, so that the breaker sees a damaged page as a failure. */
export function jsonOf(reply: ExchangeReply): unknown {
  try {
    return JSON.parse(utf8.decode(reply.body)) as unknown;
  } catch {
    return undefined;
  }
}

/** A count of µs since 1970 as RFC 3339 with `digits` (0 … 6) fraction digits. */
export function isoOfMicros(micros: number, digits: number): string {
  const seconds = Math.floor(micros / 1_000_000);
  const text = new Date(seconds * 1000).toISOString().slice(0, 19);
  const fraction = String(micros - seconds * 1_000_000)
    .padStart(6, '0')
    .slice(0, digits);
  return digits === 0 ? `${text}Z` : `${text}.${fraction}Z`;
}
