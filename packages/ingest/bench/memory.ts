// Peak memory of a backfill of n trades: it must not grow with n. Pages are made up, raw objects are counted and dropped.
import { createCheckpointStore } from '@schemahub/checkpoint';
import { systemClock } from '@schemahub/connector-kit';
import { createDocuments, createLeases } from '@schemahub/coordination';
import type { TradeFacts, WindowedConnector } from '@schemahub/core';
import { createIdReader, createLayout } from '@schemahub/lake';
import { createMemoryStore, currentProcess, type ObjectStore } from '@schemahub/object-store';
import { createByteBudget, ingestDefaults, runIngest } from '../src/index.js';

const trades = Number(process.argv[2] ?? 100_000);
const product = { id: 'BTC-USD', symbol: 'BTC-USD', base: 'BTC', quote: 'USD', status: 'online' } as const;
const START = Date.parse('2025-01-01T00:00:00Z');

/** A trade of about the size and digits of a real one; its id decides it. */
function recordOf(id: number): Buffer {
  const random = Math.imul(id, 2654435761) >>> 0;
  const time = `${new Date(START + id * 40).toISOString().slice(0, 23)}${String(random % 1000).padStart(3, '0')}Z`;
  const price = `${84_000 + (random % 1000)}.${String(random % 97).padStart(2, '0')}000000`;
  const size = `0.${String(random % 100_000_000).padStart(8, '0')}`;
  return Buffer.from(
    `{"trade_id":${id},"side":"${random % 2 ? 'buy' : 'sell'}","size":"${size}","price":"${price}","time":"${time}"}`,
  );
}

function factsOf(record: Uint8Array): TradeFacts {
  const row = JSON.parse(Buffer.from(record).toString()) as Record<string, string>;
  return { id: Number(row.trade_id), ts: row.time!, side: row.side!, price: row.price!, quantity: row.size! };
}

const connector: WindowedConnector = {
  kind: 'windowed',
  exchange: 'coinbase',
  origin: 'https://made-up.test',
  gridSize: 1000,
  proof: 'id-contiguous',
  listProducts: async () => [product],
  findProduct: async () => product,
  fetchHead: async () => ({ trade: factsOf(recordOf(trades)) }),
  fetchWindow: async (_, window) => {
    // As a reply of the network would, so that writes and pages take turns.
    await new Promise((done) => setImmediate(done));
    const first = Math.max(1, window.first);
    const ids = Float64Array.from(
      { length: Math.max(0, Math.min(trades, window.last) - first + 1) },
      (_v, i) => first + i,
    );
    const records = Array.from(ids, recordOf);
    const bytes = records.reduce((sum, { length }) => sum + length, 0);
    return { window, ids, records, firstTime: '', lastTime: '', receivedAt: Date.now(), bytes, requests: 1 };
  },
  fetchBelow: async (_, upTo) => (upTo < 1 ? [] : [factsOf(recordOf(Math.min(upTo, trades)))]),
  probe: async (_, upper) => {
    const ids = [upper, upper - 1].filter((id) => id >= 1 && id <= trades);
    return { request: '', ids, anchorTime: ids[0] === undefined ? '' : factsOf(recordOf(ids[0])).ts, date: Date.now() };
  },
  parseTrade: factsOf,
  rawLine: (_, record) =>
    Buffer.concat([
      record.subarray(0, -1),
      Buffer.from(',"product_id":"BTC-USD","_source":"coinbase","_symbol":"BTC-USD"'),
    ]),
};

let objects = 0;
let bytes = 0;
const documents = createMemoryStore();
const store: ObjectStore = {
  ...documents,
  putIfAbsent: async (key, body) => {
    if (!key.endsWith('.gz')) return await documents.putIfAbsent(key, body);
    objects++;
    bytes += (body as Uint8Array).length;
    return 'created';
  },
};

const layout = createLayout();
const budget = createByteBudget(256 * 1024 * 1024);
const begun = process.cpuUsage();
const startRss = process.memoryUsage().rss;
let peakRss = 0;
const watch = setInterval(() => {
  peakRss = Math.max(peakRss, process.memoryUsage().rss);
}, 20);
const result = await runIngest(
  {
    connector,
    store,
    layout,
    checkpoints: createCheckpointStore({ documents: createDocuments(documents), keyOf: layout.checkpoint }),
    leases: createLeases({
      documents: createDocuments(documents),
      clock: systemClock,
      holder: currentProcess(),
      createId: () => 'bench',
      keyOf: layout.lock,
    }),
    readId: createIdReader('trade_id'),
    clock: systemClock,
    random: Math.random,
    budget,
    settings: { ...ingestDefaults, mode: 'backfill' },
    onEvent: () => undefined,
    stop: new AbortController().signal,
  },
  [product.id],
);
clearInterval(watch);
const mb = (value: number): number => Math.round(value / 1024 / 1024);
const cpu = process.cpuUsage(begun);
const held = result.products[0]?.account?.rawOnly.count;
if (held !== trades)
  throw new Error(`expected ${trades} trades in raw objects, got ${held}: ${result.products[0]?.reason}`);
process.stdout.write(
  `${trades} trades, ${objects} objects of ${mb(bytes)} MB: RSS ${mb(startRss)} MB at first, ${mb(peakRss)} MB at most; ` +
    `budget ${mb(budget.peak())} MB at most; ${((cpu.user + cpu.system) / 1e6).toFixed(1)} s of CPU\n`,
);
