/**
 * Linear merges of two ascending lists of disjoint, non-adjacent ranges, flat as [first, last, first, last, …].
 * Everything above works on chunks of such lists; these three loops are the whole set algebra.
 */

/** Collects ranges in ascending order and joins those that touch. */
class Ranges {
  #values: Float64Array;
  #length = 0;

  constructor(capacity: number) {
    this.#values = new Float64Array(capacity);
  }

  add(first: number, last: number): void {
    const values = this.#values;
    const end = this.#length;
    if (end > 0 && first <= values[end - 1]! + 1) {
      if (last > values[end - 1]!) values[end - 1] = last;
      return;
    }
    values[end] = first;
    values[end + 1] = last;
    this.#length = end + 2;
  }

  take(): Float64Array {
    return this.#values.subarray(0, this.#length);
  }
}

/** Ids in `a` or `b`. */
export function unionRanges(a: Float64Array, b: Float64Array): Float64Array {
  const out = new Ranges(a.length + b.length);
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (j >= b.length || (i < a.length && a[i]! <= b[j]!)) {
      out.add(a[i]!, a[i + 1]!);
      i += 2;
    } else {
      out.add(b[j]!, b[j + 1]!);
      j += 2;
    }
  }
  return out.take();
}

/** Ids in `a` and `b`. */
export function intersectRanges(a: Float64Array, b: Float64Array): Float64Array {
  const out = new Ranges(a.length + b.length);
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const first = Math.max(a[i]!, b[j]!);
    const last = Math.min(a[i + 1]!, b[j + 1]!);
    if (first <= last) out.add(first, last);
    if (a[i + 1]! < b[j + 1]!) i += 2;
    else j += 2;
  }
  return out.take();
}

/** Ids in `a` and not in `b`. */
export function subtractRanges(a: Float64Array, b: Float64Array): Float64Array {
  const out = new Ranges(a.length + b.length);
  let j = 0;
  for (let i = 0; i < a.length; i += 2) {
    let first = a[i]!;
    const last = a[i + 1]!;
    while (j < b.length && b[j + 1]! < first) j += 2;
    // A range of b may reach into the next range of a, so j only moves past ranges that end inside this one.
    let k = j;
    while (k < b.length && b[k]! <= last) {
      if (b[k]! > first) out.add(first, b[k]! - 1);
      first = b[k + 1]! + 1;
      if (first > last) break;
      k += 2;
    }
    if (first <= last) out.add(first, last);
    j = k;
  }
  return out.take();
}

/** Index (even) of the first range whose last id is ≥ `id`; `ranges.length` when there is none. */
export function findRange(ranges: Float64Array, id: number): number {
  let low = 0;
  let high = ranges.length >> 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[2 * middle + 1]! < id) low = middle + 1;
    else high = middle;
  }
  return 2 * low;
}
