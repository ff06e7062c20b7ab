import { createFetchTransport, windowsOverCursor } from '@schemahub/connector-kit';
import { createManualClock } from '@schemahub/connector-kit/testing';
import type { ExchangeError, ExchangeReply } from '@schemahub/core';
import { createKrakenSim, type KrakenSimOptions } from '@schemahub/exchange-sim';
import { describe, expect, it } from 'vitest';
import { createKrakenConnector, krakenPolicy } from './index.js';

// What others got wrong about Kraken, each with its test (EXCHANGES §3, §6).

const spec = { id: 'XBTUSD', base: 'XBT', quote: 'USD', price: '84429.8', priceDecimals: 1 };

function stage(options: Partial<KrakenSimOptions> & { trades?: number } = {}) {
  const { trades = 5000, ...more } = options;
  const sim = createKrakenSim({ seed: 7, rateLimit: false, products: [{ ...spec, trades }], ...more });
  const asked: string[] = [];
  const clock = createManualClock();
  const transport = createFetchTransport({
    policy: krakenPolicy(),
    clock,
    fetch: (url, init) => {
      asked.push(url);
      return sim.fetch(url, init);
    },
  });
  const cursor = createKrakenConnector({ transport, clock });
  return { sim, asked, cursor, connector: windowsOverCursor(cursor) };
}

async function allIds(connector: ReturnType<typeof stage>['connector'], last: number): Promise<number[]> {
  const ids: number[] = [];
  for (let first = 0; first <= last; first += 1000)
    ids.push(...(await connector.fetchWindow('XBTUSD', { first, last: Math.min(last, first + 999) })).ids);
  return ids;
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, at) => at + 1);

function judged(body: unknown, status = 200, subject: string | undefined = 'XBTUSD'): ExchangeError | undefined {
  const reply: ExchangeReply = {
    status,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(body)),
  };
  const outcome = krakenPolicy().classify(reply, { url: 'https://api.kraken.com/0/public/Trades', cost: [], subject });
  return outcome.ok ? undefined : outcome.error;
}

