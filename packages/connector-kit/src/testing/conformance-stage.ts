import assert from 'node:assert/strict';
import {
  ExchangeError,
  type ExchangeErrorKind,
  type Product,
  type TradeFacts,
  type TradePage,
  type TransientCause,
  type WindowedConnector,
} from '@schemahub/core';
import type { ManualClock } from './manual-clock.js';
import { sampleProduct, sampleTrade, sampleTrades } from './sample-trades.js';
import type { SimulatedVenue } from './simulated-venue.js';

export interface ConformanceSubject {
  /** Built over a transport with the given clock and a time-out of `CONFORMANCE_TIMEOUT_MS`. */
  readonly connector: WindowedConnector;
  readonly venue: SimulatedVenue;
  /** Which way the venue pages: `down` from an id (Coinbase), `up` from an id (Binance) or an instant (Kraken). Default down. */
  readonly paging?: 'down' | 'up' | 'time' | undefined;
  /** How the venue tells a product that is no longer traded. Default `delisted`; `offline` where it may come back. */
  readonly delisted?: Product['status'] | undefined;
  /** A sample trade as this venue's records tell it. Default: as it is. */
  readonly told?: ((trade: TradeFacts) => TradeFacts) | undefined;
}

export interface Stage extends ConformanceSubject {
  readonly clock: ManualClock;
}

/** A check by name, before a subject is built for it. */
export type StagedCase = readonly [name: string, check: (stage: Stage) => Promise<void>];

export const CONFORMANCE_TIMEOUT_MS = 15_000;

export const PRODUCT: string = 'BTC-USD';
export const product: Product = sampleProduct(PRODUCT);

export function holds(venue: SimulatedVenue, ...ranges: readonly (readonly [number, number])[]): void {
  venue.load([{ product, trades: sampleTrades(...ranges) }]);
}

export function idsOf(...ranges: readonly (readonly [number, number])[]): number[] {
  return sampleTrades(...ranges).map(({ id }) => id);
}

/** Trade `id` as the subject's venue tells it. */
export function tradeOf({ told }: Stage, id: number): TradeFacts {
  const trade = sampleTrade(id);
  return told === undefined ? trade : told(trade);
}

/** What a page says about the rows around it, by the way its venue pages. */
export function assertAround(
  { paging = 'down' }: Stage,
  page: TradePage,
  below: number | undefined,
  above: number | undefined,
): void {
  assert.equal(page.nextBelow, paging === 'down' ? below : undefined);
  if (paging !== 'time') assert.equal(page.nextAbove, paging === 'up' ? above : undefined);
}

/** The page holds exactly these ids, ascending, and every record is that very trade. */
export function assertPage(stage: Stage, page: TradePage, expected: readonly number[]): void {
  assert.deepEqual([...page.ids], [...expected]);
  assert.equal(page.records.length, expected.length);
  for (const [at, record] of page.records.entries()) {
    assert.deepEqual(stage.connector.parseTrade(record), tradeOf(stage, expected[at]!));
  }
  assert.equal(page.firstTime, expected.length === 0 ? '' : tradeOf(stage, expected[0]!).ts);
  assert.equal(page.lastTime, expected.length === 0 ? '' : tradeOf(stage, expected.at(-1)!).ts);
}

export async function assertFault(
  promise: Promise<unknown>,
  kind: ExchangeErrorKind,
  transient?: TransientCause,
): Promise<ExchangeError> {
  const error: unknown = await promise.then(
    () => assert.fail(`expected an ExchangeError of kind ${kind}, but the call succeeded`),
    (cause: unknown) => cause,
  );
  assert(error instanceof ExchangeError, `expected an ExchangeError, got ${String(error)}`);
  assert.equal(error.kind, kind, error.message);
  if (transient !== undefined) assert.equal(error.transient, transient, error.message);
  return error;
}
