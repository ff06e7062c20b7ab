import type { ColumnBatch } from '@schemahub/columns';
import type { ColumnChunk, OffsetIndex, RowGroup } from 'hyparquet';
import { ByteWriter } from 'hyparquet-writer/src/bytewriter.js';
import { writeIndexes } from 'hyparquet-writer/src/indexes.js';
import { writeMetadata } from 'hyparquet-writer/src/metadata.js';
import { checkBatch, checkSorted } from './check-batch.js';
import { type Compressor, loadCompressor } from './codec.js';
import { type PageColumnIndex, writeColumnChunk } from './column-chunk.js';
import { ParquetWriteError } from './errors.js';
import { createFactsBuilder, type FactsBuilder, type FileFacts } from './file-facts.js';
import { checkOptions, type WriteParquetOptions, type WriteSettings } from './options.js';
import { createRowGroupBuffer, type RowGroupBuffer } from './row-group-buffer.js';
import { schemaElements } from './schema-elements.js';
import { WRITER_VERSION } from './writer-version.js';

/** One file being written. */
export interface ParquetFile {
  /** The file in pieces, to be read once. Reading it is what pulls the batches. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** What was written; settles when `bytes` ends, fails or is left early. */
  readonly facts: Promise<FileFacts>;
}

const MAGIC: Uint8Array = new TextEncoder().encode('PAR1');

/**
 * Writes batches as one Parquet file.
 *
 * The bytes depend on the rows, their order and the options alone: not on how batches were cut, nor on the kind of
 * text column or the dictionaries they came in. Memory: one row group in columns, one encoded column of it, and the
 * index entries of all pages until the end (a page is 49,152 rows of a column). Back pressure: a batch is pulled only
 * when the bytes before it were taken.
 *
 * Throws ParquetWriteError INVALID_OPTION at once; every later error comes out of `bytes` and `facts`.
 */
export function writeParquet(
  batches: AsyncIterable<ColumnBatch> | Iterable<ColumnBatch>,
  options: WriteParquetOptions,
): ParquetFile {
  const settings = checkOptions(options);
  const { promise, resolve, reject } = deferred<FileFacts>();
  // Who reads only `bytes` meets the error there; unread facts must not end the process.
  promise.catch(() => undefined);
  let taken = false;
  return {
    bytes: {
      [Symbol.asyncIterator]: () => {
        if (taken) {
          throw new ParquetWriteError('ALREADY_READ', 'The bytes of a file can be read once; call writeParquet again.');
        }
        taken = true;
        return report(writeFile(batches, settings, resolve), reject);
      },
    },
    facts: promise,
  };
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** Tells the facts about a failure or an early end; neither changes facts that were already given. */
async function* report(bytes: AsyncIterable<Uint8Array>, reject: (error: unknown) => void): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (error) {
    reject(error);
    throw error;
  } finally {
    reject(new ParquetWriteError('ABANDONED', 'The bytes of the file were left before their end; there are no facts.'));
  }
}

interface OpenFile {
  readonly settings: WriteSettings;
  readonly compressor: Compressor;
  readonly facts: FactsBuilder;
  readonly rowGroups: RowGroup[];
  readonly indexes: { chunk: ColumnChunk; offsetIndex: OffsetIndex; columnIndex?: PageColumnIndex }[];
  offset: number;
}

async function* writeFile(
  batches: AsyncIterable<ColumnBatch> | Iterable<ColumnBatch>,
  settings: WriteSettings,
  resolve: (facts: FileFacts) => void,
): AsyncGenerator<Uint8Array> {
  const { schema, rowGroupRows } = settings;
  const file: OpenFile = {
    settings,
    compressor: await loadCompressor(settings.codec),
    facts: createFactsBuilder(schema),
    rowGroups: [],
    indexes: [],
    offset: MAGIC.length,
  };
  yield MAGIC.slice();
  const buffer = createRowGroupBuffer(schema, rowGroupRows);
  for await (const batch of batches) {
    checkBatch(schema, batch);
    for (let from = 0; from < batch.rows; ) {
      const to = Math.min(batch.rows, from + rowGroupRows - buffer.rows());
      buffer.add(batch, from, to);
      from = to;
      if (buffer.rows() === rowGroupRows) yield* writeRowGroup(file, buffer);
    }
  }
  if (buffer.rows() > 0) yield* writeRowGroup(file, buffer);
  const footer = writeFooter(file);
  yield footer;
  resolve(file.facts.finish(file.offset + footer.length, file.rowGroups.length));
}

function* writeRowGroup(file: OpenFile, buffer: RowGroupBuffer): Generator<Uint8Array> {
  const { settings } = file;
  const chunks = buffer.columns();
  checkSorted(chunks, settings.sortingColumns);
  const elements = schemaElements(settings.schema);
  const start = file.offset;
  const columns: ColumnChunk[] = [];
  let uncompressedSize = 0;
  for (const [index, data] of chunks.entries()) {
    const chunk = writeColumnChunk(data, {
      element: elements[index + 1]!,
      compressor: file.compressor,
      profile: settings.profile,
      fileOffset: file.offset,
      idStatistics: settings.idStatistics,
    });
    file.facts.add(index, data, chunk);
    columns.push(chunk.chunk);
    const { offsetIndex, columnIndex } = chunk;
    file.indexes.push({ chunk: chunk.chunk, offsetIndex, ...(columnIndex && { columnIndex }) });
    uncompressedSize += chunk.uncompressedSize;
    file.offset += chunk.size;
    yield concatenate(chunk.pieces, chunk.size);
  }
  file.rowGroups.push({
    columns,
    num_rows: BigInt(buffer.rows()),
    total_byte_size: BigInt(uncompressedSize),
    total_compressed_size: BigInt(file.offset - start),
    file_offset: BigInt(start),
    ...(settings.sortingColumns.length > 0 && {
      sorting_columns: settings.sortingColumns.map((index) => ({
        column_idx: index,
        descending: false,
        nulls_first: false,
      })),
    }),
  });
  file.facts.addRows(buffer.rows());
  buffer.clear();
}

/** Page indexes, file metadata, its length and the magic. Bounds come whole, so nothing is truncated here. */
function writeFooter(file: OpenFile): Uint8Array {
  const { schema, profile, metadata } = file.settings;
  const writer = new ByteWriter();
  writer.offset = file.offset;
  writeIndexes(writer, file.indexes);
  writeMetadata(
    writer,
    {
      version: profile === 'compat' ? 1 : 2,
      schema: schemaElements(schema),
      num_rows: BigInt(file.facts.rows()),
      row_groups: file.rowGroups,
      ...(metadata.length > 0 && { key_value_metadata: [...metadata] }),
      created_by: `schemahub-parquet-sink version ${WRITER_VERSION}`,
      metadata_length: 0,
    },
    Number.POSITIVE_INFINITY,
  );
  writer.appendBytes(MAGIC);
  return writer.getBytes();
}

function concatenate(pieces: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return bytes;
}
