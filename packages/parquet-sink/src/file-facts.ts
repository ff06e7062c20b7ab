import type { TableSchema } from '@schemahub/columns';
import type { WrittenChunk } from './column-chunk.js';
import type { ColumnChunkData } from './row-group-buffer.js';
import { type Bound, type Bounds, mergeBounds } from './statistics.js';

/** A least or greatest value: µs for timestamps, the unscaled value × 10^−18 for decimals. */
export type FactValue = number | bigint | string | boolean;

/** What a file holds of one column. */
export interface ColumnFacts {
  readonly name: string;
  readonly nullCount: number;
  /** Bytes of its pages with their headers. */
  readonly encodedBytes: number;
  /**
   * Least value; absent when there is none (only nulls or NaN). Text: by number when every value is a canonical id,
   * else by UTF-8 bytes; absent when whole row groups are ids and others are not.
   */
  readonly min?: FactValue | undefined;
  /** Greatest value, as `min`. */
  readonly max?: FactValue | undefined;
}

/** What was written. */
export interface FileFacts {
  readonly rows: number;
  /** Size of the file. */
  readonly bytes: number;
  readonly rowGroups: number;
  /** In schema order. */
  readonly columns: readonly ColumnFacts[];
}

export interface FactsBuilder {
  readonly add: (column: number, data: ColumnChunkData, chunk: WrittenChunk) => void;
  readonly addRows: (rows: number) => void;
  readonly rows: () => number;
  readonly finish: (bytes: number, rowGroups: number) => FileFacts;
}

interface ColumnSum {
  nullCount: number;
  encodedBytes: number;
  bounds: Bounds | undefined;
  /** Form of the chunks that had bounds; `mixed` bounds cannot be compared. */
  kind: ColumnChunkData['values']['kind'] | 'mixed' | undefined;
}

/** Adds up chunks to the facts of a file. */
export function createFactsBuilder(schema: TableSchema): FactsBuilder {
  const sums = schema.columns.map((): ColumnSum => {
    return { nullCount: 0, encodedBytes: 0, bounds: undefined, kind: undefined };
  });
  let rows = 0;
  return {
    add: (column, data, chunk) => {
      const sum = sums[column]!;
      sum.nullCount += chunk.nullCount;
      sum.encodedBytes += chunk.size;
      if (chunk.bounds === undefined || sum.kind === 'mixed') return;
      const { kind } = data.values;
      sum.kind = sum.kind === undefined || sum.kind === kind ? kind : 'mixed';
      sum.bounds = sum.kind === 'mixed' ? undefined : mergeBounds(sum.bounds, chunk.bounds);
    },
    addRows: (more) => {
      rows += more;
    },
    rows: () => rows,
    finish: (bytes, rowGroups) => ({
      rows,
      bytes,
      rowGroups,
      columns: schema.columns.map(({ name }, index) => {
        const { nullCount, encodedBytes, bounds, kind } = sums[index]!;
        const range = bounds && { min: factValue(bounds.min, kind), max: factValue(bounds.max, kind) };
        return { name, nullCount, encodedBytes, ...range };
      }),
    }),
  };
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

function factValue(bound: Bound, kind: ColumnSum['kind']): FactValue {
  if (bound instanceof Uint8Array) return decoder.decode(bound);
  if (kind === 'ids') return String(bound);
  return kind === 'boolean' ? bound === 1 : bound;
}
