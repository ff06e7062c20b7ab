import { createFetchTransport } from '@schemahub/connector-kit';
import { createManualClock } from '@schemahub/connector-kit/testing';
import type { ExchangeReply, Transport, WindowedConnector } from '@schemahub/core';
import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { coinbaseDefaults, coinbasePolicy, createCoinbaseConnector } from './index.js';
import { hasRecordings, type RecordedExchange, readExchange, readLines, readRecording } from './testing/recordings.js';

// In CI the recordings must be there: a check that is skipped does not count.
if (!hasRecordings) {
  const message = 'Coinbase recordings: expected the folder ../shared/data/coinbase beside the repository, found none';
  if (process.env.CI !== undefined) throw new Error(`${message}. Check out the recordings too.`);
  process.stderr.write(`SKIPPED: ${message}; the tests against real replies did not run.\n`);
}

const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

type Recorded = { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: Buffer };

/** A body that was recorded without its headers, with those that the exchange sends. */
function bare(body: Buffer): Recorded {
  return { status: 200, headers: { 'Content-Type': 'application/json; charset=utf-8' }, body };
}

function recorded({ response }: RecordedExchange): Recorded {
  // The recordings' keeper replaced the cookies; msw refuses the placeholder as a cookie.
  const headers = Object.entries(response.headers).filter(([, value]) => value !== '(redacted)');
  return { status: response.status!, headers: Object.fromEntries(headers), body: Buffer.from(response.body) };
}

/** Global fetch, intercepted: what a stranger's process would send. */
function overFetch(reply: Recorded): { connector: WindowedConnector; asked: string[] } {
  const asked: string[] = [];
  server.use(
    http.get(`${coinbaseDefaults.baseUrl}/*`, ({ request }) => {
      asked.push(request.url.slice(coinbaseDefaults.baseUrl.length));
      return new HttpResponse(new Uint8Array(reply.body), { status: reply.status, headers: reply.headers });
    }),
  );
  const clock = createManualClock();
  const transport = createFetchTransport({ policy: coinbasePolicy(), clock });
  return { connector: createCoinbaseConnector({ transport, clock }), asked };
}

/** No HTTP at all: a transport that judges and hands over the recorded reply. */
function overTransport(reply: Recorded): { connector: WindowedConnector; asked: string[] } {
  const asked: string[] = [];
  const policy = coinbasePolicy();
  const headers = Object.fromEntries(Object.entries(reply.headers).map(([name, value]) => [name.toLowerCase(), value]));
  const transport: Transport = {
    send: async (call) => {
      asked.push(call.url.slice(coinbaseDefaults.baseUrl.length));
      const whole: ExchangeReply = {
        status: reply.status,
        headers,
        body: reply.body,
        date: headers.date === undefined ? undefined : Date.parse(headers.date),
      };
      const outcome = policy.classify(whole, call);
      if (!outcome.ok) throw outcome.error;
      return whole;
    },
  };
  return { connector: createCoinbaseConnector({ transport, clock: createManualClock() }), asked };
}

type Row = { trade_id: number; time: string; price: string; size: string; side: string };

const ways = [
  { way: 'over global fetch', over: overFetch },
  { way: 'over a bare transport', over: overTransport },
];

