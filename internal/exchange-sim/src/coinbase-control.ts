import type { IdRange } from '@schemahub/coverage';
import { type CoinbaseProductSpec, planProduct, seriesOf } from './coinbase-product.js';
import type { CoinbaseListing, CoinbaseProduct } from './coinbase-routes.js';
import { refuse, SimulationError } from './errors.js';
import { countIds, type IdList } from './id-ranges.js';
import { createMarket, type HideOptions, type Market } from './market.js';
import type { SimTrade } from './trade-text.js';
import type { Outage, RequestRecord, VenueSim } from './venue.js';

/** The hand that moves the simulated exchange, and the truth that tests compare with. Unknown products throw `SimulationError`. */
export interface CoinbaseControl {
  /** Issues the next `count` ids now, whatever the clock says. */
  readonly addTrades: (product: string, count: number) => void;
  /** Declares ids void; above the head they become holes when the head passes them. */
  readonly addVoids: (product: string, ids: IdList) => void;
  /** Late trades: ids that were void get their trade, at the time between their neighbours. */
  readonly fillVoids: (product: string, ids: IdList) => void;
  /** Keeps trades from the first `pages` pages that should hold them, or until an instant, as a lagging replica does. */
  readonly hide: (product: string, ids: readonly number[], options?: HideOptions) => void;
  /** Trims history: ids below `floor` are served no longer. */
  readonly trim: (product: string, floor: number) => void;
  /** Restarts the id space: other trades under the same ids. Options as in the product's spec; those left out stay as they were, but voids are gone. */
  readonly restartIds: (product: string, options: Partial<Omit<CoinbaseProductSpec, 'id'>>) => void;
  /** Stops and resumes the clock's effect on the head; of one product or of all. `addTrades` works on a frozen product. */
  readonly freeze: (product?: string) => void;
  readonly unfreeze: (product?: string) => void;
  /** Lets the ticker show an id this much above the newest trade (below 0: beneath it). */
  readonly setTickerLead: (product: string, ids: number) => void;
  /** Lists a new product. */
  readonly addProduct: (spec: CoinbaseProductSpec) => void;
  /** The exchange forgets the product: 404, and absent from /products. */
  readonly removeProduct: (product: string) => void;
  /** Marks it delisted. What /trades answers then is unknown of the real exchange; default: its trades. */
  readonly delist: (product: string, serves?: CoinbaseListing['serves']) => void;
  readonly setStatus: (product: string, status: CoinbaseListing['status']) => void;
  /** Adds a period in which every request fails; the function returned ends it. */
  readonly addOutage: (outage: Outage) => () => void;
  readonly products: () => readonly string[];
  /** Newest id that has a trade; undefined when there is none. */
  readonly headOf: (product: string) => number | undefined;
  /** Ids without a trade between floor and head, ascending. */
  readonly voidsOf: (product: string) => readonly IdRange[];
  /** Number of trades that exist. */
  readonly countOf: (product: string) => number;
  /** The truth, ascending by id: every trade that exists, hidden or not. `side` is the maker's, as printed. Holds one trade at a time. */
  readonly tradesOf: (product: string, within?: Partial<IdRange>) => Generator<SimTrade>;
  /** The latest requests, as many as the option `requestLog` keeps. */
  readonly requests: () => readonly RequestRecord[];
}

function* walkTrades(market: Market, within: Partial<IdRange>): Generator<SimTrade> {
  for (const range of market.existing()) {
    const first = Math.max(range.first, within.first ?? range.first);
    const last = Math.min(range.last, within.last ?? range.last);
    for (let id = first; id <= last; id++) yield market.source.trade(id);
  }
}

/** A product made from a spec. */
export function createGeneratedProduct(
  spec: CoinbaseProductSpec,
  seed: string,
  generation: number,
  now: () => number,
): CoinbaseProduct {
  const plan = planProduct(spec);
  const source = seriesOf(plan, seed, generation);
  const market = createMarket({
    product: spec.id,
    source,
    head: plan.head,
    voids: plan.voids,
    followClock: plan.followClock,
    now,
  });
  return { listing: plan.listing, market, tickerLead: 0 };
}

