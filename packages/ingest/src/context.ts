import type { CheckpointStore } from '@schemahub/checkpoint';
import type { Leases } from '@schemahub/coordination';
import type { Clock, Head, TradeFacts, WindowedConnector } from '@schemahub/core';
import type { Layout, ReadId } from '@schemahub/lake';
import type { ObjectStore } from '@schemahub/object-store';
import type { ByteBudget } from './byte-budget.js';
import { IngestError } from './errors.js';
import type { OnEvent } from './events.js';
import type { Flights, Load } from './flights.js';

/** What a run works on: from the anchor up, everything, or everything that was ever asked for. */
export type IngestMode = 'ingest' | 'backfill' | 'repair';

/** A bound on ids: a trade id, or an instant in µs since 1970 that is turned into one. */
export type Bound = { readonly id: number } | { readonly micros: number };

/** What the user chose. `ingestDefaults` has the rest. */
export interface IngestSettings {
  readonly mode: IngestMode;
  /** First and last that is wanted, inclusive; `to` as an instant is exclusive. */
  readonly from?: Bound | undefined;
  readonly to?: Bound | undefined;
  /** Exclusive bounds on the ids of this run. */
  readonly after?: number | undefined;
  readonly before?: number | undefined;
  /** Which end of what is missing comes first. */
  readonly order: 'oldest' | 'newest';
  /** Products at the same time, 1 to 10; while they are too small to keep the exchange busy, more are begun. */
  readonly workers: number;
  /** Requests in hand for each worker, 1 to 25: `workers × chunkConcurrency` is the most in hand at any time. */
  readonly chunkConcurrency: number;
  /** Trades of one raw object, at least 1. */
  readonly objectTrades: number;
  /** A cold start begins at the first trade younger than this. */
  readonly coldStartMs: number;
  /** Ask again for everything that is held, and compare. */
  readonly fullRefresh: boolean;
  /** Ask again for the cold-start window, whatever is held of it. */
  readonly skipCheckpoint: boolean;
  /** Go on in a lake whose trades came from another address. */
  readonly acceptOrigin: boolean;
  /** Add each record once more as text, in `_raw_payload`. */
  readonly rawPayload: boolean;
  /** Plan only. Loading a product may adopt or rebuild its checkpoint: give a store that keeps writes to itself. */
  readonly dryRun: boolean;
  /** The venue's files of whole days and months: where they are quicker than pages, wherever there are some, or never. */
  readonly archive: 'auto' | 'always' | 'never';
  /** Between two questions that must not be answered by the same lagging replica; at least 5000. */
  readonly probeWaitMs: number;
  /** A hole below a trade younger than this is left unsettled. */
  readonly youngMs: number;
  /** `repair` asks again about voids younger than this. */
  readonly reprobeMs: number;
}

/** SPEC §4 and §5. */
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
  archive: 'auto',
  probeWaitMs: 5000,
  youngMs: 10 * 60_000,
  reprobeMs: 30 * 24 * 3600_000,
};

/** What a product's checkpoint is read, rebuilt and corrected with: no exchange is asked. */
export interface CheckpointContext {
  readonly connector: {
    readonly exchange: string;
    /** The facts of a raw line. Asked for only where a checkpoint was lost, or lost its last trade. */
    readonly parseTrade: (record: Uint8Array) => TradeFacts | Promise<TradeFacts>;
  };
  readonly store: ObjectStore;
  readonly layout: Layout;
  readonly checkpoints: CheckpointStore;
  /** Reads the id of a raw line. */
  readonly readId: ReadId;
  readonly clock: Clock;
  readonly onEvent: OnEvent;
}

/** Everything a run works with. */
export interface IngestContext extends CheckpointContext {
  /** The exchange, behind its limiter and breaker (`createGuardedTransport`). */
  readonly connector: WindowedConnector;
  readonly leases: Pick<Leases, 'acquire'>;
  /** In [0, 1): jitter. */
  readonly random: () => number;
  /** One for the process: all its runs share it. */
  readonly budget: ByteBudget;
  readonly settings: IngestSettings;
  /** How busy the exchange can be kept; without it as many requests are in hand as the settings allow. */
  readonly load?: (() => Load) | undefined;
  /** Aborts to stop: windows in flight are dropped, finished ones are landed and credited. */
  readonly stop: AbortSignal;
}

/** A head seen by a scan before the run. */
export interface ScannedHead {
  readonly head: Head | undefined;
  /** About how many ids are left to fetch. */
  readonly todo: number;
}

/** What a run adds to what it was given. */
export interface RunContext extends IngestContext {
  /** Of one product: aborts, `stop` with it, when its lease was lost. What is not written then is another run's to write. */
  readonly lost?: AbortSignal | undefined;
  /** Requests in hand, over all its products. */
  readonly flights: Flights;
  /** A product's first look at its head takes it from here. */
  readonly heads: ReadonlyMap<string, ScannedHead>;
}

/** RFC 3339 with ms, as evidence and checkpoints keep it. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

/** Requests that a run may have in hand at any time; the limiter paces them. */
export function requestsAtOnce({ settings }: Pick<IngestContext, 'settings'>): number {
  return settings.workers * settings.chunkConcurrency;
}

function refuse(option: string, expected: string, got: unknown): never {
  throw new IngestError('invalid-option', `${option}: expected ${expected}, got ${String(got)}.`);
}

/** A venue whose pages follow each other by time has no way to begin at an id, or at the end. */
function checkSequential({ order, from, after }: IngestSettings, exchange: string): void {
  const why = `${exchange} is read by time, page after page`;
  if (order === 'newest') refuse('order', `oldest, because ${why}`, order);
  const id = from !== undefined && 'id' in from ? from.id : undefined;
  if (id !== undefined)
    refuse('from', `a day or an instant, because ${why} and no page can be asked for by id`, `trade:${id}`);
  if (after !== undefined) refuse('after', `--from with a day or an instant instead, because ${why}`, after);
}

/** Checks settings at the door. Throws `IngestError` `invalid-option`. */
export function checkSettings(
  settings: IngestSettings,
  connector: Pick<WindowedConnector, 'exchange' | 'isSequential'>,
): void {
  const whole = (option: keyof IngestSettings, least: number, most: number): void => {
    const value = settings[option];
    if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most)
      refuse(option, `a whole number from ${least} to ${most}`, value);
  };
  const { mode, fullRefresh, skipCheckpoint } = settings;
  if (mode !== 'ingest' && mode !== 'backfill' && mode !== 'repair') refuse('mode', 'ingest, backfill or repair', mode);
  if (settings.order !== 'oldest' && settings.order !== 'newest') refuse('order', 'oldest or newest', settings.order);
  whole('workers', 1, 10);
  whole('chunkConcurrency', 1, 25);
  whole('objectTrades', 1, 10_000_000);
  whole('coldStartMs', 0, Number.MAX_SAFE_INTEGER);
  whole('probeWaitMs', 5000, Number.MAX_SAFE_INTEGER);
  whole('youngMs', 0, Number.MAX_SAFE_INTEGER);
  whole('reprobeMs', 0, Number.MAX_SAFE_INTEGER);
  if (fullRefresh && skipCheckpoint)
    refuse(
      'fullRefresh and skipCheckpoint',
      'one of them: the first compares all, the second the cold-start window',
      'both',
    );
  if (connector.isSequential === true) checkSequential(settings, connector.exchange);
  if (skipCheckpoint && mode !== 'ingest') refuse('skipCheckpoint', 'it only with mode ingest', mode);
}
