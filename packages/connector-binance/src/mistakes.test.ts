import { createFetchTransport, parseTradeTime, seekTime } from '@schemahub/connector-kit';
import { createManualClock } from '@schemahub/connector-kit/testing';
import type { ExchangeError, ExchangeReply } from '@schemahub/core';
import { createBinanceSim } from '@schemahub/exchange-sim';
import { describe, expect, it } from 'vitest';
import { binancePolicy, createBinanceConnector } from './index.js';

// What others got wrong about Binance, each with its test (EXCHANGES §2, §6).

const spec = { id: 'BTCUSDT', base: 'BTC', quote: 'USDT' };

function stage(options: { trades: number; firstId?: number; voids?: readonly { first: number; last: number }[] }) {
  const sim = createBinanceSim({ seed: 7, weightPerMinute: false, products: [{ ...spec, ...options }] });
  const asked: string[] = [];
  const clock = createManualClock();
  const transport = createFetchTransport({
    policy: binancePolicy(),
    clock,
    fetch: (url, init) => {
      asked.push(url);
      return sim.fetch(url, init);
    },
  });
  return { sim, asked, connector: createBinanceConnector({ transport, clock }) };
}

function reply(status: number, body: unknown, headers: Record<string, string> = {}): ExchangeReply {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const type = typeof body === 'string' ? 'text/html' : 'application/json';
  const date = Date.parse('2026-09-27T15:57:30Z');
  return { status, headers: { 'content-type': type, ...headers }, body: Buffer.from(text), date };
}

function judged(answer: ExchangeReply, subject?: string): ExchangeError {
  const outcome = binancePolicy().classify(answer, { url: 'https://api.binance.com/api/v3/x', cost: [], subject });
  if (outcome.ok) throw new Error('expected an error');
  return outcome.error;
}

