import { describe, expect, it } from 'vitest';
import { createManualClock, type ManualClock } from './clock.js';
import { type CoinbaseSim, type CoinbaseSimOptions, createCoinbaseSim } from './coinbase-sim.js';
import { descending, get, getIds } from './testing.js';

const nowMs = Date.parse('2025-08-22T20:12:00Z');
const trades = '/products/BTC-USD/trades';

function createSim(
  product: object = {},
  options: Partial<CoinbaseSimOptions> = {},
): { sim: CoinbaseSim; clock: ManualClock } {
  const clock = createManualClock({ nowMs });
  const products = [{ id: 'BTC-USD', trades: 100, ...product }];
  return { sim: createCoinbaseSim({ products, seed: 7, rateLimit: false, clock, ...options }), clock };
}

async function newest(sim: CoinbaseSim): Promise<number> {
  return (await getIds(sim, `${trades}?limit=1`))[0]!;
}

describe('the head', () => {
  it('moves by addTrades, and old trades stay as they were', async () => {
    const { sim } = createSim();
    const before = [...sim.control.tradesOf('BTC-USD')];
    sim.control.addTrades('BTC-USD', 1500);
    expect(await newest(sim)).toBe(1600);
    const after = [...sim.control.tradesOf('BTC-USD')];
    expect(after.slice(0, 100)).toEqual(before);
    expect(after.map((trade) => trade.id)).toEqual(descending(1600, 1).reverse());
  });

  it('follows the clock when asked to, trade by trade, and stands still while frozen', async () => {
    const { sim, clock } = createSim({ followClock: true, endTime: nowMs, ratePerSecond: 10 });
    const isTrue = (head: number): void => {
      const times = [...sim.control.tradesOf('BTC-USD', { first: head })].map((trade) => Date.parse(trade.time));
      expect(times.length).toBe(1);
      expect(times[0]!).toBeLessThanOrEqual(clock.now());
    };
    // 101 shares the instant of 100, which is the end time.
    expect(await newest(sim)).toBe(101);
    await clock.advance(60_000);
    const head = await newest(sim);
    expect(head).toBe(703);
    isTrue(head);
    sim.control.freeze();
    await clock.advance(60_000);
    expect(await newest(sim)).toBe(head);
    sim.control.unfreeze('BTC-USD');
    expect(await newest(sim)).toBe(1320);
    isTrue(1320);
  });

  it('goes backwards when stale, at most 6 s (page) and 2 s (ticker), while cursors stay fresh', async () => {
    const { sim, clock } = createSim({ followClock: true, endTime: nowMs, ratePerSecond: 100 }, { staleHead: true });
    const heads: number[] = [];
    const tickers: number[] = [];
    let oldestAge = 0;
    for (let i = 0; i < 300; i++) {
      await clock.advance(137);
      const truth = sim.control.headOf('BTC-USD')!;
      const page = await get(sim, `${trades}?limit=1`);
      const [row] = (await page.json()) as { trade_id: number; time: string }[];
      oldestAge = Math.max(oldestAge, Number(page.headers.get('age')));
      heads.push(row!.trade_id);
      const next = sim.control.tradesOf('BTC-USD', { first: row!.trade_id + 1, last: row!.trade_id + 1 }).next().value;
      if (next !== undefined) expect(clock.now() - Date.parse(next.time)).toBeLessThanOrEqual(6000);
      const ticker = (await (await get(sim, '/products/BTC-USD/ticker')).json()) as { trade_id: number };
      tickers.push(ticker.trade_id);
      const unseen = sim.control
        .tradesOf('BTC-USD', { first: ticker.trade_id + 1, last: ticker.trade_id + 1 })
        .next().value;
      if (unseen !== undefined) expect(clock.now() - Date.parse(unseen.time)).toBeLessThanOrEqual(2000);
      expect(await getIds(sim, `${trades}?after=${truth + 1000}&limit=1`)).toEqual([truth]);
    }
    const falls = (values: number[]): number => values.filter((value, i) => i > 0 && value < values[i - 1]!).length;
    expect([falls(heads), falls(tickers), oldestAge]).toEqual([89, 97, 5]);
  });

  it('remembers where it was, so that a stale page sees the head of then', async () => {
    const { sim, clock } = createSim(
      {},
      { script: (index) => (index === 0 ? { kind: 'stale-head' } : { kind: 'lagging-replica', lagMs: 2000 }) },
    );
    sim.control.addTrades('BTC-USD', 10);
    await clock.advance(3000);
    sim.control.addTrades('BTC-USD', 10);
    await clock.advance(1500);
    expect(await newest(sim)).toBe(100);
    expect(await getIds(sim, `${trades}?after=1000&limit=1`)).toEqual([110]);
    await clock.advance(500);
    expect(await getIds(sim, `${trades}?after=1000&limit=1`)).toEqual([120]);
  });

  it('can be overtaken by the ticker', async () => {
    const { sim } = createSim();
    sim.control.setTickerLead('BTC-USD', 7);
    expect(await (await get(sim, '/products/BTC-USD/ticker')).json()).toMatchObject({ trade_id: 107 });
    expect(await newest(sim)).toBe(100);
  });
});

