import {
  type AskRaw,
  type ContractFact,
  describeReply,
  idsText,
  looseJson,
  pageChecks,
  sameTwice,
  unless,
} from '@schemahub/connector-kit';
import type { ExchangeReply } from '@schemahub/core';

interface Row {
  readonly id: number;
  readonly price: string;
  readonly qty: string;
  readonly time: number;
  readonly isBuyerMaker: boolean;
}

interface Page {
  readonly reply: ExchangeReply;
  readonly rows: readonly Row[];
  readonly ids: readonly number[];
}

const FIELDS = ['id', 'isBestMatch', 'isBuyerMaker', 'price', 'qty', 'quoteQty', 'time'];
const DECIMAL = /^\d+(\.\d+)?$/;
const STATUSES = new Set(['TRADING', 'END_OF_DAY', 'HALT', 'BREAK', 'CANCEL_ONLY']);
const LEAST_MICROS = 1e14;

/** A page of trades, or the sentence that it is none. */
async function pageOf(
  ask: AskRaw,
  product: string,
  query: string,
  endpoint = 'historicalTrades',
): Promise<Page | string> {
  const reply = await ask(`/api/v3/${endpoint}?symbol=${encodeURIComponent(product)}&${query}`);
  const rows = looseJson(reply);
  if (reply.status !== 200 || !Array.isArray(rows)) return describeReply(reply);
  return { reply, rows: rows as Row[], ids: (rows as Row[]).map((row) => Number(row?.id)) };
}

const onPage = pageChecks(pageOf);

function judgeRow(row: Row): string | undefined {
  const fields = Object.keys(row).sort();
  if (fields.join() !== FIELDS.join()) return `the fields ${fields.join(', ')}`;
  if (!Number.isSafeInteger(row.id)) return `id ${JSON.stringify(row.id)}`;
  if (!DECIMAL.test(row.price) || !DECIMAL.test(row.qty)) return `price ${row.price}, qty ${row.qty}`;
  return unless(typeof row.isBuyerMaker === 'boolean', `isBuyerMaker ${JSON.stringify(row.isBuyerMaker)}`);
}

const general: readonly ContractFact[] = [
  {
    name: 'time',
    expected: '/api/v3/time gives {serverTime} in ms or µs, and every reply has a Date header within 30 s of it',
    check: async (ask) => {
      const reply = await ask('/api/v3/time');
      const { serverTime } = (looseJson(reply) ?? {}) as { serverTime?: unknown };
      if (typeof serverTime !== 'number') return describeReply(reply);
      if (reply.date === undefined) return 'no Date header: voids could not be attested';
      const ms = serverTime >= LEAST_MICROS ? serverTime / 1000 : serverTime;
      return unless(Math.abs(reply.date - ms) <= 30_000, `Date ${reply.date}, serverTime ${serverTime}`);
    },
  },
  {
    name: 'catalogue',
    expected:
      'exchangeInfo has symbols of {symbol, status, baseAsset, quoteAsset} and REQUEST_WEIGHT a MINUTE of 60 or more',
    check: async (ask) => {
      const reply = await ask('/api/v3/exchangeInfo');
      const { symbols, rateLimits } = (looseJson(reply) ?? {}) as { symbols?: unknown; rateLimits?: unknown };
      if (!Array.isArray(symbols) || !Array.isArray(rateLimits)) return describeReply(reply);
      const odd = (symbols as Record<string, unknown>[]).find(
        ({ symbol, status, baseAsset, quoteAsset }) =>
          ![symbol, baseAsset, quoteAsset].every((text) => typeof text === 'string') || !STATUSES.has(String(status)),
      );
      if (odd !== undefined) return JSON.stringify(odd)?.slice(0, 160);
      const limits = rateLimits as { rateLimitType?: unknown; interval?: unknown; limit?: unknown }[];
      const weight = limits.find((one) => one.rateLimitType === 'REQUEST_WEIGHT' && one.interval === 'MINUTE');
      return unless(Number(weight?.limit) >= 60, JSON.stringify(limits));
    },
  },
  {
    name: 'used-weight',
    expected: 'every reply tells the used weight in x-mbx-used-weight-1m',
    check: async (ask) => {
      const reply = await ask('/api/v3/time');
      const used = reply.headers['x-mbx-used-weight-1m'];
      return unless(/^\d+$/.test(used ?? ''), `x-mbx-used-weight-1m: ${used}`);
    },
  },
  {
    name: 'unknown-product',
    expected: 'an unknown product is 400 {"code":-1121}',
    check: async (ask) => {
      const reply = await ask('/api/v3/historicalTrades?symbol=NOSUCHPRODUCT&limit=1');
      const { code } = (looseJson(reply) ?? {}) as { code?: unknown };
      return unless(reply.status === 400 && code === -1121, describeReply(reply));
    },
  },
];

