import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { rowAt } from '@schemahub/columns';
import { tradesUnified } from '@schemahub/core';
import { type CoinbaseRecording, createCoinbaseReplay, createVirtualClock } from '@schemahub/exchange-sim';
import { runIngest } from '@schemahub/ingest';
import { openParquet } from '@schemahub/parquet-sink/read';
import { afterEach, describe, expect, it } from 'vitest';
import { loadConfig } from './config.js';
import { openExchange } from './exchange.js';
import { createIngestContext, ingestSettings } from './ingest.js';
import { openLake } from './lake.js';
import { openTable } from './table.js';

/** What real Coinbase servers sent, beside the repository; its README says where each file comes from. */
const data = fileURLToPath(new URL('../../../../shared/data/coinbase/', import.meta.url));
const hasRecordings = existsSync(data);
// In CI the recordings must be there: a check that is skipped does not count.
if (!hasRecordings) {
  const message = 'Coinbase recordings: expected the folder ../shared/data/coinbase beside the repository, found none';
  if (process.env.CI !== undefined) throw new Error(`${message}. Check out the recordings too.`);
  process.stderr.write(`SKIPPED: ${message}; real trades were not taken through the table.\n`);
}

/** A trade as recorded: texts, and the bytes of its object. */
interface RecordedTrade {
  readonly product: string;
  readonly id: string;
  readonly side: string;
  readonly price: string;
  readonly size: string;
  readonly time: string;
  readonly bytes: string;
}

/** A row of the table; numbers are compared exactly. */
interface Row {
  readonly exchange: unknown;
  readonly symbol: unknown;
  readonly trade_id: unknown;
  readonly side: unknown;
  readonly price: unknown;
  readonly quantity: unknown;
  readonly trade_ts: unknown;
}

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

async function textOf(path: string): Promise<string> {
  const bytes = await readFile(join(data, path));
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
}

/** The objects of a recorded array as texts. The recorded trades are flat and hold no braces in their texts. */
function objectsOf(body: string): string[] {
  return body.match(/\{[^{}]*\}/g) ?? [];
}

function recorded(product: string, bytes: string): RecordedTrade {
  const { trade_id, side, price, size, time } = JSON.parse(bytes) as Record<string, string>;
  return {
    product,
    id: String(trade_id),
    side: String(side),
    price: String(price),
    size: String(size),
    time: String(time),
    bytes,
  };
}

/** The REST pages. */
async function restTrades(): Promise<RecordedTrade[]> {
  const http = JSON.parse(await textOf('rest/gdax_btc-usd_trades_2018-04-13.http.json')) as {
    response: { body: string };
  };
  return [
    ...objectsOf(http.response.body).map((bytes) => recorded('BTC-USD', bytes)),
    ...objectsOf(await textOf('rest/coinbasepro_btc-eur_trades_2020-02-17.json')).map((bytes) =>
      recorded('BTC-EUR', bytes),
    ),
  ];
}

/** `match` and `last_match` messages, whole: with order ids, sequence and their own product_id. */
async function webSocketTrades(file: string): Promise<RecordedTrade[]> {
  const lines = (await textOf(`ws/${file}`)).split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const bytes = /^\{"recv[^"]*":[^,]*,"msg":(.*)\}$/.exec(line)?.[1] ?? line;
    return recorded((JSON.parse(bytes) as { product_id: string }).product_id, bytes);
  });
}

/** What an earlier program had parsed, with the same trades up to five times and ids as texts; `datetime` is Coinbase's `time`. */
async function derivedTrades(): Promise<RecordedTrade[]> {
  const text = await textOf('derived/btc-usd_trades_with_overlapping_pages_2025-08-11.jsonl.gz');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { trade_id, side, price, size, datetime } = JSON.parse(line) as Record<string, string>;
      return recorded('BTC-USD', JSON.stringify({ trade_id, side, size, price, time: datetime }));
    });
}

