import type { ColumnSpec, TableSchema } from '@schemahub/columns';
import fc from 'fast-check';
import { ByteWriter } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import {
  arbitraryTable,
  type Cell,
  collect,
  type Table,
  tableSchema,
  toBatches,
  toRows,
  WHOLE,
  writeBytes,
} from '../test-support.js';
import { ParquetReadError } from './errors.js';
import { openParquet } from './index.js';

const SCHEMA = tableSchema([
  { name: 'id', type: 'string', nullable: false },
  { name: 'price', type: 'double', nullable: false },
  { name: 'at', type: 'timestamp', nullable: true },
  { name: 'note', type: 'string', nullable: true },
]);

function sample(count: number): Table {
  const rows = Array.from({ length: count }, (_, row): Cell[] => [
    String(1000 + row),
    (row % 7) / 2,
    row % 3 === 0 ? null : row * 1e6,
    row % 4 === 0 ? null : `note ${'x'.repeat(row % 30)}`,
  ]);
  return { schema: SCHEMA, rows };
}

async function readAll(bytes: Uint8Array, schema?: TableSchema): Promise<Cell[][]> {
  return toRows(await collect((await openParquet({ bytes })).batches(schema)));
}

function renumber(columns: readonly ColumnSpec[]): TableSchema {
  return { name: 'other', columns, primaryKey: [], sortKey: [] };
}

