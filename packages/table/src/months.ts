import { type ColumnBatch, columnOf } from '@schemahub/columns';
import { TRADE_COLUMNS } from './trade-columns.js';

/** Rows `from … to−1` of a permutation that ascends by time: those of one month. */
export interface MonthSlice {
  /** `2025-12`, UTC. */
  readonly month: string;
  readonly from: number;
  readonly to: number;
}

/** The UTC month of a time in µs. */
function monthOf(micros: number): string {
  return new Date(Math.floor(micros / 1000)).toISOString().slice(0, 7);
}

function nextMonthStart(micros: number): number {
  const date = new Date(Math.floor(micros / 1000));
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) * 1000;
}

/** Cuts rows that ascend by trade_ts where the month changes. */
export function splitMonths(batch: ColumnBatch, rows: Uint32Array): MonthSlice[] {
  const times = columnOf(batch, TRADE_COLUMNS.tradeTs).values as Float64Array;
  const slices: MonthSlice[] = [];
  for (let from = 0; from < rows.length; ) {
    const first = times[rows[from]!]!;
    const end = nextMonthStart(first);
    let low = from;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[rows[middle]!]! < end) low = middle + 1;
      else high = middle;
    }
    slices.push({ month: monthOf(first), from, to: low });
    from = low;
  }
  return slices;
}
