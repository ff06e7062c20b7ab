import {
  type Column,
  type ColumnBatch,
  columnOf,
  DECIMAL_BYTES,
  findSteps,
  rowAt,
  sortPermutation,
  textAt,
} from '@schemahub/columns';
import { TRADE_COLUMNS, WINNER_ORDER } from './trade-columns.js';

/** Two records with one id that tell different trades. */
export interface ConflictSample {
  readonly id: number;
  /** The row that is in the table, and another one, as plain values. */
  readonly kept: Readonly<Record<string, unknown>>;
  readonly other: Readonly<Record<string, unknown>>;
}

export interface Deduped {
  /** One row an id, ascending by id. */
  readonly rows: Uint32Array;
  /** Rows that lost against an equal key. */
  readonly duplicates: number;
}

const SECOND = 1_000_000;
const MILLISECOND = 1000;

/** Venues tell time in seconds, ms or µs; a value says which one it may have been. */
function resolutionOf(micros: number): number {
  return micros % SECOND === 0 ? SECOND : micros % MILLISECOND === 0 ? MILLISECOND : 1;
}

/** Whether two times in µs are equal to the coarser resolution of the two. */
export function sameTime(a: number, b: number): boolean {
  if (a === b) return true;
  const coarser = Math.max(resolutionOf(a), resolutionOf(b));
  return Math.floor(a / coarser) === Math.floor(b / coarser);
}

/** Whether two rows tell the same trade: side, price and quantity agree, and times to the coarser resolution of the two. */
function createTradeEquality(batch: ColumnBatch): (a: number, b: number) => boolean {
  const side = columnOf(batch, TRADE_COLUMNS.side);
  const price = columnOf(batch, TRADE_COLUMNS.price).values as Float64Array;
  const quantity = columnOf(batch, TRADE_COLUMNS.quantity).values as Float64Array;
  const times = columnOf(batch, TRADE_COLUMNS.tradeTs).values as Float64Array;
  return (a, b) =>
    price[a] === price[b] &&
    quantity[a] === quantity[b] &&
    textAt(side, a) === textAt(side, b) &&
    sameTime(times[a]!, times[b]!);
}

function compareValues(column: Column, a: number, b: number): number {
  const nulls = (column.nulls?.[a] ?? 0) - (column.nulls?.[b] ?? 0);
  if (nulls !== 0 || column.nulls?.[a] === 1) return nulls;
  switch (column.kind) {
    case 'text':
    case 'dictionary': {
      const [left, right] = [textAt(column, a), textAt(column, b)];
      return left < right ? -1 : left > right ? 1 : 0;
    }
    case 'decimal': {
      const bytes = (row: number): Uint8Array => column.values.subarray(row * DECIMAL_BYTES, (row + 1) * DECIMAL_BYTES);
      return Buffer.compare(bytes(a), bytes(b)); // any total order will do: it decides between equal doubles
    }
    default:
      return column.values[a]! - column.values[b]!;
  }
}

/** Orders rows of one id: the least wins, whatever order they were read in. */
function createWinnerOrder(batch: ColumnBatch): (a: number, b: number) => number {
  const rest = batch.schema.columns.map(({ name }) => name).filter((name) => !WINNER_ORDER.includes(name));
  const columns = [...WINNER_ORDER, ...rest].map((name) => columnOf(batch, name));
  return (a, b) => {
    for (const column of columns) {
      const order = compareValues(column, a, b);
      if (order !== 0) return order;
    }
    return 0;
  };
}

/**
 * Leaves one row an id: the least by (ingest_ts, trade_ts, side, price, quantity). Exact: rows are sorted by id, so equal
 * keys are neighbours. `onConflict` hears of each id whose copies tell different trades. Costs 8 bytes a row and, where
 * rows did not ascend by id, 16 more while sorting; 8 a copy.
 */
export function dedupe(batch: ColumnBatch, onConflict: (sample: () => ConflictSample, id: number) => void): Deduped {
  const rows = sortPermutation(batch, { keys: [TRADE_COLUMNS.id] });
  const ids = columnOf(batch, TRADE_COLUMNS.id).values as Float64Array;
  const order = createWinnerOrder(batch);
  const isSameTrade = createTradeEquality(batch);
  const winnerOf = (copies: Uint32Array): number => {
    const best = copies.reduce((least, row) => (order(row, least) < 0 ? row : least));
    const other = copies.find((row) => !isSameTrade(best, row));
    const id = ids[best]!;
    if (other !== undefined) onConflict(() => ({ id, kept: rowAt(batch, best), other: rowAt(batch, other) }), id);
    return best;
  };
  const copies = findSteps(ids, rows, { step: 0, isStep: true, most: rows.length })!;
  let kept = 0;
  let from = 0;
  for (let at = 0; at < copies.length; ) {
    const first = copies[at]! - 1;
    let end = first + 1;
    for (; copies[at] === end; at += 1) end += 1;
    // Never ahead of what is still to be read.
    rows.copyWithin(kept, from, first);
    kept += first - from;
    rows[kept] = winnerOf(rows.subarray(first, end));
    kept += 1;
    from = end;
  }
  rows.copyWithin(kept, from);
  kept += rows.length - from;
  return { rows: rows.subarray(0, kept), duplicates: rows.length - kept };
}
