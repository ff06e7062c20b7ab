import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { createCheckpointStore } from '@schemahub/checkpoint';
import { coinbasePolicy, createCoinbaseConnector } from '@schemahub/connector-coinbase';
import { createFetchTransport } from '@schemahub/connector-kit';
import { createDocuments, createLeases } from '@schemahub/coordination';
import type { Clock, Transport, WindowedConnector } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import {
  type CoinbaseSim,
  type CoinbaseSimOptions,
  createCoinbaseSim,
  createVirtualClock,
} from '@schemahub/exchange-sim';
import { createIdReader, createLayout, hashedPart, listRawNames, readCondemned, readRawObject } from '@schemahub/lake';
import { createMemoryStore, currentProcess, type ObjectStore } from '@schemahub/object-store';
import { type ByteBudget, createByteBudget } from '../byte-budget.js';
import { type IngestContext, type IngestSettings, ingestDefaults } from '../context.js';
import type { IngestEvent } from '../events.js';
import { type IngestResult, runIngest } from '../run-ingest.js';

/** A simulated exchange, a lake in memory and one virtual clock for both: whole runs in milliseconds. */
export interface SimBench {
  readonly sim: CoinbaseSim;
  readonly store: ObjectStore;
  /** One clock for exchange and run; heartbeats of leases do not move it. */
  readonly clock: Clock;
  /** Waits that the run itself made, ms. */
  readonly sleeps: number[];
  readonly connector: WindowedConnector;
  readonly events: IngestEvent[];
  /** Shared by all runs; nothing may be left in it. */
  readonly budget: ByteBudget;
  readonly run: (
    mode: IngestSettings['mode'],
    products: readonly string[],
    settings?: Partial<IngestSettings>,
    more?: Partial<IngestContext>,
  ) => Promise<IngestResult>;
  readonly contextOf: (
    settings: Partial<IngestSettings> & Pick<IngestSettings, 'mode'>,
    more?: Partial<IngestContext>,
  ) => IngestContext;
  /** Ids and rows of the sound raw objects, and how often each id is held. */
  readonly raw: (product: string) => Promise<{ ids: RangeSet; rows: number; lines: Map<number, string> }>;
  /** Requests that the exchange has seen since the last call. */
  readonly requests: () => number;
  /** Every object and its bytes, as text to compare. */
  readonly dump: () => Promise<Record<string, string>>;
}

/** When every bench begins. */
export const START: number = Date.parse('2026-11-21T12:00:00Z');

/** Sleeps until it is aborted: a heartbeat that does not move the virtual clock. */
function sleepForEver(_ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((_done, fail) => {
    if (signal?.aborted) fail(signal.reason);
    signal?.addEventListener('abort', () => fail(signal.reason), { once: true });
  });
}

export interface SimBenchOptions extends Omit<CoinbaseSimOptions, 'clock' | 'seed'> {
  readonly store?: ObjectStore;
  readonly seed?: number;
  /** Width of the grid; small ones make many windows of few trades. Default 1000. */
  readonly gridSize?: number;
  /** Put between connector and exchange, e.g. limiter and breaker. */
  readonly guard?: (transport: Transport, clock: Clock) => Transport;
}

export function createSimBench(options: SimBenchOptions): SimBench {
  const clock = createVirtualClock({ nowMs: START });
  const sim = createCoinbaseSim({ seed: 7, rateLimit: false, ...options, clock, requestLog: 100_000 });
  const store = options.store ?? createMemoryStore({ now: clock.now });
  const layout = createLayout();
  const readId = createIdReader('trade_id');
  const events: IngestEvent[] = [];
  const budget = createByteBudget(256 * 1024 * 1024);
  const policy = coinbasePolicy({ userAgent: 'test' });
  const guard = options.guard ?? ((transport: Transport) => transport);
  const connector: WindowedConnector = {
    ...createCoinbaseConnector({
      transport: guard(
        createFetchTransport({ policy, fetch: (url, init) => sim.fetch(url, init), clock, timeoutMs: 15_000 }),
        clock,
      ),
      baseUrl: 'https://sim.test',
      clock,
    }),
    gridSize: options.gridSize ?? 1000,
  };
  const sleeps: number[] = [];
  const ownClock: Clock = {
    now: clock.now,
    sleep: (ms, signal) => {
      sleeps.push(ms);
      return clock.sleep(ms, signal);
    },
  };
  let leaseIds = 0;
  let seen = 0;

  const contextOf: SimBench['contextOf'] = (settings, more = {}) => {
    const used = more.store ?? store;
    const documents = createDocuments(used);
    return {
      connector,
      store: used,
      layout,
      checkpoints: createCheckpointStore({ documents, keyOf: layout.checkpoint }),
      leases: createLeases({
        documents,
        clock: { now: clock.now, sleep: sleepForEver },
        holder: currentProcess(),
        createId: () => `lease-${leaseIds++}`,
        keyOf: layout.lock,
      }),
      readId,
      clock: ownClock,
      random: () => 0.5,
      budget,
      settings: { ...ingestDefaults, ...settings },
      onEvent: (event) => void events.push(event),
      stop: new AbortController().signal,
      ...more,
    };
  };

  return {
    sim,
    store,
    clock,
    sleeps,
    connector,
    events,
    budget,
    contextOf,
    run: (mode, products, settings = {}, more = {}) => runIngest(contextOf({ mode, ...settings }, more), products),
    raw: async (product) => {
      const condemned = new Set((await readCondemned(store, layout, 'coinbase', product)).keys());
      const lines = new Map<number, string>();
      let rows = 0;
      for (const name of await listRawNames(store, layout, { exchange: 'coinbase', product, condemned })) {
        const contents = await readRawObject(store, name, readId, { deep: true });
        rows += contents.ids.length;
        contents.ids.forEach((id, i) => {
          lines.set(id, Buffer.from(hashedPart(contents.lines[i]!)).toString());
        });
      }
      return { ids: RangeSet.fromIds(lines.keys()), rows, lines };
    },
    requests: () => {
      const total = sim.stats.requests;
      const since = total - seen;
      seen = total;
      return since;
    },
    dump: async () => {
      const objects: Record<string, string> = {};
      for await (const { key } of store.list(''))
        objects[key] = Buffer.from((await store.get(key))!.bytes).toString('base64');
      return objects;
    },
  };
}

/** Raw ids of a product must be the exchange's, each once, and its voids attested. */
export function requireTruth(bench: SimBench, result: IngestResult, product: string): Promise<void> {
  return requireHeld(bench, result, product, truthOf(bench.sim, product));
}

/** As `requireTruth`, with the ids that should be held. */
export async function requireHeld(
  bench: SimBench,
  result: IngestResult,
  product: string,
  ids: RangeSet,
): Promise<void> {
  const own = result.products.find(({ productId }) => productId === product);
  deepStrictEqual([own?.state, own?.reason], ['complete', undefined]);
  const raw = await bench.raw(product);
  strictEqual(raw.ids.toString(), ids.toString());
  strictEqual(raw.rows, ids.count);
  strictEqual(own?.account?.missing.difference(own.unsettled).toString(), '');
}

/** The truth of a product, as ids. */
export function truthOf(sim: CoinbaseSim, product: string): RangeSet {
  return RangeSet.fromIds([...sim.control.tradesOf(product)].map(({ id }) => id));
}
