import { createHash } from 'node:crypto';
import type { ColumnBatch } from '@schemahub/columns';
import fc from 'fast-check';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { readColumnIndex, readOffsetIndex } from 'hyparquet/src/indexes.js';
import { describe, expect, it } from 'vitest';
import { loadZstd } from './codec.js';
import type { ParquetWriteError } from './errors.js';
import type { WriteParquetOptions } from './options.js';
import { openParquet } from './read/index.js';
import {
  arbitraryCutting,
  arbitraryTable,
  type Cell,
  collect,
  type Table,
  tableSchema,
  toBatches,
  toRows,
  WHOLE,
  writeBytes,
} from './test-support.js';
import { writeParquet } from './write-parquet.js';

const arbitraryOptions = fc.record({
  codec: fc.constantFrom('snappy' as const, 'zstd' as const, 'none' as const),
  profile: fc.constantFrom('modern' as const, 'compat' as const),
  rowGroupRows: fc.integer({ min: 1, max: 70 }),
});

/** hyparquet knows nothing of our encoders or decoders, so it is the judge. Its decimals are doubles. */
async function readByHyparquet(bytes: Uint8Array): Promise<Cell[][]> {
  const { decompress } = await loadZstd();
  const file = bytes.slice().buffer;
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const rows = await parquetReadObjects({
    file,
    metadata: parquetMetadata(file),
    compressors: { ZSTD: (input: Uint8Array) => decompress(input) },
    parsers: { timestampFromMicroseconds: (micros) => micros, stringFromBytes: (text) => decoder.decode(text) },
  });
  return rows.map((row) => Object.values(row) as Cell[]);
}

function asHyparquetReads({ schema, rows }: Table): Cell[][] {
  return rows.map((row) =>
    row.map((cell, index) => {
      if (cell === null) return null;
      const { type } = schema.columns[index]!;
      if (type === 'decimal') return Number(cell) * 10 ** -18;
      return type === 'timestamp' || type === 'int64' ? BigInt(cell) : cell;
    }),
  );
}

function tradesLike(count: number): Table {
  const schema = tableSchema([
    { name: 'side', type: 'string', nullable: false },
    { name: 'trade_id', type: 'string', nullable: false },
    { name: 'price', type: 'double', nullable: false },
    { name: 'trade_ts', type: 'timestamp', nullable: false },
    { name: 'note', type: 'string', nullable: true },
  ]);
  const rows = Array.from({ length: count }, (_, row): Cell[] => [
    row % 3 === 0 ? 'BUY' : 'SELL',
    String(100_000_000 + row),
    90_000 + ((row * 7919) % 500) / 100,
    1_764_547_200_000_000 + Math.floor(row / 2) * 1_003,
    row % 5 === 0 ? null : `note ${row}`,
  ]);
  return { schema, rows };
}

