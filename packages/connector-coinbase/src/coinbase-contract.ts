import {
  type AskRaw,
  type ContractFact,
  describeReply,
  idsText,
  isJsonReply,
  looseJson,
  pageChecks,
  sameTwice,
  unless,
} from '@schemahub/connector-kit';
import type { ExchangeReply } from '@schemahub/core';

interface Row {
  readonly trade_id: number;
  readonly side: string;
  readonly size: string;
  readonly price: string;
  readonly time: string;
}

interface Page {
  readonly reply: ExchangeReply;
  readonly rows: readonly Row[];
  readonly ids: readonly number[];
}

const FIELDS = ['price', 'side', 'size', 'time', 'trade_id'];
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/;
const DECIMAL = /^\d+(\.\d+)?$/;
const STATUSES = new Set(['online', 'offline', 'internal', 'delisted']);

/** A page of trades, or the sentence that it is none. */
async function pageOf(ask: AskRaw, product: string, query: string): Promise<Page | string> {
  const reply = await ask(`/products/${encodeURIComponent(product)}/trades?${query}`);
  const rows = looseJson(reply);
  if (reply.status !== 200 || !Array.isArray(rows)) return describeReply(reply);
  return { reply, rows: rows as Row[], ids: (rows as Row[]).map((row) => Number(row?.trade_id)) };
}

const onPage = pageChecks(pageOf);

const isDescending = (ids: readonly number[]): boolean => ids.every((id, i) => i === 0 || id < ids[i - 1]!);

function judgeRow(row: Row): string | undefined {
  const fields = Object.keys(row).sort();
  if (fields.join() !== FIELDS.join()) return `the fields ${fields.join(', ')}`;
  const { trade_id: id, side, size, price, time } = row;
  if (!Number.isSafeInteger(id)) return `trade_id ${JSON.stringify(id)}`;
  if (side !== 'buy' && side !== 'sell') return `side ${JSON.stringify(side)}`;
  if (typeof size !== 'string' || !DECIMAL.test(size)) return `size ${JSON.stringify(size)}`;
  if (typeof price !== 'string' || !DECIMAL.test(price)) return `price ${JSON.stringify(price)}`;
  return unless(typeof time === 'string' && TIME.test(time), `time ${JSON.stringify(time)}`);
}

const general: readonly ContractFact[] = [
  {
    name: 'time',
    expected: '/time gives {iso, epoch}, and every reply has a Date header within 30 s of it',
    check: async (ask) => {
      const reply = await ask('/time');
      const { iso, epoch } = (looseJson(reply) ?? {}) as { iso?: unknown; epoch?: unknown };
      if (typeof iso !== 'string' || typeof epoch !== 'number') return describeReply(reply);
      if (reply.date === undefined) return 'no Date header: voids could not be attested';
      return unless(Math.abs(reply.date - epoch * 1000) <= 30_000, `Date ${reply.date}, epoch ${epoch}`);
    },
  },
  {
    name: 'json',
    expected: 'replies say application/json: what says otherwise comes from the edge',
    check: async (ask) => {
      const reply = await ask('/time');
      return unless(isJsonReply(reply), String(reply.headers['content-type']));
    },
  },
  {
    name: 'catalogue',
    expected: '/products is one array of {id, base_currency, quote_currency, status online|offline|internal|delisted}',
    check: async (ask) => {
      const reply = await ask('/products');
      const rows = looseJson(reply);
      if (!Array.isArray(rows) || rows.length === 0) return describeReply(reply);
      const odd = (rows as Record<string, unknown>[]).find(
        ({ id, base_currency, quote_currency, status }) =>
          ![id, base_currency, quote_currency].every((text) => typeof text === 'string') ||
          !STATUSES.has(String(status)),
      );
      return unless(odd === undefined, JSON.stringify(odd)?.slice(0, 160));
    },
  },
  {
    name: 'unknown-product',
    expected: 'an unknown product is 404 {"message":"NotFound"}',
    check: async (ask) => {
      const reply = await ask('/products/NO-SUCH-PRODUCT/trades?limit=1');
      const { message } = (looseJson(reply) ?? {}) as { message?: unknown };
      return unless(reply.status === 404 && message === 'NotFound', describeReply(reply));
    },
  },
];

