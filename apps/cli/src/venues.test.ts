import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@schemahub/core';
import {
  type BinanceSim,
  createBinanceSim,
  createKrakenSim,
  type KrakenSim,
  type KrakenSimOptions,
} from '@schemahub/exchange-sim';
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
  readonly kraken: KrakenSim;
}

interface VenuesOptions {
  readonly faults?: number;
  readonly kraken?: Partial<KrakenSimOptions>;
  readonly clock?: Clock;
}

async function createVenues(options: VenuesOptions = {}): Promise<Venues> {
  const clock = options.clock ?? createSkippingClock(WORLD_NOW);
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
  const kraken = createKrakenSim({
    seed: 'venues',
    clock,
    ...faults,
    products: [
      {
        id: 'XBTUSD',
        base: 'XBT',
        quote: 'USD',
        trades: 5432,
        price: '84429.8',
        priceDecimals: 1,
        voids: [{ first: 3000, last: 3004 }],
        endTime: WORLD_NEWEST,
      },
      { id: 'XDGUSD', base: 'XDG', quote: 'USD', trades: 321, firstId: 3, price: 0.2, endTime: WORLD_NEWEST },
    ],
    ...options.kraken,
  });
  const world = await createWorld({
    products: [{ id: 'BTC-USD', trades: 3000 }],
    clock,
    others: { 'api.binance.com': binance, 'api.kraken.com': kraken },
  });
  worlds.push(world);
  return { world, binance, kraken };
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

describe('an address that others use too', () => {
  it('rests when Binance says that its weight of the minute is used up, and is never refused', async () => {
    const { world, binance } = await createVenues({ clock: createSkippingClock(WORLD_NOW + 51_000) });
    // Another program has taken 5,875 of 6,000 in this minute; a backfill takes 20 and then up to 300 at once.
    for (let n = 0; n < 235; n++) await binance.fetch('https://api.binance.com/api/v3/trades?symbol=BTCUSDT');
    const { code, err } = await world.run(['backfill', 'BTCUSDT', '--exchange', 'binance']);
    expect(code, err).toBe(0);
    expect(binance.stats.rateLimited).toBe(0);
  });
});

describe('maintenance, in each venue’s own words', () => {
  it.each([
    ['binance', 'BTCUSDT', /Spot server is currently overloaded/],
    ['kraken', 'XBTUSD', /EService:Unavailable/],
    ['coinbase', 'BTC-USD', /under maintenance/],
  ] as const)('%s', async (exchange, product, words) => {
    const venues = await createVenues();
    const sim = { binance: venues.binance, kraken: venues.kraken, coinbase: venues.world.sim }[exchange];
    const end = sim.control.addOutage({ fromMs: 0, untilMs: Number.POSITIVE_INFINITY });
    const environment = { CIRCUIT_BREAKER_ENABLED: 'false' };
    const down = await venues.world.run(['backfill', product, '--exchange', exchange], { environment });
    expect(down.code, down.err).toBe(6);
    expect(down.err).toMatch(words);
    end();
    const up = await venues.world.run(['backfill', product, '--exchange', exchange], { environment });
    expect(up.code, up.err).toBe(0);
  });
});

/** Rows of one symbol as the table has them, ids ascending. */
async function rowsOf(world: World, symbol: string): Promise<Record<string, unknown>[]> {
  const sql = `SELECT trade_id, side, price, quantity, epoch_us(trade_ts) AS us FROM trades_unified WHERE symbol = '${symbol}' ORDER BY CAST(trade_id AS BIGINT)`;
  const { code, out, err } = await world.run(['query', sql, '-o', 'jsonl']);
  expect(code, err).toBe(0);
  return out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** What the stand-in really traded: its `side` is the maker's. */
function truthOf({ control }: Pick<KrakenSim, 'control'>, product: string): Record<string, unknown>[] {
  return [...control.tradesOf(product)].map(({ id, side, price, size, time }) => {
    const [, seconds = '', fraction = ''] = /^(.{19})(?:\.(\d{1,6}))?Z$/.exec(time) ?? [];
    const us = Date.parse(`${seconds}Z`) * 1000 + Number(fraction.padEnd(6, '0'));
    return {
      trade_id: String(id),
      side: side === 'buy' ? 'SELL' : 'BUY',
      price: Number(price),
      quantity: Number(size),
      us,
    };
  });
}

/** Kraken's times have ns below the µs, which a double rounds: the table's is at most 1 µs later. */
function nearTimes(rows: Record<string, unknown>[], truth: Record<string, unknown>[]): Record<string, unknown>[] {
  return rows.map((row, at) => {
    const late = Number(row.us) - Number(truth[at]?.us);
    return late === 0 || late === 1 ? { ...row, us: truth[at]?.us } : row;
  });
}

describe('Kraken', () => {
  it.each([true, false])('follows the chain of pages whether since is inclusive (%s) or not', async (inclusive) => {
    const { world, kraken } = await createVenues({ kraken: { inclusive, withoutLast: 3 } });
    const fetched = await world.run(['backfill', 'XBTUSD', 'XDGUSD', '--exchange', 'kraken']);
    expect(fetched.code, fetched.err).toBe(0);
    expect((await world.run(['transform'])).code).toBe(0);
    const verified = await world.run(['verify', '--deep', '--json']);
    expect(verified.code, verified.err).toBe(0);
    const { totals, products } = verified.json<{ totals: Record<string, number>; products: { proof: string }[] }>();
    expect(totals).toMatchObject({ in_table: 5432 - 5 + 321, void: 5, missing: 0 });
    expect(products.map(({ proof }) => proof)).toEqual(['cursor-chained', 'cursor-chained']);
    for (const [product, symbol] of [
      ['XBTUSD', 'BTC-USD'],
      ['XDGUSD', 'DOGE-USD'],
    ] as const) {
      const truth = truthOf(kraken, product);
      expect(nearTimes(await rowsOf(world, symbol), truth)).toEqual(truth);
    }
  });

  it('numbers rows that came with id 0 by their neighbours, and keeps apart those whose count does not fit', async () => {
    const idOf: KrakenSimOptions['idOf'] = (pair, id) =>
      pair === 'XBTUSD' && id >= 1500 && id < 2700 ? 'zero' : id >= 2990 && id <= 3010 ? 'absent' : 'number';
    const { world, kraken } = await createVenues({ kraken: { idOf } });
    const fetched = await world.run(['backfill', 'XBTUSD', '--exchange', 'kraken']);
    // 21 ids around a hole of 5: 16 rows do not fit between 2989 and 3011.
    expect(fetched.code, fetched.err).toBe(3);
    expect((await world.run(['transform'])).code).toBe(3);
    const verified = await world.run(['verify', '--json']);
    expect(verified.code).toBe(3);
    const { totals, products } = verified.json<{
      totals: Record<string, number>;
      products: { unnumbered: number; missing: { ids: string } }[];
    }>();
    expect(totals).toMatchObject({ in_table: 5432 - 21, missing: 21 });
    expect(products[0]!.unnumbered).toBe(16);
    const truth = truthOf(kraken, 'XBTUSD').filter(({ trade_id: id }) => Number(id) < 2990 || Number(id) > 3010);
    expect(nearTimes(await rowsOf(world, 'BTC-USD'), truth)).toEqual(truth);
    // A second look writes nothing and counts nothing twice.
    await world.run(['repair', '--exchange', 'kraken']);
    expect(
      (await world.run(['verify', '--json'])).json<{ products: { unnumbered: number }[] }>().products[0]!.unnumbered,
    ).toBe(16);
  });

  it('asks about a page a request, goes on where it was, and refuses what needs an id', async () => {
    const { world, kraken } = await createVenues();
    expect((await world.run(['ingest', 'XBTUSD', '--exchange', 'kraken'])).code).toBe(0);
    const cold = kraken.stats.requests;
    // Catalogue, head, first trade, six pages, two probes of a hole, the last looks.
    expect(cold).toBeLessThan(16);
    kraken.control.addTrades('XBTUSD', 2500);
    expect((await world.run(['ingest', 'XBTUSD', '--exchange', 'kraken'])).code).toBe(0);
    expect(kraken.stats.requests - cold).toBeLessThan(10);
    const before = kraken.stats.requests;
    for (const wrong of [
      ['backfill', 'XBTUSD', '--order', 'newest'],
      ['backfill', 'XBTUSD', '--from', 'trade:5'],
      ['ingest', 'XBTUSD', '--after', '5'],
    ]) {
      const { code, err } = await world.run([...wrong, '--exchange', 'kraken']);
      expect(code, err).toBe(2);
      expect(err).toMatch(/kraken is read by time, page after page/);
    }
    expect(kraken.stats.requests).toBe(before);
  });
});

describe('three exchanges side by side', () => {
  /** Product lists of all three, named in schemahub.yaml. */
  async function withSeeds(venues: Venues): Promise<World> {
    const { folder } = venues.world;
    const lists = { coinbase: ['BTC-USD'], binance: ['BTCUSDT', 'ETHBTC'], kraken: ['XBTUSD', 'XDGUSD'] };
    let yaml = '';
    for (const [exchange, ids] of Object.entries(lists)) {
      const path = join(folder, `seed.${exchange}.yaml`);
      await writeFile(path, `product_ids: [${ids.join(', ')}]\n`);
      yaml += `${exchange}:\n  seed-path: ${path}\n`;
    }
    await writeFile(join(folder, 'schemahub.yaml'), yaml);
    return venues.world;
  }

  interface RunJson {
    readonly exit_code: number;
    readonly steps: readonly { readonly source: string | null; readonly command: string; readonly exit_code: number }[];
  }

  it('fetch and commit each as it finishes, and prove all of it together', async () => {
    const venues = await createVenues({ faults: 0.03 });
    const world = await withSeeds(venues);
    const { code, err, json } = await world.run(['run', 'pipeline', 'coinbase', 'binance', 'kraken', '--json']);
    expect(code, err).toBe(0);
    expect(json<RunJson>().steps).toHaveLength(7);
    expect(err).toContain('coinbase: complete · binance: complete · kraken: complete');
    const { snapshots } = (await world.run(['snapshots', '--json'])).json<{
      snapshots: readonly { number: number }[];
    }>();
    expect(snapshots).toHaveLength(3);
    const sql = 'SELECT exchange, count(*) AS rows FROM trades_unified GROUP BY 1 ORDER BY 1';
    const { out } = await world.run(['query', sql, '-o', 'csv']);
    expect(
      out
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.split(',')[0]),
    ).toEqual(['BINANCE', 'COINBASE', 'KRAKEN']);
    const again = await world.run(['run', 'pipeline', 'coinbase', 'binance', 'kraken']);
    expect(again.code, again.err).toBe(0);
    expect((await world.run(['snapshots', '--json'])).json<{ snapshots: unknown[] }>().snapshots).toHaveLength(3);
  });

  it('with --atomic are one commit', async () => {
    const world = await withSeeds(await createVenues());
    const { code, err } = await world.run(['run', 'pipeline', 'coinbase', 'binance', 'kraken', '--atomic']);
    expect(code, err).toBe(0);
    const { snapshots } = (await world.run(['snapshots', '--json'])).json<{ snapshots: readonly unknown[] }>();
    expect(snapshots).toHaveLength(1);
    const face = (await world.run(['iceberg', 'status', '--json'])).json<{ snapshots: readonly unknown[] }>();
    expect(face).toMatchObject({ state: 'current', snapshots: [{ commit: 1 }] });
    expect(face.snapshots).toHaveLength(1);
  });

  it('go on when one of them is down: it is named, its code is 6, and nobody waited for it', async () => {
    const venues = await createVenues();
    const world = await withSeeds(venues);
    const end = venues.kraken.control.addOutage({ fromMs: 0, untilMs: Number.POSITIVE_INFINITY });
    const { code, err, json } = await world.run(['run', 'pipeline', 'coinbase', 'binance', 'kraken', '--json']);
    expect(code, err).toBe(6);
    expect(err).toContain('coinbase: complete · binance: complete · kraken: ingest exchange unavailable');
    const codes = json<RunJson>().steps.map(({ source, command, exit_code: ended }) => `${source} ${command} ${ended}`);
    expect(codes).toEqual(
      expect.arrayContaining(['coinbase transform 0', 'binance transform 0', 'kraken ingest 6', 'null verify 0']),
    );
    end();
    // Its breaker would wait out its five minutes.
    const environment = { CIRCUIT_BREAKER_ENABLED: 'false' };
    const healed = await world.run(['run', 'pipeline', 'coinbase', 'binance', 'kraken'], { environment });
    expect(healed.code, healed.err).toBe(0);
  });

  it('a restricted location stops that exchange alone, with the remedy', async () => {
    const venues = await createVenues();
    const world = await withSeeds(venues);
    venues.binance.control.setRole('restricted');
    const { code, err } = await world.run(['run', 'ingest', 'coinbase', 'binance']);
    expect(code).toBe(1);
    expect(err).toMatch(/binance │ .*Binance does not serve this location/);
    expect(err).toContain('coinbase: complete · binance: ingest error');
  });
});
