import {
  collectBelowUpwards,
  collectWindowUpwards,
  createCalls,
  createRawFields,
  encodeProduct,
  fieldText,
  invalidOption,
  isoOfMicros,
  parseJsonBody,
  parseOrigin,
  parseRecord,
  parseTradeId,
  probeUpwards,
  type RowReader,
  rawLine,
  readRows,
  sendAndRead,
  systemClock,
  type TradesReply,
  type UpwardSource,
  type VenueSend,
} from '@schemahub/connector-kit';
import {
  type BudgetSpec,
  type Clock,
  ExchangeError,
  type Product,
  type TradeFacts,
  type Transport,
  type WindowedConnector,
} from '@schemahub/core';
import { type BinanceArchiveOptions, createBinanceArchive } from './archive/binance-archive.js';
import { BINANCE_BUDGET, binanceDefaults, weights } from './binance-defaults.js';
import { parseExchangeInfo } from './binance-products.js';
import { restAfter } from './used-weight.js';

export interface BinanceConnectorOptions {
  /** Sends one attempt and throws `ExchangeError`; built with `binancePolicy()`. */
  readonly transport: Transport;
  /** Default `https://api.binance.com`. A lake remembers it; another one is another exchange. */
  readonly baseUrl?: string | undefined;
  /** For `receivedAt`. Default: this computer's clock. */
  readonly clock?: Clock | undefined;
  /** Rows a page, 1 … 1000. Default 1000. Windows stay 1000 ids wide. */
  readonly pageLimit?: number | undefined;
  /** Told the weight limit that a catalogue reply names, by budget. */
  readonly onBudget?: ((budget: string, spec: BudgetSpec) => void) | undefined;
  /** Told that the address has used up a budget, by whomever, and for how long to send nothing. */
  readonly onExhausted?: ((budget: string, delayMs: number) => void) | undefined;
  /** The bulk archive; without it everything comes over REST. */
  readonly archive?: BinanceArchiveOptions | undefined;
}

/** A count this great is µs, below it ms: archives before 2025 and replies without the header have ms. */
const LEAST_MICROS = 1e14;

/** Binance counts ms or µs since 1970; as text with the digits that the count has. */
function timeText(value: unknown): string {
  const count = typeof value === 'number' ? value : Number.NaN;
  if (!Number.isSafeInteger(count) || count < 0) return fieldText(value);
  return count >= LEAST_MICROS ? isoOfMicros(count, 6) : isoOfMicros(count * 1000, 3);
}

function idOf(value: unknown): number | undefined {
  return typeof value === 'object' && value !== null ? parseTradeId((value as { id?: unknown }).id) : undefined;
}

/** Binance has no side but who the maker was: the buyer was the maker, so the taker sold (EXCHANGES §5). */
function sideOf(isBuyerMaker: unknown): string {
  return typeof isBuyerMaker === 'boolean' ? (isBuyerMaker ? 'sell' : 'buy') : '';
}

function factsOf(value: unknown): TradeFacts {
  const id = idOf(value);
  if (id === undefined) throw new SyntaxError('record: expected an id 0 … 2^53−1');
  const row = value as Record<string, unknown>;
  return {
    id,
    ts: timeText(row.time),
    side: sideOf(row.isBuyerMaker),
    price: fieldText(row.price),
    quantity: fieldText(row.qty),
  };
}

const binanceReader: RowReader = { idOf, factsOf };

const API = '/api/v3';

function createRequests(transport: Transport, origin: string, clock: Clock) {
  const call = createCalls({ transport, origin, clock });
  const send = (path: string, weight: number, subject: string | undefined, options: VenueSend): Promise<TradesReply> =>
    call({ path: `${API}/${path}`, cost: [{ budget: BINANCE_BUDGET, tokens: weight }], subject }, options);
  const symbol = (product: string): string => `symbol=${encodeProduct(product, 'BTCUSDT')}`;
  return {
    catalogue: (options: VenueSend) => send('exchangeInfo', weights.exchangeInfo, undefined, options),
    product: async (product: string, options: VenueSend) =>
      send(`exchangeInfo?${symbol(product)}`, weights.exchangeInfo, product, options),
    newest: async (product: string, options: VenueSend) =>
      send(`trades?${symbol(product)}&limit=1`, weights.trades, product, options),
    from: async (product: string, from: number, limit: number, options: VenueSend) =>
      send(
        `historicalTrades?${symbol(product)}&fromId=${from}&limit=${limit}`,
        weights.historicalTrades,
        product,
        options,
      ),
  };
}