function microsOf(time: string): number {
  const [, seconds = '', fraction = ''] = /^(.{19})(?:\.(\d{1,6}))?Z$/.exec(time) ?? [];
  return Date.parse(`${seconds}Z`) * 1000 + Number(fraction.padEnd(6, '0'));
}

/** What the table must hold: digits as recorded, and the taker's side, which is not the printed maker's. */
function expectedRows(trades: readonly RecordedTrade[]): Row[] {
  const byKey = new Map(trades.map((trade) => [`${trade.product}/${trade.id}`, trade]));
  return [...byKey.values()]
    .sort((a, b) => (a.product < b.product ? -1 : a.product > b.product ? 1 : Number(a.id) - Number(b.id)))
    .map(({ product, id, side, price, size, time }) => ({
      exchange: 'COINBASE',
      symbol: product,
      trade_id: id,
      side: side === 'buy' ? 'SELL' : 'BUY',
      price: Number(price),
      quantity: Number(size),
      trade_ts: microsOf(time),
    }));
}

function recordingsOf(trades: readonly RecordedTrade[]): CoinbaseRecording[] {
  const products = [...new Set(trades.map(({ product }) => product))];
  return products.map((product) => ({
    product,
    body: `[${trades.filter((trade) => trade.product === product).map(({ bytes }) => bytes)}]`,
  }));
}

/** Serves the recording as Coinbase would, and takes it the whole way: connector, raw objects, mapping, Parquet. */
async function throughTheTable(trades: readonly RecordedTrade[]): Promise<{ rows: Row[]; rawLines: string[] }> {
  const newest = Math.max(...trades.map(({ time }) => microsOf(time)));
  const clock = createVirtualClock({ nowMs: newest / 1000 + 86_400_000 });
  const sim = createCoinbaseReplay({ files: recordingsOf(trades), clock });
  const folder = await mkdtemp(join(tmpdir(), 'schemahub-recordings-'));
  folders.push(folder);
  const flags = { lake: folder, exchange: 'coinbase', 'api-url': 'https://replayed.exchange' };
  const config = await loadConfig({ flags, environment: {}, folder });
  const lake = await openLake({ config, clock });
  const ignore = (): void => undefined;
  const exchange = openExchange({
    config,
    clock,
    fetch: (url, init) => sim.fetch(url, init),
    onEvent: ignore,
    onLine: ignore,
  });
  const flagsOfRun = {
    fullRefresh: false,
    skipCheckpoint: false,
    acceptOrigin: false,
    rawPayload: false,
    dryRun: false,
  };
  const settings = ingestSettings('backfill', config, flagsOfRun);
  const stop = new AbortController().signal;
  const fetched = await runIngest(
    createIngestContext({ lake, exchange, settings, onEvent: ignore, stop }),
    sim.control.products(),
  );
  expect(fetched.products.map(({ productId, state, reason }) => ({ productId, state, reason }))).toEqual(
    sim.control.products().map((productId) => ({ productId, state: 'complete', reason: undefined })),
  );
  const { table, products } = await openTable({ lake, config, stop });
  const { totals, snapshot } = await table.transform({ products });
  expect(totals).toMatchObject({ refused: 0, conflicts: 0 });
  return {
    rows: await rowsOf(folder, snapshot?.products.flatMap(({ files }) => files.map(({ path }) => path)) ?? []),
    rawLines: await rawLinesBelow(join(folder, 'raw_coinbase_trades')),
  };
}

async function rowsOf(folder: string, paths: readonly string[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const path of paths) {
    const open = await openParquet({ bytes: await readFile(join(folder, path)) });
    for await (const batch of open.batches(tradesUnified)) {
      for (let row = 0; row < batch.rows; row++) {
        const { ingest_ts: ingestTs, ...rest } = rowAt(batch, row);
        expect(Number(ingestTs)).toBeGreaterThan(0);
        rows.push({ ...rest, trade_ts: Number(rest.trade_ts) } as unknown as Row);
      }
    }
  }
  const text = (value: unknown): string => String(value);
  return rows.sort((a, b) =>
    text(a.symbol) < text(b.symbol)
      ? -1
      : text(a.symbol) > text(b.symbol)
        ? 1
        : Number(a.trade_id) - Number(b.trade_id),
  );
}

