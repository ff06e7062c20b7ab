import type { CheckpointStore } from '@schemahub/checkpoint';
import type { Leases } from '@schemahub/coordination';
import type { Clock, Head, WindowedConnector } from '@schemahub/core';
import type { Layout, ReadId } from '@schemahub/lake';
import type { ObjectStore } from '@schemahub/object-store';
import type { ByteBudget } from './byte-budget.js';
import type { OnEvent } from './events.js';

export type IngestMode = 'ingest' | 'backfill' | 'repair';

/** A bound on ids: a trade id, or an instant in µs since 1970 that is turned into one. */
export type Bound = { readonly id: number } | { readonly micros: number };

export interface IngestSettings {
  readonly mode: IngestMode;
  /** First and last that is wanted, inclusive; `to` as an instant is exclusive. */
  readonly from?: Bound | undefined;
  readonly to?: Bound | undefined;
  /** Exclusive bounds on the ids of this run. */
  readonly after?: number | undefined;
  readonly before?: number | undefined;
  readonly order: 'oldest' | 'newest';
  /** Products at the same time, 1 to 10. */
  readonly workers: number;
  /** Windows of one product at the same time, 1 to 25. */
  readonly chunkConcurrency: number;
  /** Trades of one raw object. */
  readonly objectTrades: number;
  readonly coldStartMs: number;
  readonly fullRefresh: boolean;
  readonly skipCheckpoint: boolean;
  readonly acceptOrigin: boolean;
  readonly rawPayload: boolean;
  readonly dryRun: boolean;
  /** Between two questions that must not be answered by the same lagging replica. */
  readonly probeWaitMs: number;
  /** A hole below a trade younger than this is left unsettled. */
  readonly youngMs: number;
  /** `repair` asks again about voids younger than this. */
  readonly reprobeMs: number;
}

export const ingestDefaults: Omit<IngestSettings, 'mode'> = {
  order: 'oldest',
  workers: 2,
  chunkConcurrency: 15,
  objectTrades: 100_000,
  coldStartMs: 45 * 60_000,
  fullRefresh: false,
  skipCheckpoint: false,
  acceptOrigin: false,
  rawPayload: false,
  dryRun: false,
  probeWaitMs: 5000,
  youngMs: 10 * 60_000,
  reprobeMs: 30 * 24 * 3600_000,
};

/** Everything a run works with. */
export interface IngestContext {
  readonly connector: WindowedConnector;
  readonly store: ObjectStore;
  readonly layout: Layout;
  readonly checkpoints: CheckpointStore;
  readonly leases: Leases;
  readonly readId: ReadId;
  readonly clock: Clock;
  /** In [0, 1): jitter. */
  readonly random: () => number;
  readonly budget: ByteBudget;
  readonly settings: IngestSettings;
  readonly onEvent: OnEvent;
  /** Heads seen by a scan before the run: a product's first look at its head takes it from here. */
  readonly heads?: ReadonlyMap<string, Head | undefined> | undefined;
  /** Aborts to stop: windows in flight are dropped, finished ones are landed and credited. */
  readonly stop: AbortSignal;
}

/** RFC 3339 with ms, as evidence and checkpoints keep it. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
