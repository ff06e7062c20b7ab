import type { Column } from './batch.js';
import { DECIMAL_BYTES } from './decimal.js';

/**
 * Order-preserving unsigned 64-bit keys of the chosen rows, as two halves: comparing keys compares values.
 * `high` is left out where every value fits 32 bits.
 */
export interface OrderKeys {
  readonly low: Uint32Array;
  readonly high: Uint32Array | undefined;
}

const TWO_TO_32 = 2 ** 32;

/** Builds the keys of the rows given, in their order. */
export type OrderKeyBuilder = (rows: Uint32Array) => OrderKeys;

/**
 * How to order by a column: sorting stably by each builder's keys in turn, the least significant first, sorts by the
 * column. Nulls come last.
 */
export function orderKeyBuilders(column: Column): readonly OrderKeyBuilder[] {
  const builders = valueKeyBuilders(column);
  const { nulls } = column;
  if (nulls === undefined) return builders;
  // The slot of a null means nothing, so it must not order anything either.
  const blanked = builders.map((build) => (rows: Uint32Array): OrderKeys => {
    const keys = build(rows);
    for (let at = 0; at < rows.length; at += 1) {
      if (nulls[rows[at]!] !== 1) continue;
      keys.low[at] = 0;
      if (keys.high !== undefined) keys.high[at] = 0;
    }
    return keys;
  });
  return [...blanked, (rows) => narrowKeys(rows, (row) => nulls[row]!)];
}

function valueKeyBuilders(column: Column): readonly OrderKeyBuilder[] {
  switch (column.kind) {
    case 'id':
    case 'timestamp':
    case 'int64':
    case 'double':
      return [(rows) => numberKeys(column.values, rows)];
    case 'boolean':
      return [(rows) => narrowKeys(rows, (row) => column.values[row]!)];
    case 'dictionary': {
      const ranks = ranksOf(column.values);
      const rankOfCode = Uint32Array.from(column.values, (value) => ranks.get(value)!);
      return [(rows) => narrowKeys(rows, (row) => rankOfCode[column.codes[row]!] ?? 0)];
    }
    case 'text': {
      const ranks = ranksOf(column.values);
      return [(rows) => narrowKeys(rows, (row) => ranks.get(column.values[row]!) ?? 0)];
    }
    case 'decimal':
      return decimalKeyBuilders(column.values);
  }
}

function narrowKeys(rows: Uint32Array, keyOf: (row: number) => number): OrderKeys {
  const low = new Uint32Array(rows.length);
  for (let at = 0; at < rows.length; at += 1) low[at] = keyOf(rows[at]!);
  return { low, high: undefined };
}

/** Equal texts share a rank; the default sort of strings compares code units. */
function ranksOf(values: readonly string[]): Map<string, number> {
  return new Map([...new Set(values)].sort().map((value, rank) => [value, rank]));
}

/** Safe integers become their distance from the smallest one, which keeps radix passes few; other doubles their ordered bits. */
function numberKeys(values: Float64Array, rows: Uint32Array): OrderKeys {
  let smallest = Number.POSITIVE_INFINITY;
  let largest = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < rows.length; at += 1) {
    const value = values[rows[at]!]!;
    if (!Number.isSafeInteger(value)) return floatKeys(values, rows);
    if (value < smallest) smallest = value;
    if (value > largest) largest = value;
  }
  if (largest - smallest > Number.MAX_SAFE_INTEGER) return floatKeys(values, rows);
  const low = new Uint32Array(rows.length);
  if (largest - smallest < TWO_TO_32) {
    for (let at = 0; at < rows.length; at += 1) low[at] = values[rows[at]!]! - smallest;
    return { low, high: undefined };
  }
  const high = new Uint32Array(rows.length);
  for (let at = 0; at < rows.length; at += 1) {
    const distance = values[rows[at]!]! - smallest;
    const upper = Math.floor(distance / TWO_TO_32);
    high[at] = upper;
    low[at] = distance - upper * TWO_TO_32;
  }
  return { low, high };
}

/** IEEE 754 bits ordered as unsigned integers: the sign bit is flipped for positives, all bits for negatives. NaN sorts last. */
function floatKeys(values: Float64Array, rows: Uint32Array): OrderKeys {
  const low = new Uint32Array(rows.length);
  const high = new Uint32Array(rows.length);
  const view = new DataView(new ArrayBuffer(8));
  for (let at = 0; at < rows.length; at += 1) {
    const value = values[rows[at]!]!;
    // Adding 0 turns −0 into +0, which compares equal to it. One NaN stands for all: their bits differ in sign and payload.
    view.setFloat64(0, Number.isNaN(value) ? Number.NaN : value + 0);
    const upper = Number.isNaN(value) ? 0x7ff80000 : view.getUint32(0);
    const lower = Number.isNaN(value) ? 0 : view.getUint32(4);
    const negative = upper >= 0x80000000;
    high[at] = negative ? ~upper : upper | 0x80000000;
    low[at] = negative ? ~lower : lower;
  }
  return { low, high };
}

/** 16 bytes of big-endian two's complement: the low half as it is, the high half with its sign bit flipped. */
function decimalKeyBuilders(values: Uint8Array): readonly OrderKeyBuilder[] {
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  const word = (rows: Uint32Array, index: number, flip: number): Uint32Array =>
    Uint32Array.from(rows, (row) => view.getUint32(row * DECIMAL_BYTES + index * 4) ^ flip);
  return [
    (rows) => ({ low: word(rows, 3, 0), high: word(rows, 2, 0) }),
    (rows) => ({ low: word(rows, 1, 0), high: word(rows, 0, 0x80000000) }),
  ];
}
