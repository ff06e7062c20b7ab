import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createCoinbaseReplay } from './coinbase-replay.js';
import type { CoinbaseSim } from './coinbase-sim.js';
import { sliceRows } from './recorded-rows.js';
import { get, getIds } from './testing.js';

const folder = new URL('../../../../shared/data/coinbase/rest/', import.meta.url);
const isPresent = existsSync(folder);
if (!isPresent) {
  const message =
    'The recordings (shared/data, beside the repository) are absent: the replay of real pages is NOT tested.';
  if (process.env.CI !== undefined) throw new Error(message);
  process.stderr.write(`${message}\n`);
}

const file = (name: string): string => readFileSync(new URL(name, folder), 'utf8');

describe.skipIf(!isPresent)('recorded pages', () => {
  const gdax = isPresent
    ? (JSON.parse(file('gdax_btc-usd_trades_2018-04-13.http.json')) as {
        response: { body: string; headers: Record<string, string> };
      })
    : undefined;

  it('come out byte for byte, with the cursors that were recorded', async () => {
    const { body, headers } = gdax!.response;
    const sim = createCoinbaseReplay({ files: [{ product: 'BTC-USD', body }] });
    const response = await get(sim, '/products/BTC-USD/trades?limit=100');
    expect(await response.text()).toBe(body);
    expect(response.headers.get('cb-before')).toBe(headers['Cb-Before']);
    expect(response.headers.get('cb-after')).toBe(headers['Cb-After']);
    expect(response.headers.get('content-length')).toBe(headers['Content-Length']);
  });

  it('page as the exchange does, also from a file that was printed prettily', async () => {
    const body = file('coinbasepro_btc-eur_trades_2020-02-17.json');
    const sim = createCoinbaseReplay({ files: [{ product: 'BTC-EUR', body }] });
    expect(await getIds(sim, '/products/BTC-EUR/trades?after=24169717&limit=2')).toEqual([24169716, 24169715]);
    const rows = sliceRows(Buffer.from(body)).map((row) => Buffer.from(row).toString());
    expect(await (await get(sim, '/products/BTC-EUR/trades')).text()).toBe(`[${rows.join(',')}]`);
    expect(rows.length).toBe(100);
    expect([...sim.control.tradesOf('BTC-EUR')].reverse().map(({ id, ...row }) => ({ ...row, trade_id: id }))).toEqual(
      JSON.parse(body),
    );
  });
});

const row = (id: number, more = ''): string =>
  `{"time":"2018-04-13T08:36:3${id % 10}.7Z","trade_id":${id},"price":"1.50","size":"2","side":"buy"${more}}`;

function replay(bodies: readonly string[], options: object = {}): CoinbaseSim {
  return createCoinbaseReplay({
    files: bodies.map((body) => ({ product: 'A-B', body })),
    rateLimit: false,
    ...options,
  });
}

describe('replay', () => {
  it('merges overlapping files; ids between them are void', async () => {
    const sim = replay([`[${row(15)},${row(14)}]`, `[ ${row(14)} , ${row(11)} ]`]);
    expect(await (await get(sim, '/products/A-B/trades')).text()).toBe(`[${row(15)},${row(14)},${row(11)}]`);
    expect(await getIds(sim, '/products/A-B/trades?after=14&limit=1')).toEqual([11]);
    expect(sim.control.voidsOf('A-B')).toEqual([{ first: 12, last: 13 }]);
    expect(() => sim.control.fillVoids('A-B', [12])).toThrow('fillVoids: expected ids of A-B that are void');
  });

  it('keeps what it does not know: members, braces and quotes in texts, other number texts', async () => {
    const odd = row(7, ',"note":"a } \\" { b","deep":{"x":[{}]},"n":1.50');
    expect(await (await get(replay([`[${odd}]`]), '/products/A-B/trades')).text()).toBe(`[${odd}]`);
  });

  it('lets recorded trades come later', async () => {
    const sim = replay([`[${row(13)},${row(12)},${row(11)}]`], { heads: { 'A-B': 11 } });
    expect(await getIds(sim, '/products/A-B/trades')).toEqual([11]);
    sim.control.addTrades('A-B', 2);
    expect(await getIds(sim, '/products/A-B/trades')).toEqual([13, 12, 11]);
    expect(() => sim.control.addTrades('A-B', 1)).toThrow(
      'addTrades: expected at most 0 more trades, got 1. A recording ends where it ends.',
    );
    expect(() => sim.control.restartIds('A-B', {})).toThrow('A recording has one id space');
  });

  it('starts its clock at the newest recorded time', async () => {
    expect((await get(replay([`[${row(15)}]`]), '/time')).headers.get('date')).toBe('Fri, 13 Apr 2018 08:36:35 GMT');
  });

  it('refuses recordings that contradict themselves or hold no trades', () => {
    expect(() => replay([`[${row(1)}]`, `[${row(1, ',"x":1')}]`])).toThrow(
      'trade 1 is recorded twice with different bytes',
    );
    expect(() => replay(['[]'])).toThrow('recording of A-B: expected at least one row, got none');
    expect(() => replay(['[{"trade_id":"x","time":"2018-04-13T08:36:34Z"}]'])).toThrow(
      'expected rows with a whole trade_id',
    );
    expect(() => replay(['[{"trade_id":1,"time":"yesterday"}]'])).toThrow('an RFC 3339 time');
    expect(() => replay(['[{"trade_id":1,}]'])).toThrow('recording of A-B');
    expect(() => replay([`[${row(5)}]`], { heads: { 'A-B': 6 } })).toThrow(
      'heads.A-B: expected an id from 4 to 5, got 6',
    );
  });
});
