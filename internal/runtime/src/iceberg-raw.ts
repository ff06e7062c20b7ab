import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { TableSchema } from '@schemahub/columns';
import {
  type CatalogEntry,
  currentSnapshot,
  defaultRetention,
  IcebergError,
  type IcebergTable,
  type NewDataFile,
  schemaOf,
} from '@schemahub/iceberg';
import { encodeSegment, listProducts, listRawNames, type RawName, readCondemned } from '@schemahub/lake';
import { createScanner, loadParsedMapping, type Mapping } from '@schemahub/mapping-engine';
import { parsedMappings } from '@schemahub/mappings';
import { writeParquet } from '@schemahub/parquet-sink';
import { columnFacts } from './iceberg-files.js';
import { openPlace, type PublishOptions, tableProperties, uuidOf } from './iceberg-table.js';
import { type Venue, venues } from './venues.js';

const unpack = promisify(gunzip);
const MAX_UNPACKED_BYTES = 1_000_000_000;
/** Raw objects that become one snapshot. */
const OBJECTS_A_COMMIT = 100;
const TRIES = 20;
/** Member of a summary that says that we published it. */
const MARK = 'schemahub.raw';

const column = (
  fieldId: number,
  name: string,
  type: TableSchema['columns'][number]['type'],
  nullable: boolean,
  doc: string,
) => ({
  fieldId,
  name,
  type,
  nullable,
  doc,
});

/** A raw record with types: what every venue has, and the payload where `--raw-payload` kept it. */
export const rawTrades: TableSchema = {
  name: 'raw_trades',
  columns: [
    column(1, 'product_id', 'string', false, "the exchange's name of the product"),
    column(2, 'trade_id', 'string', false, "the exchange's id"),
    column(3, 'side', 'string', true, 'as the exchange said it'),
    column(4, 'price', 'double', false, 'in units of the quote asset'),
    column(5, 'size', 'double', false, 'in units of the base asset'),
    column(6, 'time', 'timestamp', false, 'when it executed'),
    column(7, '_source', 'string', false, 'exchange, lower case'),
    column(8, '_source_ingest_ts', 'timestamp', false, 'when the record landed'),
    column(9, '_raw_payload', 'string', true, "the exchange's object, where it was kept"),
  ],
  primaryKey: ['product_id', 'trade_id'],
  sortKey: ['trade_id'],
};

/** Which raw field fills a column, by the venue's own mapping to the table: that knows its names and units. */
export function rawMapping(source: string): Mapping {
  const own = Object.values(parsedMappings).find((found) => found.source === source);
  if (own === undefined) throw new TypeError(`no shipped mapping reads ${source}`);
  const renamed: Readonly<Record<string, string>> = {
    trade_id: 'trade_id',
    side: 'side',
    price: 'price',
    quantity: 'size',
    trade_ts: 'time',
  };
  const fields = Object.entries(own.mappings).flatMap(([field, target]) =>
    renamed[target] === undefined ? [] : [[field, renamed[target]] as const],
  );
  const meta = ['product_id', '_source', '_source_ingest_ts', '_raw_payload'].map((name) => [name, name] as const);
  const { price, quantity, trade_ts, ingest_ts } = own.transforms;
  const mapping = {
    version: 1,
    source,
    target_table: rawTrades.name,
    mappings: Object.fromEntries([...fields, ...meta]),
    transforms: { side: 'to_string', price, size: quantity, time: trade_ts, _source_ingest_ts: ingest_ts },
  };
  return loadParsedMapping(mapping, { file: `${source} as Iceberg`, schemas: [rawTrades] });
}

export interface RawPublished {
  readonly table: string;
  readonly location: string;
  /** Raw objects that became data files in this run, and their rows. */
  readonly objects: number;
  readonly rows: number;
  /** Records without id, price, size or time that are typed: they are in the raw object only. */
  readonly refused: number;
  /** Raw objects that cannot be read: `schemahub verify --deep` names them, `repair` heals them. */
  readonly unreadable: readonly string[];
}

interface RawTable {
  readonly options: PublishOptions;
  readonly venue: Venue;
  readonly prefix: string;
  readonly table: IcebergTable;
  readonly mapping: Mapping;
}

/** Key of the data file of a raw object: the same trades have the same name, whichever revision holds them. */
function dataKey({ prefix }: RawTable, product: string, name: RawName): string {
  const file = `${String(name.first).padStart(20, '0')}-${String(name.last).padStart(20, '0')}_${name.count}_${name.hash}.parquet`;
  return `${prefix}/data/product_id=${encodeSegment(product)}/${file}`;
}

interface Converted {
  readonly file: NewDataFile | undefined;
  readonly refused: number;
}