describe.runIf(hasRecordings).each(ways)('recorded replies $way', ({ over }) => {
  it.each([
    {
      product: 'btc-usd',
      last: 41547422,
      first: 41547323,
      date: '2018-04-13T08:36:38Z',
      load: () => recorded(readExchange('rest/gdax_btc-usd_trades_2018-04-13.http.json')),
    },
    {
      product: 'BTC-EUR',
      last: 24169717,
      first: 24169618,
      date: undefined,
      load: () => bare(readRecording('rest/coinbasepro_btc-eur_trades_2020-02-17.json')),
    },
  ])('$product $first … $last: every id, byte and digit', async ({ product, first, last, date, load }) => {
    const reply = load();
    const { connector, asked } = over(reply);
    const page = await connector.fetchWindow(product, { first, last });
    expect(asked).toEqual([`/products/${product}/trades?after=${last + 1}&limit=100`]);
    const rows = (JSON.parse(reply.body.toString()) as Row[]).toReversed();
    expect([...page.ids]).toEqual(Array.from({ length: 100 }, (_, at) => first + at));
    expect(page).toMatchObject({
      firstTime: rows[0]!.time,
      lastTime: rows[99]!.time,
      bytes: reply.body.length,
      nextBelow: undefined,
    });
    expect(page.date).toBe(date === undefined ? undefined : Date.parse(date));
    let from = reply.body.length;
    for (const [at, record] of page.records.entries()) {
      // Newest first in the body, oldest first in the page, and not one byte between them but separators.
      const found = reply.body.lastIndexOf(Buffer.from(record), from);
      expect(found).toBeGreaterThan(0);
      expect(reply.body.subarray(found + record.length, at === 0 ? undefined : from).toString()).toMatch(
        at === 0 ? /^\s*\]\s*$/ : /^\s*,\s*$/,
      );
      from = found;
      const { trade_id: id, time: ts, side, price, size: quantity } = rows[at]!;
      expect(connector.parseTrade(record)).toEqual({ id, ts, side, price, quantity });
      expect(Buffer.from(record).toString()).toContain(`"${price}"`);
    }
    expect(reply.body.subarray(0, from).toString()).toMatch(/^\s*\[\s*$/);
  });

  it('clips a window out of a recorded page and says what is next below it', async () => {
    const { connector } = over(recorded(readExchange('rest/gdax_btc-usd_trades_2018-04-13.http.json')));
    const page = await connector.fetchWindow('btc-usd', { first: 41547400, last: 41547422 });
    expect([...page.ids]).toEqual(Array.from({ length: 23 }, (_, at) => 41547400 + at));
    const facts = await connector.fetchBelow('btc-usd', 41547422, 3);
    expect(facts.map(({ id }) => id)).toEqual([41547422, 41547421, 41547420]);
    expect((await connector.fetchHead('btc-usd'))?.trade).toMatchObject({
      id: 41547422,
      side: 'sell',
      price: '8110.03000000',
    });
  });

  it.each([
    { path: 'rest/gdax_products_2017-10.http.json', count: 9 },
    { path: 'rest/coinbasepro_products_2018.http.json', count: 12 },
  ])('the catalogue $path', async ({ path, count }) => {
    const products = await over(recorded(readExchange(path))).connector.listProducts();
    expect(products).toHaveLength(count);
    for (const { id, symbol, base, quote, status } of products) {
      expect({ symbol, id, status }).toEqual({ symbol: `${base}-${quote}`, id: symbol, status: 'online' });
    }
  });

  it('the whole catalogue of 2021', async () => {
    const body = readRecording('rest/coinbasepro_products_2021-04-17.json.gz');
    const products = await over(bare(body)).connector.listProducts();
    const rows = JSON.parse(body.toString()) as {
      id: string;
      base_currency: string;
      quote_currency: string;
      status: string;
    }[];
    expect(products).toEqual(
      rows.map(({ id, base_currency: base, quote_currency: quote, status }) => ({
        id,
        symbol: id,
        base,
        quote,
        status,
      })),
    );
    expect(products).toHaveLength(162);
  });

  it('replies of other endpoints and another API pass neither for trades nor for a catalogue', async () => {
    const broken = { kind: 'transient', transient: 'body' };
    const book = over(recorded(readExchange('rest/gdax_btc-usd_book_l2_2019-05-02.http.json'))).connector;
    await expect(book.fetchWindow('BTC-USD', { first: 1, last: 9 })).rejects.toMatchObject(broken);
    await expect(book.fetchHead('BTC-USD')).rejects.toMatchObject(broken);
    const advanced = over(bare(readRecording('rest/advancedtrade_market_products_2026-08-09.json.gz'))).connector;
    await expect(advanced.listProducts()).rejects.toMatchObject(broken);
    const catalogue = over(recorded(readExchange('rest/gdax_products_2017-10.http.json'))).connector;
    await expect(catalogue.fetchWindow('BTC-USD', { first: 1, last: 9 })).rejects.toMatchObject(broken);
  });

  it.each([
    { name: 'maintenance', expected: { kind: 'transient', transient: 'server', status: 503, retryable: true } },
    { name: 'invalid_api_key', expected: { kind: 'forbidden', status: 400, retryable: false } },
  ])('the error $name', async ({ name, expected }) => {
    const { connector } = over(recorded(readExchange(`rest/errors/coinbasepro_products_error_${name}.http.json`)));
    await expect(connector.listProducts()).rejects.toMatchObject(expected);
    await expect(connector.fetchWindow('BTC-USD', { first: 1, last: 9 })).rejects.toMatchObject(expected);
    await expect(connector.findProduct('BTC-USD')).rejects.toMatchObject(expected);
  });

  it.each([
    { path: 'ws/matches_btc-usd_eth-usd_2025-08-22.jsonl.gz', count: 427 },
    { path: 'ws/coinbasepro_matches_10products_2021-04-17.jsonl.gz', count: 107 },
  ])('the matches of $path are trades', async ({ path, count }) => {
    type Match = Row & { product_id: string };
    const matches = readLines(path).map((line) => ((line as { msg?: Match }).msg ?? line) as Match);
    expect(matches).toHaveLength(count);
    const byProduct = groupByProduct(matches);
    let seen = 0;
    for (const [id, rows] of byProduct) {
      const distinct = [...new Map(rows.map((row) => [row.trade_id, row])).values()].sort(
        (a, b) => a.trade_id - b.trade_id,
      );
      const { connector } = over(bare(Buffer.from(JSON.stringify(rows.toReversed()))));
      const page = await connector.fetchWindow(id, { first: distinct[0]!.trade_id, last: distinct.at(-1)!.trade_id });
      expect([...page.ids]).toEqual(distinct.map(({ trade_id }) => trade_id));
      const product = { id, symbol: id, base: id.split('-')[0]!, quote: id.split('-')[1]!, status: 'online' } as const;
      for (const [at, record] of page.records.entries()) {
        const { trade_id, time: ts, side, price, size: quantity } = distinct[at]!;
        expect(connector.parseTrade(record)).toEqual({ id: trade_id, ts, side, price, quantity });
        const line = Buffer.from(connector.rawLine(product, record, { rawPayload: false })).toString();
        expect(line).toBe(`${JSON.stringify(distinct[at]).slice(0, -1)},"_source":"coinbase","_symbol":"${id}"`);
      }
      seen += rows.length;
    }
    expect(seen).toBe(count);
  });

  it('pages that overlap, as a faulty client once stored them, hold each trade once', async () => {
    const rows = readLines('derived/btc-usd_trades_with_overlapping_pages_2025-08-11.jsonl.gz') as (Record<
      string,
      string
    > & { trade_id: string })[];
    const body = rows.map(({ trade_id, price, size, side, datetime }) => ({
      trade_id,
      side,
      size,
      price,
      time: datetime,
    }));
    const { connector } = over(bare(Buffer.from(JSON.stringify(body))));
    const page = await connector.fetchWindow('BTC-USD', { first: 860285179, last: 860285293 });
    expect(rows).toHaveLength(500);
    expect([...page.ids]).toEqual(Array.from({ length: 115 }, (_, at) => 860285179 + at));
  });
});

function groupByProduct<T extends { product_id: string }>(matches: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const match of matches) groups.set(match.product_id, [...(groups.get(match.product_id) ?? []), match]);
  return groups;
}

describe.runIf(hasRecordings)('the recorded client time-out', () => {
  it('is what a silent server ends in', async () => {
    const { response } = readExchange('rest/errors/coinbasepro_products_error_timeout.http.json');
    expect(response).toMatchObject({ status: null, body: 'timeout' });
    server.use(http.get(`${coinbaseDefaults.baseUrl}/products`, () => new Promise<Response>(() => {})));
    const clock = createManualClock();
    const transport = createFetchTransport({ policy: coinbasePolicy(), clock, timeoutMs: 15_000 });
    const rejected = expect(createCoinbaseConnector({ transport, clock }).listProducts()).rejects.toMatchObject({
      kind: 'transient',
      transient: 'timeout',
      message: expect.stringContaining('15000 ms'),
    });
    await clock.whenSleeping();
    await clock.advance(15_000);
    await rejected;
  });
});
