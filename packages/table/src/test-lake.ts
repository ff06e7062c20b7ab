import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type CellValue, rowAt, type TableSchema } from '@schemahub/columns';
import { type Clock, tradesUnified, tradesUnifiedWithDecimals } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import {
  createIdReader,
  createLayout,
  encodeRawObject,
  idsOfRawObject,
  type Layout,
  listRawNames,
  type RawName,
  readHead,
  type Snapshot,
} from '@schemahub/lake';
import { loadMapping, type Mapping } from '@schemahub/mapping-engine';
import { createMemoryStore, type ObjectStore } from '@schemahub/object-store';
import { openParquet } from '@schemahub/parquet-sink/read';
import type { TableOptions } from './context.js';
import type { RawProduct } from './raw-product.js';
import { createTable, type Table } from './table.js';

// A lake in memory with Coinbase-like raw objects, for the tests of this package.

export const SOURCE = 'raw_coinbase_trades';
export const PRODUCT = 'BTC-USD';
/** 2025-12-01T00:00:00Z in µs. */
export const DECEMBER: number = Date.UTC(2025, 11, 1) * 1000;
export const DAY: number = 86_400_000_000;

/** One record: times in µs, the side as the venue tells it (the maker's). */
export interface TestTrade {
  readonly id: number;
  readonly ts: number;
  readonly side: 'buy' | 'sell';
  readonly price: string;
  readonly size: string;
  readonly ingest: number;
}

/** A trade whose every value follows from its id; `change` for what a test is about. */
export function tradeOf(id: number, change: Partial<TestTrade> = {}): TestTrade {
  return {
    id,
    ts: DECEMBER + id * 1_234_567,
    side: id % 3 === 0 ? 'sell' : 'buy',
    price: `${80_000 + (id % 97)}.${String(id % 100).padStart(2, '0')}`,
    size: `0.${String((id * 7919) % 100_000_000).padStart(8, '0')}1`,
    ingest: DECEMBER + 40 * DAY + id,
    ...change,
  };
}

export function tradesOf(first: number, last: number, change: Partial<TestTrade> = {}): TestTrade[] {
  return Array.from({ length: last - first + 1 }, (_, at) => tradeOf(first + at, change));
}

/** RFC 3339 with µs. */
export function isoMicros(micros: number): string {
  const text = new Date(Math.floor(micros / 1000)).toISOString();
  return `${text.slice(0, -1)}${String(micros % 1000).padStart(3, '0')}Z`;
}

/** The raw line up to its ingest time. */
export function lineOf(trade: TestTrade, symbol: string = PRODUCT): Buffer {
  const { id, ts, side, price, size } = trade;
  return Buffer.from(
    `{"trade_id":${id},"side":"${side}","size":"${size}","price":"${price}","time":"${isoMicros(ts)}","product_id":"${symbol}","_source":"coinbase","_symbol":"${symbol}"`,
  );
}

/** The row that the table must hold for a record. */
export function rowOf(trade: TestTrade, symbol: string = PRODUCT): Record<string, CellValue> {
  return {
    exchange: 'COINBASE',
    symbol,
    trade_id: String(trade.id),
    side: trade.side === 'buy' ? 'SELL' : 'BUY',
    price: Number(trade.price),
    quantity: Number(trade.size),
    trade_ts: trade.ts,
    ingest_ts: trade.ingest,
  };
}

/** What the table must hold for records in any order with any copies: one row an id, the least copy, sorted. */
export function truthOf(trades: readonly TestTrade[], symbol: string = PRODUCT): Record<string, CellValue>[] {
  const key = (trade: TestTrade): (number | string)[] => {
    const row = rowOf(trade, symbol);
    return [trade.id, trade.ingest, trade.ts, row.side as string, row.price as number, row.quantity as number];
  };
  const sorted = [...trades].sort((a, b) => compareKeys(key(a), key(b)));
  const winners = sorted.filter((trade, at) => trade.id !== sorted[at - 1]?.id);
  return winners.sort((a, b) => a.ts - b.ts || a.id - b.id).map((trade) => rowOf(trade, symbol));
}

