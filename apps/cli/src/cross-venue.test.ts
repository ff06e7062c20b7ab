import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createBinanceSim, createKrakenSim } from '@schemahub/exchange-sim';
import { afterEach, describe, expect, it } from 'vitest';
import { createSkippingClock } from './skipping-clock.js';
import { createWorld, WORLD_NEWEST, WORLD_NOW, type World } from './testing/virtual-run.js';

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.remove();
});

/** Each venue stays this near to the price that all of them follow. */
const SPREAD_BPS = 5;
/** What the common price can move within a minute: the sum of its curves' steepest minutes, 4.1, and a tick. */
const MINUTE_BPS = 4.5;

/** A bit more than an hour of bitcoin on three venues that follow one price. */
async function createVenues(): Promise<World> {
  const clock = createSkippingClock(WORLD_NOW);
  const shared = {
    trades: 2400,
    ratePerSecond: 0.5,
    price: '84429.8',
    endTime: WORLD_NEWEST,
    pricePath: { seed: 'bitcoin', spreadBps: SPREAD_BPS },
  };
  const binance = createBinanceSim({
    seed: 'cross',
    clock,
    products: [{ ...shared, id: 'BTCUSDT', base: 'BTC', quote: 'USDT' }],
  });
  const kraken = createKrakenSim({
    seed: 'cross',
    clock,
    products: [{ ...shared, id: 'XBTUSD', base: 'XBT', quote: 'USD', priceDecimals: 1 }],
  });
  const world = await createWorld({
    products: [{ ...shared, id: 'BTC-USD' }],
    clock,
    others: { 'api.binance.com': binance, 'api.kraken.com': kraken },
  });
  worlds.push(world);
  let yaml = '';
  for (const [exchange, product] of Object.entries({ coinbase: 'BTC-USD', binance: 'BTCUSDT', kraken: 'XBTUSD' })) {
    const path = join(world.folder, `seed.${exchange}.yaml`);
    await writeFile(path, `product_ids: [${product}]\n`);
    yaml += `${exchange}:\n  seed-path: ${path}\n`;
  }
  await writeFile(join(world.folder, 'schemahub.yaml'), yaml);
  for (const exchange of ['coinbase', 'binance', 'kraken']) {
    const fetched = await world.run(['backfill', '--exchange', exchange]);
    expect(fetched.code, fetched.err).toBe(0);
  }
  const unified = await world.run(['run', 'unify', 'coinbase', 'binance', 'kraken', '--atomic']);
  expect(unified.code, unified.err).toBe(0);
  return world;
}

async function ask<Row>(world: World, sql: string): Promise<Row[]> {
  const { code, out, err } = await world.run(['query', sql, '-o', 'jsonl']);
  expect(code, err).toBe(0);
  return out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
}

describe('the same hour of bitcoin on three venues, in one query', () => {
  it('prices agree within the venues’ spread, and takers who buy move them up on each', async () => {
    const world = await createVenues();
    const until = new Date(WORLD_NEWEST - 60_000).toISOString();
    const since = new Date(WORLD_NEWEST - 61 * 60_000).toISOString();
    const bounds = `since := '${since}', until := '${until}'`;
    const minutes = await ask<{ venues: number; spread_bps: number }>(
      world,
      `SELECT venues, spread_bps FROM spread('BTC', '1m', ${bounds}) WHERE venues = 3`,
    );
    expect(minutes.length).toBeGreaterThan(50);
    // Two venues may lie at opposite ends of the spread, and their last trades of a minute up to a minute apart.
    for (const { spread_bps: bps } of minutes) expect(bps).toBeLessThan(2 * SPREAD_BPS + MINUTE_BPS);
    expect(Math.max(...minutes.map(({ spread_bps: bps }) => bps))).toBeGreaterThan(SPREAD_BPS);

    const moves = await ask<{
      exchange: string;
      buys_up: number;
      buys_down: number;
      sells_up: number;
      sells_down: number;
    }>(
      world,
      `SELECT exchange,
         count(*) FILTER (side = 'BUY' AND price > before) AS buys_up, count(*) FILTER (side = 'BUY' AND price < before) AS buys_down,
         count(*) FILTER (side = 'SELL' AND price > before) AS sells_up, count(*) FILTER (side = 'SELL' AND price < before) AS sells_down
       FROM (SELECT exchange, side, price, lag(price) OVER (PARTITION BY exchange ORDER BY CAST(trade_id AS BIGINT)) AS before
             FROM trades_unified WHERE symbol LIKE 'BTC-%')
       GROUP BY exchange ORDER BY exchange`,
    );
    expect(moves.map(({ exchange }) => exchange)).toEqual(['BINANCE', 'COINBASE', 'KRAKEN']);
    for (const { buys_up, buys_down, sells_up, sells_down } of moves) {
      expect(buys_up).toBeGreaterThan(buys_down);
      expect(sells_down).toBeGreaterThan(sells_up);
    }
  });
});
