import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TableSchema } from '@schemahub/columns';
import { tradesUnified, tradesUnifiedWithDecimals } from '@schemahub/core';
import { wantedIds } from '@schemahub/coverage';
import type { OnEvent } from '@schemahub/ingest';
import { type CheckpointContext, condemnObjects, loadCheckpoint } from '@schemahub/ingest/checkpoint';
import { readHead } from '@schemahub/lake';
import { loadMapping, loadParsedMapping, type Mapping, MappingError } from '@schemahub/mapping-engine';
import { embeddedMappings, parsedMappings } from '@schemahub/mappings';
import {
  createTable,
  type RawProduct,
  type Table,
  type TableEvent,
  type TableOptions,
  type UnreadableObject,
} from '@schemahub/table';
import { expectColumns } from './column-memory.js';
import type { Config } from './config.js';
import { UsageError } from './errors.js';
import { lakeProducts, type OpenLake } from './lake.js';
import type { RequestCounts } from './request-counts.js';
import { type Venue, venueOf, venues } from './venues.js';

/** The two shapes of the table: with and without exact decimals. */
export const tableSchemas: readonly TableSchema[] = [tradesUnified, tradesUnifiedWithDecimals];

export interface OpenTableOptions {
  readonly lake: OpenLake;
  readonly config: Config;
  /** Products named on the command line; none means all that the lake holds. */
  readonly products?: readonly string[] | undefined;
  /** Exchanges whose raw layer is read. Default: the one that was named, else all. */
  readonly exchanges?: readonly string[] | undefined;
  readonly stop: AbortSignal;
  readonly onEvent?: ((event: TableEvent) => void) | undefined;
  /** Adoption, condemnation and rebuilt checkpoints on the way. */
  readonly onRawEvent?: OnEvent | undefined;
  /** Commands that read no raw objects need no mapping. */
  readonly withoutMappings?: boolean | undefined;
  /** What the further threads of `--threads` run (`serveBlockThread`); without it there are none. */
  readonly threadEntry?: URL | undefined;
  /** Calls of those threads to the store are added here. */
  readonly requests?: RequestCounts | undefined;
}

export interface OpenTable {
  readonly table: Table;
  readonly schema: TableSchema;
  /** What the raw layer holds now; read again by a command whose base moved. */
  readonly products: () => Promise<readonly RawProduct[]>;
  /** Condemns raw objects that the table found damaged. */
  readonly condemn: (objects: readonly UnreadableObject[]) => Promise<void>;
}

/** A mapping file in ./mappings whose `source` is the raw table; undefined when there is none. */
async function localMapping(source: string): Promise<{ text: string; file: string } | undefined> {
  const names = await readdir('mappings').catch(() => []);
  for (const name of names.filter((file) => /\.ya?ml$/.test(file)).sort()) {
    const text = await readFile(join('mappings', name), 'utf8');
    if (new RegExp(`^source:\\s*["']?${source}["']?\\s*(#.*)?$`, 'm').test(text))
      return { text, file: join('mappings', name) };
  }
  return undefined;
}

interface FoundMapping {
  readonly mapping: Mapping;
  readonly file: string;
}

