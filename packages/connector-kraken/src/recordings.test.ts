import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { createFetchTransport } from '@schemahub/connector-kit';
import { createManualClock } from '@schemahub/connector-kit/testing';
import type { CursorConnector } from '@schemahub/core';
import { describe, expect, it } from 'vitest';
import { createKrakenConnector, krakenPolicy } from './index.js';

// What Kraken sent besides pages of trades, each through the parser that it belongs to; pages go through the whole
// program in apps/cli/src/venue-recordings.test.ts.
const data = fileURLToPath(new URL('../../../../shared/data/kraken/', import.meta.url));
const hasRecordings = existsSync(data);
// In CI the recordings must be there: a check that is skipped does not count.
if (!hasRecordings) {
  const message = 'Kraken recordings: expected the folder ../shared/data/kraken beside the repository, found none';
  if (process.env.CI !== undefined) throw new Error(`${message}. Check out the recordings too.`);
  process.stderr.write(`SKIPPED: ${message}; catalogues, messages and CSV rows were not read.\n`);
}

function textOf(path: string): string {
  const bytes = readFileSync(data + path);
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  return path.includes('.http.json') ? (JSON.parse(text) as { response: { body: string } }).response.body : text;
}

function answering(body: string): CursorConnector {
  const clock = createManualClock();
  const fetch = async (): Promise<Response> => new Response(body, { headers: { 'content-type': 'application/json' } });
  return createKrakenConnector({ transport: createFetchTransport({ policy: krakenPolicy(), clock, fetch }), clock });
}

describe.runIf(hasRecordings)('recorded catalogues of Kraken', () => {
  it.each([
    ['rest/assetpairs_2017-10-03.http.json.gz', 58, ['BTC-USD', 'ETH-BTC', 'DOGE-BTC', 'ZEC-EUR', 'XLM-BTC']],
    ['rest/assetpairs_2021-04-17.json.gz', 304, ['BTC-USD', 'XTZ-EUR', 'DOGE-BTC', 'REPV1-USD', 'XLM-EUR']],
    ['rest/assetpairs_small_nautilus.json', 1, ['BTC-USDT']],
  ] as const)('%s: every pair but dark pools, under canonical names', async (path, count, expected) => {
    const body = textOf(path);
    const { result } = JSON.parse(body) as { result: Record<string, { altname: string; wsname?: string }> };
    expect(Object.keys(result)).toHaveLength(count);
    const lit = Object.values(result).filter(({ altname }) => !altname.endsWith('.d'));
    const products = await answering(body).listProducts();
    expect(products.map(({ id }) => id)).toEqual(lit.map(({ altname }) => altname));
    const symbols = products.map(({ symbol }) => symbol);
    expect(symbols).toEqual(expect.arrayContaining([...expected]));
    expect(new Set(symbols).size).toBe(symbols.length);
    for (const [at, { wsname }] of lit.entries()) {
      const [base, quote] = symbols[at]!.split('-');
      // Nothing is called XBT, XDG or by an old four-letter code any more.
      for (const asset of [base, quote]) expect(asset).not.toMatch(/^(XBT|XDG|XX|XETH|XLTC|ZUSD|ZEUR)/);
      if (wsname !== undefined && !/XBT|XDG|LUNA|UST|REP|FEE/.test(wsname))
        expect(symbols[at]).toBe(wsname.replace('/', '-'));
    }
  });

  it('a list of assets is none of pairs, and is refused', async () => {
    const body = textOf('rest/assets_2017-10-03.http.json.gz');
    expect(Object.keys((JSON.parse(body) as { result: object }).result)).toHaveLength(27);
    await expect(answering(body).listProducts()).rejects.toThrow(/does not say what is traded for what/);
  });
});

describe.runIf(hasRecordings)('recorded rows without ids', () => {
  it('messages of the websocket, ten trades: every digit and side as sent, and no id invented', async () => {
    const messages = textOf('ws/v1_trades_2021-04-17.jsonl').split('\n').filter(Boolean);
    expect(messages).toHaveLength(8);
    let trades = 0;
    for (const message of messages) {
      const rows = /"msg":\[\d+,(\[\[.*?\]\]),"trade"/.exec(message)![1]!;
      // The websocket quotes times, REST does not; nothing else differs.
      const page = await answering(
        `{"error":[],"result":{"XXMRZUSD":${rows},"last":"1618678142557535000"}}`,
      ).fetchNewest('XMRUSD');
      for (const [at, [price, volume, time, side]] of (JSON.parse(rows) as string[][]).entries()) {
        const { id, facts, record } = page.rows[at]!;
        expect(id).toBeUndefined();
        expect(facts).toMatchObject({ price, quantity: volume, side });
        expect(Date.parse(facts.ts)).toBe(Math.floor(Number(time) * 1000));
        expect(facts.ts.slice(20, 26)).toBe(time!.split('.')[1]!.padEnd(6, '0').slice(0, 6));
        expect(Buffer.from(record).toString()).toContain(`"price":"${price}","volume":"${volume}"`);
        trades++;
      }
      expect(page.rows).toHaveLength((JSON.parse(rows) as unknown[]).length);
    }
    expect(trades).toBe(10);
  });

  it('downloadable CSV rows have neither id nor side and whole seconds: they are no trades of ours', async () => {
    const lines = textOf('csv/BCHEUR_2023-01-01.csv').split('\n').filter(Boolean);
    expect(lines).toHaveLength(148);
    for (const line of lines) {
      const [time, price, volume] = line.split(',');
      const { parseTrade } = answering('{}');
      expect(() => parseTrade(Buffer.from(`{"price":"${price}","volume":"${volume}","time":${time}}`))).toThrow(
        /trade_id/,
      );
    }
    const rows = lines.map((line) => `[${line}]`).join(',');
    await expect(
      answering(`{"error":[],"result":{"BCHEUR":[${rows}],"last":"1"}}`).fetchNewest('BCHEUR'),
    ).rejects.toThrow(/row 0 is no trade/);
  });
});
