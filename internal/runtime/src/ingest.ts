import { parseTradeTime } from '@schemahub/connector-kit';
import {
  type Bound,
  type ByteBudget,
  createByteBudget,
  type IngestContext,
  type IngestMode,
  type IngestSettings,
  ingestDefaults,
  type OnEvent,
  windowedConnector,
} from '@schemahub/ingest';
import type { Config } from './config.js';
import { UsageError } from './errors.js';
import type { OpenExchange } from './exchange.js';
import type { OpenLake } from './lake.js';

/** Bytes of fetched and not yet landed trades, over all products (SPEC 5). */
export const BYTE_BUDGET = 256_000_000;

/** `2026-01-01`, an RFC 3339 instant, or `trade:ID`. Throws `UsageError` with the option's name. */
export function parseBound(option: string, text: string): Bound {
  const id = /^trade:(\d{1,16})$/.exec(text)?.[1];
  if (id !== undefined && Number.isSafeInteger(Number(id))) return { id: Number(id) };
  const instant = /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text;
  try {
    return { micros: parseTradeTime(instant).micros };
  } catch (error) {
    throw new UsageError(
      `${option === option.toUpperCase() ? option : `--${option}`}: expected a day (2026-01-01), an instant (2026-01-01T12:00:00Z) or trade:ID, got ${JSON.stringify(text)}.`,
      { cause: error },
    );
  }
}

/** A trade id on the command line. */
function parseId(option: string, text: string): number {
  if (!/^(0|[1-9]\d{0,15})$/.test(text) || !Number.isSafeInteger(Number(text))) {
    throw new UsageError(`--${option}: expected a trade id, got ${JSON.stringify(text)}.`);
  }
  return Number(text);
}

export interface FetchFlags {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly after?: string | undefined;
  readonly before?: string | undefined;
  readonly order?: string | undefined;
  readonly fullRefresh: boolean;
  readonly skipCheckpoint: boolean;
  readonly acceptOrigin: boolean;
  readonly rawPayload: boolean;
  readonly dryRun: boolean;
}

/** A range that ends before it begins asks for nothing: never what was meant. Bounds of two kinds are compared later. */
function requireOrder(
  { from, to, after, before }: Pick<IngestSettings, 'from' | 'to' | 'after' | 'before'>,
  flags: FetchFlags,
): void {
  const isTurned =
    from !== undefined &&
    to !== undefined &&
    (('id' in from && 'id' in to && from.id > to.id) ||
      ('micros' in from && 'micros' in to && from.micros >= to.micros));
  if (isTurned)
    throw new UsageError(
      `--from ${flags.from} and --to ${flags.to}: nothing lies between them (an instant of --to is exclusive). Exchange or widen them.`,
    );
  if (after !== undefined && before !== undefined && after + 1 >= before)
    throw new UsageError(
      `--after ${after} and --before ${before}: no id lies between them; both are exclusive. Exchange or widen them.`,
    );
}

/** The setting's own check lets nothing else through. */
function archiveMode(text: string): IngestSettings['archive'] {
  return text === 'never' || text === 'always' ? text : 'auto';
}

/** Settings of a run from configuration and flags. Contradictions are refused here, before anything is asked. */
export function ingestSettings(mode: IngestMode, config: Config, flags: FetchFlags): IngestSettings {
  const { order = 'oldest' } = flags;
  if (order !== 'oldest' && order !== 'newest')
    throw new UsageError(`--order: expected oldest or newest, got ${JSON.stringify(order)}.`);
  if (flags.fullRefresh && flags.skipCheckpoint)
    throw new UsageError(
      '--full-refresh and --skip-checkpoint: expected one of them; the first compares everything, the second the cold-start window.',
    );
  if (flags.skipCheckpoint && mode !== 'ingest')
    throw new UsageError(`--skip-checkpoint: it belongs to ingest; ${mode} works on what is missing.`);
  const optional = <T>(text: string | undefined, parse: (text: string) => T): T | undefined =>
    text === undefined ? undefined : parse(text);
  const bounds = {
    from: optional(flags.from, (text) => parseBound('from', text)),
    to: optional(flags.to, (text) => parseBound('to', text)),
    after: optional(flags.after, (text) => parseId('after', text)),
    before: optional(flags.before, (text) => parseId('before', text)),
  };
  requireOrder(bounds, flags);
  return {
    ...ingestDefaults,
    mode,
    order,
    workers: config.number('workers'),
    chunkConcurrency: config.number('chunk-concurrency'),
    objectTrades: config.number('object-trades'),
    coldStartMs: config.number('cold-start-minutes') * 60_000,
    fullRefresh: flags.fullRefresh,
    skipCheckpoint: flags.skipCheckpoint,
    acceptOrigin: flags.acceptOrigin,
    rawPayload: flags.rawPayload,
    dryRun: flags.dryRun,
    archive: archiveMode(config.text('archive')),
    ...bounds,
  };
}

/** Everything a run works with. */
export function createIngestContext(options: {
  readonly lake: OpenLake;
  readonly exchange: OpenExchange;
  readonly settings: IngestSettings;
  readonly onEvent: OnEvent;
  readonly stop: AbortSignal;
  /** Shared by runs of one process. Default: one of its own. */
  readonly budget?: ByteBudget | undefined;
}): IngestContext {
  const { lake, exchange, settings, onEvent, stop } = options;
  return {
    connector: windowedConnector(exchange.source, { ...lake, readId: exchange.venue.readId }),
    store: lake.store,
    layout: lake.layout,
    checkpoints: lake.checkpoints,
    leases: lake.leases,
    readId: exchange.venue.readId,
    clock: lake.clock,
    random: Math.random,
    budget: options.budget ?? createByteBudget(BYTE_BUDGET),
    settings,
    onEvent,
    load: exchange.load,
    stop,
  };
}
