import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { createFetchTransport, type FetchLike } from '@schemahub/connector-kit';
import { createManualClock } from '@schemahub/connector-kit/testing';
import type { BudgetSpec, Product, WindowedConnector } from '@schemahub/core';
import { describe, expect, it } from 'vitest';
import { parseArchiveRow } from './archive/archive-rows.js';
import { binancePolicy, createBinanceConnector } from './index.js';

// What Binance sent besides raw trades, each through the parser that it belongs to; raw trades go through the whole
// program in apps/cli/src/venue-recordings.test.ts.
const data = fileURLToPath(new URL('../../../../shared/data/binance/', import.meta.url));
const hasRecordings = existsSync(data);
// In CI the recordings must be there: a check that is skipped does not count.
if (!hasRecordings) {
  const message = 'Binance recordings: expected the folder ../shared/data/binance beside the repository, found none';
  if (process.env.CI !== undefined) throw new Error(`${message}. Check out the recordings too.`);
  process.stderr.write(`SKIPPED: ${message}; catalogues, errors and aggregated trades were not read.\n`);
}

function textOf(path: string): string {
  const bytes = readFileSync(data + path);
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
}

interface Recorded {
  readonly response: {
    readonly status: number | null;
    readonly headers: Record<string, string>;
    readonly body: string;
  };
}

function answering(fetch: FetchLike, onBudget?: (name: string, spec: BudgetSpec) => void): WindowedConnector {
  const clock = createManualClock();
  return createBinanceConnector({
    transport: createFetchTransport({ policy: binancePolicy(), clock, fetch }),
    clock,
    onBudget,
  });
}

/** The recorded answer, its headers too, but for those of the connection that carried it. */
function replay(path: string): FetchLike {
  const { response } = JSON.parse(textOf(path)) as Recorded;
  const headers = Object.entries(response.headers).filter(
    ([name]) => !/^(transfer-encoding|connection|content-encoding)$/i.test(name),
  );
  return async () => new Response(response.body, { status: response.status ?? 500, headers });
}

describe.runIf(hasRecordings)('recorded catalogues of Binance', () => {
  const body = (path: string): FetchLike => {
    const text = textOf(path);
    return async () => new Response(text, { headers: { 'content-type': 'application/json;charset=UTF-8' } });
  };

  it.each([
    ['rest/exchangeInfo_2019-08-22.http.json.gz', replay, 595, undefined],
    ['rest/exchangeInfo_2021-10-12.json.gz', body, 1695, 1262],
  ] as const)('%s', async (path, read, count, trading) => {
    const budgets: BudgetSpec[] = [];
    const products = await answering(read(path), (_, spec) => budgets.push(spec)).listProducts();
    expect(products).toHaveLength(count);
    // Each row as the file has it, by other means than the connector's.
    const rows =
      textOf(path)
        .replaceAll('\\"', '"')
        .match(/"symbol":"[^"]+","status":"[^"]+","baseAsset":"[^"]+"/g) ?? [];
    expect(rows).toHaveLength(count);
    for (const [at, row] of rows.entries()) {
      const [, symbol, status, base] = /"symbol":"([^"]+)","status":"([^"]+)","baseAsset":"([^"]+)"/.exec(row)!;
      const product = products[at] as Product;
      expect(product).toMatchObject({ id: symbol, base, status: status === 'TRADING' ? 'online' : 'offline' });
      expect(`${product.base}${product.quote}`).toBe(symbol);
      expect(product.symbol).toBe(`${product.base}-${product.quote}`);
    }
    if (trading !== undefined) expect(products.filter(({ status }) => status === 'online')).toHaveLength(trading);
    // 1200 weight a minute in those days, whenever the minute begins.
    expect(budgets).toHaveLength(1);
    expect(budgets[0]!.rate * 60 + budgets[0]!.burst).toBeLessThanOrEqual(1200);
    expect(budgets[0]!.rate * 60 + budgets[0]!.burst).toBeGreaterThan(1199);
  });
});

describe.runIf(hasRecordings)('recorded failures of Binance', () => {
  it('401 with -2014 stops the exchange, with the remedy', async () => {
    const connector = answering(replay('rest/errors/binance_products_error_invalid_secret.http.json'));
    const error = await connector.listProducts().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ kind: 'forbidden', status: 401, retryable: false });
    expect((error as Error).message).toMatch(/API-key format invalid.*remove them \(public trades need none\)/);
  });

  it('a time-out of the client is asked again', async () => {
    const { response } = JSON.parse(textOf('rest/errors/binance_products_error_timeout.http.json')) as Recorded;
    expect(response).toMatchObject({ status: null, body: 'timeout' });
    const cause = Object.assign(new Error(response.body), { code: 'ETIMEDOUT' });
    const connector = answering(() => Promise.reject(new TypeError('fetch failed', { cause })));
    await expect(connector.listProducts()).rejects.toMatchObject({
      kind: 'transient',
      transient: 'timeout',
      retryable: true,
    });
  });
});

describe.runIf(hasRecordings)('recorded aggregated trades never become trades', () => {
  const files = [
    ['rest/xrpeth_aggTrades_2019-10-11_13.jsonl.gz', 12_477],
    ['ws/spot_btcusdt_aggTrade_2020-11-01T09-11.jsonl.gz', 33_835],
    ['ws/spot_ethusdt_aggTrade_2020-11-01T09-11.jsonl.gz', 8905],
    ['rest/btcusdt_aggTrades_fromId_limit1000_2020-01-02.json', 1000],
  ] as const;

  it.each(files)('%s', async (path, count) => {
    const text = textOf(path);
    const records = path.endsWith('.json')
      ? (JSON.parse(text) as { body: object[] }).body.map((row) => JSON.stringify(row))
      : text.split('\n').filter(Boolean);
    expect(records).toHaveLength(count);
    const connector = answering(async () => new Response('[]'));
    for (const record of records) {
      expect(() => connector.parseTrade(Buffer.from(record))).toThrow(SyntaxError);
      const { a, p, q, f, l, T, m, M } = JSON.parse(record) as Record<string, unknown>;
      // The same row as the archive's aggTrades files write it.
      expect(parseArchiveRow([a, p, q, f, l, T, m ? 'True' : 'False', M ? 'True' : 'False'].join(','))).toBeUndefined();
    }
    const page = `[${records.slice(0, 500).join(',')}]`;
    const served = answering(async () => new Response(page, { headers: { 'content-type': 'application/json' } }));
    await expect(served.fetchWindow('BTCUSDT', { first: 0, last: 999 })).rejects.toMatchObject({
      kind: 'transient',
      transient: 'body',
    });
  });
});
