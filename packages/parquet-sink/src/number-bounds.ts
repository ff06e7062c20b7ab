/** Least and greatest of numbers; `undefined` where there is none but NaN. */
export function numberBounds(
  values: Float64Array | Uint8Array,
  from: number,
  to: number,
): { readonly min: number; readonly max: number } | undefined {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  // NaN compares false with everything and so takes no part, as the format asks.
  for (let index = from; index < to; index++) {
    const value = values[index]!;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return min > max ? undefined : { min, max };
}
