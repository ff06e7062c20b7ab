import { createWriteStream } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ColumnBatch } from '@schemahub/columns';
import { type WriteParquetOptions, writeParquet } from '@schemahub/parquet-sink';

/** Writes batches as one Parquet file; its bytes. */
export async function writeFile(
  path: string,
  batches: Iterable<ColumnBatch>,
  options: WriteParquetOptions,
): Promise<number> {
  await mkdir(dirname(path), { recursive: true });
  await pipeline(writeParquet(batches, options).bytes, createWriteStream(path));
  return (await stat(path)).size;
}