describe('writeParquet', () => {
  it('writes what hyparquet and openParquet read back, however the rows came', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryTable(), arbitraryCutting, arbitraryOptions, async (table, cutting, options) => {
        const bytes = await writeBytes(toBatches(table, cutting), { schema: table.schema, ...options });
        expect(await readByHyparquet(bytes)).toEqual(asHyparquetReads(table));
        const file = await openParquet({ bytes });
        expect(file.rows).toBe(table.rows.length);
        expect(file.rowGroups.map((group) => group.rows)).toEqual(cutRows(table.rows.length, options.rowGroupRows));
        expect(toRows(await collect(file.batches(table.schema)))).toEqual(table.rows);
      }),
      { numRuns: 150 },
    );
  });

  it('gives the same bytes for the same rows, whatever the batches, kinds of text and dictionaries', async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryTable(),
        arbitraryCutting,
        arbitraryCutting,
        arbitraryOptions,
        async (table, a, b, options) => {
          const settings = { schema: table.schema, ...options };
          const first = await writeBytes(toBatches(table, a), settings);
          const second = await writeBytes(toBatches(table, b), settings);
          expect(Buffer.compare(first, second)).toBe(0);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('states bounds that hold and are reached', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryTable(), arbitraryOptions, async (table, options) => {
        const file = await openParquet({
          bytes: await writeBytes(toBatches(table, WHOLE), { schema: table.schema, ...options }),
        });
        let from = 0;
        for (const group of file.rowGroups) {
          for (const [index, stated] of group.columns.entries()) {
            const { type } = table.schema.columns[index]!;
            const cells = table.rows.slice(from, from + group.rows).map((row) => row[index]!);
            const values = cells.filter((cell) => cell !== null);
            expect(stated.nullCount).toBe(cells.length - values.length);
            if (type === 'decimal' || stated.min === undefined) continue;
            const sorted = [...values].sort(type === 'string' ? byUtf8 : (a, b) => Number(a) - Number(b));
            expect(comparable(stated.min)).toEqual(comparable(sorted[0]!));
            expect(comparable(stated.max)).toEqual(comparable(sorted.at(-1)!));
          }
          from += group.rows;
        }
      }),
      { numRuns: 150 },
    );
  });

  it('states bounds of ids only where text order is numeric order', async () => {
    const schema = tableSchema([{ name: 'id', type: 'string', nullable: false }]);
    const bounds = async (ids: string[], options: Partial<WriteParquetOptions> = {}): Promise<unknown> => {
      const rows = ids.map((id) => [id]);
      const file = await openParquet({
        bytes: await writeBytes(toBatches({ schema, rows }, WHOLE), { schema, ...options }),
      });
      const { min, max } = file.rowGroups[0]!.columns[0]!;
      return [min, max];
    };
    expect(await bounds(['10', '99', '55'])).toEqual(['10', '99']);
    expect(await bounds(['9', '10'])).toEqual([undefined, undefined]);
    expect(await bounds(['10', '99'], { idStatistics: 'none' })).toEqual([undefined, undefined]);
    expect(await bounds(['9', '10', 'x'])).toEqual(['10', 'x']);
  });

  it('keeps the values at the bounds of every type', async () => {
    const schema = tableSchema([
      { name: 'id', type: 'string', nullable: false },
      { name: 'at', type: 'timestamp', nullable: false },
      { name: 'n', type: 'int64', nullable: true },
      { name: 'x', type: 'double', nullable: false },
      { name: 'd', type: 'decimal', nullable: false },
    ]);
    const { MAX_SAFE_INTEGER: max, MIN_SAFE_INTEGER: min } = Number;
    const rows: Cell[][] = [
      ['0', min, null, -0, 10n ** 38n - 1n],
      [String(max), max, max, Number.MIN_VALUE, -(10n ** 38n) + 1n],
      ['1', min + 1, min, Number.POSITIVE_INFINITY, 0n],
      [String(max - 1), -1, 0, Number.NEGATIVE_INFINITY, -1n],
    ];
    for (const profile of ['modern', 'compat'] as const) {
      const bytes = await writeBytes(toBatches({ schema, rows }, WHOLE), { schema, profile });
      expect(toRows(await collect((await openParquet({ bytes })).batches()))).toEqual(rows);
      expect(await readByHyparquet(bytes)).toEqual(asHyparquetReads({ schema, rows }));
    }
  });

  it.each([0, 1, 63, 64, 65, 128])('cuts %i rows into row groups of exactly 64', async (count) => {
    const table = tradesLike(count);
    const file = writeParquet(toBatches(table, { sizes: [7, 0, 50], forms: [0, 2] }), {
      schema: table.schema,
      rowGroupRows: 64,
    });
    const bytes = new Uint8Array(Buffer.concat(await collect(file.bytes)));
    const facts = await file.facts;
    expect(facts).toMatchObject({ rows: count, bytes: bytes.length, rowGroups: Math.ceil(count / 64) });
    const open = await openParquet({ bytes });
    expect(open.rowGroups.map((group) => group.rows)).toEqual(cutRows(count, 64));
    expect(toRows(await collect(open.batches()))).toEqual(table.rows);
  });

  it('uses the encodings of each profile', async () => {
    const { schema, rows } = tradesLike(2_000);
    // 500 prices without a period: where they come in the same order again and again, PLAIN compresses to one round of them.
    const price = (row: number): number => 90_000 + ((Math.imul(row, 2_654_435_761) >>> 8) % 500) / 100;
    const table = { schema, rows: rows.map((cells, row) => cells.with(2, price(row))) };
    const encodings = async (options: Partial<WriteParquetOptions>): Promise<Record<string, string>> => {
      const bytes = await writeBytes(toBatches(table, WHOLE), { schema: table.schema, ...options });
      const pages = await (await openParquet({ bytes })).pageFacts();
      expect(pages.every((page) => page.hasChecksum)).toBe(true);
      return Object.fromEntries(pages.map((page) => [page.column, `${page.type} ${page.encoding}`]));
    };
    expect(await encodings({})).toEqual({
      side: 'DATA_PAGE_V2 RLE_DICTIONARY',
      trade_id: 'DATA_PAGE_V2 DELTA_BYTE_ARRAY',
      price: 'DATA_PAGE_V2 RLE_DICTIONARY',
      trade_ts: 'DATA_PAGE_V2 DELTA_BINARY_PACKED',
      note: 'DATA_PAGE_V2 PLAIN',
    });
    expect(await encodings({ codec: 'zstd' })).toMatchObject({ trade_ts: 'DATA_PAGE_V2 PLAIN' });
    expect(await encodings({ profile: 'compat' })).toEqual({
      side: 'DATA_PAGE PLAIN_DICTIONARY',
      trade_id: 'DATA_PAGE PLAIN',
      price: 'DATA_PAGE PLAIN_DICTIONARY',
      trade_ts: 'DATA_PAGE PLAIN',
      note: 'DATA_PAGE PLAIN',
    });
  });

  it('writes a page index whose places and bounds are true', async () => {
    const table = tradesLike(55_000);
    const bytes = await writeBytes(toBatches(table, WHOLE), { schema: table.schema, sortingColumns: ['trade_ts'] });
    const buffer = bytes.slice().buffer;
    const metadata = parquetMetadata(buffer, { parsers: { timestampFromMicroseconds: Number } });
    const [group] = metadata.row_groups;
    expect(group!.sorting_columns).toEqual([{ column_idx: 3, descending: false, nulls_first: false }]);
    const view = new DataView(buffer);
    const allPages = await (await openParquet({ bytes })).pageFacts();
    for (const [index, chunk] of group!.columns.entries()) {
      const offsets = readOffsetIndex({ view, offset: Number(chunk.offset_index_offset) }).page_locations;
      const { name, type } = table.schema.columns[index]!;
      const pages = allPages.filter((page) => page.column === name && page.type !== 'DICTIONARY_PAGE');
      expect(pages.length).toBeGreaterThan(1);
      const bounds = readColumnIndex({ view, offset: Number(chunk.column_index_offset) }, metadata.schema[index + 1]!, {
        timestampFromMicroseconds: Number,
      });
      const before = type === 'string' ? (a: Cell, b: Cell) => byUtf8(a, b) < 0 : (a: Cell, b: Cell) => a! < b!;
      let row = 0;
      for (const [page, { values: count }] of pages.entries()) {
        expect(Number(offsets[page]!.first_row_index)).toBe(row);
        const values = table.rows.slice(row, row + count).flatMap((cells) => cells[index] ?? []);
        expect(bounds.min_values[page]).toEqual(
          values.reduce((least, value) => (before(value, least) ? value : least)),
        );
        expect(bounds.max_values[page]).toEqual(values.reduce((most, value) => (before(most, value) ? value : most)));
        expect(Number(bounds.null_counts![page])).toBe(count - values.length);
        row += count;
      }
      expect(row).toBe(table.rows.length);
    }
  });

  it('reports what the file holds', async () => {
    const table = tradesLike(1_000);
    const file = writeParquet(toBatches(table, WHOLE), { schema: table.schema, rowGroupRows: 300 });
    const pieces = await collect(file.bytes);
    const facts = await file.facts;
    expect(facts.bytes).toBe(pieces.reduce((sum, piece) => sum + piece.length, 0));
    expect(facts.columns.map(({ name, nullCount, min, max }) => ({ name, nullCount, min, max }))).toEqual([
      { name: 'side', nullCount: 0, min: 'BUY', max: 'SELL' },
      { name: 'trade_id', nullCount: 0, min: '100000000', max: '100000999' },
      { name: 'price', nullCount: 0, min: 90_000, max: 90_004.99 },
      { name: 'trade_ts', nullCount: 0, min: 1_764_547_200_000_000, max: 1_764_547_200_000_000 + 499 * 1_003 },
      { name: 'note', nullCount: 200, min: 'note 1', max: 'note 999' },
    ]);
    const encoded = facts.columns.reduce((sum, column) => sum + column.encodedBytes, 0);
    expect(encoded).toBe(pieces.slice(1, -1).reduce((sum, piece) => sum + piece.length, 0));
  });

  it('keeps metadata and names itself, with neither time nor place', async () => {
    const { schema } = tradesLike(0);
    const write = (metadata: Record<string, string>): Promise<Uint8Array> => writeBytes([], { schema, metadata });
    const file = await openParquet({ bytes: await write({ b: '2', a: 'ü' }) });
    expect(file.metadata).toEqual({ a: 'ü', b: '2' });
    expect(file.createdBy).toMatch(/^schemahub-parquet-sink version \d+\.\d+\.\d+$/);
    expect(file.name).toBe('table');
    expect(await write({ b: '2', a: 'ü' })).toEqual(await write({ a: 'ü', b: '2' }));
  });

  // A changed hash means changed bytes: raise WRITER_VERSION with it, so that lakes know why files differ.
  it.each([
    ['snappy', 'modern', 'fddf128c12740adf'],
    ['zstd', 'modern', '2e9c08ad37511f14'],
    ['none', 'modern', '2e74ebf90233bbad'],
    ['snappy', 'compat', '2e5d6871209b7d01'],
  ] as const)('still writes the bytes of this writer version with %s, %s', async (codec, profile, golden) => {
    const table = tradesLike(5_000);
    const bytes = await writeBytes(toBatches(table, WHOLE), {
      schema: table.schema,
      codec,
      profile,
      rowGroupRows: 2_000,
    });
    expect(createHash('sha256').update(bytes).digest('hex').slice(0, 16)).toBe(golden);
  });
});

