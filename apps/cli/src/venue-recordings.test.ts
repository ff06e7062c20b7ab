import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import { afterEach, describe, expect, it } from 'vitest';
import { createSkippingClock } from './skipping-clock.js';
import { createWorld, WORLD_NOW, type World } from './testing/virtual-run.js';

/** What real servers sent, beside the repository; its README says where each file comes from. */
const data = fileURLToPath(new URL('../../../../shared/data/', import.meta.url));
const hasRecordings = existsSync(data);
// In CI the recordings must be there: a check that is skipped does not count.
if (!hasRecordings) {
  const message = 'recordings: expected the folder ../shared/data beside the repository, found none';
  if (process.env.CI !== undefined) throw new Error(`${message}. Check out the recordings too.`);
  process.stderr.write(`SKIPPED: ${message}; real trades of Binance and Kraken were not taken through the table.\n`);
}

function textOf(path: string): string {
  const bytes = readFileSync(data + path);
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
}

function linesOf(path: string): string[] {
  return textOf(path).split('\n').filter(Boolean);
}

function bodyOf(path: string): string {
  return (JSON.parse(textOf(path)) as { response: { body: string } }).response.body;
}

interface Expected {
  readonly trade_id: string;
  readonly side: string;
  readonly price: number;
  readonly quantity: number;
  readonly us: number;
}

interface Recorded {
  /** The row as the venue prints it. */
  readonly row: string;
  readonly expected: Expected;
}

/** The exchange's clock is the program's. */
const clock = createSkippingClock(WORLD_NOW);

const json = (value: unknown): Response =>
  new Response(typeof value === 'string' ? value : JSON.stringify(value), {
    headers: { 'content-type': 'application/json', date: new Date(clock.now()).toUTCString() },
  });

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.remove();
});

/** Takes recorded rows the whole way: connector, raw objects, mapping, Parquet, SQL. */
async function throughTheTable(
  exchange: string,
  product: string,
  fetch: (url: string) => Response,
  flags: readonly string[] = [],
): Promise<{ rows: Expected[]; world: World }> {
  const host = exchange === 'binance' ? 'api.binance.com' : 'api.kraken.com';
  const venue = { fetch: async (url: string | URL | Request) => fetch(String(url)) };
  const world = await createWorld({
    clock,
    products: [{ id: 'BTC-USD', trades: 1 }],
    others: { [host]: venue, 'data.binance.vision': venue },
  });
  worlds.push(world);
  const environment = { SCHEMAHUB_BINANCE_RATE: '1000', SCHEMAHUB_BINANCE_BURST: '500', SCHEMAHUB_KRAKEN_RATE: '1000' };
  for (const args of [['backfill', product, '--exchange', exchange, ...flags], ['transform'], ['verify']]) {
    const { code, err, out } = await world.run(args, { environment });
    expect(code, `${args.join(' ')}: ${err}${out}`).toBe(0);
  }
  const sql =
    'SELECT trade_id, side, price, quantity, epoch_us(trade_ts) AS us FROM trades_unified ORDER BY CAST(trade_id AS BIGINT)';
  const { out } = await world.run(['query', sql, '-o', 'jsonl']);
  return {
    rows: out
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Expected),
    world,
  };
}

function binanceVenue(
  symbol: string,
  base: string,
  quote: string,
  recorded: readonly Recorded[],
): (url: string) => Response {
  const ids = recorded.map(({ row }) => (JSON.parse(row) as { id: number }).id);
  return (url) => {
    const { pathname, searchParams } = new URL(url);
    if (pathname.endsWith('/exchangeInfo'))
      return json({ symbols: [{ symbol, status: 'TRADING', baseAsset: base, quoteAsset: quote }] });
    const from = searchParams.get('fromId');
    const limit = Number(searchParams.get('limit'));
    const first = from === null ? Math.max(0, ids.length - limit) : ids.findIndex((id) => id >= Number(from));
    const rows = first < 0 ? [] : recorded.slice(first, first + limit);
    return json(`[${rows.map(({ row }) => row).join(',')}]`);
  };
}

/** A recorded row of REST; `time` is in ms. */
function binanceRow(row: string): Recorded {
  const { id, price, qty, time, isBuyerMaker } = JSON.parse(row) as Record<string, never>;
  const side = isBuyerMaker ? 'SELL' : 'BUY';
  return {
    row,
    expected: { trade_id: String(id), side, price: Number(price), quantity: Number(qty), us: Number(time) * 1000 },
  };
}

/** A recorded `trade` event in the members of REST. */
function binanceEvent(line: string): Recorded {
  const { t, p, q, T, m, M } = (JSON.parse(line) as { msg: { data: Record<string, unknown> } }).msg.data;
  return binanceRow(
    `{"id":${t},"price":"${p}","qty":"${q}","quoteQty":"0.00000000","time":${T},"isBuyerMaker":${m},"isBestMatch":${M}}`,
  );
}

/** The seconds of a printed double, rounded to the µs, by other means than the mapping's. */
function microsOf(seconds: string): number {
  const [whole = '', fraction = ''] = seconds.split('.');
  const digits = fraction.padEnd(7, '0');
  return Number(whole) * 1_000_000 + Number(digits.slice(0, 6)) + (digits.charCodeAt(6) >= 53 ? 1 : 0);
}

