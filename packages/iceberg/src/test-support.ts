import type { TableSchema } from '@schemahub/columns';
import type { ObjectStore } from '@schemahub/object-store';
import type { CatalogEntry } from './catalog.js';
import type { TableChange } from './commit-change.js';
import type { NewDataFile } from './manifest.js';
import type { NewTable } from './metadata.js';
import type { PartitionSpec } from './partition.js';
import type { IcebergTable } from './table.js';
import { schemaOf } from './types.js';

const column = (fieldId: number, name: string, type: TableSchema['columns'][number]['type'], nullable = false) => ({
  fieldId,
  name,
  type,
  nullable,
  doc: '',
});

/** A small table of trades. */
export const trades: TableSchema = {
  name: 'trades',
  columns: [
    column(1, 'symbol', 'string'),
    column(2, 'id', 'int64'),
    column(3, 'price', 'double'),
    column(4, 'ts', 'timestamp'),
  ],
  primaryKey: ['symbol', 'id'],
  sortKey: ['ts'],
};

export const spec: PartitionSpec = {
  'spec-id': 0,
  fields: [
    { 'source-id': 1, 'field-id': 1000, name: 'symbol', transform: 'identity' },
    { 'source-id': 4, 'field-id': 1001, name: 'ts_month', transform: 'month' },
  ],
};

export const T0: number = Date.UTC(2026, 0, 1);

export const newTrades: Omit<NewTable, 'location'> = {
  uuid: '9a3d2f7e-1111-4222-8333-444455556666',
  schema: schemaOf(trades),
  spec,
  sortOrder: {
    'order-id': 1,
    fields: [{ transform: 'identity', 'source-id': 4, direction: 'asc', 'null-order': 'nulls-first' }],
  },
  timestampMs: T0,
};

/** A made-up data file. */
export function dataFile(name: string, options: { symbol?: string; month?: number; rows?: number } = {}): NewDataFile {
  const { symbol = 'BTC-USD', month = 672, rows = 10 } = options;
  return {
    key: `t/data/${name}.parquet`,
    partition: [symbol, month],
    rows,
    bytes: rows * 11,
    columns: [
      { fieldId: 1, size: 20, values: rows, nulls: 0, lower: symbol, upper: symbol },
      { fieldId: 2, size: 80, values: rows, nulls: 0, lower: 1n, upper: 2n ** 62n },
      { fieldId: 3, size: 80, values: rows, nulls: 0, nans: 0, lower: -0, upper: 1e300 },
    ],
    splitOffsets: [4],
    sortOrderId: 1,
  };
}

export function change(
  add: readonly NewDataFile[],
  remove: readonly NewDataFile[] = [],
  more: Partial<TableChange> = {},
): TableChange {
  return { add, remove: remove.map(({ key, partition }) => ({ key, partition })), timestampMs: T0, ...more };
}

export function committed(answer: CatalogEntry | 'conflict'): CatalogEntry {
  if (answer === 'conflict') throw new Error('expected a commit, got a conflict');
  return answer;
}

export async function created(table: IcebergTable): Promise<CatalogEntry> {
  return committed(await table.create(newTrades));
}

/** Names of the live files of a snapshot, sorted. */
export async function namesOf(table: IcebergTable, entry: CatalogEntry, snapshotId?: bigint): Promise<string[]> {
  const files = await table.files(entry, snapshotId);
  return files.map(({ key }) => /([^/]+)\.parquet$/.exec(key)![1]!).sort();
}

export async function keysOf(store: ObjectStore, prefix = ''): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}
