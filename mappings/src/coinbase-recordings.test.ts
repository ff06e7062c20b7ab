import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { rowAt } from '@schemahub/columns';
import { tradesUnified, tradesUnifiedWithDecimals } from '@schemahub/core';
import { createInterpreter, createScanner, loadMapping } from '@schemahub/mapping-engine';
import { describe, expect, it } from 'vitest';
import { embeddedMappings } from './index.js';

// Every trade recorded from Coinbase, beside the repository. Without the recordings nothing would be tested, so their
// absence fails in CI and is said aloud elsewhere.
const recordings = new URL('../../../shared/data/coinbase/', import.meta.url);
const isPresent = existsSync(recordings);

interface RecordedTrade {
  readonly trade_id: number | string;
  readonly side: string;
  readonly price: string;
  readonly size: string;
  readonly time: string;
}

interface Recording {
  readonly product: (trade: Record<string, unknown>) => string;
  /** The trades as JSON texts, as the exchange wrote them. */
  readonly trades: () => Promise<readonly string[]>;
  readonly count: number;
}

async function text(path: string): Promise<string> {
  const bytes = await readFile(new URL(path, recordings));
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
}

/** The objects of a JSON array without nested objects, verbatim but for line breaks, which a raw line cannot have. */
function slices(body: string): string[] {
  return [...body.matchAll(/\{[^{}]*\}/g)].map((match) => match[0].replaceAll(/\n\s*/g, ''));
}

async function lines(path: string): Promise<string[]> {
  return (await text(path)).split('\n').filter((line) => line !== '');
}

const productId = (trade: Record<string, unknown>): string => String(trade.product_id);

const RECORDINGS: Record<string, Recording> = {
  'REST page, 2018': {
    product: () => 'BTC-USD',
    trades: async () =>
      slices(
        (JSON.parse(await text('rest/gdax_btc-usd_trades_2018-04-13.http.json')) as { response: { body: string } })
          .response.body,
      ),
    count: 100,
  },
  'REST page, 2020': {
    product: () => 'BTC-EUR',
    trades: async () => slices(await text('rest/coinbasepro_btc-eur_trades_2020-02-17.json')),
    count: 100,
  },
  'WebSocket matches, 2021': {
    product: productId,
    // {"recv":…,"msg":{…}}
    trades: async () =>
      (await lines('ws/coinbasepro_matches_10products_2021-04-17.jsonl.gz')).map((line) =>
        line.slice(line.indexOf('"msg":') + 6, -1),
      ),
    count: 107,
  },
  'WebSocket matches, 2025': {
    product: productId,
    trades: () => lines('ws/matches_btc-usd_eth-usd_2025-08-22.jsonl.gz'),
    count: 427,
  },
  'pages parsed by their source, 2025': {
    product: () => 'BTC-USD',
    // Its parser had renamed `time`.
    trades: async () =>
      (await lines('derived/btc-usd_trades_with_overlapping_pages_2025-08-11.jsonl.gz')).map((line) =>
        line.replace('"datetime":', '"time":'),
      ),
    count: 500,
  },
};

const INGEST_TS = '2026-09-27T16:00:00.123000Z';

/** A record as the raw layer stores it: the exchange's text, then what it lacks. */
function rawLine(trade: string, product: string): string {
  const ownProduct = trade.includes('"product_id"') ? '' : `,"product_id":"${product}"`;
  return `${trade.slice(0, -1)}${ownProduct},"_source":"coinbase","_symbol":"${product}","_source_ingest_ts":"${INGEST_TS}"}`;
}

/** µs by another way than the mapping's: Date for the seconds, the fraction as text. */
function micros(time: string): number {
  const [seconds, fraction = ''] = time.replace('Z', '').split('.') as [string, string?];
  return Date.parse(`${seconds}Z`) * 1000 + Number(fraction.padEnd(6, '0'));
}

/** A decimal text without exponent and superfluous zeros; the source of one file wrote sizes as 2.51e-06. */
function plain(decimal: string): string {
  const [digits, exponent] = decimal.split('e-') as [string, string?];
  const moved = exponent === undefined ? digits : `0.${'0'.repeat(Number(exponent) - 1)}${digits.replace('.', '')}`;
  return moved.includes('.') ? moved.replace(/\.?0+$/, '') : moved;
}

describe('recorded Coinbase trades', () => {
  if (!isPresent) {
    const message = `The recordings are missing: expected the folder ${recordings.pathname}. Put shared/data beside the repository.`;
    if (process.env.CI === undefined) it.skip(`NOTHING IS PROVED: ${message}`, () => undefined);
    else it('are present', () => expect.fail(message));
    return;
  }

  it.each(Object.entries(RECORDINGS))('%s: every digit, every µs, the taker’s side', async (name, recording) => {
    const mapping = await loadMapping(embeddedMappings['coinbase_trades.yaml']!, {
      schemas: [tradesUnified, tradesUnifiedWithDecimals],
    });
    const texts = await recording.trades();
    expect(texts).toHaveLength(recording.count);
    const trades = texts.map((trade) => JSON.parse(trade) as RecordedTrade & Record<string, unknown>);
    const raw = texts.map((trade, index) => rawLine(trade, recording.product(trades[index]!)));

    const scanner = createScanner({ mapping, schema: tradesUnifiedWithDecimals });
    scanner.begin(name);
    scanner.feed(new TextEncoder().encode(raw.join('\n')));
    scanner.end();
    const report = scanner.report();
    expect(report).toMatchObject({
      rows: texts.length,
      refused: [],
      damaged: [],
      vanishedFields: [],
      inexactDecimals: 0,
      decimalOverflows: 0,
    });
    // One line teaches the shape; a file has at most a few.
    expect(report.slowLines).toBeLessThanOrEqual(4);

    const batch = scanner.take();
    const interpret = createInterpreter(mapping, tradesUnifiedWithDecimals);
    trades.forEach((trade, row) => {
      const expected = {
        exchange: 'COINBASE',
        symbol: recording.product(trade),
        trade_id: String(trade.trade_id),
        side: trade.side === 'buy' ? 'SELL' : 'BUY',
        price: Number(trade.price),
        quantity: Number(trade.size),
        trade_ts: micros(trade.time),
        ingest_ts: micros(INGEST_TS),
        price_dec: plain(trade.price),
        quantity_dec: plain(trade.size),
      };
      expect(rowAt(batch, row)).toEqual(expected);
      expect(interpret(new TextEncoder().encode(raw[row]))).toMatchObject({
        kind: 'row',
        values: Object.values(expected),
      });
    });
  });
});
