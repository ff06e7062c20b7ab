import { type CoinbaseControl, createCoinbaseControl } from './coinbase-control.js';
import type { CoinbaseProductSpec } from './coinbase-product.js';
import type { CoinbaseBehaviour } from './coinbase-sim.js';
import { generateProducts } from './generated-products.js';
import { createKrakenRoutes, type KrakenId } from './kraken-routes.js';
import { createTokenBuckets } from './token-bucket.js';
import { createVenue, type VenueSim } from './venue.js';

export interface KrakenSimOptions extends Omit<CoinbaseBehaviour, 'staleHead'> {
  /** `id` is the altname (`XBTUSD`); give base (`XBT`) and quote. */
  readonly products: readonly CoinbaseProductSpec[];
  /** The same seed gives the same bytes, on every machine. */
  readonly seed: string | number;
  /** Whether `since` means "from" (default) or "after". */
  readonly inclusive?: boolean | undefined;
  /** How a row's id looks. Default: as it is. */
  readonly idOf?: ((pair: string, id: number) => KrakenId) | undefined;
  /** Every so many replies lack `last`. Default 0: none. */
  readonly withoutLast?: number | undefined;
}

/** A stand-in for api.kraken.com (spot). */
export interface KrakenSim extends VenueSim {
  readonly control: CoinbaseControl;
}

const pairRateLimit = { ratePerSecond: 1, burst: 2 };

/** A Kraken whose trades are a pure function of (seed, product, id). */
export function createKrakenSim(options: KrakenSimOptions): KrakenSim {
  const seed = String(options.seed);
  const { clock, adoptClock, products } = generateProducts(options.products, seed, options.clock);
  const { rateLimit = pairRateLimit } = options;
  const routes = createKrakenRoutes({
    products,
    takeToken: rateLimit === false ? undefined : createTokenBuckets(rateLimit),
    isInclusive: options.inclusive ?? true,
    idOf: options.idOf ?? (() => 'number'),
    withoutLast: options.withoutLast ?? 0,
  });
  const venue = createVenue({ ...options, seed, clock }, routes);
  const specs = new Map(options.products.map((spec) => [spec.id, spec]));
  const sim = { ...venue, control: createCoinbaseControl({ seed, products, specs, venue }) };
  return adoptClock === undefined ? sim : { ...sim, adoptClock };
}
