import { randomUUID } from 'node:crypto';
import { type CheckpointStore, createCheckpointStore } from '@schemahub/checkpoint';
import { systemClock } from '@schemahub/connector-kit';
import { createDocuments, createLeases, type Documents, type Leases } from '@schemahub/coordination';
import type { Clock } from '@schemahub/core';
import { createLayout, type Layout, latestCommitNumber, listProducts } from '@schemahub/lake';
import { createFolderStore, createOverlayStore, currentProcess, type ObjectStore } from '@schemahub/object-store';
import type { Config } from './config.js';
import { UsageError } from './errors.js';

/** A lake with everything that shares it: objects, checkpoints, leases. */
export interface OpenLake {
  readonly store: ObjectStore;
  readonly layout: Layout;
  readonly documents: Documents;
  readonly checkpoints: CheckpointStore;
  readonly leases: Leases;
  readonly clock: Clock;
}

export interface OpenLakeOptions {
  readonly config: Config;
  /** Default: this computer's clock. */
  readonly clock?: Clock | undefined;
  /** Nothing is written: reads see the lake and what this run would have written. */
  readonly dryRun?: boolean | undefined;
}

/** Exchanges that a lake may hold. */
export const exchanges: readonly string[] = ['coinbase', 'binance', 'kraken'];

function folderOf(config: Config): string {
  const lake = config.text('lake');
  if (config.optionalText('s3-bucket') !== undefined || lake.startsWith('s3://')) {
    throw new UsageError(
      's3:// lakes are not supported by this version: it works on a local folder. Use --lake DIR (and unset S3_BUCKET).',
    );
  }
  return lake;
}

export async function openLake(options: OpenLakeOptions): Promise<OpenLake> {
  const { config, clock = systemClock } = options;
  const layout = createLayout({
    rawPrefix: config.optionalText('raw-prefix'),
    unifiedPrefix: config.optionalText('unified-prefix'),
  });
  const folder = createFolderStore({ folder: folderOf(config), sleep: clock.sleep });
  const store = options.dryRun === true ? createOverlayStore(folder) : folder;
  const documents = createDocuments(store);
  const checkpointDir = config.optionalText('checkpoint-dir');
  const checkpointStore =
    checkpointDir === undefined ? store : createFolderStore({ folder: checkpointDir, sleep: clock.sleep });
  const checkpointDocuments = createDocuments(
    options.dryRun === true && checkpointDir !== undefined ? createOverlayStore(checkpointStore) : checkpointStore,
  );
  return {
    store,
    layout,
    documents,
    checkpoints: createCheckpointStore({ documents: checkpointDocuments, keyOf: layout.checkpoint }),
    leases: createLeases({
      documents,
      clock,
      holder: currentProcess(),
      createId: randomUUID,
      keyOf: layout.lock,
      ttlMs: config.number('lock-ttl') * 1000,
    }),
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
