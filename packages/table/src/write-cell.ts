import { createHash } from 'node:crypto';
import { type ColumnBatch, columnOf, gather } from '@schemahub/columns';
import type { RangeSet } from '@schemahub/coverage';
import type { DataFile } from '@schemahub/lake';
import { WRITER_VERSION, writeParquet } from '@schemahub/parquet-sink';
import type { BlockProduct } from './block-work.js';
import type { TableContext } from './context.js';
import type { MonthSlice } from './months.js';
import { TRADE_COLUMNS } from './trade-columns.js';

export interface CellFile {
  readonly product: BlockProduct;
  /** The n of `v{n}/`. */
  readonly version: number;
  readonly block: number;
  readonly slice: MonthSlice;
  readonly batch: ColumnBatch;
  /** Sorted rows of the block; the cell's are `slice.from … slice.to−1`. */
  readonly rows: Uint32Array;
  readonly ids: RangeSet;
  readonly rawDigest: string;
}

/** Rows copied at a time on their way into the writer. */
const GATHER_ROWS = 20_480;

/** Writes one cell's rows as one file, row group by row group; nobody sees it before a commit names it. */
export async function writeCell(context: TableContext, cell: CellFile): Promise<DataFile> {
  const { product, version, block, slice, batch, rows, ids, rawDigest } = cell;
  const folder = context.layout.data({
    version,
    exchange: product.exchange.toUpperCase(),
    symbol: product.symbol,
    month: slice.month,
  });
  for (;;) {
    context.signal?.throwIfAborted();
    const path = `${folder}unified_trades_${block}_${context.runId}_${context.nextFileNumber()}.parquet`;
    const written = await putFile(context, cell, path);
    if (written === undefined) continue; // the name is taken: names are never used again, so take the next one
    const times = columnOf(batch, TRADE_COLUMNS.tradeTs).values as Float64Array;
    context.emit({ type: 'file', path, rows: slice.to - slice.from, bytes: written.bytes });
    return {
      path,
      rows: slice.to - slice.from,
      bytes: written.bytes,
      sha256: written.sha256,
      ids,
      month: slice.month,
      block,
      minTs: times[rows[slice.from]!]!,
      maxTs: times[rows[slice.to - 1]!]!,
      rawDigest,
      writer: WRITER_VERSION,
      columns: context.schema.columns.map(({ name }) => name),
    };
  }
}

async function putFile(
  context: TableContext,
  cell: CellFile,
  path: string,
): Promise<{ readonly bytes: number; readonly sha256: string } | undefined> {
  const { stopwatch } = context;
  const { slice } = cell;
  const hash = createHash('sha256');
  let bytes = 0;
  let encodeMs = 0;
  const file = writeParquet(pieces(cell), {
    schema: context.schema,
    codec: context.codec,
    rowGroupRows: context.rowGroupRows,
    sortingColumns: [TRADE_COLUMNS.tradeTs],
    // No path, run id or time: equal rows give equal bytes.
    metadata: { 'schemahub.table': context.schema.name },
  });
  async function* measured(): AsyncGenerator<Uint8Array> {
    let start = stopwatch.now();
    for await (const piece of file.bytes) {
      hash.update(piece);
      bytes += piece.length;
      encodeMs += stopwatch.now() - start;
      yield piece;
      start = stopwatch.now();
    }
  }
  const start = stopwatch.now();
  const answer = await context.store.putIfAbsent(path, measured());
  if (answer === 'exists') return undefined;
  stopwatch.add('encode', stopwatch.now() - encodeMs, { items: slice.to - slice.from, bytes });
  stopwatch.add('write', start + encodeMs, { items: 1, bytes });
  return { bytes, sha256: hash.digest('hex') };
}

function* pieces({ batch, rows, slice }: CellFile): Generator<ColumnBatch> {
  for (let from = slice.from; from < slice.to; from += GATHER_ROWS) {
    yield gather(batch, rows, from, Math.min(slice.to, from + GATHER_ROWS));
  }
}
