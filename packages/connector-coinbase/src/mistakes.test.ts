import {
  confirmFloor,
  createFetchTransport,
  findProvisionalFloor,
  gridWindows,
  seekTime,
} from '@schemahub/connector-kit';
import { createManualClock } from '@schemahub/connector-kit/testing';
import type { TradePage, WindowedConnector } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import {
  type CoinbaseProductSpec,
  type CoinbaseSim,
  type CoinbaseSimOptions,
  createCoinbaseSim,
  createVirtualClock,
} from '@schemahub/exchange-sim';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coinbasePolicy, createCoinbaseConnector } from './index.js';

interface Stage {
  readonly sim: CoinbaseSim;
  readonly connector: WindowedConnector;
  readonly asked: string[];
}

/** The connector over the stand-in exchange. The transport's own clock stands still: nothing here is about time-outs. */
function stage(spec: CoinbaseProductSpec, more: Partial<CoinbaseSimOptions> = {}): Stage {
  const sim = createCoinbaseSim({ products: [spec], seed: 7, rateLimit: false, ...more });
  const asked: string[] = [];
  const clock = createManualClock();
  const transport = createFetchTransport({
    policy: coinbasePolicy(),
    clock,
    fetch: (url, init) => {
      asked.push(url);
      return sim.fetch(url, init);
    },
  });
  return { sim, connector: createCoinbaseConnector({ transport, clock }), asked };
}

const PRODUCT = 'BTC-USD';

function truthOf(sim: CoinbaseSim): number[] {
  return [...sim.control.tradesOf(PRODUCT)].map(({ id }) => id);
}

/** The fetch loop in its simplest form: every missing id is in a window, every window is asked once a round. */
async function fetchAll(
  connector: WindowedConnector,
  wanted: RangeSet,
  rounds = 1,
): Promise<{ ids: number[]; pages: TradePage[] }> {
  let missing = wanted;
  const pages: TradePage[] = [];
  for (let round = 0; round < rounds && !missing.isEmpty; round++) {
    for (const window of gridWindows(missing, { gridSize: connector.gridSize, order: 'newest' })) {
      try {
        const page = await connector.fetchWindow(PRODUCT, window);
        pages.push(page);
        missing = missing.difference(RangeSet.fromIds(page.ids));
      } catch (error) {
        if ((error as { retryable?: boolean }).retryable !== true) throw error;
      }
    }
  }
  return { ids: pages.flatMap(({ ids }) => [...ids]).sort((a, b) => a - b), pages };
}

async function fetchUpTo(connector: WindowedConnector, first: number): Promise<number[]> {
  const head = await connector.fetchHead(PRODUCT);
  return head === undefined ? [] : (await fetchAll(connector, RangeSet.of(first, head.trade.id))).ids;
}