describe('mistakes that peers make with Kraken', () => {
  it.each([true, false])(
    'raw `last` as since loses bursts on an exclusive server; last − 1 loses none (inclusive %s)',
    async (inclusive) => {
      // A hundred trades a second and more in one instant: equal times straddle the pages.
      const products = [{ ...spec, trades: 5000, ratePerSecond: 50_000 }];
      const { connector } = stage({ inclusive, products });
      expect(await allIds(connector, 5000)).toEqual(upTo(5000));
    },
  );

  it('freqtrade, ccxt: `last` through a JavaScript number loses 256 ns; every cursor keeps its 19 digits', async () => {
    const { connector, asked, cursor } = stage();
    await allIds(connector, 5000);
    const cursors = asked
      .flatMap((url) => new URL(url).searchParams.get('since') ?? [])
      .filter((since) => since !== '0');
    expect(cursors.length).toBeGreaterThan(3);
    for (const since of cursors) expect(since).toMatch(/^\d{19}$/);
    expect(new Set(cursors.map((since) => BigInt(since) % 256n)).size).toBeGreaterThan(1);
    expect(typeof cursor.cursorBefore(1)).toBe('bigint');
  });

  it('cryptofeed: since cut to whole seconds; a cursor from a row’s time lies before it by 2 µs, not by 1 ns and not by a second', async () => {
    const { cursor } = stage();
    // `last` of a recorded page; its row says …982.2779, which is 123 ns later.
    const last = 1_762_820_035_982_277_754n;
    const micros = 1_762_820_035_982_278;
    expect(cursor.cursorBefore(micros)).toBeLessThan(last);
    expect(last - cursor.cursorBefore(micros)).toBeLessThan(3000n);
  });

  it('a reply without `last` ends nothing', async () => {
    const { connector } = stage({ withoutLast: 2 });
    expect(await allIds(connector, 5000)).toEqual(upTo(5000));
  });

  it('cryptofeed: no ids; ids are in place 7, and 0 is none', async () => {
    const { connector } = stage({ idOf: (_pair, id) => (id > 100 && id < 2000 ? 'zero' : 'number') });
    const ids = await allIds(connector, 5000);
    expect(ids).toEqual(upTo(5000));
    const { records } = await stage({ idOf: (_pair, id) => (id === 5 ? 'absent' : 'number') }).connector.fetchWindow(
      'XBTUSD',
      { first: 1, last: 9 },
    );
    expect(Buffer.from(records[4]!).toString()).toMatch(/^\{"trade_id":5,"_trade_id_from":"neighbours",/);
  });

  it('ccxt: side and ids pushed around; b is a taker that bought, and a row keeps its seven places', async () => {
    const { connector, sim } = stage();
    const { records } = await connector.fetchWindow('XBTUSD', { first: 1, last: 200 });
    const truth = [...sim.control.tradesOf('XBTUSD', { first: 1, last: 200 })];
    for (const [at, { id, side }] of truth.entries()) {
      const trade = connector.parseTrade(records[at]!);
      expect(trade).toMatchObject({ id, side: side === 'buy' ? 's' : 'b' });
      expect(Object.keys(JSON.parse(Buffer.from(records[at]!).toString())).sort()).toEqual([
        'misc',
        'price',
        'side',
        'time',
        'trade_id',
        'type',
        'volume',
      ]);
    }
  });

  it('leading X and Z stripped blindly: XTZ and ZRX stay, XBT is BTC and XDG is DOGE', async () => {
    const products = ['XBT', 'XDG', 'XTZ', 'ZRX', 'ZEC'].map((base) => ({
      id: `${base}USD`,
      base,
      quote: 'USD',
      trades: 1,
    }));
    const listed = await stage({ products }).connector.listProducts();
    expect(listed.map(({ symbol }) => symbol)).toEqual(['BTC-USD', 'DOGE-USD', 'XTZ-USD', 'ZRX-USD', 'ZEC-USD']);
  });

  it('a 200 taken for success: errors are texts inside it, warnings are none', () => {
    expect(judged({ error: ['EGeneral:Too many requests'] })).toMatchObject({ kind: 'rate', retryAfterMs: 5000 });
    expect(judged({ error: ['EAPI:Rate limit exceeded'] })?.kind).toBe('rate');
    expect(judged({ error: ['EGeneral:Temporary lockout'] })?.retryAfterMs).toBe(120_000);
    expect(judged({ error: ['EService:Unavailable'] })).toMatchObject({ kind: 'transient', transient: 'server' });
    expect(judged({ error: ['EQuery:Unknown asset pair'] })?.kind).toBe('product');
    expect(judged({ error: ['EGeneral:Invalid arguments'] })?.kind).toBe('request');
    expect(judged({ error: [] })).toMatchObject({ kind: 'transient', transient: 'body' });
    expect(judged({ error: ['WGeneral:Something'], result: {} })).toBeUndefined();
    expect(judged({ error: ['EService:Market in cancel_only mode'], result: {} })).toBeUndefined();
  });

  it('a hole read from the start of the history: from the held trade below it, in one page', async () => {
    const { cursor, asked, sim } = stage();
    const [held] = [...sim.control.tradesOf('XBTUSD', { first: 4000, last: 4000 })];
    const facts = { id: 4000, ts: held!.time, side: 's', price: held!.price, quantity: held!.size };
    const connector = windowsOverCursor(cursor, { heldAt: async (_product, id) => (id >= 4000 ? facts : undefined) });
    asked.length = 0;
    const page = await connector.fetchWindow('XBTUSD', { first: 4001, last: 4500 });
    expect([...page.ids]).toEqual(Array.from({ length: 500 }, (_, at) => 4001 + at));
    expect(asked).toHaveLength(1);
  });

  it('a hole that got more trades than a page holds: the page from below shows the first of them', async () => {
    const { cursor, sim } = stage();
    const [held] = [...sim.control.tradesOf('XBTUSD', { first: 1000, last: 1000 })];
    const facts = { id: 1000, ts: held!.time, side: 's', price: held!.price, quantity: held!.size };
    const connector = windowsOverCursor(cursor, { heldAt: async () => facts });
    expect((await connector.probe('XBTUSD', 1002, { lower: 1000 })).ids).toEqual([1002, 1001]);
    expect((await connector.probe('XBTUSD', 3500, { lower: 1000 })).ids).toEqual([1001, 1000]);
  });
});
