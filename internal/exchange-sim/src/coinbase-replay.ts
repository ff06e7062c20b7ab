import { defaultClock } from './clock.js';
import type { CoinbaseProduct } from './coinbase-routes.js';
import { assembleCoinbase, type CoinbaseBehaviour, type CoinbaseSim } from './coinbase-sim.js';
import { refuse } from './errors.js';
import { createMarket } from './market.js';
import { createRecordedTrades } from './recorded-rows.js';

/** Recorded bodies of GET /products/{id}/trades. Files of one product are merged; rows recorded twice must be equal. */
export interface CoinbaseRecording {
  readonly product: string;
  readonly body: Uint8Array | string;
}

export interface CoinbaseReplayOptions extends CoinbaseBehaviour {
  readonly files: readonly CoinbaseRecording[];
  /** Decides edges and seeded faults; the trades are the recorded ones. Default `replay`. */
  readonly seed?: string | number | undefined;
  /** Newest id served at first, by product; `addTrades` lets the later ones come. Default: the last recorded. */
  readonly heads?: Readonly<Record<string, number>> | undefined;
}

function createRecordedProduct(options: CoinbaseReplayOptions, product: string, now: () => number): CoinbaseProduct {
  const bodies = options.files
    .filter((file) => file.product === product)
    .map(({ body }) => (typeof body === 'string' ? Buffer.from(body, 'utf8') : body));
  const source = createRecordedTrades(product, bodies);
  const head = options.heads?.[product] ?? source.lastId;
  if (!Number.isSafeInteger(head) || head < source.firstId - 1 || head > source.lastId) {
    refuse(
      `heads.${product}`,
      `an id from ${source.firstId - 1} to ${source.lastId}`,
      head,
      'Leave it out for the last recorded.',
    );
  }
  const dash = product.lastIndexOf('-');
  return {
    listing: {
      id: product,
      base: product.slice(0, Math.max(0, dash)),
      quote: product.slice(dash + 1),
      status: 'online',
      quoteIncrement: '0.01',
      baseIncrement: '0.00000001',
      serves: 'trades',
    },
    market: createMarket({ product, source, head, voids: [], followClock: false, now }),
    tickerLead: 0,
  };
}

/** A stand-in that serves recorded rows, byte for byte, from the same endpoints and with the same oddities. Reads no file itself. */
export function createCoinbaseReplay(options: CoinbaseReplayOptions): CoinbaseSim {
  const names = [...new Set(options.files.map((file) => file.product))];
  // The clock needs the newest recorded time, and the products need the clock: its reading is asked for only later.
  const products = new Map(names.map((name) => [name, createRecordedProduct(options, name, () => clock.now())]));
  const newestUs = Math.max(
    0,
    ...[...products.values()].map(({ market }) => market.source.timeUs(market.source.lastId)),
  );
  const { clock, adoptClock } = defaultClock(options.clock, Math.ceil(newestUs / 1000));
  const sim = assembleCoinbase(String(options.seed ?? 'replay'), options, clock, products, new Map());
  return adoptClock === undefined ? sim : { ...sim, adoptClock };
}