describe('mistakes that other clients made', () => {
  it('the Python predecessor: a product with fewer trades than a page is not "caught up": all 640 come', async () => {
    const { sim, connector } = stage({ id: PRODUCT, trades: 640 });
    expect(await fetchUpTo(connector, 0)).toEqual(truthOf(sim));
  });

  it('the Python predecessor: the page that holds the head is asked for: the newest 1001 trades come, in the first run and in the next', async () => {
    const { sim, connector } = stage({ id: PRODUCT, trades: 5600 });
    expect(await fetchUpTo(connector, 1)).toEqual(Array.from({ length: 5600 }, (_, at) => at + 1));
    sim.control.addTrades(PRODUCT, 7300);
    expect(await fetchUpTo(connector, 5601)).toEqual(Array.from({ length: 7300 }, (_, at) => at + 5601));
  });

  it('the Python predecessor, cryptofeed: a hole wider than a page is no end: the trades on both sides come, and the page says how far the hole goes', async () => {
    const { sim, connector, asked } = stage({ id: PRODUCT, trades: 8000, voids: [{ first: 2000, last: 5499 }] });
    expect(await fetchUpTo(connector, 1)).toEqual(truthOf(sim));
    asked.length = 0;
    const page = await connector.fetchWindow(PRODUCT, { first: 5000, last: 5999 });
    expect([page.ids[0], page.nextBelow, asked.length]).toEqual([5500, 1999, 1]);
    expect((await connector.probe(PRODUCT, 5500)).ids).toEqual([5500, 1999]);
  });

  it('`before` gives the newest page and not the next one: it is never sent, nor a page without a cursor for a window', async () => {
    const { sim, connector, asked } = stage({ id: PRODUCT, trades: 5000, voids: [17, { first: 900, last: 2100 }] });
    const head = await connector.fetchHead(PRODUCT);
    await fetchAll(connector, RangeSet.of(0, 5000));
    await connector.fetchBelow(PRODUCT, 3000, 1000);
    await connector.probe(PRODUCT, 2101);
    await findProvisionalFloor({ connector, product: PRODUCT, head: head!.trade.id });
    const trades = asked.filter((url) => url.includes('/trades'));
    expect(trades.length).toBeGreaterThan(8);
    expect(asked.filter((url) => url.includes('before'))).toEqual([]);
    expect(trades.filter((url) => !url.includes('after='))).toEqual([trades[0]]);
    expect(trades[0]).toMatch(/limit=1$/);
    expect(sim.control.headOf(PRODUCT)).toBe(5000);
  });

  it('cryptofeed: `after` is exclusive: the last id of a window comes', async () => {
    const { connector } = stage({ id: PRODUCT, trades: 3000 });
    const page = await connector.fetchWindow(PRODUCT, { first: 1000, last: 1999 });
    expect([page.ids[0], page.ids.at(-1), page.ids.length]).toEqual([1000, 1999, 1000]);
    expect([...(await connector.fetchWindow(PRODUCT, { first: 3000, last: 3000 })).ids]).toEqual([3000]);
  });

  it('the ticker may be ahead of the trades, or wrong: the head is a trade that exists', async () => {
    const { sim, connector, asked } = stage({ id: PRODUCT, trades: 3000 });
    for (const lead of [5000, -5]) {
      sim.control.setTickerLead(PRODUCT, lead);
      expect((await connector.fetchHead(PRODUCT))?.trade.id).toBe(3000);
    }
    expect(asked.filter((url) => url.includes('ticker'))).toEqual([]);
  });

  it('the head may go backwards: an old first page is an older head and nothing else', async () => {
    const { sim, connector } = stage(
      { id: PRODUCT, trades: 3000, ratePerSecond: 5, followClock: true },
      { staleHead: true },
    );
    const heads: number[] = [];
    for (let i = 0; i < 40; i++) {
      await sim.clock.sleep(500);
      heads.push((await connector.fetchHead(PRODUCT))!.trade.id);
    }
    const backwards = heads.filter((id, at) => at > 0 && id < heads[at - 1]!);
    expect(backwards.length).toBeGreaterThan(0);
    const highest = Math.max(...heads);
    expect((await fetchAll(connector, RangeSet.of(1, highest))).ids).toEqual(
      truthOf(sim).filter((id) => id <= highest),
    );
  });

  it("the maker's side stays in the raw record: the mapping inverts it, once", async () => {
    const { sim, connector } = stage({ id: PRODUCT, trades: 300 });
    const page = await connector.fetchWindow(PRODUCT, { first: 1, last: 300 });
    const sides = [...sim.control.tradesOf(PRODUCT)].map(({ side }) => side as string);
    expect(page.records.map((record) => connector.parseTrade(record).side)).toEqual(sides);
    expect(new Set(sides).size).toBe(2);
  });

  it('the Python predecessor: a resumed run asks for nothing twice: one id above the watermark is one row', async () => {
    const { connector, asked } = stage({ id: PRODUCT, trades: 3001 });
    expect((await fetchAll(connector, RangeSet.of(3001, 3001))).ids).toEqual([3001]);
    expect(asked.map((url) => new URL(url).search)).toEqual(['?after=3002&limit=1']);
  });

  it('many trades at one time are many trades: nothing is paged or keyed by time', async () => {
    const { sim, connector } = stage({ id: PRODUCT, trades: 4000, ratePerSecond: 5000 });
    const { ids } = await fetchAll(connector, RangeSet.of(1, 4000));
    const times = [...sim.control.tradesOf(PRODUCT)].map(({ time }) => time);
    expect(new Set(times).size).toBeLessThan(times.length);
    expect(ids).toEqual(truthOf(sim));
  });
});

describe('a product that changes', () => {
  it('and disappears is set aside by its own error', async () => {
    const { sim, connector } = stage({ id: PRODUCT, trades: 3000 });
    await connector.fetchWindow(PRODUCT, { first: 1, last: 999 });
    sim.control.removeProduct(PRODUCT);
    await expect(connector.fetchWindow(PRODUCT, { first: 1000, last: 1999 })).rejects.toMatchObject({
      kind: 'product',
      status: 404,
      retryable: false,
    });
    await expect(connector.fetchHead(PRODUCT)).rejects.toMatchObject({ kind: 'product' });
    expect(await connector.findProduct(PRODUCT)).toBeUndefined();
    expect(await connector.listProducts()).toEqual([]);
  });

  it.each([
    ['trades', 3000],
    ['empty', undefined],
  ] as const)('is delisted and serves %s', async (serves, head) => {
    const { sim, connector } = stage({ id: PRODUCT, trades: 3000 });
    sim.control.delist(PRODUCT, serves);
    expect(await connector.findProduct(PRODUCT)).toMatchObject({ status: 'delisted' });
    expect((await connector.fetchHead(PRODUCT))?.trade.id).toBe(head);
  });

  it.each(['not-found', 'bad-request'] as const)('is delisted and answers %s', async (serves) => {
    const { sim, connector } = stage({ id: PRODUCT, trades: 3000 });
    sim.control.delist(PRODUCT, serves);
    await expect(connector.fetchHead(PRODUCT)).rejects.toMatchObject({ kind: 'product' });
    expect(await connector.findProduct(PRODUCT)).toMatchObject({ status: 'delisted' });
  });

  it('serves fewer rows after its history was trimmed: absent, and never an error', async () => {
    const { sim, connector } = stage({ id: PRODUCT, trades: 5000 });
    sim.control.trim(PRODUCT, 2500);
    expect([...(await connector.fetchWindow(PRODUCT, { first: 2000, last: 2999 })).ids]).toEqual(
      Array.from({ length: 500 }, (_, at) => 2500 + at),
    );
    expect((await connector.fetchWindow(PRODUCT, { first: 1000, last: 1999 })).ids).toHaveLength(0);
  });
});