describe('mistakes that peers make with Binance', () => {
  it('cryptofeed: isBuyerMaker read as a bought trade; the buyer was the maker, so the taker sold', () => {
    const { connector } = stage({ trades: 1 });
    const row = (maker: boolean): Uint8Array =>
      Buffer.from(`{"id":1,"price":"1","qty":"1","time":1,"isBuyerMaker":${maker}}`);
    expect(connector.parseTrade(row(true)).side).toBe('sell');
    expect(connector.parseTrade(row(false)).side).toBe('buy');
  });

  it('ccxt: aggregated trades beside raw ones; their rows are none of ours and their path is never asked for', async () => {
    const { connector, asked } = stage({ trades: 2000 });
    expect(() => connector.parseTrade(Buffer.from('{"a":26129,"p":"0.01","q":"4.7","f":27781,"l":27781}'))).toThrow(
      SyntaxError,
    );
    await connector.fetchWindow('BTCUSDT', { first: 0, last: 999 });
    await connector.fetchHead('BTCUSDT');
    await connector.probe('BTCUSDT', 10, { lower: 9 });
    expect(asked.filter((url) => url.includes('aggTrades'))).toEqual([]);
  });

  it('paging by time: a thousand trades share a millisecond; only ids are asked for', async () => {
    const { connector, asked } = stage({ trades: 5000 });
    for (const first of [0, 1000, 4000]) await connector.fetchWindow('BTCUSDT', { first, last: first + 999 });
    for (const url of asked) expect(url).not.toMatch(/startTime|endTime/);
  });

  it('gocryptotrader: each page asked from the last id of the one before, its first row dropped: pages meet without overlap', async () => {
    const sim = createBinanceSim({ seed: 7, weightPerMinute: false, products: [{ ...spec, trades: 2600 }] });
    const clock = createManualClock();
    const asked: string[] = [];
    const fetch = (url: string, init?: RequestInit): Promise<Response> => {
      asked.push(/fromId=(\d+)/.exec(url)?.[1] ?? '');
      return sim.fetch(url, init);
    };
    const transport = createFetchTransport({ policy: binancePolicy(), clock, fetch });
    const connector = createBinanceConnector({ transport, clock, pageLimit: 300 });
    const ids: number[] = [];
    for (const first of [0, 1000, 2000]) {
      const page = await connector.fetchWindow('BTCUSDT', { first, last: Math.min(2599, first + 999) });
      ids.push(...page.ids);
    }
    expect(ids).toEqual(Array.from({ length: 2600 }, (_, id) => id));
    expect(asked).toEqual(['0', '300', '600', '900', '1000', '1300', '1600', '1900', '2000', '2300']);
  });

  it('freqtrade: a history begun by time misses up to an hour of it: the first trade of an instant is found by id', async () => {
    const { connector, sim, asked } = stage({ trades: 9000, voids: [{ first: 4000, last: 5200 }] });
    const trades = [...sim.control.tradesOf('BTCUSDT')];
    const head = await connector.fetchHead('BTCUSDT');
    for (const at of [1, 700, 3999, 4000, 7000]) {
      const { micros } = parseTradeTime(trades[at]!.time);
      const first = trades.find(({ time }) => parseTradeTime(time).micros >= micros)!;
      const found = await seekTime({ connector, product: 'BTCUSDT', micros, floor: 0, head: head!.trade });
      expect(found.id).toBe(first.id);
    }
    for (const url of asked) expect(url).not.toMatch(/startTime|endTime/);
  });

  it('an empty start of a window taken for the end: a trimmed history says where it begins', async () => {
    const { connector, sim } = stage({ trades: 5000 });
    sim.control.trim('BTCUSDT', 3210);
    const page = await connector.fetchWindow('BTCUSDT', { first: 0, last: 999 });
    expect([...page.ids]).toEqual([]);
    expect(page.nextAbove).toBe(3210);
    expect((await connector.probe('BTCUSDT', 3209)).ids).toEqual([]);
  });

  it('symbols cut by length: ETHBTC and USDCUSDT come from the catalogue', async () => {
    const products = [
      { id: 'ETHBTC', base: 'ETH', quote: 'BTC', trades: 1 },
      { id: 'USDCUSDT', base: 'USDC', quote: 'USDT', trades: 1 },
    ];
    const sim = createBinanceSim({ seed: 7, products });
    const clock = createManualClock();
    const transport = createFetchTransport({
      policy: binancePolicy(),
      clock,
      fetch: (url, init) => sim.fetch(url, init),
    });
    const listed = await createBinanceConnector({ transport, clock }).listProducts();
    expect(listed.map(({ symbol }) => symbol)).toEqual(['ETH-BTC', 'USDC-USDT']);
  });

  it('429 and 418 retried at once: both carry the wait, and a ban says until when', () => {
    const rate = {
      code: -1003,
      msg: 'Too much request weight used; current limit is 6000 request weight per 1 MINUTE.',
    };
    expect(judged(reply(429, rate, { 'retry-after': '17' }))).toMatchObject({ kind: 'rate', retryAfterMs: 17_000 });
    const until = Date.parse('2026-09-27T16:00:00Z');
    const ban = {
      code: -1003,
      msg: `Way too much request weight used; IP banned until ${until}. Please use WebSocket.`,
    };
    expect(judged(reply(418, ban))).toMatchObject({ kind: 'rate', retryAfterMs: 150_000 });
  });

  it('451, 403 and the mirror’s 404 retried for ever: they stop the exchange, with the remedy', () => {
    for (const [status, words] of [
      [451, /another region, or set BINANCE_API_URL/],
      [403, /firewall/],
      [404, /historicalTrades/],
    ] as const) {
      const error = judged(
        reply(status, status === 451 ? { code: 0, msg: 'restricted location' } : '<html></html>'),
        'X',
      );
      expect(error.kind).toBe('forbidden');
      expect(error.message).toMatch(words);
    }
  });

  it('every 400 taken for an unknown product: only -1121 is one', () => {
    expect(judged(reply(400, { code: -1121, msg: 'Invalid symbol.' }), 'X').kind).toBe('product');
    expect(judged(reply(400, { code: -1102, msg: 'Mandatory parameter' }), 'X').kind).toBe('request');
    expect(judged(reply(503, { code: -1008, msg: 'Server busy' }), 'X')).toMatchObject({
      kind: 'transient',
      transient: 'server',
    });
    expect(judged(reply(400, { code: -1007, msg: 'Timeout' }), 'X')).toMatchObject({
      kind: 'transient',
      transient: 'timeout',
    });
  });

  it('the weight that others behind the address use overlooked: every reply tells it, and it is obeyed', async () => {
    const sim = createBinanceSim({
      seed: 7,
      weightPerMinute: 1200,
      clock: createManualClock(Date.parse('2026-09-27T15:57:20Z')),
      products: [{ ...spec, trades: 1 }],
    });
    const clock = createManualClock();
    const fetch = (url: string, init?: RequestInit): Promise<Response> => sim.fetch(url, init);
    const transport = createFetchTransport({ policy: binancePolicy(), clock, fetch });
    const rests: unknown[] = [];
    const connector = createBinanceConnector({ transport, clock, onExhausted: (...rest) => rests.push(rest) });
    await connector.listProducts();
    // Somebody else takes 1100; with the catalogue's 20 there is room yet.
    for (let n = 0; n < 44; n++) await fetch('https://api.binance.com/api/v3/trades?symbol=BTCUSDT');
    await connector.fetchHead('BTCUSDT');
    expect(rests).toEqual([]);
    await connector.fetchHead('BTCUSDT');
    // 1,170 is the line, 1,195 were used; 40 s of the minute are left, and one more by the whole seconds of Date.
    await connector.fetchHead('BTCUSDT').catch(() => undefined);
    expect(rests).toEqual([['weight', 41_000]]);
  });

  it('a fixed limit: the weight of the day is read from the exchange, and no clock minute can exceed it', async () => {
    const sim = createBinanceSim({ seed: 7, weightPerMinute: 1200, products: [{ ...spec, trades: 1 }] });
    const clock = createManualClock();
    const told: unknown[] = [];
    const transport = createFetchTransport({
      policy: binancePolicy(),
      clock,
      fetch: (url, init) => sim.fetch(url, init),
    });
    await createBinanceConnector({ transport, clock, onBudget: (...budget) => told.push(budget) }).listProducts();
    const [[name, { rate, burst }]] = told as [[string, { rate: number; burst: number }]];
    expect(name).toBe('weight');
    expect(rate * 60 + burst).toBeLessThanOrEqual(1200);
    expect(burst).toBeGreaterThanOrEqual(25);
  });
});
