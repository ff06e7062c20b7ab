import { createCheckpointStore } from '@schemahub/checkpoint';
import { createDocuments, createLeases } from '@schemahub/coordination';
import { type Clock, tradesUnified } from '@schemahub/core';
import type { SimFetch } from '@schemahub/exchange-sim';
import { createByteBudget, type IngestContext, type IngestMode, runIngest } from '@schemahub/ingest';
import { condemnObjects } from '@schemahub/ingest/checkpoint';
import { createLayout } from '@schemahub/lake';
import type { Mapping } from '@schemahub/mapping-engine';
import type { ObjectStore, ProcessIdentity } from '@schemahub/object-store';
import { condemnMissing, runVerify } from '@schemahub/runtime/audit';
import type { Config } from '@schemahub/runtime/config';
import { openExchange } from '@schemahub/runtime/exchange';
import { expireFace, faceStatus, publish, publishedPaths } from '@schemahub/runtime/iceberg';
import { createIngestContext, ingestSettings } from '@schemahub/runtime/ingest';
import { documentCircuits, type OpenLake, requireLake, storeNow } from '@schemahub/runtime/lake';
import { rawProducts } from '@schemahub/runtime/table';
import { venueOf } from '@schemahub/runtime/venues';
import { createTable, type Table, type UnreadableObject } from '@schemahub/table';
import type { Command, Scenario } from './scenario.js';
import { openSeededScratch } from './under-seed.js';

/** What a command is run with; everything that could differ between two runs comes from here. */
export interface CommandHost {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly identity: ProcessIdentity;
  readonly fetch: SimFetch;
  readonly random: () => number;
  readonly createId: () => string;
  readonly config: Config;
  readonly mapping: Mapping;
  readonly scenario: Scenario;
  readonly products: readonly string[];
  /** 0 … 1: which snapshot a rollback goes back to. */
  readonly choice: number;
  /** Whether what it commits is published at once. */
  readonly isPublishing: boolean;
  readonly onBudget: (facts: { readonly used: number; readonly peak: number; readonly limit: number }) => void;
}

/** How a command ended, in a word or two: `complete`, `held`, `incomplete`. */
export type CommandEnd = string;

const BYTES_PER_ID = 400;

function openSimulatedLake(host: CommandHost): OpenLake {
  const layout = createLayout();
  const documents = createDocuments(host.store);
  return {
    store: host.store,
    layout,
    documents,
    checkpoints: createCheckpointStore({ documents, keyOf: layout.checkpoint }),
    leases: createLeases({
      documents,
      clock: host.clock,
      holder: host.identity,
      createId: host.createId,
      keyOf: layout.lock,
    }),
    circuits: documentCircuits(documents, layout),
    clock: host.clock,
  };
}

const silent = (): void => undefined;

function ingestContext(host: CommandHost, lake: OpenLake, mode: IngestMode, fullRefresh: boolean): IngestContext {
  const { config, scenario } = host;
  const flags = { fullRefresh, skipCheckpoint: false, acceptOrigin: false, rawPayload: false, dryRun: false };
  const settings = {
    ...ingestSettings(mode, config, flags),
    order: scenario.order,
    objectTrades: scenario.objectTrades,
  };
  const exchange = openExchange({
    config,
    lake,
    clock: lake.clock,
    fetch: host.fetch,
    openScratch: async () => openSeededScratch(),
    onEvent: silent,
    onLine: silent,
  });
  const context = createIngestContext({
    lake,
    exchange,
    settings,
    onEvent: silent,
    stop: new AbortController().signal,
  });
  return {
    ...context,
    connector: { ...context.connector, gridSize: scenario.gridSize },
    random: host.random,
    budget: createByteBudget(scenario.budgetBytes),
  };
}

function isVenueError(error: unknown): boolean {
  return error instanceof Error && error.name === 'ExchangeError';
}

async function fetchTrades(
  host: CommandHost,
  lake: OpenLake,
  mode: IngestMode,
  fullRefresh = false,
): Promise<CommandEnd> {
  const stop = new AbortController().signal;
  if (mode === 'repair') {
    await requireLake(lake);
    await condemnMissing({ lake, config: host.config, stop, onLine: silent });
  }
  const context = ingestContext(host, lake, mode, fullRefresh);
  const result = await runIngest(context, host.products);
  const { budget } = context;
  const limit = Math.max(host.scenario.budgetBytes, host.scenario.gridSize * BYTES_PER_ID);
  host.onBudget({ used: budget.used(), peak: budget.peak(), limit });
  // What ended a product is judged as what ends a command is.
  for (const { state, error } of result.products) if (state === 'failed' && !isVenueError(error)) throw error;
  if (result.unavailable !== undefined) return 'unavailable';
  const states = result.products.map(({ productId, state, reason, unsettled }) =>
    state === 'complete' && unsettled.isEmpty
      ? 'complete'
      : `${productId} ${state} ${reason ?? `unsettled ${unsettled}`}`,
  );
  return [...new Set(states)].join('; ');
}

