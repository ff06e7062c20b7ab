import type { TableSchema } from '@schemahub/columns';
import { tradesUnified } from '@schemahub/core';
import {
  type ColumnFacts,
  compareValues,
  IcebergError,
  type IcebergValue,
  type NewDataFile,
  type PartitionSpec,
  type SortOrder,
} from '@schemahub/iceberg';
import type { DataFile, FileList } from '@schemahub/lake';
import type { ObjectStore } from '@schemahub/object-store';
import { openParquet, type RowGroupFacts } from '@schemahub/parquet-sink/read';

function fieldId(name: string): number {
  return tradesUnified.columns.find((column) => column.name === name)!.fieldId;
}

/** identity(exchange), identity(symbol), month(trade_ts): the folders of the lake, as Iceberg says them. */
export const tradesSpec: PartitionSpec = {
  'spec-id': 0,
  fields: [
    { 'source-id': fieldId('exchange'), 'field-id': 1000, name: 'exchange', transform: 'identity' },
    { 'source-id': fieldId('symbol'), 'field-id': 1001, name: 'symbol', transform: 'identity' },
    { 'source-id': fieldId('trade_ts'), 'field-id': 1002, name: 'trade_ts_month', transform: 'month' },
  ],
};

/** Rows ascend by time; trade_id follows as a number, which Iceberg cannot say of a text. */
export const tradesOrder: SortOrder = {
  'order-id': 1,
  fields: [{ transform: 'identity', 'source-id': fieldId('trade_ts'), direction: 'asc', 'null-order': 'nulls-first' }],
};

/** Months since January 1970 of `2025-12`. */
function monthNumber(month: string): number {
  const [year, number] = month.split('-').map(Number) as [number, number];
  return (year - 1970) * 12 + number - 1;
}

export interface ListedFile {
  readonly list: Pick<FileList, 'exchange' | 'symbol'>;
  readonly file: DataFile;
}

export function partitionOfListed({ list, file }: ListedFile): NewDataFile['partition'] {
  return [list.exchange.toUpperCase(), list.symbol, monthNumber(file.month)];
}

/** Read at once: most footers fit. */
const TAIL_BYTES = 32 * 1024;

/** Bounds of a column over all row groups; absent where one of them says nothing. */
function boundsOf(groups: readonly RowGroupFacts[], at: number, type: string): Pick<ColumnFacts, 'lower' | 'upper'> {
  const chunks = groups.map(({ columns }) => columns[at]!);
  if (type === 'decimal' || chunks.some(({ min, max }) => min === undefined || max === undefined)) return {};
  const typed = (value: unknown): IcebergValue =>
    type === 'timestamp' || type === 'int64' ? BigInt(value as number) : (value as IcebergValue);
  const least = (a: IcebergValue, b: IcebergValue): IcebergValue => (compareValues(b, a) < 0 ? b : a);
  const most = (a: IcebergValue, b: IcebergValue): IcebergValue => (compareValues(b, a) > 0 ? b : a);
  return {
    lower: chunks.map(({ min }) => typed(min)).reduce(least),
    upper: chunks.map(({ max }) => typed(max)).reduce(most),
  };
}

export interface ParquetFacts {
  readonly key: string;
  readonly bytes: number;
  readonly rows: number;
}

/** Counts and bounds of a Parquet file of ours, from its footer. Throws `IcebergError` where it is not what the commit says. */
export async function columnFacts(store: ObjectStore, file: ParquetFacts, schema: TableSchema): Promise<ColumnFacts[]> {
  const read = async (start: number, end: number): Promise<Uint8Array> => {
    const stored = await store.get(file.key, { range: { start, end } });
    if (stored !== undefined) return stored.bytes;
    throw new IcebergError(
      'missing-object',
      `${file.key}: a commit names this data file, but it is not in ${store.location}.`,
    );
  };
  const tailAt = Math.max(0, file.bytes - TAIL_BYTES);
  const tail = await read(tailAt, file.bytes);
  const parquet = await openParquet({
    size: file.bytes,
    read: async (start, end) =>
      start >= tailAt ? tail.subarray(start - tailAt, end - tailAt) : await read(start, end),
  });
  if (parquet.rows !== file.rows)
    throw new IcebergError('damaged-file', `${file.key}: has ${parquet.rows} rows, its commit says ${file.rows}.`);
  return parquet.columns.flatMap((column, at): ColumnFacts[] => {
    const spec = schema.columns.find((known) => known.fieldId === column.fieldId);
    if (spec === undefined) return [];
    const chunks = parquet.rowGroups.map(({ columns }) => columns[at]!);
    const nulls = spec.nullable ? chunks.reduce((sum, { nullCount }) => sum + (nullCount ?? Number.NaN), 0) : 0;
    return [
      {
        fieldId: spec.fieldId,
        size: chunks.reduce((sum, { encodedBytes }) => sum + encodedBytes, 0),
        values: file.rows,
        ...(Number.isNaN(nulls) ? {} : { nulls }),
        // No NaN leaves a mapping.
        ...(spec.type === 'double' ? { nans: 0 } : {}),
        ...boundsOf(parquet.rowGroups, at, spec.type),
      },
    ];
  });
}

/** A committed data file as Iceberg takes it. */
export async function icebergFile(store: ObjectStore, listed: ListedFile, schema: TableSchema): Promise<NewDataFile> {
  const { path: key, rows, bytes } = listed.file;
  return {
    key,
    partition: partitionOfListed(listed),
    rows,
    bytes,
    columns: await columnFacts(store, { key, rows, bytes }, schema),
    sortOrderId: tradesOrder['order-id'],
  };
}
