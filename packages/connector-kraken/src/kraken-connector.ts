import {
  contractBreak,
  createCalls,
  encodeProduct,
  invalidOption,
  type Judge,
  parseJsonBody,
  parseOrigin,
  parseRecord,
  parseTradeTime,
  rawLine,
  sendAndRead,
  systemClock,
  type TradesReply,
  type VenueSend,
} from '@schemahub/connector-kit';
import { type Clock, type CursorConnector, type CursorPage, ExchangeError, type Transport } from '@schemahub/core';
import { KRAKEN_PUBLIC_BUDGET, krakenDefaults, pairBudget } from './kraken-defaults.js';
import { parsePairs } from './kraken-products.js';
import { factsOfRecord, idOfRow, parseTrades, withId } from './kraken-rows.js';

export interface KrakenConnectorOptions {
  /** Sends one attempt and throws `ExchangeError`; built with `krakenPolicy()`. */
  readonly transport: Transport;
  /** Default `https://api.kraken.com`. A lake remembers it; another one is another exchange. */
  readonly baseUrl?: string | undefined;
  /** For `receivedAt`. Default: this computer's clock. */
  readonly clock?: Clock | undefined;
  /** Rows a page, 1 … 1000. Default 1000. Windows stay 1000 ids wide. */
  readonly pageLimit?: number | undefined;
}

/**
 * How far before a row's time its cursor lies, ns. A row's time is a printed double, up to 120 ns beside the true one,
 * and facts round it to the µs: `last` 1762820035982277754 belongs to a row that says …982.2779, so a cursor one ns
 * before that text would skip trades. A page repeats what it overlaps, and repeated ids are dropped.
 */
const CURSOR_MARGIN_NS = 2000n;

function cursorBefore(micros: number): bigint {
  const cursor = BigInt(micros) * 1000n - CURSOR_MARGIN_NS;
  return cursor > 0n ? cursor : 0n;
}

function resultOf({ body, url }: TradesReply): unknown {
  return (parseJsonBody(body, url) as { result?: unknown } | null)?.result;
}

/** `last` − 1: complete whether the server means "from" or "after", and never a JavaScript number (EXCHANGES §3.2). */
function nextCursor(last: string | undefined, rows: CursorPage['rows'], asked: bigint, url: string): bigint {
  if (last !== undefined && /^\d{1,19}$/.test(last) && rows.length > 0) return BigInt(last) - 1n;
  const lastRow = rows.at(-1);
  if (lastRow === undefined) return asked;
  try {
    return cursorBefore(parseTradeTime(lastRow.facts.ts).micros);
  } catch (cause) {
    const time = JSON.stringify(lastRow.facts.ts.slice(0, 40));
    throw contractBreak(`there is no "last", and the last row has no time but ${time}`, { url, cause });
  }
}

function pageOf(reply: TradesReply, origin: string, asked: bigint): CursorPage {
  const { rows, last } = parseTrades(reply.body, resultOf(reply), reply.url);
  return {
    rows,
    next: nextCursor(last, rows, asked, reply.url),
    request: reply.url.slice(origin.length),
    receivedAt: reply.receivedAt,
    date: reply.date,
    bytes: reply.body.length,
  };
}

/**
 * Kraken spot as a cursor connector: `since` is a time in ns and `last` the time of the page's last trade, so pages
 * follow each other and a pair cannot be read in parallel (EXCHANGES §3.2).
 */
export function createKrakenConnector(options: KrakenConnectorOptions): CursorConnector {
  const { baseUrl = krakenDefaults.baseUrl, clock = systemClock, pageLimit = krakenDefaults.gridSize } = options;
  if (!Number.isSafeInteger(pageLimit) || pageLimit < 1 || pageLimit > krakenDefaults.gridSize)
    throw invalidOption('pageLimit', `a whole number 1 … ${krakenDefaults.gridSize}`, pageLimit);
  const origin = parseOrigin(baseUrl);
  const call = createCalls({ transport: options.transport, origin, clock });
  const trades = async (product: string, query: string, send: VenueSend): Promise<TradesReply> =>
    call(
      {
        path: `/0/public/Trades?pair=${encodeProduct(product, 'XBTUSD')}${query}`,
        cost: [{ budget: pairBudget(product), tokens: 1 }],
        subject: product,
      },
      send,
    );
  const page = async (product: string, query: string, asked: bigint, send: VenueSend): Promise<CursorPage> => {
    const read = (reply: TradesReply): CursorPage => pageOf(reply, origin, asked);
    return (await sendAndRead((judge) => trades(product, query, { ...send, judge }), read)).value;
  };
  const pairs = (query: string, subject: string | undefined, send: VenueSend): Promise<TradesReply> =>
    call({ path: `/0/public/AssetPairs${query}`, cost: [{ budget: KRAKEN_PUBLIC_BUDGET, tokens: 1 }], subject }, send);
  return {
    kind: 'cursor',
    exchange: krakenDefaults.exchange,
    origin,
    gridSize: krakenDefaults.gridSize,
    pageLimit,
    proof: 'cursor-chained',
    listProducts: async (send) => {
      const all = (judge: Judge): Promise<TradesReply> => pairs('', undefined, { priority: 'head', ...send, judge });
      return (await sendAndRead(all, (reply) => parsePairs(resultOf(reply), reply.url))).value;
    },
    findProduct: async (product, send) => {
      try {
        const reply = await pairs(`?pair=${encodeProduct(product, 'XBTUSD')}`, product, { priority: 'head', ...send });
        return parsePairs(resultOf(reply), reply.url).find(({ id }) => id === product);
      } catch (error) {
        if (error instanceof ExchangeError && error.kind === 'product') return undefined;
        throw error;
      }
    },
    fetchNewest: (product, send) => page(product, '', 0n, send),
    fetchFrom: (product, cursor, send) => page(product, `&since=${cursor}&count=${pageLimit}`, cursor, send),
    cursorBefore,
    withId,
    parseTrade: (record) => {
      const row = parseRecord(record);
      const id = idOfRow(row.trade_id);
      if (id === undefined) throw new SyntaxError('record: expected a trade_id 1 … 2^53−1');
      return { id, ...factsOfRecord(row) };
    },
    rawLine: (product, record, { rawPayload }) =>
      rawLine(record, {
        fields: { product_id: product.id, _source: krakenDefaults.exchange, _symbol: product.symbol },
        rawPayload,
      }),
  };
}
