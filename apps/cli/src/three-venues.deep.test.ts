import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createBinanceSim, createKrakenSim, type FaultKind, faultKinds } from '@schemahub/exchange-sim';
import { afterEach, describe, expect, it } from 'vitest';
import { createSkippingClock } from './skipping-clock.js';
import { createWorld, WORLD_NEWEST, WORLD_NOW, type World } from './testing/virtual-run.js';

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.remove();
});

const BASES = [
  'BTC',
  'ETH',
  'SOL',
  'XRP',
  'ADA',
  'AVAX',
  'DOT',
  'AAVE',
  'ACH',
  'WLD',
  'W',
  'PYTH',
  'LTC',
  'LINK',
  'UNI',
  'ATOM',
  'NEAR',
];

/** What can go wrong, but for waits of a minute each. */
const kinds: readonly FaultKind[] = faultKinds.filter((kind) => kind !== 'slow');

interface Spec {
  readonly id: string;
  readonly base: string;
  readonly quote: string;
  readonly trades: number;
  readonly voids: readonly { readonly first: number; readonly last: number }[];
  readonly price: string;
  readonly endTime: number;
  readonly ratePerSecond: number;
}

function specsOf(
  name: (base: string) => { id: string; base: string; quote: string },
  bases: readonly string[],
): Spec[] {
  return bases.map((base, at) => ({
    ...name(base),
    trades: 500 + at * 331,
    voids: at % 3 === 0 ? [{ first: 200 + at, last: 203 + 2 * at }] : [],
    price: base === 'BTC' ? '84000.0' : '100.0',
    endTime: WORLD_NEWEST,
    ratePerSecond: 1,
  }));
}

function numberOf(specs: readonly Spec[]): { present: number; void: number } {
  const gone = specs.reduce(
    (sum, { voids }) => sum + voids.reduce((one, { first, last }) => one + last - first + 1, 0),
    0,
  );
  return { present: specs.reduce((sum, { trades }) => sum + trades, 0) - gone, void: gone };
}

describe('three exchanges, 50 products, faults of every kind, stopped and resumed', () => {
  it('end exact, with a certificate for each product and its strength', { timeout: 900_000 }, async () => {
    const clock = createSkippingClock(WORLD_NOW);
    const faults = { share: 0.04, kinds };
    const coinbase = specsOf((base) => ({ id: `${base}-USD`, base, quote: 'USD' }), BASES);
    const binance = specsOf((base) => ({ id: `${base}USDT`, base, quote: 'USDT' }), BASES);
    const kraken = specsOf(
      (base) => {
        const own = base === 'BTC' ? 'XBT' : base;
        return { id: `${own}USD`, base: own, quote: 'USD' };
      },
      BASES.slice(0, 16),
    );
    const binanceSim = createBinanceSim({ seed: 'deep', clock, faults, weightPerMinute: false, products: binance });
    const krakenSim = createKrakenSim({
      seed: 'deep',
      clock,
      faults,
      rateLimit: false,
      withoutLast: 17,
      products: kraken,
    });
    const world = await createWorld({
      products: coinbase,
      clock,
      sim: { faults },
      others: { 'api.binance.com': binanceSim, 'api.kraken.com': krakenSim },
    });
    worlds.push(world);
    const lists = { coinbase, binance, kraken };
    let yaml = '';
    for (const [exchange, specs] of Object.entries(lists)) {
      const path = join(world.folder, `seed.${exchange}.yaml`);
      await writeFile(path, `product_ids: [${specs.map(({ id }) => id).join(', ')}]\n`);
      yaml += `${exchange}:\n  seed-path: ${path}\n`;
    }
    await writeFile(join(world.folder, 'schemahub.yaml'), yaml);
    const environment = {
      SCHEMAHUB_BINANCE_RATE: '1000',
      SCHEMAHUB_BINANCE_BURST: '500',
      SCHEMAHUB_KRAKEN_RATE: '1000',
      CIRCUIT_BREAKER_ENABLED: 'false',
    };
    const names = Object.keys(lists);
    for (const exchange of names) {
      // Stopped in the midst of it, twice; then run until nothing is missing.
      for (let stops = 0; stops < 2; stops++) {
        let lines = 0;
        const onErr = (): void => {
          if (++lines === 6 + 4 * stops) process.emit('SIGTERM');
        };
        await world.run(['backfill', '--exchange', exchange], { environment, onErr });
      }
      let code = -1;
      for (let round = 0; round < 6 && code !== 0; round++)
        code = (await world.run([round === 0 ? 'backfill' : 'repair', '--exchange', exchange], { environment })).code;
      expect(code).toBe(0);
    }
    const unified = await world.run(['run', 'unify', ...names, '--atomic'], { environment });
    expect(unified.code, unified.err).toBe(0);
    const verified = await world.run(['verify', '--deep', '--json'], { environment });
    expect(verified.code, verified.err).toBe(0);
    const { totals, products } = verified.json<{
      totals: Record<string, number>;
      products: readonly { exchange: string; proof: string }[];
    }>();
    const truth = numberOf([...coinbase, ...binance, ...kraken]);
    expect(totals).toMatchObject({ products: 50, in_table: truth.present, void: truth.void, missing: 0 });
    for (const { exchange, proof } of products)
      expect(proof).toBe(exchange.toLowerCase() === 'kraken' ? 'cursor-chained' : 'id-contiguous');

    // The same hour of BTC on three venues, in one query.
    const until = new Date(WORLD_NEWEST).toISOString();
    const since = new Date(WORLD_NEWEST - 300_000).toISOString();
    const sql = `SELECT venues, spread_bps FROM spread('BTC', '1m', since := '${since}', until := '${until}') WHERE venues = 3`;
    const { out, code, err } = await world.run(['query', sql, '-o', 'jsonl'], { environment });
    expect(code, err).toBe(0);
    const minutes = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { spread_bps: number });
    expect(minutes.length).toBeGreaterThan(2);
    // Each stand-in's price stays within 16 % of its centre.
    for (const { spread_bps: bps } of minutes) expect(bps).toBeLessThan(10_000 * (1.16 / 0.84 - 1));
    // A taker who buys moves the price up, whatever the venue calls a side.
    const sides = `SELECT exchange, count(*) FILTER (WHERE side = 'BUY' AND price > before) AS up, count(*) FILTER (WHERE side = 'BUY' AND price < before) AS down
      FROM (SELECT exchange, symbol, side, price, lag(price) OVER (PARTITION BY exchange, symbol ORDER BY CAST(trade_id AS BIGINT)) AS before FROM trades_unified WHERE symbol LIKE 'BTC-%') GROUP BY 1 ORDER BY 1`;
    const moves = await world.run(['query', sides, '-o', 'jsonl'], { environment });
    const told = moves.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { exchange: string; up: number; down: number });
    expect(told.map(({ exchange }) => exchange)).toEqual(['BINANCE', 'COINBASE', 'KRAKEN']);
    for (const { up, down } of told) expect(up).toBeGreaterThan(down);
  });
});
