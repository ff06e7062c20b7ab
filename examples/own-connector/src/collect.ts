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

export interface Collected {
  readonly certificate: Certificate;
  /** `[day, trades, volume]` from SQL on the committed table. */
  readonly days: readonly (readonly unknown[])[];
}

/** Run again, it asks for what is new and changes nothing else. `folder`: of the lake; `origin`: the venue's base URL. */
export async function collect(options: { folder: string; origin: string; clock: Clock }): Promise<Collected> {
  const { clock, origin } = options;
  const [store, layout, readId] = [createFolderStore(options), createLayout(), createIdReader('n')];
  const documents = createDocuments(store);
  const checkpoints = createCheckpointStore({ documents, keyOf: layout.checkpoint });
  const stop = new AbortController().signal;
  const [createId, random, onEvent] = [() => crypto.randomUUID(), Math.random, () => undefined];

  // Fetch: never above the venue's rate, and not at all while it is down.
  const transport = createGuardedTransport({
    transport: createFetchTransport({ policy: lemonPolicy, clock }),
    limiter: createRateLimiter({ budgets: lemonPolicy.budgets, clock }),
    breaker: createCircuitBreaker({ name: 'lemon', clock }),
    clock,
    maxWaitMs: 60_000,
    onEvent,
  });
  const connector = createLemonConnector({ origin, transport, clock });
  const holder = currentProcess();
  const leases = createLeases({ documents, clock, holder, createId, keyOf: layout.lock });
  const budget = createByteBudget(64 * 1024 * 1024);
  const settings = { ...ingestDefaults, mode: 'backfill' as const };
  const context = {
    connector,
    store,
    layout,
    checkpoints,
    leases,
    readId,
    clock,
    random,
    budget,
    settings,
    onEvent,
    stop,
  };
  const { products, unavailable } = await runIngest(context, [PRODUCT.productId]);
  if (unavailable !== undefined) throw unavailable;
  const told = products.find(({ state }) => state !== 'complete');
  if (told !== undefined) throw new Error(`${told.productId} is ${told.state}: ${told.reason}`);

  // Raw records → the table, by the mapping.
  const mapping = await loadMapping(MAPPING, { file: 'lemon.yaml', schemas: [tradesUnifiedWithDecimals] });
  const mappings = { [mapping.source]: mapping };
  const rules = { store, layout, readId, readCheckpoint: checkpoints.read, proof: connector.proof };
  const { rawNames: names, rawIds: fetched } = await readProduct({ ...rules, ...PRODUCT });
  const raw = { ...PRODUCT, symbol: 'LEMON-EUR', source: mapping.source, names, fetched, state: 'complete' as const };
  await createTable({ store, layout, schema: tradesUnified, mappings, runId: createId(), clock }).transform({
    products: [raw],
  });

  // The proof, and a question.
  const table = await readTable({ store, layout });
  const certificate = certify({ table, products: [await readProduct({ ...rules, ...PRODUCT })], now: clock.now() });
  const snapshot = await readHead(store, layout);
  const paths = snapshot?.products.flatMap(({ files }) => files.map(({ path }) => store.urlOf?.(path) ?? path)) ?? [];
  const engine = await openDuckdb({ table: { files: paths, columns: tradesUnified.columns } });
  const sql = 'SELECT trade_ts::DATE AS day, count(*), sum(quantity) FROM trades_unified GROUP BY day ORDER BY day';
  const days: (readonly unknown[])[] = [];
  for await (const rows of (await engine.run(sql)).rows) days.push(...rows);
  await engine.close();
  return { certificate, days };
}
