import { randomUUID } from 'node:crypto';
import { type CheckpointStore, createCheckpointStore } from '@schemahub/checkpoint';
import type { CircuitStore } from '@schemahub/circuit-breaker';
import { systemClock } from '@schemahub/connector-kit/clock';
import { createDocuments, createLeases, type Documents, type Leases } from '@schemahub/coordination';
import type { HealthTable } from '@schemahub/coordination/dynamodb';
import type { Clock } from '@schemahub/core';
import { type Layout, latestCommitNumber, listProducts } from '@schemahub/lake';
import { createFolderStore, createOverlayStore, currentProcess, type ObjectStore } from '@schemahub/object-store';
import { openHealthTable, openLeaseTable } from './aws.js';
import type { Config } from './config.js';
import { UsageError } from './errors.js';
import type { LocalFiles } from './file-cache.js';
import { openStore } from './lake-store.js';
import { exchanges } from './settings.js';
import { createTraffic, type Traffic } from './traffic.js';

export { exchanges } from './settings.js';

/** A lake with everything that shares it: objects, checkpoints, leases. */
export interface OpenLake {
  readonly store: ObjectStore;
  readonly layout: Layout;
  readonly documents: Documents;
  readonly checkpoints: CheckpointStore;
  readonly leases: Leases;
  /** Where the circuit breaker of an exchange keeps its state. */
  readonly circuits: (exchange: string) => CircuitStore;
  /** Health of exchanges in DynamoDB; undefined without a table for it. */
  readonly health?: HealthTable | undefined;
  /** Copies of the lake's files, where SQL engines cannot open them in place. */
  readonly local?: LocalFiles | undefined;
  /** Removes half-written files that killed writers left in a folder, a day old by `now`, ms. Not for S3, not in a dry run. */
  readonly sweep?: ((now: number) => Promise<void>) | undefined;
  /** What was asked of AWS so far. */
  readonly traffic?: Traffic | undefined;
  readonly clock: Clock;
}

export interface OpenLakeOptions {
  readonly config: Config;
  /** Default: this computer's clock. */
  readonly clock?: Clock | undefined;
  /** Nothing is written: reads see the lake and what this run would have written. */
  readonly dryRun?: boolean | undefined;
}

function openCheckpoints(config: Config, clock: Clock, store: ObjectStore, dryRun: boolean): Documents {
  const folder = config.optionalText('checkpoint-dir');
  if (folder === undefined) return createDocuments(store);
  if (config.optionalText('locks-table') !== undefined)
    throw new UsageError(
      '--checkpoint-dir: not together with DYNAMODB_LOCKS_TABLE. Tasks that share leases must share checkpoints too: leave them in the lake.',
    );
  const own = createFolderStore({ folder, sleep: clock.sleep });
  return createDocuments(dryRun ? createOverlayStore(own) : own);
}

/** Breaker states as documents of the lake. */
export function documentCircuits(documents: Documents, layout: Layout): OpenLake['circuits'] {
  return (exchange) => {
    const key = layout.lock(`circuit:${exchange}`);
    return { read: () => documents.read(key), write: (value, version) => documents.write(key, value, version) };
  };
}

/** Opens a lake on a folder or on S3, with leases in DynamoDB where a table is named. Nothing is asked yet. */
export async function openLake(options: OpenLakeOptions): Promise<OpenLake> {
  const { config, clock = systemClock, dryRun = false } = options;
  const traffic = createTraffic();
  const { store: base, layout, local, sweep } = await openStore(config, clock, traffic);
  const store = dryRun ? createOverlayStore(base) : base;
  const documents = createDocuments(store);
  const checkpointDocuments = openCheckpoints(config, clock, store, dryRun);
  const leaseTable = dryRun ? undefined : await openLeaseTable(config, traffic);
  const health = dryRun ? undefined : await openHealthTable(config, traffic);
  return {
    store,
    layout,
    documents,
    sweep: dryRun ? undefined : sweep,
    checkpoints: createCheckpointStore({ documents: checkpointDocuments, keyOf: layout.checkpoint }),
    leases: createLeases({
      clock,
      holder: currentProcess(),
      createId: randomUUID,
      ttlMs: config.number('lock-ttl') * 1000,
      ...(leaseTable === undefined ? { documents, keyOf: layout.lock } : { store: leaseTable }),
    }),
    circuits: health === undefined ? documentCircuits(documents, layout) : health.circuitStore,
    health,
    local,
    traffic,
    clock,
  };
}

/** Throws `UsageError` unless the place holds evidence, raw objects or commits. */
export async function requireLake(lake: OpenLake): Promise<void> {
  const { store, layout } = lake;
  if ((await latestCommitNumber(store, layout)) > 0) return;
  for (const exchange of exchanges) {
    for await (const _entry of store.list(layout.rawPrefix(exchange))) return;
    for await (const _entry of store.list(layout.evidencePrefix(exchange))) return;
  }
  throw new UsageError(
    `${store.location}: there is no lake here (no raw objects, no commits). Name one with --lake DIR, or fill one with: schemahub backfill BTC-USD --lake ${store.location}`,
  );
}

/** Products that the lake knows, by exchange. */
export async function lakeProducts(lake: OpenLake): Promise<{ exchange: string; productId: string }[]> {
  const found: { exchange: string; productId: string }[] = [];
  for (const exchange of exchanges) {
    for (const productId of await listProducts(lake.store, lake.layout, exchange)) found.push({ exchange, productId });
  }
  return found;
}

/**
 * The store's clock, ms since 1970: when it says that our lease was written. What is deleted by age goes by it, never by
 * the clock of this computer. Undefined where leases are kept elsewhere: then vacuum goes by the newest object.
 */
export async function storeNow({ store, layout }: OpenLake, lease: string): Promise<number | undefined> {
  const key = layout.lock(lease);
  for await (const entry of store.list(key)) if (entry.key === key) return entry.modifiedAt;
  return undefined;
}