async function rawLinesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const lines: string[] = [];
  for (const entry of entries.filter((found) => found.isFile())) {
    const bytes = gunzipSync(await readFile(join(entry.parentPath, entry.name)));
    lines.push(...bytes.toString('utf8').split('\n').filter(Boolean));
  }
  return lines;
}

/**
 * The raw layer keeps what the exchange said: each line begins with the recorded object, its closing brace apart. One
 * recording was pretty-printed by its keeper; a record is one line, so there the white space does not count.
 */
function expectVerbatim(lines: readonly string[], trades: readonly RecordedTrade[]): void {
  const bare = (text: string): string => text.replace(/\s/g, '');
  const lost = trades.filter(({ bytes }) => {
    const isPretty = bytes.includes('\n');
    const start = (isPretty ? bare(bytes) : bytes).replace(/\}$/, '');
    return !lines.some((line) => (isPretty ? bare(line) : line).startsWith(start));
  });
  expect(lost).toEqual([]);
  expect(lines).toHaveLength(trades.length);
}

describe.runIf(hasRecordings)('every recorded Coinbase trade', () => {
  it('of REST, from 2018 and 2020, reaches the table digit for digit', async () => {
    const trades = await restTrades();
    expect(trades).toHaveLength(200);
    const { rows, rawLines } = await throughTheTable(trades);
    expect(rows).toEqual(expectedRows(trades));
    expectVerbatim(rawLines, trades);
  });

  it('of the matches channel, 2025: 427 with their order ids', async () => {
    const trades = await webSocketTrades('matches_btc-usd_eth-usd_2025-08-22.jsonl.gz');
    expect(trades).toHaveLength(427);
    const { rows, rawLines } = await throughTheTable(trades);
    expect(rows).toEqual(expectedRows(trades));
    expectVerbatim(rawLines, trades);
    // A match message has its own product_id; a second one would make the record ambiguous.
    for (const line of rawLines) expect(line.split('"product_id"')).toHaveLength(2);
  });

  it('of the matches channel, 2021: ten thin products', async () => {
    const trades = await webSocketTrades('coinbasepro_matches_10products_2021-04-17.jsonl.gz');
    expect(trades).toHaveLength(107);
    const { rows, rawLines } = await throughTheTable(trades);
    expect(rows).toEqual(expectedRows(trades));
    expect(new Set(rows.map(({ symbol }) => symbol)).size).toBe(10);
    expectVerbatim(rawLines, trades);
  });

  it('of overlapping pages: 500 rows are 115 trades, each once', async () => {
    const trades = await derivedTrades();
    expect(trades).toHaveLength(500);
    const { rows } = await throughTheTable(trades);
    expect(rows).toHaveLength(115);
    expect(rows).toEqual(expectedRows(trades));
  });

  it('of all BTC-USD sources together, with the 823 million ids between them proven void', async () => {
    const all = [
      ...(await restTrades()),
      ...(await derivedTrades()),
      ...(await webSocketTrades('matches_btc-usd_eth-usd_2025-08-22.jsonl.gz')),
    ].filter(({ product }) => product === 'BTC-USD');
    const { rows } = await throughTheTable(all);
    expect(rows).toHaveLength(100 + 115 + 143);
    expect(rows).toEqual(expectedRows(all));
  });

  it('the recorded maker’s side is turned: a page with both sides holds the opposite ones', async () => {
    const trades = await restTrades();
    const { rows } = await throughTheTable(trades);
    const makers = { buy: 0, sell: 0 };
    for (const { side } of trades) makers[side as 'buy' | 'sell']++;
    expect(makers.buy).not.toBe(makers.sell);
    expect(rows.filter(({ side }) => side === 'SELL')).toHaveLength(makers.buy);
    expect(rows.filter(({ side }) => side === 'BUY')).toHaveLength(makers.sell);
  });
});
