import { createManualClock } from '@schemahub/connector-kit/testing';
import type { ExchangeCall, SendOptions, Transport } from '@schemahub/core';
import { describe, expect, it } from 'vitest';
import { coinbaseDefaults, createCoinbaseConnector } from './index.js';

type Sent = ExchangeCall & SendOptions;

/** Answers every call with the next body and writes down what was asked. */
function scripted(...bodies: readonly string[]): Transport & { readonly sent: Sent[] } {
  const sent: Sent[] = [];
  return {
    sent,
    send: async (call, options = {}) => {
      sent.push({ ...call, ...options });
      return { status: 200, headers: {}, body: Buffer.from(bodies[sent.length - 1] ?? '[]') };
    },
  };
}

const clock = createManualClock(1000);
const row = (id: number | string, rest = ''): string =>
  `{"trade_id":${JSON.stringify(id)},"side":"buy","size":"1","price":"2","time":"2026-09-27T00:00:00Z"${rest}}`;

describe('the requests', () => {
  it('use after and limit alone, one token each, and carry priority, signal and freshness', async () => {
    const transport = scripted();
    const connector = createCoinbaseConnector({ transport, clock });
    const { signal } = new AbortController();
    const live = { priority: 'live', signal } as const;
    await connector.fetchHead('BTC-USD', { signal });
    await connector.fetchWindow('BTC-USD', { first: 1000, last: 1999 }, live);
    await connector.fetchBelow('BTC-USD', 41, 1, live);
    await connector.probe('BTC-USD', 5046, { ...live, freshConnection: true });
    await connector.listProducts();
    const base = 'https://api.exchange.coinbase.com/products';
    const judge: unknown = expect.any(Function);
    const common = { cost: [{ budget: 'requests', tokens: 1 }], subject: 'BTC-USD', judge };
    expect(transport.sent).toEqual([
      { ...common, url: `${base}/BTC-USD/trades?limit=1`, priority: 'head', signal, freshConnection: undefined },
      { ...common, url: `${base}/BTC-USD/trades?after=2000&limit=1000`, ...live, freshConnection: undefined },
      { ...common, url: `${base}/BTC-USD/trades?after=42&limit=1`, ...live, freshConnection: undefined },
      { ...common, url: `${base}/BTC-USD/trades?after=5047&limit=2`, ...live, freshConnection: true },
      { ...common, url: base, subject: undefined, priority: 'head', signal: undefined, freshConnection: undefined },
    ]);
  });

  it('ask for no more rows than the window has ids, and than the page limit allows', async () => {
    const transport = scripted('[]', '[]');
    const window = { first: 1990, last: 1999 };
    await createCoinbaseConnector({ transport, clock }).fetchWindow('A-B', window);
    await createCoinbaseConnector({ transport, clock, pageLimit: 7 }).fetchWindow('A-B', window);
    expect(transport.sent.map(({ url }) => new URL(url).searchParams.get('limit'))).toEqual(['10', '7']);
  });

  it.each([
    ['https://api.exchange.coinbase.com/', 'https://api.exchange.coinbase.com'],
    ['http://localhost:8080/coinbase/', 'http://localhost:8080/coinbase'],
  ])('go below %s', async (baseUrl, origin) => {
    const transport = scripted();
    const connector = createCoinbaseConnector({ transport, clock, baseUrl });
    await connector.fetchHead('BTC-USD');
    expect(connector.origin).toBe(origin);
    expect(transport.sent[0]!.url).toBe(`${origin}/products/BTC-USD/trades?limit=1`);
    expect((await connector.probe('BTC-USD', 7)).request).toBe('/products/BTC-USD/trades?after=8&limit=2');
  });

  it.each(['', '.', '..', '\ud800'])('are never made of the product id %j', async (product) => {
    const transport = scripted();
    const connector = createCoinbaseConnector({ transport, clock });
    await expect(connector.fetchWindow(product, { first: 1, last: 2 })).rejects.toMatchObject({
      code: 'invalid-product',
    });
    await expect(connector.fetchHead(product)).rejects.toMatchObject({ code: 'invalid-product' });
    await expect(connector.findProduct(product)).rejects.toMatchObject({ code: 'invalid-product' });
    await expect(connector.probe(product, 5)).rejects.toMatchObject({ code: 'invalid-product' });
    expect(transport.sent).toEqual([]);
  });

  it.each([-1, 0.5, Number.MAX_SAFE_INTEGER, Number.NaN])('are never made of the probe id %d', async (upper) => {
    await expect(createCoinbaseConnector({ transport: scripted(), clock }).probe('A-B', upper)).rejects.toMatchObject({
      code: 'invalid-window',
    });
  });
});