type Requests = ReturnType<typeof createRequests>;

/** A transport that tells when a reply shows that the address has used up its weight of the minute. */
function watchWeight(
  { transport, onExhausted }: BinanceConnectorOptions,
  clock: Clock,
  weightPerMinute: () => number,
): Transport {
  if (onExhausted === undefined) return transport;
  return {
    send: async (call, send) => {
      const reply = await transport.send(call, send);
      const delayMs = restAfter(reply, weightPerMinute(), clock.now());
      if (delayMs !== undefined) onExhausted(BINANCE_BUDGET, delayMs);
      return reply;
    },
  };
}

/**
 * Binance spot as a windowed connector: `fromId=X` gives the least ids from X on, so windows of a fixed grid can be
 * asked in any order and in parallel (EXCHANGES §2.2). Raw trades only: aggregated ones have ids of their own and never
 * come near this table. The head is read from a trade, never from the ticker.
 */
export function createBinanceConnector(options: BinanceConnectorOptions): WindowedConnector {
  const { baseUrl = binanceDefaults.baseUrl, clock = systemClock, pageLimit = binanceDefaults.gridSize } = options;
  if (!Number.isSafeInteger(pageLimit) || pageLimit < 1 || pageLimit > binanceDefaults.gridSize)
    throw invalidOption('pageLimit', `a whole number 1 … ${binanceDefaults.gridSize}`, pageLimit);
  const origin = parseOrigin(baseUrl);
  let { weightPerMinute } = binanceDefaults;
  const watched = watchWeight(options, clock, () => weightPerMinute);
  const requests = createRequests(watched, origin, clock);
  const source = (product: string, send: VenueSend): UpwardSource => ({
    ...binanceReader,
    pageLimit,
    fetchFrom: (from, limit, judge) => requests.from(product, from, limit, { ...send, judge }),
  });
  const fieldsOf = createRawFields(binanceDefaults.exchange);
  const timeOf = (record: Uint8Array): string => factsOf(parseRecord(record)).ts;
  return {
    kind: 'windowed',
    exchange: binanceDefaults.exchange,
    origin,
    gridSize: binanceDefaults.gridSize,
    proof: 'id-contiguous',
    listProducts: async (send) => {
      const { value } = await sendAndRead(
        (judge) => requests.catalogue({ priority: 'head', ...send, judge }),
        ({ body, url }) => parseExchangeInfo(parseJsonBody(body, url), url),
      );
      const { products, budget } = value;
      weightPerMinute = value.weightPerMinute ?? weightPerMinute;
      if (budget !== undefined) options.onBudget?.(BINANCE_BUDGET, budget);
      return products;
    },
    findProduct: (product, send) => findProduct(requests, product, { priority: 'head', ...send }),
    fetchHead: async (product, send) => {
      const { reply, value } = await sendAndRead(
        (judge) => requests.newest(product, { priority: 'head', ...send, judge }),
        (answer) => readRows(answer, {}, binanceReader),
      );
      const [newest] = value.values;
      return newest === undefined ? undefined : { trade: factsOf(newest), date: reply.date };
    },
    fetchWindow: async (product, window, send) => collectWindowUpwards({ ...source(product, send), window }),
    fetchBelow: async (product, upTo, limit, send) => collectBelowUpwards({ ...source(product, send), upTo, limit }),
    probe: async (product, upper, send = {}) =>
      probeUpwards({ ...source(product, send), origin, upper, lower: send.lower }),
    archive: options.archive && createBinanceArchive({ ...options.archive, clock, timeOf }),
    parseTrade: (record) => factsOf(parseRecord(record)),
    rawLine: (product, record, { rawPayload }) =>
      rawLine(record, {
        fields: fieldsOf(product),
        rawPayload,
      }),
  };
}

/** A product that the venue does not know is an answer here, not a failure. */
async function findProduct(requests: Requests, product: string, send: VenueSend): Promise<Product | undefined> {
  try {
    const { body, url } = await requests.product(product, send);
    return parseExchangeInfo(parseJsonBody(body, url), url).products.find(({ id }) => id === product);
  } catch (error) {
    if (error instanceof ExchangeError && error.kind === 'product') return undefined;
    throw error;
  }
}
