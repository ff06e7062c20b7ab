import { boundsOfDoubles } from './encode/page-kernel.js';

/** Least and greatest of numbers; `undefined` where there is none but NaN, which takes no part, as the format asks. */
export function numberBounds(
  values: Float64Array | Uint8Array,
  from: number,
  to: number,
): { readonly min: number; readonly max: number } | undefined {
  if (values instanceof Float64Array) {
    const { min, max } = boundsOfDoubles(values, from, to);
    return min > max ? undefined : { min, max };
  }
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let index = from; index < to; index++) {
    const value = values[index]!;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return min > max ? undefined : { min, max };
}