describe('floor and time', () => {
  it.each([
    { firstId: 1, voids: [] },
    { firstId: 1, voids: [1, 2, { first: 4, last: 700 }] },
    { firstId: 1, voids: [{ first: 1, last: 4321 }] },
    { firstId: 123_456, voids: [] },
    { firstId: 1_000_000, voids: [{ first: 1_000_000, last: 1_001_500 }] },
  ])('finds and confirms the first trade of $firstId … with voids $voids', async ({ firstId, voids }) => {
    // One clock for both: the exchange's dates must tell that the answers lie 5 s apart.
    const clock = createVirtualClock({ nowMs: Date.parse('2026-11-21T12:00:00Z') });
    const { sim, connector } = stage({ id: PRODUCT, trades: 6000, firstId, voids }, { clock });
    const truth = truthOf(sim);
    const { floor } = await findProvisionalFloor({ connector, product: PRODUCT, head: truth.at(-1)! });
    expect(floor).toBe(truth[0]);
    const settled = await confirmFloor({ connector, product: PRODUCT, floor: floor!, clock });
    expect(settled).toMatchObject({ floor: truth[0], confirmed: true });
    expect(settled.evidence.map(({ ids }) => ids)).toEqual([[], []]);
  });

  it('finds the trade at an instant', async () => {
    const { sim, connector } = stage({ id: PRODUCT, trades: 40_000, voids: [{ first: 9000, last: 21_000 }, 30_000] });
    const head = (await connector.fetchHead(PRODUCT))!.trade;
    const trades = [...sim.control.tradesOf(PRODUCT)];
    for (const pick of [0, 1, 8998, 9000, 15_000, trades.length - 1]) {
      const micros = microsOf(trades[pick]!.time);
      const expected = trades.find(({ time }) => microsOf(time) >= micros)!.id;
      expect((await seekTime({ connector, product: PRODUCT, micros, floor: 1, head })).id).toBe(expected);
    }
  });
});

function microsOf(time: string): number {
  const [, fraction = ''] = /\.(\d+)Z$/.exec(time) ?? [];
  return Math.floor(Date.parse(time) / 1000) * 1_000_000 + Number(fraction.padEnd(6, '0'));
}

describe('an exchange that fails in every way it knows', () => {
  it('loses no trade, doubles none and changes none', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(1_000_000),
        fc.integer({ min: 1, max: 5200 }),
        fc.nat(3000),
        async (seed, trades, hole) => {
          const voids = [{ first: hole + 1, last: hole + 1 + (seed % 2500) }];
          const { sim, connector } = stage({ id: PRODUCT, trades, voids }, { seed, faults: { share: 0.4 } });
          const truth = new Map([...sim.control.tradesOf(PRODUCT)].map((trade) => [trade.id, trade]));
          const wanted = RangeSet.fromIds(truth.keys());
          const { ids, pages } = await fetchAll(connector, wanted, 60);
          // A window that is asked again may bring rows that are held already; the raw layer's ids drop them.
          expect([...new Set(ids)].filter((id) => wanted.contains(id))).toEqual([...truth.keys()]);
          for (const page of pages) {
            expect([...page.ids]).toEqual([...new Set(page.ids)].sort((a, b) => a - b));
            for (const record of page.records) {
              const { id, side, price, quantity, ts } = connector.parseTrade(record);
              const { time, ...trade } = truth.get(id)!;
              expect({ id, side, price, size: quantity }).toEqual(trade);
              // The stand-in cuts some times to whole seconds, as the exchange strips zeros.
              expect(time.startsWith(ts.slice(0, 19))).toBe(true);
            }
          }
        },
      ),
      { numRuns: 25 },
    );
  });
});