function openTable(host: CommandHost, lake: OpenLake): Table {
  return createTable({
    store: lake.store,
    layout: lake.layout,
    schema: tradesUnified,
    mappings: { [host.mapping.source]: host.mapping },
    runId: host.createId(),
    clock: lake.clock,
  });
}

type Products = NonNullable<Parameters<Table['transform']>[0]['products']>;

function productsOf(host: CommandHost, lake: OpenLake): Products {
  const stop = new AbortController().signal;
  return () =>
    rawProducts({ lake, config: host.config, stop, onRawEvent: silent }, [venueOf(host.config.text('exchange'))]);
}

async function condemn(host: CommandHost, lake: OpenLake, unreadable: readonly UnreadableObject[]): Promise<void> {
  const damaged = unreadable.filter(({ code }) => code === 'damaged-raw');
  const context = ingestContext(host, lake, 'ingest', false);
  for (const productId of new Set(damaged.map((object) => object.productId)))
    await condemnObjects(
      context,
      productId,
      damaged.filter((object) => object.productId === productId),
    );
}

async function transform(
  host: CommandHost,
  lake: OpenLake,
  command: 'transform' | 'rebuild' | 'compact',
): Promise<CommandEnd> {
  const table = openTable(host, lake);
  const products = productsOf(host, lake);
  const result = await table[command]({ products });
  await condemn(host, lake, result.unreadable);
  const faults = [
    result.unreadable.length > 0 ? `${result.unreadable.length} unreadable` : undefined,
    'left' in result && result.left.length > 0 ? `${result.left.length} left` : undefined,
  ].filter((text) => text !== undefined);
  return faults.length === 0 ? 'complete' : faults.join(', ');
}

async function rollback(host: CommandHost, lake: OpenLake): Promise<CommandEnd> {
  const table = openTable(host, lake);
  const { snapshots } = await table.snapshots();
  if (snapshots.length === 0) return 'no snapshot';
  const target = snapshots[Math.floor(host.choice * snapshots.length)]!;
  await table.rollback(target.number);
  return `back to ${target.number}`;
}

async function verify(host: CommandHost, lake: OpenLake, deep: boolean): Promise<CommandEnd> {
  const stop = new AbortController().signal;
  const options = { lake, config: host.config, deep, head: false, write: true, stop, onLine: silent };
  const { certificate } = await runVerify(options);
  const { verdict, findings } = certificate;
  return [verdict, ...findings.map(({ code, message }) => `${code}: ${message}`)].join('; ');
}

async function onTable(host: CommandHost, lake: OpenLake, command: Command): Promise<CommandEnd> {
  switch (command) {
    case 'transform':
    case 'rebuild':
    case 'compact':
      return await transform(host, lake, command);
    case 'vacuum': {
      const { keepMs, keepSnapshots } = host.scenario;
      const now = await storeNow(lake, 'job:vacuum');
      // As the command line does: published snapshots of that age go first, then what they alone held.
      if (host.scenario.publishes === true) await expireFace({ lake, config: host.config, now, keepMs });
      const published = host.scenario.publishes === true ? await publishedPaths(lake, host.config) : undefined;
      const result = await openTable(host, lake).vacuum({ now, keepMs, keepSnapshots, publishedPaths: published });
      return `deleted ${result.deleted.length}, retired ${result.retired.length}, buried ${result.buried.length}`;
    }
    case 'rollback':
      return await rollback(host, lake);
    case 'release':
      await openTable(host, lake).release();
      return 'complete';
    case 'publish':
      return 'published';
    default:
      throw new Error(`no command of the table: ${command}`);
  }
}

/** A command as the command line runs it: its lease, its work, its end. */
export async function runCommand(host: CommandHost, command: Command): Promise<CommandEnd> {
  const lake = openSimulatedLake(host);
  switch (command) {
    case 'ingest':
    case 'backfill':
    case 'repair':
      return await fetchTrades(host, lake, command);
    case 'refresh':
      return await fetchTrades(host, lake, 'ingest', true);
    case 'verify':
    case 'verify-deep':
      return await verify(host, lake, command === 'verify-deep');
    case 'pipeline':
      return [
        await runCommand(host, 'ingest'),
        await runCommand(host, 'transform'),
        await runCommand(host, 'verify'),
      ].join(' | ');
    default: {
      await requireLake(lake);
      const acquired = await lake.leases.acquire(`job:${command}`);
      if (acquired.kind !== 'held') return 'held';
      try {
        const end = await onTable(host, lake, command);
        if (!host.isPublishing || command === 'vacuum') return end;
        await publish({ lake, config: host.config });
        return command === 'publish' ? (await faceStatus({ lake, config: host.config })).state : end;
      } finally {
        await acquired.lease.release();
      }
    }
  }
}