describe('the rows', () => {
  it('may carry numbers where texts are usual, and lack what the mapping must judge', async () => {
    const connector = createCoinbaseConnector({ transport: scripted(), clock });
    expect(connector.parseTrade(Buffer.from('{"trade_id":"5","price":1.5,"time":null}'))).toEqual({
      id: 5,
      ts: '',
      side: '',
      price: '1.5',
      quantity: '',
    });
  });

  it('keep a row that the mapping will refuse: only its id is needed here', async () => {
    const bad = '{"trade_id":6,"price":null}';
    const page = await createCoinbaseConnector({ transport: scripted(`[${bad},${row(5)}]`), clock }).fetchWindow(
      'A-B',
      { first: 5, last: 6 },
    );
    expect([...page.ids]).toEqual([5, 6]);
    expect(Buffer.from(page.records[1]!).toString()).toBe(bad);
    expect(page).toMatchObject({ firstTime: '2026-09-27T00:00:00Z', lastTime: '', receivedAt: 1000, requests: 1 });
  });

  it('may have fields of the future, which stay', async () => {
    const text = row(5, ',"fee_tier":{"x":[1,"]"]}');
    const page = await createCoinbaseConnector({ transport: scripted(`[ ${text} ]`), clock }).fetchWindow('A-B', {
      first: 5,
      last: 5,
    });
    expect(Buffer.from(page.records[0]!).toString()).toBe(text);
  });

  it.each([
    '[null]',
    '[1]',
    '[[5]]',
    '[{}]',
    `[${row(-1)}]`,
    `[${row(1.5)}]`,
    `[${row('05')}]`,
    '{"trades":[]}',
    '"x"',
  ])('that are none (%s) break the contract', async (body) => {
    const connector = createCoinbaseConnector({ transport: scripted(body, body, body), clock });
    const broken = { name: 'ExchangeError', kind: 'transient', transient: 'body', retryable: true };
    await expect(connector.fetchWindow('A-B', { first: 1, last: 9 })).rejects.toMatchObject(broken);
    await expect(connector.fetchHead('A-B')).rejects.toMatchObject(broken);
    await expect(connector.probe('A-B', 9)).rejects.toMatchObject(broken);
  });

  it('of a head page that holds more than was asked give the newest', async () => {
    const transport = scripted(`[${row(7)},${row(9)},${row(8)}]`);
    expect((await createCoinbaseConnector({ transport, clock }).fetchHead('A-B'))?.trade.id).toBe(9);
  });

  it('of a WebSocket match already name their product: nothing is doubled', () => {
    const connector = createCoinbaseConnector({ transport: scripted(), clock });
    const record = Buffer.from(row(5, ',"product_id":"BTC-USD","sequence":9'));
    const product = { id: 'BTC-USD', symbol: 'BTC-USD', base: 'BTC', quote: 'USD', status: 'online' } as const;
    expect(Buffer.from(connector.rawLine(product, record, { rawPayload: false })).toString()).toBe(
      `${record.toString().slice(0, -1)},"_source":"coinbase","_symbol":"BTC-USD"`,
    );
  });
});

describe('the catalogue', () => {
  const find = async (body: string, product = 'X-Y') =>
    createCoinbaseConnector({ transport: scripted(body), clock }).findProduct(product);

  it('takes base and quote from the id: an auction is not the market it auctions', async () => {
    expect(
      await find(
        '{"id":"BTCAUCTION-USD","base_currency":"BTC","quote_currency":"USD","display_name":"BTC/USD","status":"online"}',
        'BTCAUCTION-USD',
      ),
    ).toEqual({
      id: 'BTCAUCTION-USD',
      symbol: 'BTCAUCTION-USD',
      base: 'BTCAUCTION',
      quote: 'USD',
      status: 'online',
    });
  });

  it('takes them from beside an id without a dash', async () => {
    expect(await find('{"id":"XY","base_currency":"X","quote_currency":"Y"}', 'XY')).toMatchObject({
      symbol: 'XY',
      base: 'X',
      quote: 'Y',
    });
    await expect(find('{"id":"XY"}', 'XY')).rejects.toMatchObject({ transient: 'body' });
  });

  it.each([
    ['"status":"online"', 'online'],
    ['"status":"offline"', 'offline'],
    ['"status":"internal"', 'offline'],
    ['"status":"paused","trading_disabled":true', 'offline'],
    ['"status":"delisted","trading_disabled":true', 'delisted'],
    ['"margin_enabled":false', 'online'],
    ['"trading_disabled":true', 'offline'],
  ])('reads %s as %s: only the very word closes a product', async (fields, status) => {
    expect(await find(`{"id":"X-Y",${fields}}`)).toMatchObject({ status });
  });

  it('takes an id in the spelling of the venue, and no other product', async () => {
    expect(await find('{"id":"X-Y","status":"online"}', 'x-y')).toMatchObject({ id: 'X-Y' });
    await expect(find('{"id":"X-Z","status":"online"}', 'x-y')).rejects.toMatchObject({ transient: 'body' });
  });

  it.each(['{}', '[{"id":5}]', '[null]', '{"products":[]}'])('that is none (%s) breaks the contract', async (body) => {
    await expect(createCoinbaseConnector({ transport: scripted(body), clock }).listProducts()).rejects.toMatchObject({
      transient: 'body',
    });
  });
});

describe('the door', () => {
  it.each([
    { pageLimit: 0 },
    { pageLimit: 1001 },
    { pageLimit: 1.5 },
    { baseUrl: 'api.exchange.coinbase.com' },
    { baseUrl: 'ftp://x' },
    { baseUrl: 'https://x/?a=1' },
    { baseUrl: 'https://x/#a' },
    { transport: undefined as unknown as Transport },
  ])('refuses %o', (wrong) => {
    expect(() => createCoinbaseConnector({ transport: scripted(), ...wrong })).toThrow(
      expect.objectContaining({ code: 'invalid-option' }),
    );
  });

  it('does not show the credentials that it refuses in a base URL', () => {
    expect(() => createCoinbaseConnector({ transport: scripted(), baseUrl: 'https://me:hush@x' })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hush') }),
    );
  });

  it('has the defaults it says', () => {
    expect(createCoinbaseConnector({ transport: scripted() })).toMatchObject({
      kind: 'windowed',
      exchange: 'coinbase',
      origin: coinbaseDefaults.baseUrl,
      gridSize: 1000,
      proof: 'id-contiguous',
    });
  });
});