describe('trades that come late or hide', () => {
  it('a void can be filled later, with the trade that its id always had', async () => {
    const { sim } = createSim({ voids: [{ first: 50, last: 60 }] });
    const dense = createSim().sim;
    expect(await getIds(sim, `${trades}?after=62&limit=2`)).toEqual([61, 49]);
    sim.control.fillVoids('BTC-USD', [55, { first: 57, last: 58 }]);
    expect(await getIds(sim, `${trades}?after=62&limit=5`)).toEqual([61, 58, 57, 55, 49]);
    expect(sim.control.voidsOf('BTC-USD')).toEqual([
      { first: 50, last: 54 },
      { first: 56, last: 56 },
      { first: 59, last: 60 },
    ]);
    expect([...sim.control.tradesOf('BTC-USD', { first: 55, last: 55 })]).toEqual([
      ...dense.control.tradesOf('BTC-USD', { first: 55, last: 55 }),
    ]);
    expect(() => sim.control.fillVoids('BTC-USD', [55])).toThrow(
      'fillVoids: expected ids of BTC-USD that are void, got "55 to 55"',
    );
  });

  it('voids above the head become holes when the head passes them', async () => {
    const { sim } = createSim({ voids: [{ first: 103, last: 104 }] });
    sim.control.addVoids('BTC-USD', [107]);
    sim.control.addTrades('BTC-USD', 8);
    expect(await getIds(sim, `${trades}?limit=6`)).toEqual([108, 106, 105, 102, 101, 100]);
  });

  it('a hidden trade is missing from the pages that should hold it, as often as was said, and from no other', async () => {
    const { sim } = createSim();
    sim.control.hide('BTC-USD', [90, 95], { pages: 2 });
    expect(await getIds(sim, `${trades}?limit=3`)).toEqual([100, 99, 98]);
    expect(await getIds(sim, `${trades}?after=97&limit=3`)).toEqual([96, 94, 93]);
    expect(await getIds(sim, `${trades}?after=97&limit=8`)).toEqual([96, 94, 93, 92, 91, 89, 88, 87]);
    expect(await getIds(sim, `${trades}?after=97&limit=8`)).toEqual([96, 95, 94, 93, 92, 91, 89, 88]);
    expect(await getIds(sim, `${trades}?after=97&limit=8`)).toEqual(descending(96, 89));
    expect([...sim.control.tradesOf('BTC-USD')].length).toBe(100);
  });

  it('a trade can hide until an instant', async () => {
    const { sim, clock } = createSim();
    sim.control.hide('BTC-USD', [100], { untilMs: nowMs + 5000 });
    expect(await newest(sim)).toBe(99);
    await clock.advance(4999);
    expect(await newest(sim)).toBe(99);
    await clock.advance(1);
    expect(await newest(sim)).toBe(100);
  });
});

