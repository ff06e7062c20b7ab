import { columnOf } from './access.js';
import type { Column, ColumnBatch } from './batch.js';
import { ColumnsError } from './errors.js';
import { type OrderKeys, orderKeyBuilders } from './order-keys.js';
import { firstRows, kindOfRows, sortNearlySorted } from './row-kernel.js';

export interface SortOptions {
  /** Columns to sort by, the most significant first. Ids compare as numbers, text by UTF-16 code unit, nulls last. */
  readonly keys: readonly string[];
  /** The rows to sort, in the order that equal rows keep; default all rows as they stand. Not changed. */
  readonly rows?: Uint32Array | undefined;
}

/** 2^11 counters stay in the first-level cache; three passes cover 32 bits. */
const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;

/**
 * The rows of a batch in sorted order, stably: row numbers, not copies. Linear in the rows: where few rows are out of
 * order these are sorted and merged into the others, else a radix sort; that needs 24 bytes a row besides its result. Throws ColumnsError UNKNOWN_COLUMN or OUT_OF_RANGE.
 */
export function sortPermutation(batch: ColumnBatch, options: SortOptions): Uint32Array {
  let permutation = options.rows === undefined ? firstRows(batch.rows) : checkedRows(batch, options.rows);
  for (const name of [...options.keys].reverse()) {
    const column = columnOf(batch, name);
    const merged = mergeIfNearlySorted(permutation, column);
    if (merged !== undefined) permutation = merged;
    else for (const build of orderKeyBuilders(column)) permutation = radixSort(permutation, build(permutation));
  }
  return permutation;
}

function checkedRows(batch: ColumnBatch, rows: Uint32Array): Uint32Array {
  if (kindOfRows(rows, batch.rows) === 'outside') {
    const row = rows.find((each) => each >= batch.rows);
    throw new ColumnsError('OUT_OF_RANGE', `Row ${row} was to be sorted in a batch of ${batch.rows} rows.`);
  }
  return rows.slice();
}

/** Rows out of order, as a share of all, up to which merging them is cheaper than sorting all. */
const MOST_STRAGGLERS = 1 / 8;

/** Rows of numbers that mostly ascend already, sorted; `undefined` for any others. */
function mergeIfNearlySorted(permutation: Uint32Array, column: Column): Uint32Array | undefined {
  if (column.nulls !== undefined || !(column.values instanceof Float64Array)) return undefined;
  return sortNearlySorted(column.values, permutation, Math.floor(permutation.length * MOST_STRAGGLERS));
}

function radixSort(permutation: Uint32Array, keys: OrderKeys): Uint32Array {
  if (permutation.length < 2) return permutation;
  let state: SortState = {
    permutation,
    low: keys.low,
    high: keys.high ?? keys.low,
    spare: new Uint32Array(permutation.length),
    spareLow: new Uint32Array(permutation.length),
    spareHigh: keys.high === undefined ? keys.low : new Uint32Array(permutation.length),
    wide: keys.high !== undefined,
  };
  const counts = new Uint32Array(DIGITS);
  for (let shift = 0; shift < 32; shift += DIGIT_BITS) state = scatter(state, counts, shift, false);
  if (state.wide) for (let shift = 0; shift < 32; shift += DIGIT_BITS) state = scatter(state, counts, shift, true);
  return state.permutation;
}

interface SortState {
  readonly permutation: Uint32Array;
  readonly low: Uint32Array;
  readonly high: Uint32Array;
  readonly spare: Uint32Array;
  readonly spareLow: Uint32Array;
  readonly spareHigh: Uint32Array;
  readonly wide: boolean;
}

/** One counting pass over one digit. Keys travel with their rows: following the permutation instead misses the cache. */
function scatter(state: SortState, counts: Uint32Array, shift: number, upper: boolean): SortState {
  const { permutation, low, high, spare, spareLow, spareHigh, wide } = state;
  const length = permutation.length;
  const digits = upper ? high : low;
  counts.fill(0);
  for (let at = 0; at < length; at += 1) {
    const digit = (digits[at]! >>> shift) & (DIGITS - 1);
    counts[digit] = counts[digit]! + 1;
  }
  if (counts[(digits[0]! >>> shift) & (DIGITS - 1)] === length) return state;
  let start = 0;
  for (let digit = 0; digit < DIGITS; digit += 1) {
    const count = counts[digit]!;
    counts[digit] = start;
    start += count;
  }
  for (let at = 0; at < length; at += 1) {
    const digit = (digits[at]! >>> shift) & (DIGITS - 1);
    const to = counts[digit]!;
    counts[digit] = to + 1;
    spare[to] = permutation[at]!;
    spareLow[to] = low[at]!;
    if (wide) spareHigh[to] = high[at]!;
  }
  return {
    permutation: spare,
    low: spareLow,
    high: wide ? spareHigh : spareLow,
    spare: permutation,
    spareLow: low,
    spareHigh: wide ? high : low,
    wide,
  };
}
