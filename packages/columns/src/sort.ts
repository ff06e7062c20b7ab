import { columnOf } from './access.js';
import type { ColumnBatch } from './batch.js';
import { ColumnsError } from './errors.js';
import { type OrderKeys, orderKeyBuilders } from './order-keys.js';

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
  let permutation = options.rows === undefined ? identity(batch.rows) : checkedRows(batch, options.rows);
  for (const name of [...options.keys].reverse()) {
    for (const build of orderKeyBuilders(columnOf(batch, name)))
      permutation = sortByKeys(permutation, build(permutation));
  }
  return permutation;
}

function identity(rows: number): Uint32Array {
  const permutation = new Uint32Array(rows);
  for (let row = 0; row < rows; row += 1) permutation[row] = row;
  return permutation;
}

function checkedRows(batch: ColumnBatch, rows: Uint32Array): Uint32Array {
  for (let at = 0; at < rows.length; at += 1) {
    if (rows[at]! >= batch.rows) {
      throw new ColumnsError('OUT_OF_RANGE', `Row ${rows[at]} was to be sorted in a batch of ${batch.rows} rows.`);
    }
  }
  return rows.slice();
}

/** Rows out of order, as a share of all, up to which merging them is cheaper than sorting all. */
const MOST_STRAGGLERS = 1 / 8;

function sortByKeys(permutation: Uint32Array, keys: OrderKeys): Uint32Array {
  const stragglers = findStragglers(keys, Math.floor(permutation.length * MOST_STRAGGLERS));
  if (stragglers === undefined) return radixSort(permutation, keys);
  return stragglers.length === 0 ? permutation : mergeStragglers(permutation, keys, stragglers);
}

/** Places whose key is less than one before them; `undefined` when there are more than `limit`. The others ascend. */
function findStragglers({ low, high }: OrderKeys, limit: number): Uint32Array | undefined {
  const places = new Uint32Array(limit);
  let count = 0;
  let greatest = 0; // the place of the greatest key so far
  for (let at = 1; at < low.length; at += 1) {
    const upper = high === undefined ? 0 : high[at]! - high[greatest]!;
    if (upper > 0 || (upper === 0 && low[at]! >= low[greatest]!)) {
      greatest = at;
      continue;
    }
    if (count === limit) return undefined;
    places[count] = at;
    count += 1;
  }
  return places.slice(0, count);
}

function mergeStragglers(permutation: Uint32Array, keys: OrderKeys, stragglers: Uint32Array): Uint32Array {
  const late = radixSort(stragglers, {
    low: Uint32Array.from(stragglers, (place) => keys.low[place]!),
    high: keys.high === undefined ? undefined : Uint32Array.from(stragglers, (place) => keys.high![place]!),
  });
  const merged = new Uint32Array(permutation.length);
  let next = 0;
  let to = 0;
  let skip = 0; // the next of `stragglers`, which ascend by place
  for (let at = 0; at < permutation.length; at += 1) {
    if (at === stragglers[skip]) {
      skip += 1;
      continue;
    }
    while (next < late.length && isBefore(keys, late[next]!, at)) {
      merged[to] = permutation[late[next]!]!;
      next += 1;
      to += 1;
    }
    merged[to] = permutation[at]!;
    to += 1;
  }
  for (; next < late.length; next += 1, to += 1) merged[to] = permutation[late[next]!]!;
  return merged;
}

/** Whether the row at one place comes before that at another: by key, then as they stood. */
function isBefore({ low, high }: OrderKeys, left: number, right: number): boolean {
  const upper = high === undefined ? 0 : high[left]! - high[right]!;
  if (upper !== 0) return upper < 0;
  return low[left]! === low[right]! ? left < right : low[left]! < low[right]!;
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
