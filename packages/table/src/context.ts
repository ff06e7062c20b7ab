import type { ColumnBatch, TableSchema } from '@schemahub/columns';
import type { Clock } from '@schemahub/core';
import type { Layout } from '@schemahub/lake';
import type { Mapping } from '@schemahub/mapping-engine';
import type { ObjectStore } from '@schemahub/object-store';
import type { Codec } from '@schemahub/parquet-sink';
import type { BlockWorker } from './block-port.js';
import { TableError } from './errors.js';
import { createStopwatch, type Stopwatch } from './stopwatch.js';
import { requireTradeColumns } from './trade-columns.js';

/** What happens during a run, for progress lines. */
export type TableEvent =
  | {
      readonly type: 'block';
      readonly exchange: string;
      readonly productId: string;
      readonly block: number;
      readonly rows: number;
      readonly objects: number;
    }
  | { readonly type: 'file'; readonly path: string; readonly rows: number; readonly bytes: number }
  | { readonly type: 'unreadable'; readonly key: string; readonly reason: string }
  | { readonly type: 'planned-again'; readonly attempt: number; readonly reason: string }
  | { readonly type: 'committed'; readonly number: number; readonly kind: string };

export interface TableOptions {
  readonly store: ObjectStore;
  readonly layout: Layout;
  /** The table's columns: `tradesUnified`, with or without further columns. */
  readonly schema: TableSchema;
  /** Checked mappings by source: `raw_coinbase_trades`. Commands that read no raw need none. */
  readonly mappings: Readonly<Record<string, Mapping>>;
  /** Names this run's files: 1-64 letters, digits, `-`. Never used by another run. */
  readonly runId: string;
  readonly clock: Clock;
  /** Milliseconds that never go back, for the report. Default `clock.now`. */
  readonly monotonicMs?: (() => number) | undefined;
  /** Compression of data files. Default `snappy`. */
  readonly codec?: Codec | undefined;
  /** Rows of a row group, see parquet-sink. Default 245,760. */
  readonly rowGroupRows?: number | undefined;
  /** How often a command plans again because another run committed first. Default 10. */
  readonly maxPlans?: number | undefined;
  /** Must not throw. */
  readonly onEvent?: ((event: TableEvent) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * Starts at most `most` threads that derive blocks beside this one (`serveBlocks` is their other end). Asked by a run
   * that has at least two blocks; each costs the memory of a block. Default none.
   */
  readonly openWorkers?: ((most: number) => readonly BlockWorker[]) | undefined;
}

/** Options after the door, and what a run keeps. */
export interface TableContext {
  readonly store: ObjectStore;
  readonly layout: Layout;
  readonly schema: TableSchema;
  readonly mappings: Readonly<Record<string, Mapping>>;
  readonly runId: string;
  readonly codec: Codec;
  readonly rowGroupRows: number | undefined;
  readonly maxPlans: number;
  readonly emit: (event: TableEvent) => void;
  readonly signal: AbortSignal | undefined;
  readonly stopwatch: Stopwatch;
  /** RFC 3339 with ms. */
  readonly timestamp: () => string;
  /** Number of the run's next data file; never given twice. */
  readonly nextFileNumber: () => number;
  /** Columns of a block that was written, for the next one: a block of rows is a third of a run's memory. */
  readonly spare: { batch: ColumnBatch | undefined };
  readonly openWorkers: NonNullable<TableOptions['openWorkers']>;
}

const DEFAULT_MAX_PLANS = 10;

/** Checks options at the door. Throws `TableError` `invalid-option`. */
export function createContext(options: TableOptions): TableContext {
  const { store, layout, schema, mappings, runId, clock } = options;
  if (!/^[A-Za-z0-9-]{1,64}$/.test(runId)) {
    throw new TableError(
      'invalid-option',
      `runId: expected 1-64 letters, digits or "-", got ${JSON.stringify(runId)}. It becomes part of file names.`,
    );
  }
  requireTradeColumns(schema);
  for (const [source, mapping] of Object.entries(mappings)) {
    if (mapping.source !== source || mapping.targetTable !== schema.name) {
      throw new TableError(
        'invalid-option',
        `mappings.${source}: expected a mapping from ${source} to ${schema.name}, got one from ${mapping.source} to ${mapping.targetTable}.`,
      );
    }
  }
  const maxPlans = options.maxPlans ?? DEFAULT_MAX_PLANS;
  if (!Number.isSafeInteger(maxPlans) || maxPlans < 1) {
    throw new TableError('invalid-option', `maxPlans: expected a whole number of at least 1, got ${maxPlans}.`);
  }
  let files = 0;
  return {
    store,
    layout,
    schema,
    mappings,
    runId,
    codec: options.codec ?? 'snappy',
    rowGroupRows: options.rowGroupRows,
    maxPlans,
    emit: options.onEvent ?? ((): void => undefined),
    signal: options.signal,
    stopwatch: createStopwatch(options.monotonicMs ?? clock.now),
    timestamp: () => new Date(clock.now()).toISOString(),
    nextFileNumber: () => files++,
    spare: { batch: undefined },
    openWorkers: options.openWorkers ?? ((): BlockWorker[] => []),
  };
}

/** The mapping of a source. Throws `TableError` `unknown-source`. */
export function mappingOf(context: TableContext, source: string): Mapping {
  const mapping = context.mappings[source];
  if (mapping !== undefined) return mapping;
  throw new TableError(
    'unknown-source',
    `No mapping reads ${source}; there are mappings for ${Object.keys(context.mappings).join(', ') || 'nothing'}. Give one with --mapping-path.`,
  );
}
