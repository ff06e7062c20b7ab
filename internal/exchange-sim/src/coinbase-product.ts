import type { IdRange } from '@schemahub/coverage';
import type { CoinbaseListing } from './coinbase-routes.js';
import { refuse } from './errors.js';
import type { IdList } from './id-ranges.js';
import { hashText } from './random.js';
import { createTradeSeries, powerOfTen } from './trade-series.js';
import type { TradeSource } from './trade-source.js';
import { eightDecimals } from './trade-text.js';

/** A product whose trades are made by a function of (seed, product, id): ten million need no memory. */
export interface CoinbaseProductSpec {
  /** `BTC-USD`. */
  readonly id: string;
  /** How many ids are issued at the start, voids included: the head is firstId + trades − 1. 0 for a product without trades. */
  readonly trades: number;
  /** Lowest id. Default 1. */
  readonly firstId?: number | undefined;
  /** Ids without a trade, one by one or as inclusive ranges; holes may be wider than a page or lie above the head. */
  readonly voids?: IdList | undefined;
  /** When the newest of the first trades happened; ISO 8601 text or ms. Default 2025-08-22T20:11:59Z. */
  readonly endTime?: string | number | undefined;
  /** Mean trades a second; intensity varies over hours. Default 5. */
  readonly ratePerSecond?: number | undefined;
  /** Where the price walk begins; it stays within 16 % of it. Default 100. */
  readonly price?: string | number | undefined;
  /**
   * Follow a price that every product with the same seed follows, on whatever venue, at most `spreadBps` (1/100 %) from
   * it at any instant; `price` is where it goes around. Default: a walk of its own.
   */
  readonly pricePath?: { readonly seed: string | number; readonly spreadBps: number } | undefined;
  /** Digits of the price's tick. Default 2 from 100 up, 4 from 1, 6 from 0.01, else 8. */
  readonly priceDecimals?: number | undefined;
  /** Digits of sizes that may differ from 0; always 8 are printed. Default 8 from a price of 1 up, 2 from 0.001, else 0. */
  readonly sizeDecimals?: number | undefined;
  /** Default `online`. */
  readonly status?: CoinbaseListing['status'] | undefined;
  /** Defaults: the parts of the id around its last dash. */
  readonly base?: string | undefined;
  readonly quote?: string | undefined;
  /** Whether later trades appear as the clock passes their time. Default false: only `addTrades` adds some. */
  readonly followClock?: boolean | undefined;
}

/** The spec with every default filled in. */
export interface PlannedProduct {
  readonly listing: CoinbaseListing;
  readonly firstId: number;
  readonly head: number;
  readonly voids: IdList;
  readonly endTimeMs: number;
  readonly followClock: boolean;
  readonly ratePerSecond: number;
  readonly path: { readonly seed: number; readonly spread: number } | undefined;
  readonly centreTicks: number;
  readonly priceDecimals: number;
  readonly sizeDecimals: number;
}

export const defaultEndTime = '2025-08-22T20:11:59Z';

function readTime(where: string, value: string | number): number {
  const ms = typeof value === 'number' ? value : Date.parse(value);
  if (!Number.isFinite(ms))
    refuse(`${where}.endTime`, 'an ISO 8601 time or milliseconds', value, 'Write 2025-08-22T20:11:59Z.');
  return ms;
}

function requireWhole(option: string, value: number, least: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  return refuse(option, `a whole number from ${least} to ${most}`, value, 'Correct the product.');
}

function checkVoids(where: string, voids: IdList, firstId: number): IdList {
  const bad = voids.find((item) => {
    const range: IdRange = typeof item === 'number' ? { first: item, last: item } : item;
    return (
      !Number.isSafeInteger(range.first) ||
      !Number.isSafeInteger(range.last) ||
      range.first < firstId ||
      range.last < range.first
    );
  });
  if (bad !== undefined) {
    refuse(
      `${where}.voids`,
      `ids or {first, last} from ${firstId} up`,
      bad,
      'A lowest id that is void is a greater firstId.',
    );
  }
  return voids;
}

