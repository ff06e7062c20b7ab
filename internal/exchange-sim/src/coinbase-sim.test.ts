import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createManualClock } from './clock.js';
import { type CoinbaseSim, type CoinbaseSimOptions, createCoinbaseSim } from './coinbase-sim.js';
import { demoProducts } from './demo-products.js';
import { agent, descending, get, getIds, getRows } from './testing.js';

const nowMs = Date.parse('2025-08-22T20:12:00Z');

function createSim(options: Partial<CoinbaseSimOptions> = {}): CoinbaseSim {
  const products = [
    { id: 'BTC-USD', trades: 5000, price: '84429.83' },
    { id: 'WLD-USD', trades: 640, price: '0.9634' },
    { id: 'NEW-USD', trades: 0 },
  ];
  return createCoinbaseSim({ products, seed: 7, rateLimit: false, clock: createManualClock({ nowMs }), ...options });
}

describe('GET /products/{id}/trades', () => {
  it('gives the newest 1000 by default, newest first, with cursors of the page', async () => {
    const sim = createSim();
    const response = await get(sim, '/products/BTC-USD/trades');
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toEqual({
      age: '0',
      'cache-control': 'public, max-age=5',
      'cb-after': '4001',
      'cb-before': '5000',
      'cf-cache-status': 'MISS',
      'content-length': response.headers.get('content-length'),
      'content-type': 'application/json; charset=utf-8',
      date: 'Fri, 22 Aug 2025 20:12:00 GMT',
    });
    const body = await response.text();
    expect(response.headers.get('content-length')).toBe(String(body.length));
    expect((JSON.parse(body) as { trade_id: number }[]).map((row) => row.trade_id)).toEqual(descending(5000, 4001));
    expect(body).toMatch(
      /^\[\{"trade_id":5000,"side":"(buy|sell)","size":"\d+\.\d{8}","price":"\d+\.\d{8}","time":"2025-08-22T20:11:59Z"\},\{/,
    );
  });

  it('limit: clamped above 1000, taken from 1 to 1000, refused otherwise', async () => {
    const sim = createSim();
    expect((await getIds(sim, '/products/BTC-USD/trades?limit=1001')).length).toBe(1000);
    expect((await getIds(sim, '/products/BTC-USD/trades?limit=99999')).length).toBe(1000);
    expect((await getIds(sim, '/products/BTC-USD/trades?limit=1000')).length).toBe(1000);
    expect(await getIds(sim, '/products/BTC-USD/trades?limit=3')).toEqual([5000, 4999, 4998]);
    for (const limit of ['0', '-1', 'ten', '', '1.5', '1e3']) {
      const response = await get(sim, `/products/BTC-USD/trades?limit=${limit}`);
      expect([limit, response.status, await response.json()]).toEqual([
        limit,
        400,
        { message: 'Invalid value for pagination limit' },
      ]);
    }
  });

  it('after: the greatest ids strictly below, for any whole number', async () => {
    const sim = createSim();
    const ask = (after: number | string): Promise<number[]> =>
      getIds(sim, `/products/BTC-USD/trades?after=${after}&limit=2`);
    expect(await ask(1001)).toEqual([1000, 999]);
    expect(await ask(2)).toEqual([1]);
    expect(await ask(1)).toEqual([]);
    expect(await ask(0)).toEqual([]);
    expect(await ask(-5)).toEqual([]);
    expect(await ask(5001)).toEqual([5000, 4999]);
    expect(await ask(500_000_000)).toEqual([5000, 4999]);
    expect(await ask('99999999999999999999')).toEqual([5000, 4999]);
  });

  it('before: the NEWEST ids above, not the next ones', async () => {
    const sim = createSim();
    expect(await getIds(sim, '/products/BTC-USD/trades?before=100&limit=3')).toEqual([5000, 4999, 4998]);
    expect(await getIds(sim, '/products/BTC-USD/trades?before=4998&limit=10')).toEqual([5000, 4999]);
    expect(await getIds(sim, '/products/BTC-USD/trades?before=5000&limit=10')).toEqual([]);
  });

  it('refuses both cursors and cursors that are no whole numbers', async () => {
    const sim = createSim();
    const both = await get(sim, '/products/BTC-USD/trades?before=1&after=100');
    expect([both.status, await both.json()]).toEqual([
      400,
      { message: 'Only one of pagination before and after may be given' },
    ]);
    for (const value of ['2025-01-01', '1.5', '', 'NaN', '0x10']) {
      for (const name of ['after', 'before']) {
        const response = await get(sim, `/products/BTC-USD/trades?${name}=${value}`);
        expect([response.status, await response.json()]).toEqual([
          400,
          { message: `Invalid value for pagination ${name}` },
        ]);
      }
    }
  });

  it('sends cursor headers only with rows', async () => {
    const sim = createSim();
    for (const path of [
      '/products/BTC-USD/trades?after=1',
      '/products/NEW-USD/trades',
      '/products/BTC-USD/trades?before=5000',
    ]) {
      const response = await get(sim, path);
      expect(await response.text()).toBe('[]');
      expect([response.headers.get('cb-before'), response.headers.get('cb-after')]).toEqual([null, null]);
    }
  });

  it('knows products by their exact id only', async () => {
    const sim = createSim();
    for (const path of [
      '/products/NOPE-USD/trades',
      '/products/btc-usd/trades',
      '/products/%ZZ',
      '/nothing',
      '/',
      '/products/BTC-USD/trades/1',
      '/products/BTC-USD/book',
    ]) {
      const response = await get(sim, path);
      expect([path, response.status, await response.text()]).toEqual([path, 404, '{"message":"NotFound"}']);
    }
    expect((await get(sim, '/products/BTC%2DUSD/trades?limit=1')).status).toBe(200);
    const post = await sim.fetch('https://x/products', { ...agent, method: 'POST' });
    expect(post.status).toBe(405);
  });
});

describe('holes', () => {
  const voids = [5, { first: 40, last: 44 }, { first: 1200, last: 3699 }];
  it('dip the page below, however wide', async () => {
    const sim = createSim({ products: [{ id: 'BTC-USD', trades: 5000, voids }] });
    expect(await getIds(sim, '/products/BTC-USD/trades?after=3702&limit=4')).toEqual([3701, 3700, 1199, 1198]);
    expect(await getIds(sim, '/products/BTC-USD/trades?after=2500&limit=2')).toEqual([1199, 1198]);
    expect(await getIds(sim, '/products/BTC-USD/trades?after=47')).toEqual([46, 45, ...descending(39, 6), 4, 3, 2, 1]);
    expect((await getIds(sim, '/products/BTC-USD/trades?after=4001')).length).toBe(1000);
  });

  it('at the head leave the newest existing id on top', async () => {
    const sim = createSim({ products: [{ id: 'BTC-USD', trades: 100, voids: [{ first: 91, last: 100 }] }] });
    expect(await getIds(sim, '/products/BTC-USD/trades?limit=2')).toEqual([90, 89]);
    expect(sim.control.headOf('BTC-USD')).toBe(90);
    expect(sim.control.voidsOf('BTC-USD')).toEqual([{ first: 91, last: 100 }]);
  });

  it('any fixed grid of windows returns each trade once, with the bytes of the truth', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 900 }), fc.nat(120)), { maxLength: 8 }),
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 0, max: 900 }),
        fc.integer({ min: 1, max: 5000 }),
        fc.shuffledSubarray(
          Array.from({ length: 1001 }, (_, i) => i),
          { minLength: 1001 },
        ),
        async (holes, width, trades, firstId, order) => {
          const ranges = holes.map(([first, more]) => ({ first: firstId + first, last: firstId + first + more }));
          const sim = createSim({ products: [{ id: 'BTC-USD', trades, firstId, voids: ranges }] });
          const head = firstId + trades - 1;
          const cells = Math.floor(head / width) - Math.floor(firstId / width) + 1;
          const seen = new Map<number, string>();
          let count = 0;
          for (const place of order.filter((cell) => cell < cells)) {
            const low = (Math.floor(firstId / width) + place) * width;
            for (const row of await getRows(sim, `/products/BTC-USD/trades?after=${low + width}&limit=${width}`)) {
              if (row.trade_id < low) continue;
              count += 1;
              seen.set(row.trade_id, JSON.stringify(row));
            }
          }
          const truth = [...sim.control.tradesOf('BTC-USD')];
          expect(count).toBe(truth.length);
          expect(sim.control.countOf('BTC-USD')).toBe(truth.length);
          for (const { id, side, size, price, time } of truth) {
            expect(seen.get(id)).toBe(JSON.stringify({ trade_id: id, side, size, price, time }));
          }
          const isVoid = (id: number): boolean => ranges.some((range) => id >= range.first && id <= range.last);
          expect(truth.map((trade) => trade.id)).toEqual(
            descending(head, firstId)
              .reverse()
              .filter((id) => !isVoid(id)),
          );
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('other endpoints', () => {
  it('/products lists all statuses in the recorded shape', async () => {
    const sim = createSim({
      products: [
        { id: 'BTC-USD', trades: 1, price: '84429.83' },
        { id: 'MOVE-USD', trades: 1, price: '0.1', status: 'delisted' },
      ],
    });
    const response = await get(sim, '/products');
    const rows = (await response.json()) as Record<string, unknown>[];
    expect(response.headers.get('cache-control')).toBe('public, max-age=5');
    expect(JSON.stringify(rows[0])).toBe(
      '{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","quote_increment":"0.01","base_increment":"0.00000001","display_name":"BTC-USD","min_market_funds":"1","margin_enabled":false,"post_only":false,"limit_only":false,"cancel_only":false,"status":"online","status_message":"","trading_disabled":false,"fx_stablecoin":false,"max_slippage_percentage":"0.02000000","auction_mode":false,"high_bid_limit_percentage":""}',
    );
    expect(rows[1]).toMatchObject({
      id: 'MOVE-USD',
      display_name: 'MOVE/USD',
      status: 'delisted',
      trading_disabled: true,
    });
    expect(await (await get(sim, '/products/MOVE-USD')).json()).toEqual(rows[1]);
  });

  it('/ticker shows the newest trade; /time is never cached', async () => {
    const sim = createSim();
    const newest = (await getRows(sim, '/products/BTC-USD/trades?limit=1'))[0]!;
    const ticker = await get(sim, '/products/BTC-USD/ticker');
    expect(ticker.headers.get('cache-control')).toBe('public, max-age=1');
    expect(await ticker.json()).toMatchObject({
      trade_id: 5000,
      price: newest.price,
      size: newest.size,
      time: newest.time,
    });
    expect((await get(sim, '/products/NEW-USD/ticker')).status).toBe(404);
    const time = await get(sim, '/time');
    expect(time.headers.get('cache-control')).toBe('no-store');
    expect(await time.json()).toEqual({ iso: '2025-08-22T20:12:00.000Z', epoch: nowMs / 1000 });
  });
});

describe('the door', () => {
  it('refuses requests without a User-Agent', async () => {
    const sim = createSim();
    for (const headers of [{}, { 'user-agent': ' ' }]) {
      const response = await sim.fetch('https://x/time', { headers });
      expect([response.status, await response.json()]).toEqual([400, { message: 'User-Agent header is required.' }]);
    }
    expect((await sim.fetch(new Request('https://x/time', agent))).status).toBe(200);
    expect((await sim.fetch(new URL('https://x/time'), agent)).url).toBe('https://x/time');
  });

  it('lets 15 at once and then 10 a second through, per remote, and says 429 without Retry-After', async () => {
    const clock = createManualClock({ nowMs });
    const sim = createSim({ clock, rateLimit: undefined });
    const statuses = async (count: number, remote = 'a'): Promise<string> => {
      const all = await Promise.all(
        Array.from({ length: count }, () => get(sim, '/time', { 'x-forwarded-for': remote })),
      );
      return all.map((response) => (response.status === 200 ? '.' : 'x')).join('');
    };
    expect(await statuses(17)).toBe('...............xx');
    expect(await statuses(16, 'b')).toBe('...............x');
    await clock.advance(99);
    expect(await statuses(1)).toBe('x');
    await clock.advance(1);
    expect(await statuses(2)).toBe('.x');
    await clock.advance(1000);
    expect(await statuses(12)).toBe('..........xx');
    await clock.advance(3_600_000);
    expect(await statuses(16)).toBe('...............x');
    const refused = await get(sim, '/time', { 'x-forwarded-for': 'a' });
    expect([refused.status, await refused.text(), refused.headers.get('retry-after')]).toEqual([
      429,
      '{"message":"Public rate limit exceeded"}',
      null,
    ]);
    expect(sim.stats.rateLimited).toBe(2 + 1 + 1 + 1 + 2 + 1 + 1);
  });
});

it('the same seed gives the same bytes whatever was asked before; another seed gives others', async () => {
  const paths = [
    '/products/SOL-USD/trades?after=9000',
    '/products/BTC-USD/trades',
    '/products/ETH-USD/trades?after=20000&limit=7',
  ];
  const answers = async (seed: string, order: readonly string[]): Promise<Record<string, string>> => {
    const sim = createCoinbaseSim({ products: demoProducts('s'), seed });
    const bodies: Record<string, string> = {};
    for (const path of order) bodies[path] = await (await get(sim, path)).text();
    return bodies;
  };
  const first = await answers('one', paths);
  expect(await answers('one', [...paths].reverse())).toEqual(first);
  const other = await answers('two', paths);
  for (const path of paths) expect(other[path]).not.toBe(first[path]);
});

it('serves ten million trades without holding them', async () => {
  const sim = createSim({ products: [{ id: 'BTC-USD', trades: 10_000_000, firstId: 1_089_147_580 }] });
  expect((await getIds(sim, '/products/BTC-USD/trades?limit=1'))[0]).toBe(1_099_147_579);
  const before = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
  for (let after = 1_090_000_000; after < 1_099_000_000; after += 60_000) {
    expect((await getIds(sim, `/products/BTC-USD/trades?after=${after}&limit=3`))[0]).toBe(after - 1);
  }
  // Sixty-four blocks of 30 KB are kept; 64 MiB leaves room for garbage that was not yet collected.
  expect(process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
});

it('refuses wrong options with a sentence', () => {
  const make =
    (product: object, options: object = {}) =>
    () =>
      createSim({ products: [{ id: 'BTC-USD', trades: 1, ...product }], ...options });
  expect(make({ trades: -1 })).toThrow('product BTC-USD.trades: expected a whole number from 0');
  expect(make({ id: 'BTCUSD' })).toThrow(
    'product id: expected BASE-QUOTE, got "BTCUSD". Write BTC-USD, or give base and quote.',
  );
  expect(make({ id: 'A/B-C' })).toThrow('product id: expected a text without / ? # and spaces');
  expect(make({ voids: [0] })).toThrow('product BTC-USD.voids: expected ids or {first, last} from 1 up, got 0');
  expect(make({ voids: [{ first: 9, last: 8 }] })).toThrow('got {"first":9,"last":8}');
  expect(make({ endTime: 'soon' })).toThrow('product BTC-USD.endTime');
  expect(make({ price: 'dear' })).toThrow('product BTC-USD.price');
  expect(make({ ratePerSecond: 0 })).toThrow('product BTC-USD.ratePerSecond');
  expect(make({}, { rateLimit: { ratePerSecond: 0, burst: 1 } })).toThrow('rateLimit: expected ratePerSecond above 0');
  expect(make({}, { latencyMs: -1 })).toThrow('latencyMs: expected milliseconds');
  expect(make({}, { uplinkMs: { mean: 5, sigma: 9 } })).toThrow('uplinkMs: expected a mean');
  expect(make({}, { faults: { share: 2 } })).toThrow('faults.share: expected a number from 0 to 1, got 2');
  expect(make({}, { faults: { share: 1, kinds: ['nope'] } })).toThrow('faults.kinds: expected some of status,');
  expect(make({}, { staleHead: { pageMs: 0, tickerMs: 1 } })).toThrow('staleHead: expected');
  expect(() =>
    createSim({
      products: [
        { id: 'A-B', trades: 1 },
        { id: 'A-B', trades: 1 },
      ],
    }),
  ).toThrow('products: expected each product once, got "A-B"');
});