/** One raw object as one Parquet file. Undefined when it cannot be read. */
async function convert(raw: RawTable, product: string, name: RawName): Promise<Converted | undefined> {
  const { store } = raw.options.lake;
  const stored = await store.get(name.key);
  const lines =
    stored === undefined
      ? undefined
      : await unpack(stored.bytes, { maxOutputLength: MAX_UNPACKED_BYTES }).catch(() => undefined);
  if (lines === undefined) return undefined;
  const scanner = createScanner({ mapping: raw.mapping, schema: rawTrades, capacity: name.count });
  scanner.begin(name.key);
  scanner.feed(lines);
  scanner.end();
  const batch = scanner.take();
  const refused = name.count - batch.rows;
  if (batch.rows === 0) return { file: undefined, refused };
  const parts: Uint8Array[] = [];
  for await (const part of writeParquet([batch], { schema: rawTrades }).bytes) parts.push(part);
  const key = dataKey(raw, product, name);
  const body = Buffer.concat(parts);
  // A run that died left the same file; another version of the writer may have left other bytes of the same rows.
  const bytes = (await store.putIfAbsent(key, body)) === 'created' ? body.length : (await store.get(key))!.bytes.length;
  const columns = await columnFacts(store, { key, bytes, rows: batch.rows }, rawTrades);
  return { file: { key, partition: [product], rows: batch.rows, bytes, columns }, refused };
}

async function loadOrCreate({ table, venue, options }: RawTable): Promise<CatalogEntry> {
  const made =
    (await table.load()) ??
    (await table.create({
      uuid: uuidOf(`${venue.rawTable} ${table.location}`),
      schema: schemaOf(rawTrades),
      spec: { 'spec-id': 0, fields: [{ 'source-id': 1, 'field-id': 1000, name: 'product_id', transform: 'identity' }] },
      properties: tableProperties,
      timestampMs: options.lake.clock.now(),
    }));
  if (made !== 'conflict') return made;
  return (await table.load())!;
}

function refuseForeign(raw: RawTable, entry: CatalogEntry): void {
  const current = currentSnapshot(entry.metadata);
  if (current === undefined || (current.summary as Readonly<Record<string, string>>)[MARK] !== undefined) return;
  throw new IcebergError(
    'foreign-snapshot',
    `${raw.table.location}: the current Iceberg snapshot ${current['snapshot-id']} was not published by schemahub; nothing was published. Raw objects are whole: delete this folder, and schemahub iceberg publish --raw makes it anew`,
  );
}

/** Sound raw objects of all products that have no data file in the table yet. */
async function unpublished(raw: RawTable, entry: CatalogEntry): Promise<{ product: string; name: RawName }[]> {
  const { store, layout } = raw.options.lake;
  const { exchange } = raw.venue;
  const held = new Set((await raw.table.files(entry)).map(({ key }) => key));
  const found: { product: string; name: RawName }[] = [];
  for (const product of await listProducts(store, layout, exchange)) {
    const condemned = new Set((await readCondemned(store, layout, exchange, product)).keys());
    for (const name of await listRawNames(store, layout, { exchange, product, condemned }))
      if (!held.has(dataKey(raw, product, name))) found.push({ product, name });
  }
  return found;
}

async function publishTable(raw: RawTable): Promise<RawPublished> {
  const { table, venue, options } = raw;
  const total = { objects: 0, rows: 0, refused: 0 };
  const skipped = new Set<string>();
  for (let conflicts = 0; conflicts < TRIES; ) {
    const found = await loadOrCreate(raw);
    const moved = table.isMoved(found) ? await table.relocate(found) : found;
    if (moved === 'conflict') {
      conflicts += 1;
      continue;
    }
    refuseForeign(raw, moved);
    const left = (await unpublished(raw, moved))
      .filter(({ name }) => !skipped.has(name.key))
      .slice(0, OBJECTS_A_COMMIT);
    if (left.length === 0) {
      await table.catalog.sync(moved);
      const unreadable = [...skipped].sort();
      return { table: venue.rawTable, location: table.location, ...total, unreadable };
    }
    const add: NewDataFile[] = [];
    let refused = 0;
    for (const { product, name } of left) {
      const converted = await convert(raw, product, name);
      if (converted?.file === undefined) skipped.add(name.key);
      else add.push(converted.file);
      refused += converted?.refused ?? 0;
    }
    if (add.length === 0) continue;
    const now = options.lake.clock.now();
    const names = createHash('sha256')
      .update(left.map(({ name }) => name.key).join('\n'))
      .digest('hex');
    const summary = { [MARK]: names };
    const next = await table.commit(moved, {
      add,
      remove: [],
      summary,
      timestampMs: now,
      retention: { ...defaultRetention, now },
    });
    if (next === 'conflict') {
      conflicts += 1;
      continue;
    }
    total.objects += add.length;
    total.rows += add.reduce((sum, { rows }) => sum + rows, 0);
    total.refused += refused;
  }
  throw new IcebergError(
    'conflict',
    `${table.location}: other publishers were faster ${TRIES} times. Run it again: schemahub iceberg publish --raw`,
  );
}

/**
 * Publishes the raw layer as append-only Iceberg tables, one an exchange, one Parquet file a raw object: what is left to
 * do is the difference of names, so killed anywhere and run again it ends the same. Throws `foreign-snapshot`.
 */
export async function publishRaw(options: PublishOptions): Promise<RawPublished[]> {
  const { lake, config } = options;
  const published: RawPublished[] = [];
  for (const venue of venues) {
    if ((await listProducts(lake.store, lake.layout, venue.exchange)).length === 0) continue;
    const prefix = `raw_iceberg/${venue.rawTable}`;
    // The plain name is that of the external table over the JSON lines.
    const name = `${venue.rawTable}_iceberg`;
    const table = await openPlace({ lake, config, prefix, name, dryRun: options.dryRun === true });
    published.push(await publishTable({ options, venue, prefix, table, mapping: rawMapping(venue.rawTable) }));
  }
  return published;
}