function pathOf(where: string, path: CoinbaseProductSpec['pricePath']): PlannedProduct['path'] {
  if (path === undefined) return undefined;
  const { seed, spreadBps } = path;
  if (!(spreadBps >= 0 && spreadBps <= 1000))
    refuse(`${where}.pricePath.spreadBps`, 'a number from 0 to 1000', spreadBps, 'Write 5 for 0.05 %.');
  return { seed: hashText(`path/${seed}`), spread: spreadBps / 10_000 };
}

/** Checks a spec whole and fills in its defaults. */
export function planProduct(spec: CoinbaseProductSpec): PlannedProduct {
  const where = `product ${spec.id}`;
  const dash = spec.id.lastIndexOf('-');
  if (!/^[^/?#\s]+$/.test(spec.id)) refuse('product id', 'a text without / ? # and spaces', spec.id, 'Write BTC-USD.');
  if (dash < 1 && (spec.base === undefined || spec.quote === undefined)) {
    refuse('product id', 'BASE-QUOTE', spec.id, 'Write BTC-USD, or give base and quote.');
  }
  const price = Number(spec.price ?? 100);
  if (!(price >= 1e-7 && price <= 1e9))
    refuse(`${where}.price`, 'a number from 1e-7 to 1e9', spec.price, 'Correct the product.');
  const ratePerSecond = spec.ratePerSecond ?? 5;
  if (!(ratePerSecond > 0 && ratePerSecond <= 100_000)) {
    refuse(
      `${where}.ratePerSecond`,
      'trades a second, above 0, at most 100,000',
      ratePerSecond,
      'Correct the product.',
    );
  }
  const firstId = requireWhole(`${where}.firstId`, spec.firstId ?? 1, 0, 2 ** 52);
  const trades = requireWhole(`${where}.trades`, spec.trades, 0, 2 ** 52);
  const priceDecimals = spec.priceDecimals ?? (price >= 100 ? 2 : price >= 1 ? 4 : price >= 0.01 ? 6 : 8);
  requireWhole(`${where}.priceDecimals`, priceDecimals, 0, 8);
  const sizeDecimals = spec.sizeDecimals ?? (price >= 1 ? 8 : price >= 0.001 ? 2 : 0);
  requireWhole(`${where}.sizeDecimals`, sizeDecimals, 0, 8);
  return {
    listing: {
      id: spec.id,
      base: spec.base ?? spec.id.slice(0, dash),
      quote: spec.quote ?? spec.id.slice(dash + 1),
      status: spec.status ?? 'online',
      quoteIncrement: incrementText(priceDecimals),
      baseIncrement: incrementText(sizeDecimals),
      serves: 'trades',
    },
    firstId,
    head: firstId + trades - 1,
    voids: checkVoids(where, spec.voids ?? [], firstId),
    endTimeMs: readTime(where, spec.endTime ?? defaultEndTime),
    followClock: spec.followClock ?? false,
    ratePerSecond,
    path: pathOf(where, spec.pricePath),
    centreTicks: Math.max(1, Math.round(price * powerOfTen(priceDecimals))),
    priceDecimals,
    sizeDecimals,
  };
}

/** The product's endless series. A later generation is another series: the ids of a relisted product. */
export function seriesOf(plan: PlannedProduct, seed: string, generation: number): TradeSource {
  return createTradeSeries({
    seed: hashText(`${seed}/${plan.listing.id}/${generation}`),
    firstId: plan.firstId,
    anchorId: plan.head,
    endTimeMs: plan.endTimeMs,
    ratePerSecond: plan.ratePerSecond,
    path: plan.path,
    centreTicks: plan.centreTicks,
    priceDecimals: plan.priceDecimals,
    sizeDecimals: plan.sizeDecimals,
  });
}

/** The increment of a decimal with this many digits, as Coinbase prints it. */
function incrementText(decimals: number): string {
  return eightDecimals(1, decimals).slice(0, decimals === 0 ? 1 : decimals + 2);
}
