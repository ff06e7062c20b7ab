import { type BinanceSim, createBinanceSim } from '@schemahub/exchange-sim';
import { afterEach, describe, expect, it } from 'vitest';
import { createSkippingClock } from './skipping-clock.js';
import { createWorld, WORLD_NEWEST, WORLD_NOW, type World } from './testing/virtual-run.js';

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.remove();
});

interface Venues {
  readonly world: World;
  readonly binance: BinanceSim;
}

async function createVenues(options: { faults?: number } = {}): Promise<Venues> {
  const clock = createSkippingClock(WORLD_NOW);
  const faults = options.faults === undefined ? {} : { faults: { share: options.faults } };
  const binance = createBinanceSim({
    seed: 'venues',
    clock,
    weightPerMinute: 6000,
    ...faults,
    products: [
      {
        id: 'BTCUSDT',
        base: 'BTC',
        quote: 'USDT',
        trades: 12_345,
        voids: [5, { first: 4000, last: 6999 }, 9000],
        endTime: WORLD_NEWEST,
      },
      { id: 'ETHBTC', base: 'ETH', quote: 'BTC', trades: 640, price: 0.03, endTime: WORLD_NEWEST },
    ],
  });
  const world = await createWorld({
    products: [{ id: 'BTC-USD', trades: 3000 }],
    clock,
    others: { 'api.binance.com': binance },
  });
  worlds.push(world);
  return { world, binance };
}

describe('Binance', () => {
  it('backfills from id 0 over holes, proves them void and tells the taker in the table', async () => {
    const { world, binance } = await createVenues();
    const fetched = await world.run(['backfill', 'BTCUSDT', 'ETHBTC', '--exchange', 'binance']);
    expect(fetched.code, fetched.err).toBe(0);
    const transformed = await world.run(['transform']);
    expect(transformed.code, transformed.err).toBe(0);
    const verified = await world.run(['verify', '--deep', '--json']);
    expect(verified.code, verified.err).toBe(0);
    const certificate = verified.json<{
      products: { proof: string; wanted: unknown }[];
      totals: Record<string, number>;
    }>();
    expect(certificate.totals).toMatchObject({ in_table: 12_345 - 3002 + 640, void: 3002, missing: 0 });
    expect(certificate.products.map(({ proof }) => proof)).toEqual(['id-contiguous', 'id-contiguous']);
    const rows = await world.run([
      'query',
      "SELECT trade_id, symbol, side, price, quantity, epoch_us(trade_ts) AS us FROM trades_unified WHERE exchange = 'BINANCE' AND symbol = 'BTC-USDT' ORDER BY CAST(trade_id AS BIGINT) LIMIT 300",
      '-o',
      'jsonl',
    ]);
    const held = rows.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const truth = [...binance.control.tradesOf('BTCUSDT', { first: 0, last: 300 })].slice(0, 300);
    expect(held).toEqual(
      truth.map(({ id, side, price, size, time }) => ({
        trade_id: String(id),
        symbol: 'BTC-USDT',
        side: side === 'buy' ? 'SELL' : 'BUY',
        price: Number(price),
        quantity: Number(size),
        us:
          Number(BigInt(Date.parse(`${time.slice(0, 19)}Z`)) * 1000n) +
          Number((time.slice(20, -1) || '0').padEnd(6, '0')),
      })),
    );
  });
});
