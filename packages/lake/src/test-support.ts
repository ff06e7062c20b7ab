import { RangeSet } from '@schemahub/coverage';
import type { ObjectStore } from '@schemahub/object-store';
import {
  BLOCK_IDS,
  type Change,
  createIdReader,
  type DataFile,
  type Evidence,
  hash128,
  type ProductChange,
  type RawRows,
  type ReadId,
} from './index.js';

// What the tests of this package are made of: rows, files and changes that are right in every member.

export const readId: ReadId = createIdReader('trade_id');

/** A raw line up to its ingest time; `price` makes another trade of the same id. */
export function lineOf(id: number, price = '1716.1234500'): Uint8Array {
  return Buffer.from(`{"trade_id":${id},"side":"buy","price":"${price}","product_id":"BTC-USD","_source":"coinbase"`);
}

export function rowsOf(ids: readonly number[], ingestTs = '2026-01-01T00:00:00.000001Z', price?: string): RawRows {
  return {
    ids: Float64Array.from(ids),
    lines: ids.map((id) => lineOf(id, price)),
    ingestTs: ids.map(() => ingestTs),
  };
}

export function idsBetween(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

export function fileOf(path: string, ids: RangeSet, change: Partial<DataFile> = {}): DataFile {
  return {
    path,
    rows: ids.count,
    bytes: 100 + ids.count,
    sha256: hash128(path).repeat(2),
    ids,
    month: '2026-01',
    block: Math.floor(ids.first! / BLOCK_IDS),
    minTs: 1_767_225_600_000_000,
    maxTs: 1_767_225_600_000_001,
    rawDigest: hash128(path, 'raw'),
    writer: 'test 1',
    columns: ['trade_id'],
    ...change,
  };
}

/** One product's change: one new file that holds `first` … `last`. */
export function adding(productId: string, first: number, last: number, run = 'a'): ProductChange {
  const ids = RangeSet.of(first, last);
  return {
    exchange: 'coinbase',
    productId,
    symbol: productId,
    addFiles: [fileOf(`unified_trades/v1/${productId}_${first}_${run}.parquet`, ids)],
    removeFiles: [],
    addPresent: ids,
    addQuarantined: RangeSet.empty,
  };
}

export function changeOf(products: readonly ProductChange[], change: Partial<Change> = {}): Change {
  return {
    kind: 'transform',
    runId: 'run',
    time: '2026-01-01T00:00:00.000Z',
    products,
    schemaHash: 's',
    mappingHashes: { raw_coinbase_trades: 'm' },
    sources: { coinbase: { state: 'complete', wanted_end: {} } },
    quarantine: [],
    ...change,
  };
}

export function evidenceOf(second: number, change: Partial<Evidence> = {}): Evidence {
  const time = new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
  return { version: 1, exchange: 'coinbase', product_id: 'BTC-USD', time, ...change };
}

export async function keysOf(store: ObjectStore, prefix = ''): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

/** Puts other bytes in the place of an object, as rot or an editor does. */
export async function overwrite(store: ObjectStore, key: string, bytes: Uint8Array): Promise<void> {
  await store.delete([key]);
  await store.putIfAbsent(key, bytes);
}

/** Replaces a text inside an object; fails when it is not there. */
export async function edit(store: ObjectStore, key: string, from: string, to: string): Promise<void> {
  const text = Buffer.from((await store.get(key))!.bytes).toString('utf8');
  if (!text.includes(from)) throw new Error(`${key} does not hold ${from}: ${text}`);
  await overwrite(store, key, Buffer.from(text.replace(from, to)));
}
