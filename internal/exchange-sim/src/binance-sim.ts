import { type BinanceArchiveOptions, createBinanceArchive } from './binance-archive.js';
import { type BinanceRole, createBinanceRoutes } from './binance-routes.js';
import { type CoinbaseControl, createCoinbaseControl } from './coinbase-control.js';
import type { CoinbaseProductSpec } from './coinbase-product.js';
import type { CoinbaseBehaviour } from './coinbase-sim.js';
import { generateProducts } from './generated-products.js';
import { createVenue, type VenueSim } from './venue.js';
import { createWeightMeter } from './weight-meter.js';

export interface BinanceSimOptions extends Omit<CoinbaseBehaviour, 'rateLimit' | 'staleHead'> {
  /** `id` is the symbol (`BTCUSDT`); give base and quote. Binance begins at id 0 unless `firstId` says otherwise. */
  readonly products: readonly CoinbaseProductSpec[];
  /** The same seed gives the same bytes, on every machine. */
  readonly seed: string | number;
  /** Weight a clock minute and address. Default 6000; false for no limit. */
  readonly weightPerMinute?: number | false | undefined;
  /** Default `api`. */
  readonly role?: BinanceRole | undefined;
  /** The bulk archive, which answers below `/data/` on any host. */
  readonly archive?: BinanceArchiveOptions | undefined;
}

/** A stand-in for api.binance.com (spot) and data.binance.vision. */
export interface BinanceSim extends VenueSim {
  readonly control: CoinbaseControl & {
    /** Makes the host another one: the mirror, or one that refuses the location. */
    readonly setRole: (role: BinanceRole) => void;
    readonly setArchive: (archive: BinanceArchiveOptions) => void;
  };
}

const documentedWeight = 6000;

/** A Binance whose trades are a pure function of (seed, product, id). */
export function createBinanceSim(options: BinanceSimOptions): BinanceSim {
  const seed = String(options.seed);
  const specs = options.products.map((spec) => ({ firstId: 0, ...spec }));
  const { clock, adoptClock, products } = generateProducts(specs, seed, options.clock);
  const { weightPerMinute = documentedWeight } = options;
  let role = options.role ?? 'api';
  let archive = options.archive ?? {};
  const routes = createBinanceRoutes({
    products,
    meter: weightPerMinute === false ? undefined : createWeightMeter(weightPerMinute),
    weightPerMinute: weightPerMinute === false ? documentedWeight : weightPerMinute,
    role: () => role,
    archive: createBinanceArchive(products, () => archive),
  });
  const venue = createVenue({ ...options, seed, clock }, routes);
  const control = createCoinbaseControl({
    seed,
    products,
    specs: new Map(specs.map((spec) => [spec.id, spec])),
    venue,
  });
  const setRole = (next: BinanceRole): void => {
    role = next;
  };
  const setArchive = (next: BinanceArchiveOptions): void => {
    archive = next;
  };
  const sim = { ...venue, control: { ...control, setRole, setArchive } };
  return adoptClock === undefined ? sim : { ...sim, adoptClock };
}