function pagingFacts(product: string): readonly ContractFact[] {
  return [
    {
      name: 'row',
      expected:
        'a trade is {trade_id number, side buy|sell, size and price decimal text, time RFC 3339 UTC, 0-6 digits}',
      check: onPage(product, 'limit=100', ({ rows }) => rows.map(judgeRow).find((seen) => seen !== undefined)),
    },
    {
      name: 'order',
      expected: 'a page is newest first, each id once',
      check: onPage(product, 'limit=100', ({ ids }) => unless(ids.length > 0 && isDescending(ids), idsText(ids))),
    },
    {
      name: 'limit',
      expected: 'limit is at most 1000: more is clamped, none means 1000',
      check: onPage(product, 'limit=5000', async ({ ids }, ask) => {
        const page = await pageOf(ask, product, '');
        if (typeof page === 'string') return page;
        return unless(ids.length === 1000 && page.ids.length === 1000, `${ids.length} and ${page.ids.length} rows`);
      }),
    },
    {
      name: 'cursor-headers',
      expected: 'cb-before is the newest id of the page, cb-after the oldest',
      check: onPage(product, 'limit=10', ({ ids, reply }) => {
        const { 'cb-before': before, 'cb-after': after } = reply.headers;
        return unless(
          before === String(ids[0]) && after === String(ids.at(-1)),
          `cb-before ${before}, cb-after ${after}`,
        );
      }),
    },
    {
      name: 'after-exclusive',
      expected: 'after=X gives the greatest ids below X, X not among them',
      check: onPage(product, 'limit=10', async ({ ids }, ask) => {
        const cursor = ids.at(4)!;
        const page = await pageOf(ask, product, `limit=5&after=${cursor}`);
        if (typeof page === 'string') return page;
        return unless(page.ids.join() === ids.slice(5).join(), `after=${cursor}: ${idsText(page.ids)}`);
      }),
    },
    {
      name: 'after-above-head',
      expected: 'after above the newest id gives the newest page',
      check: onPage(product, 'limit=5&after=9007199254740991', async ({ ids }, ask) => {
        const page = await pageOf(ask, product, 'limit=5');
        if (typeof page === 'string') return page;
        // The page without a cursor may be some seconds old.
        return unless(ids[0]! >= page.ids[0]!, `${idsText(ids)}; newest page ${idsText(page.ids)}`);
      }),
    },
    {
      name: 'dense',
      expected: 'a page of 1000 rows spans 1000 ids: no hole in the newest trades',
      check: onPage(product, 'limit=1000', ({ ids }) =>
        unless(ids[0]! - ids.at(-1)! === ids.length - 1, `${ids.length} rows span ${ids[0]! - ids.at(-1)! + 1} ids`),
      ),
    },
  ];
}

/** Facts about single trades and what attests that there are none. */
function cursorFacts(product: string): readonly ContractFact[] {
  return [
    {
      name: 'two-row-question',
      expected: 'after=U+1&limit=2 gives U and its lower neighbour: what attests a void',
      check: onPage(product, 'limit=10', async ({ ids }, ask) => {
        const upper = ids[3]!;
        const page = await pageOf(ask, product, `limit=2&after=${upper + 1}`);
        if (typeof page === 'string') return page;
        return unless(page.ids.join() === ids.slice(3, 5).join(), `U=${upper}: ${idsText(page.ids)}`);
      }),
    },
    {
      name: 'stable',
      expected: 'a window gives the same rows twice',
      check: onPage(product, 'limit=1', async ({ ids }, ask) => {
        const query = `limit=1000&after=${ids[0]! - 100}`;
        return await sameTwice(() => pageOf(ask, product, query));
      }),
    },
    {
      name: 'before-is-newest',
      expected: 'before=X gives the newest page above X, not the next one: it is never used',
      check: onPage(product, 'limit=1', async ({ ids }, ask) => {
        const page = await pageOf(ask, product, `limit=10&before=${ids[0]! - 500}`);
        if (typeof page === 'string') return page;
        return unless(page.ids[0]! >= ids[0]!, `before=${ids[0]! - 500}: ${idsText(page.ids)}`);
      }),
    },
    {
      name: 'history',
      expected: 'after=1000&limit=1000 gives the first trades there are, and after=1 none',
      check: onPage(product, 'limit=1000&after=1000', async ({ ids }, ask) => {
        const none = await pageOf(ask, product, 'limit=1&after=1');
        if (typeof none === 'string') return none;
        return unless(
          ids.length > 0 && ids[0]! < 1000 && none.ids.length === 0,
          `${idsText(ids)}; after=1: ${none.ids.length} rows`,
        );
      }),
    },
    {
      name: 'bad-cursor',
      expected: 'a cursor that is no number is 400 "Invalid value for pagination after"',
      check: async (ask) => {
        const reply = await ask(`/products/${encodeURIComponent(product)}/trades?after=x`);
        const { message } = (looseJson(reply) ?? {}) as { message?: unknown };
        return unless(reply.status === 400 && /pagination after/.test(String(message)), describeReply(reply));
      },
    },
    {
      name: 'head',
      expected: 'the newest page is at most 30 s behind the ticker',
      check: onPage(product, 'limit=1', async ({ rows }, ask) => {
        const reply = await ask(`/products/${encodeURIComponent(product)}/ticker`);
        const { trade_id: id, time } = (looseJson(reply) ?? {}) as { trade_id?: unknown; time?: unknown };
        if (typeof id !== 'number' || typeof time !== 'string') return describeReply(reply);
        const behindMs = Date.parse(time) - Date.parse(rows[0]!.time);
        return unless(behindMs <= 30_000, `ticker ${id} at ${time}, newest trade at ${rows[0]!.time}`);
      }),
    },
  ];
}

/** Every fact about Coinbase Exchange that this connector relies on; some 30 small requests about one busy product. */
export function coinbaseContract(product: string): readonly ContractFact[] {
  return [...general, ...pagingFacts(product), ...cursorFacts(product)];
}