function krakenRow(cells: readonly string[], id: number, isNumbered: boolean): Recorded {
  const [price = '', volume = '', time = '', side = ''] = cells;
  const text = (cell: string): string => cell.replaceAll('"', '');
  return {
    row: `[${[...cells.slice(0, 6), ...(isNumbered ? [String(id)] : [])].join(',')}]`,
    expected: {
      trade_id: String(id),
      side: text(side) === 'b' ? 'BUY' : 'SELL',
      price: Number(text(price)),
      quantity: Number(text(volume)),
      us: microsOf(time),
    },
  };
}

function krakenVenue(
  pair: string,
  wsname: string,
  recorded: readonly Recorded[],
  last: string,
): (url: string) => Response {
  const nanos = recorded.map(({ row }) => {
    const seconds = /^\[[^,]*,[^,]*,([^,]*),/.exec(row)![1]!;
    const [whole = '', fraction = ''] = seconds.trim().split('.');
    return BigInt(whole + fraction.padEnd(9, '0'));
  });
  return (url) => {
    const { pathname, searchParams } = new URL(url);
    if (pathname.endsWith('/AssetPairs'))
      return json({ error: [], result: { [pair]: { altname: pair, wsname, status: 'online' } } });
    const since = searchParams.get('since');
    const first = since === null ? Math.max(0, recorded.length - 1000) : nanos.findIndex((ns) => ns >= BigInt(since));
    const rows = first < 0 ? [] : recorded.slice(first, first + 1000);
    const end = first + rows.length === recorded.length ? last : String(nanos[first + rows.length - 1] ?? since);
    return json(`{"error":[],"result":{"${pair}":[${rows.map(({ row }) => row).join(',')}],"last":"${end}"}}`);
  };
}

/** The cells of recorded rows, verbatim but for the white space that a keeper of recordings put between them. */
function cellsOf(body: string): string[][] {
  const rows = body.slice(
    body.indexOf('[[') < 0 ? body.indexOf('[', body.indexOf('"result"')) + 1 : body.indexOf('[[') + 1,
  );
  return (rows.match(/\[[^[\]]*\]/g) ?? []).map((row) =>
    row
      .slice(1, -1)
      .split(',')
      .map((cell) => cell.trim()),
  );
}

/** The recorded trades once more as daily files of the archive, in ms as before 2025. */
function archiveOf(symbol: string, recorded: readonly Recorded[]): (url: string) => Response | undefined {
  const days = new Map<string, string>();
  for (const { row } of recorded) {
    const { id, price, qty, quoteQty, time, isBuyerMaker, isBestMatch } = JSON.parse(row) as Record<string, never>;
    const day = new Date(Number(time)).toISOString().slice(0, 10);
    const words = [isBuyerMaker, isBestMatch].map((value) => (value ? 'True' : 'False'));
    days.set(day, `${days.get(day) ?? ''}${[id, price, qty, quoteQty, time, ...words].join(',')}\n`);
  }
  return (url) => {
    const [, stem = '', day = ''] = /\/daily\/trades\/[^/]+\/([^/]+-trades-(\d{4}-\d\d-\d\d))\.zip/.exec(url) ?? [];
    const csv = days.get(day);
    if (!url.includes('/data/spot/')) return undefined;
    if (csv === undefined || stem !== `${symbol}-trades-${day}`) return new Response('', { status: 404 });
    const zip = zipSync({ [`${stem}.csv`]: Buffer.from(csv) }, { mtime: '2024-08-10T00:00:00Z' });
    const checksum = `${createHash('sha256').update(zip).digest('hex')}  ${stem}.zip\n`;
    return url.endsWith('.CHECKSUM') ? new Response(checksum) : new Response(zip as Uint8Array<ArrayBuffer>);
  };
}

describe.runIf(hasRecordings)('every recorded Binance trade reaches the table digit for digit', () => {
  it('19,904 contiguous BTCUSDT trades are 19,904 rows: one in six is equal to another but for its id', async () => {
    const recorded = ['20240808', '20240809'].flatMap((day) =>
      linesOf(`binance/ws/spot_btcusdt_trade_${day}.jsonl.gz`).map(binanceEvent),
    );
    const { rows } = await throughTheTable('binance', 'BTCUSDT', binanceVenue('BTCUSDT', 'BTC', 'USDT', recorded));
    expect(rows).toHaveLength(19_904);
    expect(rows).toEqual(recorded.map(({ expected }) => expected));
    const contents = new Set(rows.map(({ trade_id: _, ...content }) => JSON.stringify(content)));
    expect(rows.length - contents.size).toBe(3086);
  });

  it('the same 19,904 from files of the archive: not one page of REST but for its looks at the ends', async () => {
    const recorded = ['20240808', '20240809'].flatMap((day) =>
      linesOf(`binance/ws/spot_btcusdt_trade_${day}.jsonl.gz`).map(binanceEvent),
    );
    const files = archiveOf('BTCUSDT', recorded);
    const pages = binanceVenue('BTCUSDT', 'BTC', 'USDT', recorded);
    let full = 0;
    const venue = (url: string): Response => {
      if (url.includes('historicalTrades') && url.includes('limit=1000')) full++;
      return files(url) ?? pages(url);
    };
    const { rows } = await throughTheTable('binance', 'BTCUSDT', venue, ['--archive', 'always']);
    expect(rows).toEqual(recorded.map(({ expected }) => expected));
    // The search for the first trade asks one whole window.
    expect(full).toBe(1);
  });

  it('ETHUSDT, the same minutes', async () => {
    const recorded = linesOf('binance/ws/spot_ethusdt_trade_20240808.jsonl.gz').map(binanceEvent);
    const { rows } = await throughTheTable('binance', 'ETHUSDT', binanceVenue('ETHUSDT', 'ETH', 'USDT', recorded));
    expect(rows).toEqual(recorded.map(({ expected }) => expected));
    expect(rows).toHaveLength(6106);
  });

  it.each([
    ['btcusdc_trades_2019-08-22', 'BTCUSDC', 'BTC', 'USDC', 500],
    ['ethbtc_trades_2019-04-08', 'ETHBTC', 'ETH', 'BTC', 500],
    ['binanceus_btcusd_trades_2019-09-19', 'BTCUSD', 'BTC', 'USD', 1],
  ] as const)('REST: %s', async (file, symbol, base, quote, count) => {
    const body = bodyOf(`binance/rest/${file}.http.json`);
    const recorded = (body.match(/\{[^{}]*\}/g) ?? []).map(binanceRow);
    expect(recorded).toHaveLength(count);
    const { rows } = await throughTheTable('binance', symbol, binanceVenue(symbol, base, quote, recorded));
    expect(rows).toEqual(recorded.map(({ expected }) => expected));
  });
});

describe.runIf(hasRecordings)('every recorded Kraken trade reaches the table digit for digit', () => {
  it('REST, 2025, with ids', async () => {
    const cells = cellsOf(textOf('kraken/rest/xbtusdt_trades_2025-11-10.json'));
    expect(cells).toHaveLength(1000);
    const recorded = cells.map((row) => krakenRow(row, Number(row[6]), true));
    const venue = krakenVenue('XBTUSDT', 'XBT/USDT', recorded, '1762820035982277754');
    const { rows } = await throughTheTable('kraken', 'XBTUSDT', venue);
    expect(rows).toEqual(recorded.map(({ expected }) => expected));
  });

  it.each(['XMR/USD', 'SC/EUR'])('messages of the websocket, %s, as the rows of a page', async (wsname) => {
    const messages = linesOf('kraken/ws/v1_trades_2021-04-17.jsonl').filter((line) => line.includes(`"${wsname}"]`));
    const rows = messages.flatMap((line) => /"msg":\[\d+,\[(.*)\],"trade"/.exec(line)![1]!.match(/\[[^[\]]*\]/g) ?? []);
    const cells = rows.map((row) =>
      row
        .slice(1, -1)
        .replace(/"(\d+\.\d+)"(?=,"[bs]")/, '$1')
        .split(','),
    );
    const recorded = cells.map((row, at) => krakenRow(row, at + 1, at === 0 || at === cells.length - 1));
    const pair = wsname.replace('/', '');
    const venue = krakenVenue(pair, wsname, recorded, cells.at(-1)![2]!.replace('.', '').padEnd(19, '0'));
    const { rows: held } = await throughTheTable('kraken', pair, venue);
    expect(held).toEqual(recorded.map(({ expected }) => expected));
    expect(held.length).toBeGreaterThan(2);
  });

  it.each([
    ['REST, 2019', 'BCHEUR', () => cellsOf(bodyOf('kraken/rest/bcheur_trades_2019-05-15.http.json'))],
    [
      '2025, ids dropped by the source',
      'XBTUSD',
      () =>
        linesOf('kraken/derived/xbtusd_trades_noids_2025-08-04.jsonl.gz').map((line) => {
          const { price, volume, timestamp, side, type } = JSON.parse(line) as Record<string, string>;
          const [date = '', fraction = ''] = timestamp!.split('.');
          const seconds = `${Date.parse(`${date.replace(' ', 'T')}Z`) / 1000}.${fraction.slice(0, 7)}`;
          return [`"${price}"`, `"${volume}"`, seconds, `"${side}"`, `"${type}"`, '""'];
        }),
    ],
  ] as const)('%s: rows without ids take those between their numbered neighbours', async (_name, pair, read) => {
    const cells = read();
    const recorded = cells.map((row, at) => krakenRow(row, at + 1, at === 0 || at === cells.length - 1));
    const venue = krakenVenue(
      pair,
      `${pair.slice(0, 3)}/${pair.slice(3)}`,
      recorded,
      `${cells.at(-1)![2]!.replace('.', '').padEnd(19, '0')}`,
    );
    const { rows } = await throughTheTable('kraken', pair, venue);
    expect(rows).toEqual(recorded.map(({ expected }) => expected));
  });
});