function compareKeys(a: readonly (number | string)[], b: readonly (number | string)[]): number {
  for (const [at, value] of a.entries()) if (value !== b[at]) return value < b[at]! ? -1 : 1;
  return 0;
}

const MAPPING = `
version: 1
source: ${SOURCE}
target_table: trades_unified
mappings:
  _symbol: symbol
  trade_id: trade_id
  side: side
  price: price
  size: quantity
  time: trade_ts
  _source_ingest_ts: ingest_ts
constants:
  exchange: COINBASE
transforms:
  side: maker_to_taker
  price: to_double
  quantity: to_double
  trade_ts: iso8601
  ingest_ts: iso8601
validation:
  side: { enum: [BUY, SELL] }
  price: { minimum: 0, exclusive: true }
  quantity: { minimum: 0, exclusive: true }
decimals:
  price_dec: price
  quantity_dec: quantity
`;

/** The mapping of the tests; `edit` changes its text. */
export async function testMapping(edit: (text: string) => string = (text) => text): Promise<Mapping> {
  return await loadMapping(edit(MAPPING), { schemas: [tradesUnified, tradesUnifiedWithDecimals] });
}

export const mapping: Mapping = await testMapping();

/** A clock that stands still until it is moved. */
export interface ManualClock extends Clock {
  time: number;
}

function manualClock(): ManualClock {
  const clock: ManualClock = {
    time: Date.UTC(2026, 0, 15),
    now: () => clock.time,
    sleep: async () => undefined,
  };
  return clock;
}

export interface TestLake {
  readonly store: ObjectStore;
  readonly layout: Layout;
  readonly clock: ManualClock;
  /** Condemned keys, as evidence would name them. */
  readonly condemned: Set<string>;
  /** Lands trades as one raw object; ids must differ. */
  readonly put: (trades: readonly TestTrade[], options?: PutOptions) => Promise<RawName>;
  /** Lands lines as they are, whatever they hold, under the name that `trades` would have. */
  readonly putText: (trades: readonly TestTrade[], text: string | Uint8Array) => Promise<RawName>;
  readonly product: (productId?: string) => Promise<RawProduct>;
  readonly table: (options?: Partial<TableOptions>) => Table;
  readonly head: () => Promise<Snapshot | undefined>;
  /** Every row of the head, file by file. */
  readonly rows: (productId?: string) => Promise<Record<string, CellValue>[]>;
  /** Every key below a prefix with the sha256 of its bytes. */
  readonly hashes: (prefix?: string) => Promise<Record<string, string>>;
}

export interface PutOptions {
  readonly productId?: string | undefined;
  readonly revision?: number | undefined;
}

let runs = 0;

export function createTestLake(options: { readonly store?: ObjectStore | undefined } = {}): TestLake {
  const clock = manualClock();
  const store = options.store ?? createMemoryStore({ now: clock.now });
  const layout = createLayout();
  const condemned = new Set<string>();
  const head = (): Promise<Snapshot | undefined> => readHead(store, layout);
  return {
    store,
    layout,
    clock,
    condemned,
    put: async (trades, { productId = PRODUCT, revision = 1 } = {}) => {
      const { name, bytes } = await encode(layout, trades, productId, revision);
      // Equal trades have equal names, whatever their ingest times: a test that wants both copies must say so.
      if ((await store.putIfAbsent(name.key, bytes)) === 'exists') throw new Error(`${name.key} exists`);
      return name;
    },
    putText: async (trades, text) => {
      const { name } = await encode(layout, trades, PRODUCT, 1);
      await store.putIfAbsent(name.key, typeof text === 'string' ? gzipSync(text) : text);
      return name;
    },
    product: (productId = PRODUCT) => readProduct(store, layout, productId, condemned),
    table: (tableOptions = {}) =>
      createTable({
        store,
        layout,
        schema: tradesUnified,
        mappings: { [SOURCE]: mapping },
        runId: `run-${runs++}`,
        clock,
        ...tableOptions,
      }),
    head,
    rows: async (productId = PRODUCT) => rowsOf(store, await head(), productId),
    hashes: (prefix = '') => hashesOf(store, prefix),
  };
}