export interface CoinbaseControlOptions {
  readonly seed: string;
  readonly products: Map<string, CoinbaseProduct>;
  /** Specs of the products that were made from one; those may be restarted. */
  readonly specs: Map<string, CoinbaseProductSpec>;
  readonly venue: VenueSim;
}

type Controls<Names extends keyof CoinbaseControl> = Pick<CoinbaseControl, Names>;

function createListingControls(
  options: CoinbaseControlOptions,
  find: (product: string) => CoinbaseProduct,
): Controls<'restartIds' | 'addProduct' | 'removeProduct' | 'delist' | 'setStatus' | 'setTickerLead'> {
  const { products, specs, seed } = options;
  const now = options.venue.clock.now;
  const generations = new Map<string, number>();
  return {
    restartIds: (product, changes) => {
      const entry = find(product);
      const spec = specs.get(product);
      if (spec === undefined)
        refuse('restartIds', 'a product made from a spec', product, 'A recording has one id space.');
      const generation = (generations.get(product) ?? 0) + 1;
      const changed = { ...spec, voids: [], ...changes, id: product };
      const next = createGeneratedProduct(changed, seed, generation, now);
      generations.set(product, generation);
      specs.set(product, changed);
      entry.market = next.market;
      entry.listing = { ...next.listing, serves: entry.listing.serves };
    },
    addProduct: (spec) => {
      if (products.has(spec.id))
        refuse('addProduct', 'a product not yet listed', spec.id, 'Remove it first, or restart its ids.');
      products.set(spec.id, createGeneratedProduct(spec, seed, generations.get(spec.id) ?? 0, now));
      specs.set(spec.id, spec);
    },
    removeProduct: (product) => {
      find(product);
      products.delete(product);
      specs.delete(product);
    },
    delist: (product, serves = 'trades') => {
      const entry = find(product);
      entry.listing = { ...entry.listing, status: 'delisted', serves };
    },
    setStatus: (product, status) => {
      const entry = find(product);
      entry.listing = { ...entry.listing, status };
    },
    setTickerLead: (product, ids) => {
      find(product).tickerLead = ids;
    },
  };
}

/** The control of a Coinbase stand-in. */
export function createCoinbaseControl(options: CoinbaseControlOptions): CoinbaseControl {
  const { products, venue } = options;
  function find(product: string): CoinbaseProduct {
    const entry = products.get(product);
    if (entry !== undefined) return entry;
    const known = [...products.keys()].join(', ');
    throw new SimulationError(
      'unknown-product',
      `product: expected one of ${known}, got "${product}". Add it to products.`,
    );
  }
  const marketOf = (product: string): Market => find(product).market;
  const marketsOf = (product: string | undefined): readonly Market[] =>
    product === undefined ? [...products.values()].map((entry) => entry.market) : [marketOf(product)];
  return {
    ...createListingControls(options, find),
    addTrades: (product, count) => {
      if (!Number.isSafeInteger(count) || count < 0)
        refuse('addTrades', 'a whole number of 0 or more', count, 'The head never falls.');
      marketOf(product).addTrades(count);
    },
    addVoids: (product, ids) => marketOf(product).addVoids(ids),
    fillVoids: (product, ids) => marketOf(product).fillVoids(ids),
    hide: (product, ids, hideOptions) => marketOf(product).hide(ids, hideOptions ?? {}),
    trim: (product, floor) => marketOf(product).trim(floor),
    freeze: (product) => {
      for (const market of marketsOf(product)) market.freeze();
    },
    unfreeze: (product) => {
      for (const market of marketsOf(product)) market.unfreeze();
    },
    addOutage: venue.addOutage,
    products: () => [...products.keys()],
    headOf: (product) => marketOf(product).newestId(),
    voidsOf: (product) => marketOf(product).voids(),
    countOf: (product) => countIds(marketOf(product).existing()),
    tradesOf: (product, within) => walkTrades(marketOf(product), within ?? {}),
    requests: venue.requests,
  };
}
