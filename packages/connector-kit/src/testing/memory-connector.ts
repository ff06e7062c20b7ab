import type {
  Clock,
  ExchangeCall,
  ExchangePolicy,
  Product,
  TradeFacts,
  Transport,
  WindowedConnector,
} from '@schemahub/core';
import { classifyByStatus } from '../classify.js';
import { collectBelow, collectWindow, type PageSource } from '../collect-window.js';
import { parseRecord, rawLine } from '../raw-line.js';
import { parseJsonBody } from '../slice-records.js';
import { parseTradeId } from '../trade-id.js';
import { readRows, type TradesReply } from '../trade-rows.js';
import type { VenueDialect } from './simulated-venue.js';

const ORIGIN = 'https://memory.invalid';

/** The wire format of the memory venue: the least that the contract needs. */
export const memoryDialect: VenueDialect = {
  origin: ORIGIN,
  parse: (url) => {
    const [, kind, id] = url.pathname.split('/');
    const product = decodeURIComponent(id ?? '');
    if (kind === 'products') return { kind: 'products' };
    if (kind === 'product') return { kind: 'product', product };
    if (kind !== 'trades') return undefined;
    const upTo = url.searchParams.get('upTo');
    return {
      kind: 'trades',
      product,
      upTo: upTo === null ? undefined : Number(upTo),
      limit: Number(url.searchParams.get('limit')),
    };
  },
  trade: ({ id, ts, side, price, quantity }, idAsString) =>
    `{"id":${idAsString ? `"${id}"` : id}, "ts":${JSON.stringify(ts)},"side":${JSON.stringify(side)},"price":${JSON.stringify(price)},"quantity":${JSON.stringify(quantity)}}`,
  product: (product) => JSON.stringify(product),
  error: (what) => JSON.stringify({ message: what }),
};

export const memoryPolicy: ExchangePolicy = {
  budgets: { requests: { rate: 1000, burst: 1000 } },
  headers: () => ({}),
  classify: (reply, call) => classifyByStatus({ exchange: 'memory', reply, call }),
};

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function factsOf(value: unknown): TradeFacts {
  const row = value as Record<string, unknown>;
  const id = parseTradeId(row.id);
  if (id === undefined) throw new SyntaxError('record: expected an id 0 … 2^53−1');
  return { id, ts: text(row.ts), side: text(row.side), price: text(row.price), quantity: text(row.quantity) };
}

/** The connector of the memory venue: the shortest whole connector there is, and a fake for tests of whoever uses one. */
export function createMemoryConnector(options: {
  transport: Transport;
  clock: Clock;
  pageLimit?: number | undefined;
}): WindowedConnector {
  const { transport, clock, pageLimit = 1000 } = options;
  const call = (path: string, subject?: string): ExchangeCall => ({
    url: `${ORIGIN}${path}`,
    cost: [{ budget: 'requests', tokens: 1 }],
    subject,
  });
  const reader = { idOf: (value: unknown) => parseTradeId((value as { id?: unknown } | null)?.id), factsOf };
  const trades = async (
    product: string,
    query: string,
    send: Parameters<Transport['send']>[1],
  ): Promise<TradesReply> => {
    const asked = call(`/trades/${encodeURIComponent(product)}?${query}`, product);
    const { body, date } = await transport.send(asked, send);
    return { body, url: asked.url, receivedAt: clock.now(), date };
  };
  const source = (product: string, send: Parameters<Transport['send']>[1]): PageSource => ({
    ...reader,
    pageLimit,
    fetchPage: (upTo, limit) => trades(product, `upTo=${upTo}&limit=${limit}`, send),
  });
  const catalogue = async (
    path: string,
    send: Parameters<Transport['send']>[1],
    subject?: string,
  ): Promise<unknown> => {
    const asked = call(path, subject);
    return parseJsonBody((await transport.send(asked, send)).body, asked.url);
  };
  return {
    kind: 'windowed',
    exchange: 'memory',
    origin: ORIGIN,
    gridSize: 1000,
    proof: 'id-contiguous',
    listProducts: async (send) => (await catalogue('/products', send)) as Product[],
    findProduct: async (product, send) => {
      try {
        return (await catalogue(`/product/${encodeURIComponent(product)}`, send, product)) as Product;
      } catch (error) {
        if ((error as { kind?: unknown }).kind === 'product') return undefined;
        throw error;
      }
    },
    fetchHead: async (product, send) => {
      const reply = await trades(product, 'limit=1', send);
      const [newest] = readRows(reply, {}, reader).values;
      return newest === undefined ? undefined : { trade: factsOf(newest), date: reply.date };
    },
    fetchWindow: (product, window, send) => collectWindow({ ...source(product, send), window }),
    fetchBelow: (product, upTo, limit, send) => collectBelow({ ...source(product, send), upTo, limit }),
    probe: async (product, upper, send) => {
      const reply = await trades(product, `upTo=${upper}&limit=2`, send);
      const rows = readRows(reply, { upTo: upper }, reader);
      const anchorTime = rows.values.length === 0 ? '' : factsOf(rows.values[0]).ts;
      return { request: reply.url.slice(ORIGIN.length), ids: rows.ids, anchorTime, date: reply.date };
    },
    parseTrade: (record) => factsOf(parseRecord(record)),
    rawLine: (product, record, { rawPayload }) =>
      rawLine(record, { fields: { product_id: product.id, _source: 'memory', _symbol: product.symbol }, rawPayload }),
  };
}
