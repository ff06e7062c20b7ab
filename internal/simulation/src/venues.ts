import {
  type BinanceArchiveOptions,
  type CoinbaseControl,
  type CoinbaseProductSpec,
  createBinanceSim,
  createCoinbaseSim,
  createKrakenSim,
  type FaultScript,
  krakenTime,
  type SimClock,
  type SimTrade,
  type VenueSim,
} from '@schemahub/exchange-sim';

export type Exchange = 'coinbase' | 'binance' | 'kraken';
export type Sim = VenueSim & { readonly control: CoinbaseControl };

export interface SimOptions {
  readonly seed: number;
  readonly clock: SimClock;
  readonly products: readonly CoinbaseProductSpec[];
  readonly rateLimit: boolean;
  readonly script: FaultScript;
  /** The venue's files of whole days and months, where it keeps some. */
  readonly archive?: BinanceArchiveOptions | undefined;
}

/** A raw record in the exchange's own words, read without connector and mapping. */
export interface RawFacts {
  readonly id: number;
  /** The maker's, as the simulated exchange keeps it. */
  readonly side: string;
  readonly price: unknown;
  readonly size: unknown;
  readonly micros: number;
}

/** What the oracle must know of an exchange to judge a lake by it. */
export interface SimVenue {
  readonly exchange: Exchange;
  /** Variable that leads the program to the simulator. */
  readonly urlVariable: string;
  /** Variable that leads it to the simulator's archive. */
  readonly archiveVariable?: string | undefined;
  readonly quote: string;
  /** Whether it is read by time, page after page: oldest first, nothing else. */
  readonly isByTime: boolean;
  /** An id of 0 means "none" at Kraken. */
  readonly lowestId: number;
  /** The exchange's name of the product with this base. */
  readonly productOf: (base: string) => string;
  readonly createSim: (options: SimOptions) => Sim;
  readonly factsOf: (row: Readonly<Record<string, unknown>>) => RawFacts;
  /** Whether µs are the trade's time, as exactly as this exchange ever tells it. */
  readonly isTimeOf: (trade: SimTrade, micros: number) => boolean;
}

/** µs of an RFC 3339 text with 0 to 6 digits; shares no code with the connector. */
function microsOf(time: string): number {
  const [, seconds = '', fraction = ''] = /^(.{19})(?:\.(\d{1,6}))?Z$/.exec(time) ?? [];
  return Date.parse(`${seconds}Z`) * 1000 + Number(fraction.padEnd(6, '0'));
}

/** The µs next to a printed number of seconds; digit by digit, because a double of µs would round once more. */
function nearestMicros(seconds: string): number {
  const [whole = '', fraction = ''] = seconds.split('.');
  const up = Number(fraction[6] ?? 0) >= 5 ? 1 : 0;
  return Number(whole) * 1_000_000 + Number(fraction.slice(0, 6).padEnd(6, '0')) + up;
}

const coinbase: SimVenue = {
  exchange: 'coinbase',
  urlVariable: 'COINBASE_API_URL',
  quote: 'USD',
  isByTime: false,
  lowestId: 0,
  productOf: (base) => `${base}-USD`,
  createSim: ({ rateLimit, ...options }) =>
    createCoinbaseSim({ ...options, rateLimit: rateLimit ? { ratePerSecond: 20, burst: 15 } : false }),
  factsOf: ({ trade_id: id, side, price, size, time }) => ({
    id: Number(id),
    side: String(side),
    price,
    size,
    micros: microsOf(String(time)),
  }),
  // Or the whole second that a careless server made of it.
  isTimeOf: (trade, micros) => {
    const exact = microsOf(trade.time);
    return micros === exact || micros === Math.floor(exact / 1_000_000) * 1_000_000;
  },
};

const binance: SimVenue = {
  exchange: 'binance',
  urlVariable: 'BINANCE_API_URL',
  archiveVariable: 'BINANCE_ARCHIVE_URL',
  quote: 'USDT',
  isByTime: false,
  lowestId: 0,
  productOf: (base) => `${base}USDT`,
  createSim: ({ rateLimit, ...options }) => createBinanceSim({ ...options, weightPerMinute: rateLimit ? 6000 : false }),
  factsOf: ({ id, price, qty, time, isBuyerMaker }) => ({
    id: Number(id),
    side: isBuyerMaker === true ? 'buy' : 'sell',
    price,
    size: qty,
    micros: Number(time),
  }),
  isTimeOf: (trade, micros) => micros === microsOf(trade.time),
};

const kraken: SimVenue = {
  exchange: 'kraken',
  urlVariable: 'KRAKEN_API_URL',
  quote: 'USD',
  isByTime: true,
  lowestId: 1,
  productOf: (base) => `${base}USD`,
  createSim: ({ rateLimit, ...options }) =>
    createKrakenSim({ ...options, rateLimit: rateLimit ? { ratePerSecond: 2, burst: 15 } : false }),
  factsOf: ({ trade_id: id, price, volume, time, side }) => ({
    id: Number(id),
    side: side === 'b' ? 'sell' : 'buy',
    price,
    size: volume,
    micros: nearestMicros(String(time)),
  }),
  // It prints a double of seconds, and the µs next to that text is meant.
  isTimeOf: (trade, micros) => micros === nearestMicros(krakenTime(microsOf(trade.time))),
};

const venues: Readonly<Record<Exchange, SimVenue>> = { coinbase, binance, kraken };

export function simVenueOf(exchange: string = 'coinbase'): SimVenue {
  if (!Object.hasOwn(venues, exchange))
    throw new RangeError(`--exchange: expected ${Object.keys(venues).join(', ')}, got ${exchange}`);
  return venues[exchange as Exchange];
}
