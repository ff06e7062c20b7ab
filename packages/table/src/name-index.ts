import type { RangeSet } from '@schemahub/coverage';
import { digestOfRawNames, MAX_OBJECT_SPAN, type RawName } from '@schemahub/lake';

/** Raw names of one product, ready to be asked which of them may hold given ids. */
export interface NameIndex {
  /** Names whose first … last meets the ids, ascending by first id, then by key. */
  readonly intersecting: (ids: RangeSet) => readonly RawName[];
  /** Digest of those names: what a data file with these ids says it was made from. */
  readonly digest: (ids: RangeSet) => string;
}

export function createNameIndex(names: readonly RawName[]): NameIndex {
  const sorted = [...names].sort((a, b) => a.first - b.first || (a.key < b.key ? -1 : 1));
  const intersecting = (ids: RangeSet): readonly RawName[] => {
    if (ids.isEmpty) return [];
    const found: RawName[] = [];
    const lowest = ids.first! - MAX_OBJECT_SPAN; // no object spans more, so none below can reach the ids
    for (let at = firstAtLeast(sorted, lowest); at < sorted.length && sorted[at]!.first <= ids.last!; at += 1) {
      const name = sorted[at]!;
      if (ids.intersects(name.first, name.last)) found.push(name);
    }
    return found;
  };
  return { intersecting, digest: (ids) => digestOfRawNames(intersecting(ids)) };
}

function firstAtLeast(sorted: readonly RawName[], first: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]!.first < first) low = middle + 1;
    else high = middle;
  }
  return low;
}
