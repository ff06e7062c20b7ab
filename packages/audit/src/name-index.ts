import type { RangeSet } from '@schemahub/coverage';
import { MAX_OBJECT_SPAN, type RawName } from '@schemahub/lake';

/** Finds the names whose first … last meets given ids, ascending by first id, then by key. */
export function createNameIndex(names: readonly RawName[]): (ids: RangeSet) => readonly RawName[] {
  const sorted = [...names].sort((a, b) => a.first - b.first || (a.key < b.key ? -1 : 1));
  return (ids) => {
    const { first, last } = ids;
    if (first === undefined || last === undefined) return [];
    const found: RawName[] = [];
    // No object spans more ids than that, so none below can reach the first one.
    for (let at = placeOf(sorted, first - MAX_OBJECT_SPAN); at < sorted.length && sorted[at]!.first <= last; at += 1) {
      const name = sorted[at]!;
      if (ids.intersects(name.first, name.last)) found.push(name);
    }
    return found;
  };
}

function placeOf(sorted: readonly RawName[], first: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]!.first < first) low = middle + 1;
    else high = middle;
  }
  return low;
}