/** From the file that a flag names. */
async function namedMapping(path: string): Promise<FoundMapping> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--mapping-path ${path}: cannot be read (${(error as Error).message}).`, { cause: error });
  }
  return { mapping: await loadMapping(text, { file: path, schemas: tableSchemas }), file: path };
}

/** Where no flag says otherwise: ./mappings, shipped. */
async function standingMapping(source: string): Promise<FoundMapping> {
  const local = await localMapping(source);
  if (local !== undefined) {
    const { text, file } = local;
    const options = { file, schemas: tableSchemas };
    // A copy that nobody has changed, as `init` writes it, says what is known already.
    const shipped = Object.keys(parsedMappings).find((name) => embeddedMappings[name] === text);
    const mapping =
      shipped === undefined ? await loadMapping(text, options) : loadParsedMapping(parsedMappings[shipped], options);
    return { mapping, file };
  }
  for (const [file, value] of Object.entries(parsedMappings))
    if (value.source === source) return { mapping: loadParsedMapping(value, { file, schemas: tableSchemas }), file };
  throw new UsageError(`no mapping reads ${source}. Write one with: schemahub mapping suggest`);
}

/**
 * The checked mapping of a raw table: flag, ./mappings, shipped. A flag for another exchange's table leaves this one's
 * to the rest. Throws `MappingError` or `UsageError`.
 */
export async function mappingFor(config: Config, source: string): Promise<Mapping> {
  const path = config.optionalText('mapping-path');
  const { mapping, file } = path === undefined ? await standingMapping(source) : await namedMapping(path);
  if (mapping.source === source) return mapping;
  if (venues.some(({ rawTable }) => rawTable === mapping.source)) return (await standingMapping(source)).mapping;
  throw new MappingError(`its source is ${mapping.source}, but the raw table is ${source}`, {
    code: 'INVALID_VALUE',
    file,
  });
}

/** A mapping that was named and that nothing in this lake is read with is a mistake. Throws `MappingError`. */
async function requireUsedMapping(lake: OpenLake, config: Config): Promise<void> {
  const path = config.optionalText('mapping-path');
  if (path === undefined) return;
  const { source } = (await namedMapping(path)).mapping;
  const held = new Set((await lakeProducts(lake)).map(({ exchange }) => venueOf(exchange).rawTable));
  if (held.has(source)) return;
  throw new MappingError(`its source is ${source}, but this lake holds ${[...held].join(', ')}`, {
    code: 'INVALID_VALUE',
    file: path,
  });
}

/** The schema to write: with decimals when they are asked for, or when the table has them already. */
async function schemaFor(lake: OpenLake, config: Config): Promise<TableSchema> {
  if (config.flag('decimals')) return tradesUnifiedWithDecimals;
  const head = await readHead(lake.store, lake.layout);
  const has = head?.products.some(({ files }) => files.some(({ columns }) => columns.includes('price_dec')));
  return has === true ? tradesUnifiedWithDecimals : tradesUnified;
}

/** Further threads, where the settings ask for them; their code is loaded only then. */
async function openWorkersOf(
  { config, lake, threadEntry: entry, requests }: OpenTableOptions,
  run: Pick<TableOptions, 'schema' | 'mappings' | 'runId'>,
): Promise<TableOptions['openWorkers']> {
  if (entry === undefined || config.number('threads') === 1) return undefined;
  const { blockThreads } = await import('./block-thread.js');
  return blockThreads({ ...run, config, entry, traffic: lake.traffic, requests });
}

/** Opens the table of a lake. Throws before anything is read when a mapping or option is wrong. */
export async function openTable(options: OpenTableOptions): Promise<OpenTable> {
  const { lake, config, stop } = options;
  const onBlock = options.withoutMappings === true ? undefined : expectColumns();
  const onRawEvent: OnEvent = options.onRawEvent ?? ((): void => undefined);
  const schema = await schemaFor(lake, config);
  const chosen = (options.exchanges ?? chosenExchanges(config)).map(venueOf);
  const mappings: Record<string, Mapping> = {};
  if (options.withoutMappings !== true) await requireUsedMapping(lake, config);
  // Cells of every exchange are compacted, whichever one was named.
  for (const { rawTable } of options.withoutMappings === true ? [] : venues)
    mappings[rawTable] = await mappingFor(config, rawTable);
  const runId = randomUUID();
  const table = createTable({
    store: lake.store,
    layout: lake.layout,
    schema,
    mappings,
    runId,
    clock: lake.clock,
    monotonicMs: () => performance.now(),
    codec: config.text('codec') as 'snappy' | 'zstd' | 'none',
    onEvent: (event) => {
      if (event.type === 'block') onBlock?.(event.rows);
      options.onEvent?.(event);
    },
    signal: stop,
    openWorkers: await openWorkersOf(options, { schema, mappings, runId }),
  });
  return {
    table,
    schema,
    products: () => rawProducts({ ...options, onRawEvent }, chosen),
    condemn: async (objects) => {
      for (const venue of venues) {
        const own = objects.filter((object) => object.exchange === venue.exchange);
        const context = rawContext(options, onRawEvent, venue);
        for (const productId of new Set(own.map((object) => object.productId)))
          await condemnObjects(
            context,
            productId,
            own.filter((object) => object.productId === productId),
          );
      }
    },
  };
}

/** What a checkpoint is read with. The venue's own code is loaded only where one was lost: else none of it is needed. */
function rawContext(
  { lake, config }: OpenTableOptions,
  onEvent: OnEvent,
  { exchange, readId }: Venue,
): CheckpointContext {
  const { store, layout, checkpoints, clock } = lake;
  let parseTrade: CheckpointContext['connector']['parseTrade'] | undefined;
  const parse: CheckpointContext['connector']['parseTrade'] = async (record) => {
    if (parseTrade === undefined) {
      const { openExchange } = await import('./exchange.js');
      ({ parseTrade } = openExchange({ config: config.of(exchange), clock, onEvent, onLine: () => undefined }).source);
    }
    return await parseTrade(record);
  };
  return { connector: { exchange, parseTrade: parse }, store, layout, checkpoints, readId, clock, onEvent };
}

/** Exchanges of a run that names none: the one that was configured, else all. */
function chosenExchanges(config: Config): readonly string[] {
  const named = config.values.find(({ setting }) => setting.name === 'exchange');
  return named === undefined || named.origin === 'default'
    ? venues.map(({ exchange }) => exchange)
    : [config.text('exchange')];
}

/** What the raw layer holds of the chosen products: checkpoints adopted or rebuilt, sound names. */
export async function rawProducts(
  options: OpenTableOptions & { onRawEvent: OnEvent },
  chosen: readonly Venue[],
): Promise<RawProduct[]> {
  const { lake } = options;
  const isChosen = (exchange: string): boolean => chosen.some((venue) => venue.exchange === exchange);
  const known = (await lakeProducts(lake)).filter(({ exchange }) => isChosen(exchange));
  for (const productId of options.products ?? []) {
    if (!known.some((product) => product.productId === productId)) {
      throw new UsageError(
        `${productId}: the lake ${lake.store.location} holds nothing of it; it holds ${known.map((product) => product.productId).join(', ') || 'no product'}.`,
      );
    }
  }
  const products: RawProduct[] = [];
  for (const venue of chosen) {
    const own = known.filter(({ exchange }) => exchange === venue.exchange);
    const named = own.filter(({ productId }) => options.products?.includes(productId) ?? true);
    if (named.length === 0) continue;
    const context = rawContext(options, options.onRawEvent, venue);
    for (const { productId } of named) products.push(await rawProduct(context, venue, productId));
  }
  return products;
}

async function rawProduct(context: CheckpointContext, venue: Venue, productId: string): Promise<RawProduct> {
  const { checkpoint, names } = await loadCheckpoint(context, productId);
  const wanted = wantedIds({ asked: checkpoint.asked, floor: checkpoint.floor, head: checkpoint.head?.id });
  const missing = wanted.difference(checkpoint.fetched).difference(checkpoint.void);
  return {
    exchange: venue.exchange,
    productId,
    symbol: checkpoint.symbol ?? productId,
    source: venue.rawTable,
    names,
    fetched: checkpoint.fetched,
    wantedEnd: wanted.last,
    state: checkpoint.fetched.isEmpty ? 'absent' : missing.isEmpty ? 'complete' : 'partial',
  };
}
