// From a venue of your own to a proven table: fetch → raw → table → certificate → SQL.
import { type Certificate, certify, readProduct, readTable } from '@schemahub/audit';
import { createCheckpointStore } from '@schemahub/checkpoint';
import { createCircuitBreaker } from '@schemahub/circuit-breaker';
import { createFetchTransport } from '@schemahub/connector-kit';
import { createDocuments, createLeases } from '@schemahub/coordination';
import { type Clock, tradesUnified, tradesUnifiedWithDecimals } from '@schemahub/core';
import { createByteBudget, createGuardedTransport, ingestDefaults, runIngest } from '@schemahub/ingest';
import { createIdReader, createLayout, readHead } from '@schemahub/lake';
import { loadMapping } from '@schemahub/mapping-engine';
import { createFolderStore, currentProcess } from '@schemahub/object-store';
import { openDuckdb } from '@schemahub/query/duckdb';
import { createRateLimiter } from '@schemahub/rate-limit';
import { createTable } from '@schemahub/table';
import { createLemonConnector, lemonPolicy } from './lemon-connector.js';

const PRODUCT = { exchange: 'lemon', productId: 'LEMON-EUR' };
/** Raw field: column. The venue says the taker's side, in lower case. */
const MAPPING = `
version: 1
source: raw_lemon_trades
target_table: trades_unified
mappings: { _symbol: symbol, n: trade_id, taker: side, px: price, qty: quantity, at: trade_ts, _source_ingest_ts: ingest_ts }
constants: { exchange: LEMON }
transforms: { side: upper, price: to_double, quantity: to_double, trade_ts: iso8601, ingest_ts: iso8601 }
validation: { side: { enum: [BUY, SELL] }, price: { minimum: 0, exclusive: true } }
`;

interface CollectOptions {
  /** Of the lake. */
  readonly folder: string;
  /** The venue's base URL; a lake remembers it. */
  readonly origin: string;
  readonly clock: Clock;
}

/** The lake, and what every step needs of it. */
function openLake({ folder, clock }: CollectOptions) {
  const [store, layout] = [createFolderStore({ folder }), createLayout()];
  const documents = createDocuments(store);
  const checkpoints = createCheckpointStore({ documents, keyOf: layout.checkpoint });
  return { store, layout, documents, checkpoints, clock, readId: createIdReader('n') };
}
type Lake = ReturnType<typeof openLake>;

/** Never above the venue's rate, and not at all while it is down. */
async function fetchTrades({ documents, ...lake }: Lake, origin: string): Promise<void> {
  const { clock, layout } = lake;
  const [createId, random, onEvent] = [() => crypto.randomUUID(), Math.random, () => undefined];
  const transport = createGuardedTransport({
    transport: createFetchTransport({ policy: lemonPolicy, clock }),
    limiter: createRateLimiter({ budgets: lemonPolicy.budgets, clock }),
    breaker: createCircuitBreaker({ name: 'lemon', clock }),
    clock,
    maxWaitMs: 60_000,
    onEvent,
  });
  const connector = createLemonConnector({ origin, transport, clock });
  const leases = createLeases({ documents, clock, holder: currentProcess(), createId, keyOf: layout.lock });
  const budget = createByteBudget(64 * 1024 * 1024);
  const settings = { ...ingestDefaults, mode: 'backfill' as const };
  const stop = new AbortController().signal;
  const context = { ...lake, connector, leases, random, budget, settings, onEvent, stop };
  const { products, unavailable } = await runIngest(context, [PRODUCT.productId]);
  if (unavailable !== undefined) throw unavailable;
  const told = products.find(({ state }) => state !== 'complete');
  if (told !== undefined) throw new Error(`${told.productId} is ${told.state}: ${told.reason}`);
}

/** What the lake holds of the product: raw objects, evidence, checkpoint. */
function held({ store, layout, readId, checkpoints }: Lake): ReturnType<typeof readProduct> {
  return readProduct({ store, layout, readId, readCheckpoint: checkpoints.read, proof: 'id-contiguous', ...PRODUCT });
}

/** Raw records → the table, by the mapping: what is new, in one commit. */
async function addToTable(lake: Lake): Promise<void> {
  const { store, layout, clock } = lake;
  const mapping = await loadMapping(MAPPING, { file: 'lemon.yaml', schemas: [tradesUnifiedWithDecimals] });
  const { rawNames: names, rawIds: fetched } = await held(lake);
  const raw = { ...PRODUCT, symbol: 'LEMON-EUR', source: mapping.source, names, fetched, state: 'complete' as const };
  const mappings = { [mapping.source]: mapping };
  const table = createTable({ store, layout, schema: tradesUnified, mappings, runId: crypto.randomUUID(), clock });
  await table.transform({ products: [raw] });
}

/** `[day, trades, volume]` of the committed table. */
async function volumeByDay({ store, layout }: Lake): Promise<readonly (readonly unknown[])[]> {
  const snapshot = await readHead(store, layout);
  const files = snapshot?.products.flatMap((product) => product.files.map(({ path }) => store.urlOf?.(path) ?? path));
  const engine = await openDuckdb({ table: { files: files ?? [], columns: tradesUnified.columns } });
  const sql = 'SELECT trade_ts::DATE AS day, count(*), sum(quantity) FROM trades_unified GROUP BY day ORDER BY day';
  const days: (readonly unknown[])[] = [];
  for await (const rows of (await engine.run(sql)).rows) days.push(...rows);
  await engine.close();
  return days;
}

export interface Collected {
  readonly certificate: Certificate;
  readonly days: readonly (readonly unknown[])[];
}

/** Run again, it asks for what is new and changes nothing else. */
export async function collect(options: CollectOptions): Promise<Collected> {
  const lake = openLake(options);
  await fetchTrades(lake, options.origin);
  await addToTable(lake);
  const table = await readTable(lake);
  const certificate = certify({ table, products: [await held(lake)], now: options.clock.now() });
  return { certificate, days: await volumeByDay(lake) };
}
