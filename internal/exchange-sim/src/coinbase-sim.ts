import type { SimClock } from './clock.js';
import { type CoinbaseControl, createCoinbaseControl } from './coinbase-control.js';
import type { CoinbaseProductSpec } from './coinbase-product.js';
import { type CoinbaseProduct, createCoinbaseRoutes, type StaleHead } from './coinbase-routes.js';
import { refuse } from './errors.js';
import { generateProducts } from './generated-products.js';
import type { TokenBucketOptions } from './token-bucket.js';
import { createVenue, type VenueOptions, type VenueSim } from './venue.js';

/** What every Coinbase stand-in takes, made up or recorded. */
export interface CoinbaseBehaviour extends Omit<VenueOptions, 'seed' | 'clock'> {
  /**
   * Who tells the time and waits. Default: a virtual clock at the newest trade's time, which jumps over all waiting;
   * `serve` replaces it by the machine's clock.
   */
  readonly clock?: SimClock | undefined;
  /** Token bucket per remote address. Default 10 a second, burst 15, as the exchange documents; false for none. */
  readonly rateLimit?: TokenBucketOptions | false | undefined;
  /** Answers from a CDN's copies up to 6 s (page without cursor) and 2 s (ticker) old, so that the head goes backwards. Default false. */
  readonly staleHead?: boolean | StaleHead | undefined;
}

export interface CoinbaseSimOptions extends CoinbaseBehaviour {
  readonly products: readonly CoinbaseProductSpec[];
  /** The same seed gives the same bytes, on every machine. */
  readonly seed: string | number;
}

/** A stand-in for api.exchange.coinbase.com. */
export interface CoinbaseSim extends VenueSim {
  readonly control: CoinbaseControl;
}

const documentedRateLimit: TokenBucketOptions = { ratePerSecond: 10, burst: 15 };

/** Puts products behind the exchange's endpoints. */
export function assembleCoinbase(
  seed: string,
  behaviour: CoinbaseBehaviour,
  clock: SimClock,
  products: Map<string, CoinbaseProduct>,
  specs: Map<string, CoinbaseProductSpec>,
): CoinbaseSim {
  const staleHead = behaviour.staleHead === true ? { pageMs: 6000, tickerMs: 2000 } : behaviour.staleHead || undefined;
  if (staleHead !== undefined && !(staleHead.pageMs > 0 && staleHead.tickerMs > 0)) {
    refuse('staleHead', 'pageMs and tickerMs above 0', staleHead, 'Use staleHead: false for fresh answers.');
  }
  const rateLimit = behaviour.rateLimit === false ? undefined : (behaviour.rateLimit ?? documentedRateLimit);
  const routes = createCoinbaseRoutes({ seed, products, rateLimit, staleHead });
  const venue = createVenue({ ...behaviour, seed, clock }, routes);
  return { ...venue, control: createCoinbaseControl({ seed, products, specs, venue }) };
}

/** A stand-in whose trades are a pure function of (seed, product, id). */
export function createCoinbaseSim(options: CoinbaseSimOptions): CoinbaseSim {
  const seed = String(options.seed);
  const { clock, adoptClock, products } = generateProducts(options.products, seed, options.clock);
  const specs = new Map(options.products.map((spec) => [spec.id, spec]));
  const sim = assembleCoinbase(seed, options, clock, products, specs);
  return adoptClock === undefined ? sim : { ...sim, adoptClock };
}
