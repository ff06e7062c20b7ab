// The whole connector of a venue: three requests, how a row is read, what an answer means. "Lemon" is made up; its API is
// in lemon-venue.ts. What makes it a connector of SchemaHub is that its trades are numbered without holes of meaning.
import * as kit from '@schemahub/connector-kit';
import type { Clock, ExchangePolicy, Product, TradeFacts, Transport, WindowedConnector } from '@schemahub/core';

/** Its rate limit, the headers it wants, and what each answer means: by status, as with most venues. */
export const lemonPolicy: ExchangePolicy = {
  budgets: { requests: { rate: 20, burst: 5 } },
  headers: () => ({ accept: 'application/json', 'user-agent': 'lemon-example/1.0' }),
  classify: (reply, call) => kit.classifyByStatus({ exchange: 'lemon', reply, call }),
};

/** `{"n":17,"at":"2026-11-20T12:00:00.000Z","taker":"buy","px":"3.10","qty":"2"}` */
type Row = Partial<Record<'n' | 'at' | 'taker' | 'px' | 'qty', unknown>>;
const idOf = (row: unknown): number | undefined => kit.parseTradeId((row as Row | null)?.n);
function factsOf(row: unknown): TradeFacts {
  const id = idOf(row);
  if (id === undefined) throw new SyntaxError('record: expected a number n');
  const { at, taker, px, qty } = row as Row;
  const [ts, side, price, quantity] = [at, taker, px, qty].map(kit.fieldText);
  return { id, ts: ts!, side: side!, price: price!, quantity: quantity! };
}
const reader = { idOf, factsOf };

export function createLemonConnector(options: {
  origin: string;
  transport: Transport;
  clock: Clock;
}): WindowedConnector {
  const { origin } = options;
  const call = kit.createCalls(options);
  const get = (path: string, subject: string | undefined, send: kit.VenueSend) =>
    call({ path, cost: [{ budget: 'requests', tokens: 1 }], subject }, send);
  const trades = (product: string, query: string, send: kit.VenueSend) =>
    get(`/fills/${kit.encodeProduct(product, 'LEMON-EUR')}?${query}`, product, send);
  const pages = (product: string, send: kit.VenueSend): kit.PageSource => ({
    ...reader,
    pageLimit: 500,
    fetchPage: (upTo, limit, judge) => trades(product, `upto=${upTo}&max=${limit}`, { ...send, judge }),
  });
  const list = async (send: kit.VenueSend): Promise<Product[]> => {
    const { body, url } = await get('/pairs', undefined, send);
    return kit.parseJsonBody(body, url) as Product[]; // this venue's rows are products already
  };
  return {
    kind: 'windowed',
    exchange: 'lemon',
    origin,
    gridSize: 500,
    proof: 'id-contiguous',
    listProducts: list,
    findProduct: async (product, send) => (await list(send)).find(({ id }) => id === product),
    fetchHead: async (product, send) => {
      const reply = await trades(product, 'max=1', send);
      const [newest] = kit.readRows(reply, {}, reader).values;
      return newest === undefined ? undefined : { trade: factsOf(newest), date: reply.date };
    },
    fetchWindow: (product, window, send) => kit.collectWindow({ ...pages(product, send), window }),
    fetchBelow: (product, upTo, limit, send) => kit.collectBelow({ ...pages(product, send), upTo, limit }),
    probe: async (product, upper, send) => {
      const reply = await trades(product, `upto=${upper}&max=2`, send);
      const { ids, values } = kit.readRows(reply, { upTo: upper }, reader);
      const anchorTime = values.length === 0 ? '' : factsOf(values[0]).ts;
      return { request: reply.url.slice(origin.length), ids, anchorTime, date: reply.date };
    },
    parseTrade: (record) => factsOf(kit.parseRecord(record)),
    rawLine: ({ id, symbol }, record, { rawPayload }) =>
      kit.rawLine(record, { fields: { product_id: id, _source: 'lemon', _symbol: symbol }, rawPayload }),
  };
}
