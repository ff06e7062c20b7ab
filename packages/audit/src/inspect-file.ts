import { createHash } from 'node:crypto';
import { type ColumnBatch, columnOf, concatBatches, sortPermutation, type TableSchema } from '@schemahub/columns';
import { RangeSet } from '@schemahub/coverage';
import { BLOCK_IDS, type DataFile } from '@schemahub/lake';
import { type OpenParquet, openParquet, ParquetReadError } from '@schemahub/parquet-sink/read';
import type { Finding } from './certificate/index.js';
import { compareRows } from './compare-rows.js';
import type { FileRows, InspectContext } from './inspect-context.js';
import { createSamples, type Samples } from './samples.js';

/** Reads one data file whole: its hash, its form, and every row against raw. */
export async function* inspectFile(context: InspectContext, file: DataFile): AsyncGenerator<Finding> {
  const { exchange, productId } = context.product;
  const samples = createSamples({ exchange, productId, key: file.path });
  const stored = await context.store.get(file.path);
  if (stored === undefined) return; // told by the light checks
  const sha256 = createHash('sha256').update(stored.bytes).digest('hex');
  if (sha256 !== file.sha256) {
    const problem = `its bytes have sha256 ${sha256}, the table says ${file.sha256}`;
    samples.add(
      'damaged-parquet',
      `${file.path}: ${problem}. Restore it from a backup, or run: schemahub transform --rebuild`,
    );
  }
  try {
    const rows = await readRows(context.schema, file, stored.bytes, samples);
    if (rows !== undefined) {
      checkPlaces(rows, samples);
      checkIds(rows, samples);
      await compareRows(context, rows, samples);
    }
  } catch (error) {
    if (!(error instanceof ParquetReadError)) throw error;
    samples.add('damaged-parquet', `${file.path}: ${error.message}`);
  }
  yield* samples.take();
}

/** Columns of the file against those listed and those of the table: name, field id, type, nullability. */
function checkColumns(
  schema: TableSchema,
  file: DataFile,
  open: OpenParquet,
  samples: Samples,
): TableSchema | undefined {
  const specs = schema.columns.filter(({ name }) => file.columns.includes(name));
  const form = (
    columns: readonly { name: string; fieldId: number | undefined; type: string; nullable: boolean }[],
  ): string =>
    columns
      .map(({ name, fieldId, type, nullable }) => `${fieldId} ${name} ${type}${nullable ? ' nullable' : ''}`)
      .join(', ');
  if (form(open.columns) === form(specs) && specs.length === file.columns.length) return { ...schema, columns: specs };
  samples.add(
    'columns-differ',
    `${file.path}: has the columns ${form(open.columns)}; expected ${form(specs)} (listed: ${file.columns.join(', ')})`,
  );
  return undefined;
}

async function readRows(
  schema: TableSchema,
  file: DataFile,
  bytes: Uint8Array,
  samples: Samples,
): Promise<FileRows | undefined> {
  const open = await openParquet({ bytes });
  const own = checkColumns(schema, file, open, samples);
  if (own === undefined) return undefined;
  const batches: ColumnBatch[] = [];
  for await (const batch of open.batches(own)) batches.push(batch);
  if (open.rows !== file.rows)
    samples.add('damaged-parquet', `${file.path}: has ${open.rows} rows, the table says ${file.rows}`);
  if (batches.length === 0) return undefined;
  const batch = batches.length === 1 ? batches[0]! : concatBatches(batches);
  const column = columnOf(batch, 'trade_id');
  if (column.kind !== 'id') {
    samples.add('columns-differ', `${file.path}: trade_id holds texts that are no ids`);
    return undefined;
  }
  const byId = sortPermutation(batch, { keys: ['trade_id'] });
  const ids = new Float64Array(byId.length);
  for (let at = 0; at < byId.length; at += 1) ids[at] = column.values[byId[at]!]!;
  return { file, batch, byId, ids };
}

/** First µs of a month `2025-12`, UTC, and of the month after it. */
function monthBounds(month: string): { readonly start: number; readonly end: number } {
  const [year, number] = month.split('-').map(Number);
  return { start: Date.UTC(year!, number! - 1, 1) * 1000, end: Date.UTC(year!, number!, 1) * 1000 };
}

/** Rows ascend by (trade_ts, id), and lie in the month, block and time range of their file. */
function checkPlaces({ file, batch }: FileRows, samples: Samples): void {
  const ids = columnOf(batch, 'trade_id').values as Float64Array;
  const times = columnOf(batch, 'trade_ts').values as Float64Array;
  const { start, end } = monthBounds(file.month);
  for (let row = 0; row < batch.rows; row += 1) {
    const id = ids[row]!;
    const time = times[row]!;
    const wrong = (what: string): void =>
      samples.add('row-misplaced', `${file.path}: id ${id}, row ${row + 1}: ${what}`);
    if (row > 0 && (time < times[row - 1]! || (time === times[row - 1]! && id <= ids[row - 1]!)))
      wrong(`comes after id ${ids[row - 1]}, rows must ascend by (trade_ts, trade_id)`);
    if (Math.floor(id / BLOCK_IDS) !== file.block)
      wrong(`belongs to block ${Math.floor(id / BLOCK_IDS)}, not ${file.block}`);
    if (time < file.minTs || time > file.maxTs) wrong(`trade_ts ${time} is not in ${file.minTs} … ${file.maxTs}`);
    else if (!(time >= start && time < end)) wrong(`trade_ts ${time} is not in month ${file.month}`);
  }
}

/** The file holds exactly the ids that the table says, each once. */
function checkIds({ file, ids }: FileRows, samples: Samples): void {
  for (let at = 1; at < ids.length; at += 1)
    if (ids[at] === ids[at - 1]) samples.add('row-twice', `${file.path}: id ${ids[at]} is in it twice`);
  const held = RangeSet.fromIds(ids);
  for (const { first, last } of file.ids.difference(held))
    for (let id = first; id <= last; id += 1)
      samples.add('row-missing', () => `${file.path}: id ${id} is listed for it, but it has no such row`);
  for (const { first, last } of held.difference(file.ids))
    for (let id = first; id <= last; id += 1)
      samples.add('row-unexpected', () => `${file.path}: id ${id} is a row of it, but it is not listed for it`);
}