describe('writeParquet as a stream', () => {
  it('pulls no more than a row group ahead of the bytes that were taken', async () => {
    const table = tradesLike(100);
    const [batch] = toBatches(table, WHOLE);
    let pulled = 0;
    let closed = false;
    async function* endless(): AsyncGenerator<ColumnBatch> {
      try {
        for (;;) {
          pulled += batch!.rows;
          yield batch!;
        }
      } finally {
        closed = true;
      }
    }
    const rowGroupRows = 250;
    const { bytes, facts } = writeParquet(endless(), { schema: table.schema, rowGroupRows });
    const failure = facts.catch((error: ParquetWriteError) => error);
    let pieces = 0;
    for await (const piece of bytes) {
      expect(piece.length).toBeGreaterThan(0);
      const groupsBegun = Math.ceil(pieces / table.schema.columns.length);
      expect(pulled).toBeLessThan(groupsBegun * rowGroupRows + batch!.rows);
      pieces++;
      if (pieces === 500) break;
    }
    expect(closed).toBe(true);
    expect(await failure).toMatchObject({ name: 'ParquetWriteError', code: 'ABANDONED' });
  });

  it('gives the bytes once', async () => {
    const { bytes } = writeParquet([], { schema: tradesLike(0).schema });
    await collect(bytes);
    await expect(collect(bytes)).rejects.toMatchObject({ code: 'ALREADY_READ' });
  });

  it('passes an error of its source on to bytes and facts', async () => {
    const broken = new Error('source broke');
    async function* source(): AsyncGenerator<ColumnBatch> {
      yield* toBatches(tradesLike(3), WHOLE);
      throw broken;
    }
    const { bytes, facts } = writeParquet(source(), { schema: tradesLike(0).schema });
    await expect(collect(bytes)).rejects.toBe(broken);
    await expect(facts).rejects.toBe(broken);
  });
});

function cutRows(rows: number, size: number): number[] {
  return Array.from({ length: Math.ceil(rows / size) }, (_, group) => Math.min(size, rows - group * size));
}

function byUtf8(left: Cell, right: Cell): number {
  return Buffer.compare(Buffer.from(left as string), Buffer.from(right as string));
}

/** hyparquet gives stored INT64 bounds as bigints and strips a byte order mark from text. */
function comparable(value: Cell | undefined): string | number | boolean {
  if (typeof value === 'string') return value.replace(/^\uFEFF/, '');
  return typeof value === 'boolean' ? value : Number(value) + 0;
}
