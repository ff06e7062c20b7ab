import {
  ConnectorError,
  collectBelow,
  collectWindow,
  contractBreak,
  createCalls,
  createRawFields,
  encodeProduct,
  fieldText,
  invalidOption,
  type PageSource,
  parseJsonBody,
  parseOrigin,
  parseRecord,
  parseTradeId,
  type RowReader,
  rawLine,
  readRows,
  sendAndRead,
  systemClock,
  type TradesReply,
  type VenueSend,
} from '@schemahub/connector-kit';
import {
  type Clock,
  ExchangeError,
  type Product,
  type TradeFacts,
  type Transport,
  type WindowedConnector,
} from '@schemahub/core';
import { coinbaseDefaults } from './coinbase-defaults.js';
import { COINBASE_BUDGET } from './coinbase-policy.js';
import { parseProduct } from './coinbase-products.js';

export interface CoinbaseConnectorOptions {
  /** Sends one attempt and throws `ExchangeError`; built with `coinbasePolicy()`. */
  readonly transport: Transport;
  /** Default `https://api.exchange.coinbase.com`. A lake remembers it; another one is another exchange. */
  readonly baseUrl?: string | undefined;
  /** For `receivedAt`. Default: this computer's clock. */
  readonly clock?: Clock | undefined;
  /** Rows a page, 1 … 1000. Default 1000; 100 for the API as it was until about 2021. Windows stay 1000 ids wide. */
  readonly pageLimit?: number | undefined;
}

function idOf(value: unknown): number | undefined {
  return typeof value === 'object' && value !== null
    ? parseTradeId((value as { trade_id?: unknown }).trade_id)
    : undefined;
}

/** `side` is the maker's in every endpoint and in `match` messages; the mapping inverts it (EXCHANGES §1.6). */
function factsOf(value: unknown): TradeFacts {
  const id = idOf(value);
  if (id === undefined) throw new SyntaxError('record: expected a trade_id 0 … 2^53−1');
  const row = value as Record<string, unknown>;
  return {
    id,
    ts: fieldText(row.time),
    side: fieldText(row.side),
    price: fieldText(row.price),
    quantity: fieldText(row.size),
  };
}

const reader: RowReader = { idOf, factsOf };

/** The path of a product; ids are one segment, whatever characters they hold. */
function productPath(product: string): string {
  return `/products/${encodeProduct(product, 'BTC-USD')}`;
}

/** The requests of this venue. Only `after` is ever sent: `before` gives the newest page above an id, not the next one. */
function createRequests(transport: Transport, origin: string, clock: Clock) {
  const call = createCalls({ transport, origin, clock });
  const send = (path: string, subject: string | undefined, options: VenueSend): Promise<TradesReply> =>
    call({ path, cost: [{ budget: COINBASE_BUDGET, tokens: 1 }], subject }, options);
  return {
    catalogue: (options: VenueSend) => send('/products', undefined, options),
    product: async (product: string, options: VenueSend) => send(productPath(product), product, options),
    newest: async (product: string, options: VenueSend) =>
      send(`${productPath(product)}/trades?limit=1`, product, options),
    below: async (product: string, upTo: number, limit: number, options: VenueSend) =>
      send(`${productPath(product)}/trades?after=${upTo + 1}&limit=${limit}`, product, options),
  };
}

/**
 * Coinbase Exchange as a windowed connector: `after=X` gives the greatest ids below X, so windows of a fixed grid can
 * be asked in any order and in parallel (EXCHANGES §1.3). The head is read from a trade, never from the ticker, which
 * may be ahead of the trades.
 */
export function createCoinbaseConnector(options: CoinbaseConnectorOptions): WindowedConnector {
  const {
    transport,
    baseUrl = coinbaseDefaults.baseUrl,
    clock = systemClock,
    pageLimit = coinbaseDefaults.gridSize,
  } = options;
  if (!Number.isSafeInteger(pageLimit) || pageLimit < 1 || pageLimit > coinbaseDefaults.gridSize) {
    throw invalidOption('pageLimit', `a whole number 1 … ${coinbaseDefaults.gridSize}`, pageLimit);
  }
  const origin = parseOrigin(baseUrl);
  const requests = createRequests(transport, origin, clock);
  const source = (product: string, send: VenueSend): PageSource => ({
    ...reader,
    pageLimit,
    fetchPage: (upTo, limit, judge) => requests.below(product, upTo, limit, { ...send, judge }),
  });
  const fieldsOf = createRawFields(coinbaseDefaults.exchange);
  return {
    kind: 'windowed',
    exchange: coinbaseDefaults.exchange,
    origin,
    gridSize: coinbaseDefaults.gridSize,
    proof: 'id-contiguous',
    listProducts: async (send) => {
      const { value } = await sendAndRead(
        (judge) => requests.catalogue({ priority: 'head', ...send, judge }),
        parseCatalogue,
      );
      return value;
    },
    findProduct: (product, send) => findProduct(requests.product, product, { priority: 'head', ...send }),
    fetchHead: async (product, send) => {
      const { reply, value } = await sendAndRead(
        (judge) => requests.newest(product, { priority: 'head', ...send, judge }),
        (answer) => readRows(answer, {}, reader),
      );
      const [newest] = value.values;
      return newest === undefined ? undefined : { trade: factsOf(newest), date: reply.date };
    },
    fetchWindow: async (product, window, send) => collectWindow({ ...source(product, send), window }),
    fetchBelow: async (product, upTo, limit, send) => collectBelow({ ...source(product, send), upTo, limit }),
    probe: async (product, upper, send) => {
      if (!Number.isSafeInteger(upper + 1) || upper < 0) {
        throw new ConnectorError('invalid-window', `probe: expected an id 0 … 2^53−2, got ${upper}`);
      }
      const { reply, value: rows } = await sendAndRead(
        (judge) => requests.below(product, upper, 2, { ...send, judge }),
        (answer) => readRows(answer, { upTo: upper }, reader),
      );
      const anchorTime = rows.values.length === 0 ? '' : factsOf(rows.values[0]).ts;
      return { request: reply.url.slice(origin.length), ids: rows.ids, anchorTime, date: reply.date };
    },
    parseTrade: (record) => factsOf(parseRecord(record)),
    rawLine: (product, record, { rawPayload }) =>
      rawLine(record, {
        fields: fieldsOf(product),
        rawPayload,
      }),
  };
}

function parseCatalogue({ body, url }: TradesReply): readonly Product[] {
  const rows = parseJsonBody(body, url);
  if (!Array.isArray(rows)) throw contractBreak('expected the catalogue as a JSON array', { url });
  return rows.map((row) => parseProduct(row, url));
}

/** A product that the venue does not know is an answer here, not a failure. */
async function findProduct(
  request: (product: string, options: VenueSend) => Promise<TradesReply>,
  product: string,
  send: VenueSend,
): Promise<Product | undefined> {
  try {
    const { body, url } = await request(product, send);
    const found = parseProduct(parseJsonBody(body, url), url);
    if (found.id.toUpperCase() === product.toUpperCase()) return found;
    throw contractBreak(`asked for product ${product}, got ${found.id}`, { url });
  } catch (error) {
    if (error instanceof ExchangeError && error.kind === 'product') return undefined;
    throw error;
  }
}