/** Every fact about Binance spot that this connector relies on; some 20 requests about one busy product. */
export function binanceContract(product: string): readonly ContractFact[] {
  return [
    ...general,
    {
      name: 'row',
      expected: 'a trade is {id, price, qty, quoteQty, time, isBuyerMaker, isBestMatch}, price and qty as decimal text',
      check: onPage(product, 'limit=100', ({ rows }) => rows.map(judgeRow).find((seen) => seen !== undefined)),
    },
    {
      name: 'microseconds',
      expected: 'X-MBX-TIME-UNIT: MICROSECOND gives times in µs',
      check: onPage(product, 'limit=10', ({ rows }) =>
        unless(rows.length > 0 && rows.every(({ time }) => time >= LEAST_MICROS), `time ${rows[0]?.time}`),
      ),
    },
    {
      name: 'order',
      expected: 'a page is oldest first, each id once',
      check: onPage(product, 'limit=100', ({ ids }) =>
        unless(ids.length > 0 && ids.every((id, at) => at === 0 || id > ids[at - 1]!), idsText(ids)),
      ),
    },
    {
      name: 'limit',
      expected: 'limit=1000 gives 1000 rows, and none means 500',
      check: onPage(product, 'limit=1000', async ({ ids }, ask) => {
        const page = await pageOf(ask, product, '');
        if (typeof page === 'string') return page;
        return unless(ids.length === 1000 && page.ids.length === 500, `${ids.length} and ${page.ids.length} rows`);
      }),
    },
    {
      name: 'from-inclusive',
      expected: 'fromId=X gives the least ids from X on, X among them',
      check: onPage(product, 'limit=10', async ({ ids }, ask) => {
        const page = await pageOf(ask, product, `fromId=${ids[4]}&limit=5`);
        if (typeof page === 'string') return page;
        return unless(page.ids.join() === ids.slice(4, 9).join(), `fromId=${ids[4]}: ${idsText(page.ids)}`);
      }),
    },
    {
      name: 'two-row-question',
      expected: 'fromId=L&limit=2 gives L and its upper neighbour: what attests a void',
      check: onPage(product, 'limit=10', async ({ ids }, ask) => {
        const page = await pageOf(ask, product, `fromId=${ids[3]}&limit=2`);
        if (typeof page === 'string') return page;
        return unless(page.ids.join() === ids.slice(3, 5).join(), `L=${ids[3]}: ${idsText(page.ids)}`);
      }),
    },
    {
      name: 'stable',
      expected: 'a window gives the same rows twice',
      check: onPage(product, 'limit=1000', async ({ ids }, ask) => {
        const query = `fromId=${ids[0]}&limit=500`;
        return await sameTwice(() => pageOf(ask, product, query));
      }),
    },
    {
      name: 'history',
      expected: 'fromId=0 gives the first trades there are, from id 0 on: nothing is trimmed',
      check: onPage(product, 'fromId=0&limit=5', ({ ids }) => unless(ids[0] === 0, idsText(ids))),
    },
    {
      name: 'head',
      expected: 'trades?limit=1 is at most 1000 ids behind the newest page',
      check: onPage(product, 'limit=5', async ({ ids }, ask) => {
        const page = await pageOf(ask, product, 'limit=1', 'trades');
        if (typeof page === 'string') return page;
        return unless(page.ids.length === 1 && page.ids[0]! >= ids.at(-1)! - 1000, idsText(page.ids));
      }),
    },
  ];
}
