import type { ColumnBatch } from '@schemahub/columns';
import { describe, expect, it } from 'vitest';
import type { WriteParquetOptions } from './options.js';
import { type Cell, tableSchema, toBatches, WHOLE, writeBytes } from './test-support.js';
import { writeParquet } from './write-parquet.js';

describe('writeParquet at its door', () => {
  const schema = tableSchema([
    { name: 'trade_id', type: 'string', nullable: false },
    { name: 'price', type: 'double', nullable: false },
  ]);
  const column = (name: string, fieldId: number): (typeof schema.columns)[number] => {
    return { name, fieldId, type: 'double', nullable: false, doc: '' };
  };

  it.each<[string, Partial<WriteParquetOptions>]>([
    ['codec', { codec: 'gzip' as 'snappy' }],
    ['profile', { profile: 'old' as 'compat' }],
    ['rowGroupRows', { rowGroupRows: 0 }],
    ['rowGroupRows', { rowGroupRows: 4_194_305 }],
    ['sortingColumns', { sortingColumns: ['nothing'] }],
    ['sortingColumns', { sortingColumns: ['trade_id'] }],
    ['sortingColumns', { sortingColumns: ['price', 'price'] }],
    ['metadata.a', { metadata: { a: 1 as unknown as string } }],
    ['idStatistics', { idStatistics: 'always' as 'none' }],
    ['schema', { schema: { ...schema, columns: [] } }],
    ['schema', { schema: { ...schema, columns: [column('a', 1), column('a', 2)] } }],
    ['schema', { schema: { ...schema, columns: [column('a', 1), column('b', 1)] } }],
    ['schema', { schema: { ...schema, columns: [{ ...column('a', 1), type: 'float' as 'double' }] } }],
  ])('refuses a wrong %s', (option, options) => {
    expect(() => writeParquet([], { schema, ...options })).toThrow(
      expect.objectContaining({
        code: 'INVALID_OPTION',
        message: expect.stringContaining(`Option ${option} `) as string,
      }),
    );
  });

  const one = (type: (typeof schema.columns)[number]['type']): typeof schema =>
    tableSchema([{ name: 'x', type, nullable: false }]);

  it.each<[string, string, ColumnBatch]>([
    [
      'null',
      'INVALID_VALUE',
      {
        schema: one('double'),
        rows: 1,
        columns: [{ kind: 'double', values: Float64Array.of(1), nulls: Uint8Array.of(1) }],
      },
    ],
    [
      'fraction',
      'INVALID_VALUE',
      { schema: one('timestamp'), rows: 1, columns: [{ kind: 'timestamp', values: Float64Array.of(0.5) }] },
    ],
    [
      'NaN time',
      'INVALID_VALUE',
      { schema: one('timestamp'), rows: 1, columns: [{ kind: 'timestamp', values: Float64Array.of(Number.NaN) }] },
    ],
    [
      'unsafe integer',
      'INVALID_VALUE',
      { schema: one('int64'), rows: 1, columns: [{ kind: 'int64', values: Float64Array.of(2 ** 53) }] },
    ],
    [
      'negative id',
      'INVALID_VALUE',
      { schema: one('string'), rows: 1, columns: [{ kind: 'id', values: Float64Array.of(-1) }] },
    ],
    [
      'lone surrogate',
      'INVALID_VALUE',
      { schema: one('string'), rows: 1, columns: [{ kind: 'text', values: ['a\ud800'] }] },
    ],
    [
      'code without value',
      'INVALID_VALUE',
      { schema: one('string'), rows: 1, columns: [{ kind: 'dictionary', values: ['a'], codes: Uint32Array.of(1) }] },
    ],
    [
      'boolean 2',
      'INVALID_VALUE',
      { schema: one('boolean'), rows: 1, columns: [{ kind: 'boolean', values: Uint8Array.of(2) }] },
    ],
    [
      'wrong kind',
      'SCHEMA_MISMATCH',
      { schema: one('string'), rows: 1, columns: [{ kind: 'double', values: Float64Array.of(1) }] },
    ],
    [
      'short column',
      'SCHEMA_MISMATCH',
      { schema: one('double'), rows: 2, columns: [{ kind: 'double', values: Float64Array.of(1) }] },
    ],
    ['missing column', 'SCHEMA_MISMATCH', { schema: one('double'), rows: 1, columns: [] }],
  ])('refuses a batch with a %s', async (_, code, batch) => {
    await expect(writeBytes([batch], { schema: batch.schema })).rejects.toMatchObject({
      name: 'ParquetWriteError',
      code,
    });
  });

  it('refuses batches of another table', async () => {
    const batch: ColumnBatch = {
      schema: one('int64'),
      rows: 0,
      columns: [{ kind: 'int64', values: new Float64Array() }],
    };
    await expect(writeBytes([batch], { schema: one('double') })).rejects.toMatchObject({ code: 'SCHEMA_MISMATCH' });
  });

  it('refuses rows that do not ascend as the footer would say', async () => {
    const table = tableSchema([
      { name: 'a', type: 'int64', nullable: false },
      { name: 'b', type: 'double', nullable: false },
    ]);
    const write = (rows: Cell[][]): Promise<Uint8Array> =>
      writeBytes(toBatches({ schema: table, rows }, WHOLE), { schema: table, sortingColumns: ['a', 'b'] });
    await expect(
      write([
        [1, 5],
        [1, 4],
      ]),
    ).rejects.toMatchObject({ code: 'NOT_SORTED' });
    await expect(
      write([
        [2, 4],
        [1, 5],
      ]),
    ).rejects.toMatchObject({ code: 'NOT_SORTED' });
    expect(
      (
        await write([
          [1, 4],
          [1, 4],
          [2, 1],
        ])
      ).length,
    ).toBeGreaterThan(0);
  });
});
