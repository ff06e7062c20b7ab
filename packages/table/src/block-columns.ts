import type { Column, ColumnBatch, TableSchema } from '@schemahub/columns';
import { BLOCK_IDS } from '@schemahub/lake';
import { TRADE_COLUMNS } from './trade-columns.js';

/** A full block with the copies that its objects share at their ends. */
const FULL_BLOCK_ROWS: number = BLOCK_IDS + BLOCK_IDS / 32;
/** Below it columns are made as long as they need to be. */
const LEAST_ROWS: number = BLOCK_IDS / 4;

/**
 * Room for the columns of `rows` rows that every block of a run fits, in one piece: 112 MB, of which memory holds what is
 * written to. A piece of more than 32 MiB comes from the system and not from the heap of malloc, where columns of 17 MB
 * each would be cleared first, and lie among pieces that come and go (docs/decisions/0054). Undefined for few rows.
 */
export function roomForBlock(schema: TableSchema, rows: number): ColumnBatch | undefined {
  if (rows < LEAST_ROWS) return undefined;
  const room = Math.max(rows, FULL_BLOCK_ROWS);
  const widths = schema.columns.map(({ name, type }) => widthOf(name, type));
  const memory = new ArrayBuffer(widths.reduce((sum, width) => sum + width * room, 0));
  let at = 0;
  // Wide ones first: each array begins at a multiple of its width.
  const order = widths.map((_, index) => index).sort((a, b) => widths[b]! - widths[a]!);
  const columns: Column[] = [];
  for (const index of order) {
    const { name, type } = schema.columns[index]!;
    columns[index] = columnAt(name, type, memory, at, room);
    at += widths[index]! * room;
  }
  return { schema, rows: 0, columns };
}

type ColumnType = TableSchema['columns'][number]['type'];

/** Bytes a row; columns of 0 are made by the scanner. */
function widthOf(name: string, type: ColumnType): number {
  if (type === 'string') return name === TRADE_COLUMNS.id ? 8 : 4;
  return type === 'boolean' || type === 'decimal' ? 0 : 8;
}

function columnAt(name: string, type: ColumnType, memory: ArrayBuffer, at: number, room: number): Column {
  switch (type) {
    case 'string':
      return name === TRADE_COLUMNS.id
        ? { kind: 'id', values: new Float64Array(memory, at, room) }
        : { kind: 'dictionary', values: [], codes: new Uint32Array(memory, at, room) };
    case 'boolean':
    case 'decimal':
      return { kind: type, values: new Uint8Array(0) };
    default:
      return { kind: type, values: new Float64Array(memory, at, room) };
  }
}