describe('openParquet', () => {
  it('tells what the file is', async () => {
    const bytes = await writeBytes(toBatches(sample(10), WHOLE), {
      schema: SCHEMA,
      metadata: { k: 'v' },
      codec: 'zstd',
    });
    const file = await openParquet({ bytes });
    expect(file).toMatchObject({ name: 'table', rows: 10, metadata: { k: 'v' } });
    expect(file.columns).toEqual([
      { name: 'id', type: 'string', nullable: false, fieldId: 1 },
      { name: 'price', type: 'double', nullable: false, fieldId: 2 },
      { name: 'at', type: 'timestamp', nullable: true, fieldId: 3 },
      { name: 'note', type: 'string', nullable: true, fieldId: 4 },
    ]);
    expect(file.rowGroups[0]!.columns[1]).toMatchObject({
      name: 'price',
      codec: 'ZSTD',
      nullCount: 0,
      min: -0,
      max: 3,
    });
  });

  it('reads ids as numbers, dictionaries as such, other text as text', async () => {
    const schema = tableSchema(
      ['a', 'b', 'c', 'd'].map((name) => ({ name, type: 'string' as const, nullable: false })),
    );
    const rows = Array.from({ length: 50 }, (_, row) => [
      String(row),
      String(row % 2),
      row % 2 ? 'BUY' : 'SELL',
      `t${row}`,
    ]);
    const bytes = await writeBytes(toBatches({ schema, rows }, WHOLE), { schema });
    const [batch] = await collect((await openParquet({ bytes })).batches());
    expect(batch!.columns.map((column) => column.kind)).toEqual(['id', 'id', 'dictionary', 'text']);
  });

  it('reads ranges, one column of one row group at a time', async () => {
    const table = sample(1_000);
    const bytes = await writeBytes(toBatches(table, WHOLE), { schema: SCHEMA, rowGroupRows: 100 });
    let largest = 0;
    let reads = 0;
    const read = async (start: number, end: number): Promise<Uint8Array> => {
      largest = Math.max(largest, end - start);
      reads++;
      return bytes.slice(start, end);
    };
    const file = await openParquet({ size: bytes.length, read });
    expect(reads).toBe(2);
    largest = 0;
    expect(toRows(await collect(file.batches()))).toEqual(table.rows);
    expect(reads).toBe(2 + 10 * 4);
    expect(largest).toBe(
      Math.max(...file.rowGroups.flatMap((group) => group.columns.map((column) => column.encodedBytes))),
    );
  });

  it('matches columns by field id, gives nulls for those it lacks and passes over the rest', async () => {
    const bytes = await writeBytes(toBatches(sample(3), WHOLE), { schema: SCHEMA });
    const wanted = renumber([
      { name: 'added', fieldId: 9, type: 'decimal', nullable: true, doc: '' },
      { name: 'renamed', fieldId: 2, type: 'double', nullable: false, doc: '' },
      { name: 'added text', fieldId: 10, type: 'string', nullable: true, doc: '' },
    ]);
    expect(await readAll(bytes, wanted)).toEqual([0, 1, 2].map((row) => [null, row / 2, null]));
  });

  it.each<[string, ColumnSpec]>([
    ['a required column that the file lacks', { name: 'x', fieldId: 9, type: 'double', nullable: false, doc: '' }],
    ['another type', { name: 'price', fieldId: 2, type: 'int64', nullable: false, doc: '' }],
    ['no nulls where there are some', { name: 'at', fieldId: 3, type: 'timestamp', nullable: false, doc: '' }],
  ])('refuses to give %s', async (_, column) => {
    const bytes = await writeBytes(toBatches(sample(5), WHOLE), { schema: SCHEMA });
    await expect(readAll(bytes, renumber([column]))).rejects.toMatchObject({ code: 'SCHEMA_MISMATCH' });
  });

  it('passes errors of its source as they are', async () => {
    const broken = new Error('network');
    const bytes = await writeBytes(toBatches(sample(5), WHOLE), { schema: SCHEMA });
    await expect(openParquet({ size: 100, read: () => Promise.reject(broken) })).rejects.toBe(broken);
    const short = { size: bytes.length, read: async (start: number, end: number) => bytes.slice(start, end - 1) };
    await expect(openParquet(short)).rejects.toMatchObject({ code: 'DAMAGED' });
    await expect(openParquet({ size: -1, read: async () => bytes })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });
});

describe('openParquet on damaged files', () => {
  /** Reads everything; gives the error, which must be ours and say a sentence, or `undefined` when nothing was noticed. */
  async function attempt(bytes: Uint8Array): Promise<ParquetReadError | undefined> {
    try {
      await readAll(bytes);
      return undefined;
    } catch (error) {
      expect(error).toBeInstanceOf(ParquetReadError);
      expect((error as ParquetReadError).message).toMatch(/^[A-Z].{20,}\.$/s);
      return error as ParquetReadError;
    }
  }

  const options = fc.record({
    codec: fc.constantFrom('snappy' as const, 'zstd' as const, 'none' as const),
    profile: fc.constantFrom('modern' as const, 'compat' as const),
    rowGroupRows: fc.integer({ min: 5, max: 70 }),
  });

  it('notices a cut at any place', async () => {
    const bytes = await writeBytes(toBatches(sample(40), WHOLE), { schema: SCHEMA });
    for (let length = 0; length < bytes.length; length++) {
      expect((await attempt(bytes.subarray(0, length)))?.code).toMatch(/NOT_PARQUET|DAMAGED/);
    }
  });

  it('notices every flipped bit of page bodies, by checksum', async () => {
    for (const codec of ['none', 'snappy', 'zstd'] as const) {
      const table = sample(40);
      const bytes = await writeBytes(toBatches(table, WHOLE), { schema: SCHEMA, codec });
      const pages = await (await openParquet({ bytes })).pageFacts();
      const bodies = pages.reduce((sum, page) => sum + page.compressedBytes, 0);
      let silent = 0;
      const dataEnd =
        4 + (await openParquet({ bytes })).rowGroups[0]!.columns.reduce((sum, column) => sum + column.encodedBytes, 0);
      for (let place = 4; place < dataEnd; place++) {
        const flipped = bytes.slice();
        flipped[place]! ^= 1 << (place % 8);
        const error = await attempt(flipped);
        // Page headers have no checksum: a flipped one may be without effect, but never give other rows.
        if (error === undefined) {
          silent++;
          expect(await readAll(flipped)).toEqual(table.rows);
        }
      }
      expect(silent).toBeLessThan(dataEnd - 4 - bodies);
    }
  });

  it('fails with a sentence or reads rows of the right shape, whatever bytes are changed anywhere', async () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(arbitraryTable(40), options, changes, async (table, settings, places) => {
        const bytes = await writeBytes(toBatches(table, WHOLE), { schema: table.schema, ...settings });
        for (const [place, value] of places) bytes[place % bytes.length] = value;
        await attempt(bytes);
      }),
      { numRuns: 1_500 },
    );
  });

  it('refuses random bytes, also with the frame of a Parquet file', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (random, framed) => {
        if (!framed) {
          expect(await attempt(random)).toBeInstanceOf(ParquetReadError);
          return;
        }
        const writer = new ByteWriter();
        writer.appendBytes(random);
        writer.appendUint32(random.length);
        writer.appendBytes(new TextEncoder().encode('PAR1'));
        const bytes = new Uint8Array([...new TextEncoder().encode('PAR1'), ...writer.getBytes()]);
        await attempt(bytes);
      }),
      { numRuns: 500 },
    );
  });

  it('stands any Thrift type in any place of a small file', async () => {
    const schema = tableSchema([{ name: 'x', type: 'double', nullable: false }]);
    const file = await writeBytes(toBatches({ schema, rows: [[1]] }, WHOLE), { schema });
    for (let place = 0; place < file.length; place++) {
      for (let value = 0; value < 16; value++) {
        const changed = file.slice();
        changed[place] = (changed[place]! & 0xf0) | value;
        await attempt(changed);
      }
    }
  });

  it('refuses a footer list longer than the footer before anything is allocated for it', async () => {
    // Field 2, a list of 2^27 structs.
    const footer = Uint8Array.of(0x29, 0xfc, 0x80, 0x80, 0x80, 0x40, 0x00);
    const bytes = new Uint8Array([...Buffer.from('PAR1'), ...footer, footer.length, 0, 0, 0, ...Buffer.from('PAR1')]);
    expect((await attempt(bytes))?.message).toContain('134217728');
  });
});
