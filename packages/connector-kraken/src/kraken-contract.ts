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

type Row = readonly unknown[];

interface Page {
  readonly rows: readonly Row[];
  readonly ids: readonly number[];
  readonly last: unknown;
  /** Members of the result besides `last`. */
  readonly keys: readonly string[];
}

const DECIMAL = /^\d+(\.\d+)?$/;
const NANOS = /^\d{19}$/;
const ROW_CELLS = 7;

/** The result of an answer without an error; undefined otherwise. */
function resultOf(reply: ExchangeReply): Readonly<Record<string, unknown>> | undefined {
  const { error, result } = (looseJson(reply) ?? {}) as { error?: unknown; result?: unknown };
  const isGood = reply.status === 200 && Array.isArray(error) && error.length === 0;
  return isGood && typeof result === 'object' && result !== null ? (result as Record<string, unknown>) : undefined;
}

async function pageOf(ask: AskRaw, product: string, query: string): Promise<Page | string> {
  const reply = await ask(`/0/public/Trades?pair=${encodeURIComponent(product)}${query}`);
  const { last, ...pairs } = resultOf(reply) ?? {};
  const rows = Object.values(pairs)[0];
  if (!Array.isArray(rows)) return describeReply(reply);
  return { rows: rows as Row[], ids: (rows as Row[]).map((row) => Number(row[6])), last, keys: Object.keys(pairs) };
}

const onPage = pageChecks(pageOf);

function judgeRow(row: Row): string | undefined {
  const [price, volume, time, side, type, misc, id] = row;
  if (row.length !== ROW_CELLS) return `${row.length} places: ${JSON.stringify(row)}`;
  if (!DECIMAL.test(String(price)) || !DECIMAL.test(String(volume))) return `price ${price}, volume ${volume}`;
  if (typeof time !== 'number') return `time ${JSON.stringify(time)}`;
  if (side !== 'b' && side !== 's') return `side ${JSON.stringify(side)}`;
  if (typeof type !== 'string' || typeof misc !== 'string') return `type ${type}, misc ${misc}`;
  return unless(Number.isSafeInteger(id) && (id as number) > 0, `trade id ${JSON.stringify(id)}`);
}

const general: readonly ContractFact[] = [
  {
    name: 'time',
    expected: '/0/public/Time gives {unixtime}, and every reply has a Date header within 30 s of it',
    check: async (ask) => {
      const reply = await ask('/0/public/Time');
      const seconds = resultOf(reply)?.unixtime;
      if (typeof seconds !== 'number') return describeReply(reply);
      if (reply.date === undefined) return 'no Date header: voids could not be attested';
      return unless(Math.abs(reply.date - seconds * 1000) <= 30_000, `Date ${reply.date}, unixtime ${seconds}`);
    },
  },
  {
    name: 'catalogue',
    expected: 'AssetPairs is an object of {altname, wsname BASE/QUOTE, status}; dark pools end in .d',
    check: async (ask) => {
      const reply = await ask('/0/public/AssetPairs');
      const pairs = Object.values(resultOf(reply) ?? {}) as Record<string, unknown>[];
      if (pairs.length === 0) return describeReply(reply);
      const odd = pairs.find(
        ({ altname, wsname, status }) =>
          typeof altname !== 'string' ||
          (!altname.endsWith('.d') && !/^[^/]+\/[^/]+$/.test(String(wsname))) ||
          typeof status !== 'string',
      );
      return unless(odd === undefined, JSON.stringify(odd)?.slice(0, 160) ?? '');
    },
  },
  {
    name: 'unknown-product',
    expected: 'an unknown pair is 200 {"error":["EQuery:Unknown asset pair"]}',
    check: async (ask) => {
      const reply = await ask('/0/public/Trades?pair=NOSUCHPAIR');
      const { error } = (looseJson(reply) ?? {}) as { error?: unknown };
      return unless(
        reply.status === 200 && JSON.stringify(error) === '["EQuery:Unknown asset pair"]',
        describeReply(reply),
      );
    },
  },
];

/** Every fact about Kraken spot that this connector relies on; some 15 requests about one busy pair, one a second. */
export function krakenContract(product: string): readonly ContractFact[] {
  return [
    ...general,
    {
      name: 'row',
      expected: 'a trade is [price, volume, seconds, b|s, type, misc, id]',
      check: onPage(product, '', ({ rows }) => rows.map(judgeRow).find((seen) => seen !== undefined)),
    },
    {
      name: 'order',
      expected: 'a page is oldest first and, in the newest trades, without a hole between ids',
      check: onPage(product, '', ({ ids }) =>
        unless(ids.length > 0 && ids.every((id, at) => at === 0 || id === ids[at - 1]! + 1), idsText(ids)),
      ),
    },
    {
      name: 'one-pair',
      expected: 'the result has one pair, under whatever name, and last',
      check: onPage(product, '', ({ keys, last }) => unless(keys.length === 1 && last !== undefined, keys.join(', '))),
    },
    {
      name: 'last',
      expected: 'last is text of 19 digits, the ns of the last row',
      check: onPage(product, '', ({ rows, last }) => {
        const seconds = Number(rows.at(-1)?.[2]);
        const isNear = NANOS.test(String(last)) && Math.abs(Number(last) / 1e9 - seconds) < 1e-5;
        return unless(typeof last === 'string' && isNear, `last ${JSON.stringify(last)}, last row ${seconds}`);
      }),
    },
    {
      name: 'chain',
      expected: 'since = last − 1 repeats the last row, so that no row between two pages is lost',
      check: onPage(product, '&since=0', async ({ ids, last }, ask) => {
        if (!NANOS.test(String(last))) return `last ${JSON.stringify(last)}`;
        const page = await pageOf(ask, product, `&since=${BigInt(String(last)) - 1n}`);
        if (typeof page === 'string') return page;
        return unless(page.ids.includes(ids.at(-1)!), `after ${ids.at(-1)}: ${idsText(page.ids)}`);
      }),
    },
    {
      name: 'limit',
      expected: 'count=1000 gives 1000 rows from the first trades on, and so does none',
      check: onPage(product, '&since=0&count=1000', async ({ ids }, ask) => {
        const page = await pageOf(ask, product, '&since=0');
        if (typeof page === 'string') return page;
        return unless(ids.length === 1000 && page.ids.length === 1000, `${ids.length} and ${page.ids.length} rows`);
      }),
    },
    {
      name: 'stable',
      expected: 'a page gives the same rows twice',
      check: async (ask) => await sameTwice(() => pageOf(ask, product, '&since=0')),
    },
    {
      name: 'history',
      expected: 'since=0 gives the first trades there are, ids from 1 on',
      check: onPage(product, '&since=0', ({ ids }) => unless(ids[0]! >= 1 && ids[0]! < 10, idsText(ids))),
    },
  ];
}
