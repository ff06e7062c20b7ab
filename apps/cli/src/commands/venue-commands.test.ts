import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createBinanceSim, createKrakenSim } from '@schemahub/exchange-sim';
import { parseSeed } from '@schemahub/runtime/seed';
import { afterEach, describe, expect, it } from 'vitest';
import { exitCodes } from '../exit-codes.js';
import { createIdleClock } from '../testing/idle-clock.js';
import { createWorld, WORLD_NEWEST, WORLD_NOW, type World, type WorldOptions } from '../testing/virtual-run.js';

// probe and update-seed against the stand-ins of Binance and Kraken.

let world: World;
afterEach(() => world.remove());

async function createVenues(alter?: WorldOptions['alter']): Promise<void> {
  const clock = createIdleClock(WORLD_NOW);
  const shared = { trades: 5000, endTime: WORLD_NEWEST };
  const binance = createBinanceSim({
    seed: 1,
    clock,
    products: [
      { ...shared, id: 'BTCUSDT', base: 'BTC', quote: 'USDT' },
      { ...shared, id: 'ETHBTC', base: 'ETH', quote: 'BTC', price: 0.03 },
      { ...shared, id: 'LUNAUSDT', base: 'LUNA', quote: 'USDT', status: 'offline' },
    ],
  });
  const kraken = createKrakenSim({
    seed: 1,
    clock,
    products: [
      { ...shared, id: 'XBTUSD', base: 'XBT', quote: 'USD' },
      { ...shared, id: 'XDGUSD', base: 'XDG', quote: 'USD', price: 0.2 },
      { ...shared, id: 'FEEUSD', base: 'FEE', quote: 'USD', status: 'offline' },
    ],
  });
  world = await createWorld({
    products: [{ id: 'BTC-USD', trades: 1 }],
    clock,
    others: { 'api.binance.com': binance, 'api.kraken.com': kraken },
    ...(alter === undefined ? {} : { alter }),
  });
}

describe('probe', () => {
  it.each([
    ['binance', 'BTCUSDT', 13],
    ['kraken', 'XBTUSD', 11],
  ] as const)('%s as it is documented: every fact holds, and no limit is met', async (exchange, product, facts) => {
    await createVenues();
    const { code, out, err } = await world.run(['probe', exchange]);
    expect(code, out + err).toBe(exitCodes.complete);
    expect(out).toContain(`api.${exchange}.com, ${product}: ${facts} facts, all hold.\n`);
  });

  const onRows =
    (host: string, change: (text: string, url: string) => string): NonNullable<WorldOptions['alter']> =>
    async (answer, url) => {
      if (!url.includes(host) || answer.status !== 200) return answer;
      const text = await answer.text();
      const headers = Object.fromEntries([...answer.headers].filter(([name]) => name !== 'content-length'));
      return new Response(change(text, url), { status: 200, headers });
    };

  it.each([
    ['binance', 'row', onRows('rades?', (text) => text.replaceAll('"isBestMatch"', '"best"'))],
    ['binance', 'microseconds', onRows('rades?', (text) => text.replaceAll(/"time":(\d{13})\d{3}/g, '"time":$1'))],
    ['binance', 'history', onRows('fromId=0&', (text) => text.replace('"id":0,', '"id":437921759,'))],
    ['binance', 'catalogue', onRows('exchangeInfo', (text) => text.replace('TRADING', 'OPEN'))],
    ['binance', 'two-row-question', onRows('limit=2', () => '[]')],
    ['kraken', 'row', onRows('Trades', (text) => text.replaceAll(/,"b",/g, ',"buy",'))],
    ['kraken', 'last', onRows('Trades', (text) => text.replace(/"last":"(\d+)"/, '"last":$1'))],
    ['kraken', 'chain', onRows('since=1', (text) => text.replace(/\[\[.*?\],/, '['))],
    ['kraken', 'unknown-product', onRows('NOSUCH', (text) => text.replace('EQuery', 'EGeneral'))],
    ['kraken', 'order', onRows('Trades', (text) => text.replace(/\[\[.*?\],(\[.*?\],)/, '[$1$1'))],
  ] as const)('%s: tells that %s differs, exit 4', async (exchange, name, alter) => {
    await createVenues(alter);
    const { code, out } = await world.run(['probe', exchange]);
    expect(code, out).toBe(exitCodes.damage);
    expect(out).toMatch(new RegExp(`^DIFFERS ${name} .*\n +seen: \\S`, 'm'));
  });
});

describe('update-seed', () => {
  it.each([
    ['binance', ['BTCUSDT', 'ETHBTC'], ['BTCUSDT', 'ETHBTC', 'LUNAUSDT']],
    ['kraken', ['XBTUSD', 'XDGUSD'], ['FEEUSD', 'XBTUSD', 'XDGUSD']],
  ] as const)('--exchange %s writes its own list, which ingest then takes', async (exchange, online, all) => {
    await createVenues();
    const path = join(world.folder, `list.${exchange}.yaml`);
    const args = ['update-seed', '--exchange', exchange, '--path', path];
    const first = await world.run([...args, '--json']);
    expect(first.code, first.err).toBe(0);
    expect(first.json()).toMatchObject({ count: 2, product_ids: online });
    const text = await readFile(path, 'utf8');
    const list = parseSeed(text, path);
    expect(list.productIds).toEqual(online);
    expect(list.source).toBe(`https://api.${exchange}.com`);
    expect(text).toContain('count: 2');
    expect((await world.run([...args, '--all', '--dry-run'])).out.trim().split('\n')).toEqual(all);
    expect(await readFile(path, 'utf8')).toBe(text);
    const planned = await world.run(['ingest', '--exchange', exchange, '--seed-path', path, '--dry-run']);
    expect(planned.code, planned.err).toBe(0);
    expect(planned.out + planned.err).toContain(online[1]);
  });
});