describe('history that goes', () => {
  it('can be trimmed from below', async () => {
    const { sim } = createSim();
    sim.control.trim('BTC-USD', 40);
    expect(await getIds(sim, `${trades}?after=43`)).toEqual([42, 41, 40]);
    expect(await getIds(sim, `${trades}?after=40`)).toEqual([]);
    expect(sim.control.countOf('BTC-USD')).toBe(61);
  });

  it('can restart its ids with other trades', async () => {
    const { sim } = createSim({ voids: [3] });
    const old = [...sim.control.tradesOf('BTC-USD')];
    sim.control.restartIds('BTC-USD', { trades: 30 });
    expect(await getIds(sim, trades)).toEqual(descending(30, 1));
    const fresh = [...sim.control.tradesOf('BTC-USD')];
    for (const trade of fresh) expect(old).not.toContainEqual(trade);
    sim.control.restartIds('BTC-USD', { trades: 30 });
    expect([...sim.control.tradesOf('BTC-USD')]).not.toEqual(fresh);
  });
});

describe('products come and go', () => {
  it('can be listed, delisted in every way that /trades may answer, and forgotten', async () => {
    const { sim } = createSim();
    sim.control.addProduct({ id: 'ETH-USD', trades: 5 });
    expect(sim.control.products()).toEqual(['BTC-USD', 'ETH-USD']);
    expect(() => sim.control.addProduct({ id: 'ETH-USD', trades: 5 })).toThrow(
      'addProduct: expected a product not yet listed',
    );
    const path = '/products/ETH-USD/trades';
    const answers: unknown[] = [];
    for (const serves of ['trades', 'empty', 'not-found', 'bad-request'] as const) {
      sim.control.delist('ETH-USD', serves);
      const response = await get(sim, `${path}?limit=1&after=2`);
      answers.push([response.status, (await response.text()).slice(0, 54)]);
      expect(await (await get(sim, '/products/ETH-USD')).json()).toMatchObject({
        status: 'delisted',
        trading_disabled: true,
      });
    }
    expect(answers).toEqual([
      [200, expect.stringContaining('[{"trade_id":1,')],
      [200, '[]'],
      [404, '{"message":"NotFound"}'],
      [400, '{"message":"product_id is not a valid product"}'],
    ]);
    sim.control.setStatus('BTC-USD', 'offline');
    expect(await (await get(sim, '/products/BTC-USD')).json()).toMatchObject({
      status: 'offline',
      trading_disabled: false,
    });
    sim.control.removeProduct('ETH-USD');
    expect((await get(sim, path)).status).toBe(404);
    expect(((await (await get(sim, '/products')).json()) as unknown[]).length).toBe(1);
    expect(() => sim.control.headOf('ETH-USD')).toThrow(
      'product: expected one of BTC-USD, got "ETH-USD". Add it to products.',
    );
  });
});

it('logs the latest requests, as many as asked for, and counts all', async () => {
  const { sim } = createSim({}, { requestLog: 3 });
  for (let i = 1; i <= 8; i++) await get(sim, `${trades}?limit=${i}`);
  await get(sim, '/nothing');
  expect(
    sim.control
      .requests()
      .map((request) => [request.index, request.url.split('/').at(-1), request.status, request.rows]),
  ).toEqual([
    [6, 'trades?limit=7', 200, 7],
    [7, 'trades?limit=8', 200, 8],
    [8, 'nothing', 404, 0],
  ]);
  expect(sim.stats).toMatchObject({ requests: 9, inFlight: 0, rows: 36, byStatus: { 200: 8, 404: 1 } });
  expect(createSim().sim.control.requests()).toEqual([]);
});