async function encode(
  layout: Layout,
  trades: readonly TestTrade[],
  productId: string,
  revision: number,
): Promise<{ readonly name: RawName; readonly bytes: Uint8Array }> {
  const sorted = [...trades].sort((a, b) => a.id - b.id);
  const rows = {
    ids: Float64Array.from(sorted, ({ id }) => id),
    lines: sorted.map((trade) => lineOf(trade, productId)),
    ingestTs: sorted.map(({ ingest }) => isoMicros(ingest)),
  };
  return await encodeRawObject(layout.raw('coinbase', productId), rows, revision);
}

async function readProduct(
  store: ObjectStore,
  layout: Layout,
  productId: string,
  condemned: ReadonlySet<string>,
): Promise<RawProduct> {
  const names = await listRawNames(store, layout, { exchange: 'coinbase', product: productId, condemned });
  const readId = createIdReader('trade_id');
  const sets: RangeSet[] = [];
  for (const name of names) {
    // What a damaged object holds is not known yet: its name is believed until it is read.
    sets.push(await idsOfRawObject(store, name, readId).catch(() => RangeSet.of(name.first, name.last)));
  }
  const fetched = sets.reduce((all, ids) => all.union(ids), RangeSet.empty);
  return {
    exchange: 'coinbase',
    productId,
    symbol: productId,
    source: SOURCE,
    names,
    fetched,
    wantedEnd: fetched.last,
    state: 'complete',
  };
}

export async function rowsOf(
  store: ObjectStore,
  snapshot: Snapshot | undefined,
  productId: string = PRODUCT,
  schema: TableSchema = tradesUnified,
): Promise<Record<string, CellValue>[]> {
  const list = snapshot?.products.find((candidate) => candidate.productId === productId);
  const rows: Record<string, CellValue>[] = [];
  for (const { path } of list?.files ?? []) rows.push(...(await rowsOfFile(store, path, schema)));
  return rows;
}

export async function rowsOfFile(
  store: ObjectStore,
  path: string,
  schema: TableSchema = tradesUnified,
): Promise<Record<string, CellValue>[]> {
  const stored = await store.get(path);
  if (stored === undefined) throw new Error(`${path}: a commit names it, but it is gone`);
  const { bytes } = stored;
  const file = await openParquet({ size: bytes.length, read: async (start, end) => bytes.subarray(start, end) });
  const rows: Record<string, CellValue>[] = [];
  for await (const batch of file.batches(schema)) {
    for (let row = 0; row < batch.rows; row += 1) rows.push(rowAt(batch, row));
  }
  return rows;
}

export function sortRows(rows: readonly Record<string, CellValue>[]): Record<string, CellValue>[] {
  return [...rows].sort((a, b) => Number(a.trade_ts) - Number(b.trade_ts) || Number(a.trade_id) - Number(b.trade_id));
}

async function hashesOf(store: ObjectStore, prefix: string): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for await (const { key } of store.list(prefix)) {
    const stored = await store.get(key);
    hashes[key] = createHash('sha256').update(stored!.bytes).digest('hex');
  }
  return hashes;
}

/** month and block → sha256 of the cell's one file. */
export function cellHashes(snapshot: Snapshot | undefined): Record<string, string> {
  const files =
    snapshot?.products.flatMap(({ productId, files: own }) => own.map((file) => ({ productId, file }))) ?? [];
  const entries = files.map(
    ({ productId, file }) => [`${productId} ${file.month} ${file.block}`, file.sha256] as const,
  );
  if (new Set(entries.map(([cell]) => cell)).size !== entries.length) throw new Error('a cell has more than one file');
  return Object.fromEntries(entries.sort());
}
