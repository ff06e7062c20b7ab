import type { IdRange } from '@schemahub/coverage';

// The stand-in judges the set algebra of the pipeline, so it shares only the type with it and none of the code.

/** Ids named one by one or as inclusive ranges. */
export type IdList = readonly (number | IdRange)[];

/** The list as ascending, disjoint, non-adjacent ranges. */
export function toRanges(list: IdList): readonly IdRange[] {
  const sorted = list
    .map((item) => (typeof item === 'number' ? { first: item, last: item } : item))
    .sort((a, b) => a.first - b.first);
  const ranges: IdRange[] = [];
  for (const range of sorted) {
    const previous = ranges.at(-1);
    if (previous !== undefined && range.first <= previous.last + 1) {
      ranges[ranges.length - 1] = { first: previous.first, last: Math.max(previous.last, range.last) };
    } else {
      ranges.push({ first: range.first, last: range.last });
    }
  }
  return ranges;
}

/** `ranges` without the ids of `list`. */
export function withoutIds(ranges: readonly IdRange[], list: IdList): readonly IdRange[] {
  let rest = ranges;
  for (const gone of toRanges(list)) {
    rest = rest.flatMap((range) =>
      [
        { first: range.first, last: Math.min(range.last, gone.first - 1) },
        { first: Math.max(range.first, gone.last + 1), last: range.last },
      ].filter((piece) => piece.first <= piece.last),
    );
  }
  return rest;
}

/** Index of the last range that begins at or below `id`; −1 when there is none. */
function rangeIndexAt(ranges: readonly IdRange[], id: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]!.first <= id) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The at most `limit` greatest ids within `bounds` that are in none of `excluded`, as descending ranges. */
export function greatestIds(bounds: IdRange, excluded: readonly IdRange[], limit: number): readonly IdRange[] {
  const picked: IdRange[] = [];
  let top = bounds.last;
  let left = limit;
  let index = rangeIndexAt(excluded, top);
  while (top >= bounds.first && left > 0) {
    const hole = excluded[index];
    if (hole !== undefined && hole.last >= top) {
      top = hole.first - 1;
      index -= 1;
      continue;
    }
    const bottom = Math.max(bounds.first, hole === undefined ? bounds.first : hole.last + 1, top - left + 1);
    picked.push({ first: bottom, last: top });
    left -= top - bottom + 1;
    top = bottom - 1;
  }
  return picked;
}

/** The at most `limit` least ids within `bounds` that are in none of `excluded`, as ascending ranges. */
export function leastIds(bounds: IdRange, excluded: readonly IdRange[], limit: number): readonly IdRange[] {
  const picked: IdRange[] = [];
  let bottom = bounds.first;
  let left = limit;
  let index = Math.max(0, rangeIndexAt(excluded, bottom));
  while (bottom <= bounds.last && left > 0) {
    const hole = excluded[index];
    if (hole !== undefined && hole.last < bottom) {
      index += 1;
      continue;
    }
    if (hole !== undefined && hole.first <= bottom) {
      bottom = hole.last + 1;
      continue;
    }
    const top = Math.min(bounds.last, hole === undefined ? bounds.last : hole.first - 1, bottom + left - 1);
    picked.push({ first: bottom, last: top });
    left -= top - bottom + 1;
    bottom = top + 1;
  }
  return picked;
}

/** How many ids the ranges hold. */
export function countIds(ranges: readonly IdRange[]): number {
  return ranges.reduce((sum, range) => sum + range.last - range.first + 1, 0);
}
