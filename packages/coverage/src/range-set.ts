import { CoverageError } from './errors.js';
import { findRange, intersectRanges, subtractRanges, unionRanges } from './sweep.js';

/** Ids `first` … `last`, both included. */
export interface IdRange {
  readonly first: number;
  readonly last: number;
}

/** The greatest id: 2^53 − 1. A range that ends here is open upwards and prints as `5-`. */
export const MAX_ID: number = Number.MAX_SAFE_INTEGER;

/** Ranges in one chunk. An edit copies one chunk and the list of chunks, so both are kept small. */
const CHUNK_RANGES = 256;

interface Chunk {
  /** [first, last, …] ascending, disjoint, not adjacent; never empty; never written again. */
  readonly ranges: Float64Array;
  readonly ids: number;
}

function chunkOf(ranges: Float64Array): Chunk {
  let ids = 0;
  for (let i = 0; i < ranges.length; i += 2) ids += ranges[i + 1]! - ranges[i]! + 1;
  return { ranges, ids };
}

/** Cuts a list into chunks of equal size, so that no edit leaves crumbs behind. */
function cut(ranges: Float64Array): Chunk[] {
  const count = ranges.length / 2;
  if (count === 0) return [];
  const pieces = Math.ceil(count / CHUNK_RANGES);
  const chunks: Chunk[] = [];
  for (let piece = 0; piece < pieces; piece++) {
    const from = Math.floor((count * piece) / pieces);
    const to = Math.floor((count * (piece + 1)) / pieces);
    chunks.push(chunkOf(ranges.slice(2 * from, 2 * to)));
  }
  return chunks;
}

function isId(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function checkRange(first: number, last: number): void {
  if (!isId(first) || !isId(last) || first > last) {
    throw new CoverageError(
      'invalid-range',
      `id range: expected integers 0 ≤ first ≤ last ≤ ${MAX_ID}, got ${first} … ${last}`,
    );
  }
}

function printRange(first: number, last: number): string {
  if (first === last) return `${first}`;
  return last === MAX_ID ? `${first}-` : `${first}-${last}`;
}

function flatten(ranges: readonly IdRange[]): Float64Array {
  const sorted = [...ranges].sort((a, b) => a.first - b.first);
  const flat = new Float64Array(2 * sorted.length);
  let end = 0;
  for (const { first, last } of sorted) {
    checkRange(first, last);
    if (end > 0 && first <= flat[end - 1]! + 1) {
      if (last > flat[end - 1]!) flat[end - 1] = last;
    } else {
      flat[end] = first;
      flat[end + 1] = last;
      end += 2;
    }
  }
  return flat.subarray(0, end);
}

/**
 * An immutable set of trade ids, kept as ranges. Ids are integers 0 … 2^53−1.
 *
 * Edits share what they do not touch: a range added to a set of n ranges copies one chunk of ≤ 256 ranges and a list
 * of n/256 chunks. A set costs 16 bytes a range. `contains` is two binary searches.
 */
export class RangeSet {
  static readonly empty: RangeSet = new RangeSet([]);

  readonly #chunks: readonly Chunk[];

  private constructor(chunks: readonly Chunk[]) {
    this.#chunks = chunks;
  }

  /** The ids `first` … `last`. Throws `CoverageError` unless 0 ≤ first ≤ last ≤ 2^53−1. */
  static of(first: number, last: number = first): RangeSet {
    checkRange(first, last);
    return new RangeSet([chunkOf(Float64Array.of(first, last))]);
  }

  /** The union of ranges in any order, touching or overlapping as they may. */
  static fromRanges(ranges: Iterable<IdRange>): RangeSet {
    return new RangeSet(cut(flatten([...ranges])));
  }

  /** The ids of a column, in any order, repeated as they may be. Ascending ids take one pass and no sort. */
  static fromIds(ids: Iterable<number>): RangeSet {
    const column = ids instanceof Float64Array ? ids : Float64Array.from(ids);
    let ascending = true;
    for (let i = 0; i < column.length; i++) {
      if (!isId(column[i]!)) {
        throw new CoverageError('invalid-id', `id: expected an integer 0 … ${MAX_ID}, got ${column[i]} at ${i}`);
      }
      if (i > 0 && column[i]! < column[i - 1]!) ascending = false;
    }
    const sorted = ascending ? column : column.slice().sort();
    const flat: number[] = [];
    for (let i = 0; i < sorted.length; ) {
      const first = sorted[i]!;
      let last = first;
      for (i += 1; i < sorted.length && sorted[i]! <= last + 1; i += 1) last = sorted[i]!;
      flat.push(first, last);
    }
    return new RangeSet(cut(Float64Array.from(flat)));
  }

  /**
   * Reads the text form `1-5000,5046,6000-`: ascending, disjoint, not adjacent, no spaces; the empty text is the empty
   * set. Only what `toString` prints is accepted, so that a damaged text is noticed. Throws `CoverageError`.
   */
  static parse(text: string): RangeSet {
    if (text === '') return RangeSet.empty;
    const flat: number[] = [];
    for (const part of text.split(',')) {
      const match = /^(0|[1-9]\d{0,15})(?:(-)(0|[1-9]\d{0,15})?)?$/.exec(part);
      const first = match ? Number(match[1]) : Number.NaN;
      const last = match?.[2] === undefined ? first : match[3] === undefined ? MAX_ID : Number(match[3]);
      const previous = flat.at(-1) ?? Number.NEGATIVE_INFINITY;
      const isPrinted = match !== null && part === printRange(first, last);
      if (!isPrinted || !isId(first) || !isId(last) || first > last || first <= previous + 1) {
        throw new CoverageError(
          'invalid-text',
          `id ranges: expected ascending text such as "1-5000,5046,6000-", got ${JSON.stringify(part.slice(0, 60))} ` +
            `as part ${flat.length / 2 + 1}`,
        );
      }
      flat.push(first, last);
    }
    return new RangeSet(cut(Float64Array.from(flat)));
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** Number of ids. Exact below 2^53. */
  get count(): number {
    let ids = 0;
    for (const chunk of this.#chunks) ids += chunk.ids;
    return ids;
  }

  get rangeCount(): number {
    let ranges = 0;
    for (const chunk of this.#chunks) ranges += chunk.ranges.length / 2;
    return ranges;
  }

  /** Least id; undefined when empty. */
  get first(): number | undefined {
    return this.#chunks[0]?.ranges[0];
  }

  /** Greatest id; undefined when empty. */
  get last(): number | undefined {
    return this.#chunks.at(-1)?.ranges.at(-1);
  }

  contains(id: number): boolean {
    const ranges = this.#chunks[this.#chunkAt(id)]?.ranges;
    if (ranges === undefined) return false;
    const at = findRange(ranges, id);
    return at < ranges.length && ranges[at]! <= id;
  }

  /** Whether any id of `first` … `last` is in the set. */
  intersects(first: number, last: number): boolean {
    const ranges = this.#chunks[this.#chunkAt(first)]?.ranges;
    if (ranges === undefined) return false;
    const at = findRange(ranges, first);
    return at < ranges.length && ranges[at]! <= last;
  }

  union(other: RangeSet): RangeSet {
    if (other.isEmpty || other === this) return this;
    if (this.isEmpty) return other;
    // The larger set lends its chunks; the work is in the span of the smaller one.
    const [base, edit] = this.#chunks.length >= other.#chunks.length ? [this, other] : [other, this];
    return base.#splice(edit, unionRanges);
  }

  /** The ids of this set that `other` lacks. */
  difference(other: RangeSet): RangeSet {
    if (other.isEmpty || this.isEmpty) return this;
    return this.#splice(other, subtractRanges);
  }

  intersect(other: RangeSet): RangeSet {
    if (this.isEmpty || other.isEmpty) return RangeSet.empty;
    const [from, to] = this.#span(Math.max(this.first!, other.first!), Math.min(this.last!, other.last!));
    const [otherFrom, otherTo] = other.#span(Math.max(this.first!, other.first!), Math.min(this.last!, other.last!));
    return new RangeSet(cut(intersectRanges(this.#flat(from, to), other.#flat(otherFrom, otherTo))));
  }

  /** The ids of this set within `first` … `last`, which may lie beyond the ids that there are. */
  clip(first: number, last: number): RangeSet {
    return first > last ? RangeSet.empty : this.intersect(RangeSet.of(Math.max(0, first), Math.min(last, MAX_ID)));
  }

  /** The ids within `first` … `last` (default: between the least and the greatest id) that the set lacks. */
  gaps(first: number | undefined = this.first, last: number | undefined = this.last): RangeSet {
    if (first === undefined || last === undefined || first > last) return RangeSet.empty;
    return RangeSet.of(first, last).difference(this);
  }

  equals(other: RangeSet): boolean {
    if (this === other) return true;
    if (this.rangeCount !== other.rangeCount) return false;
    const mine = this.#flat(0, this.#chunks.length);
    const theirs = other.#flat(0, other.#chunks.length);
    return mine.every((value, i) => value === theirs[i]);
  }

  /** The greatest id of the set that is ≤ `id`; undefined when there is none. */
  floor(id: number): number | undefined {
    const chunk = this.#chunkAt(id);
    const ranges = this.#chunks[chunk]?.ranges;
    const at = ranges === undefined ? 0 : findRange(ranges, id);
    if (ranges !== undefined && ranges[at]! <= id) return id;
    return at > 0 ? ranges![at - 1]! : this.#chunks[chunk - 1]?.ranges.at(-1);
  }

  /** The least id of the set that is ≥ `id`; undefined when there is none. */
  ceiling(id: number): number | undefined {
    const ranges = this.#chunks[this.#chunkAt(id)]?.ranges;
    if (ranges === undefined) return undefined;
    return Math.max(id, ranges[findRange(ranges, id)]!);
  }

  /** The least id ≥ `id` that is not in the set: 2^53, which is no id, when all up to the greatest are in it. */
  firstAbsent(id: number): number {
    const chunk = this.#chunkAt(id);
    const ranges = this.#chunks[chunk]?.ranges;
    if (ranges === undefined) return id;
    const at = findRange(ranges, id);
    return ranges[at]! <= id ? ranges[at + 1]! + 1 : id;
  }

  /** Ranges, ascending. */
  *ranges(): Generator<IdRange, void, undefined> {
    for (const { ranges } of this.#chunks) {
      for (let i = 0; i < ranges.length; i += 2) yield { first: ranges[i]!, last: ranges[i + 1]! };
    }
  }

  [Symbol.iterator](): Generator<IdRange, void, undefined> {
    return this.ranges();
  }

  /**
   * Cells of the fixed grid `[k·size, k·size + size − 1]` that hold ids of the set, each clipped to the first and last
   * id it holds. `order` `newest` walks downwards. Lazy: a set that is open upwards must be clipped before.
   */
  *windows(size: number, order: 'oldest' | 'newest' = 'oldest'): Generator<IdRange, void, undefined> {
    if (!Number.isSafeInteger(size) || size < 1) {
      throw new CoverageError('invalid-range', `windows: expected a size ≥ 1, got ${size}`);
    }
    let open: { cell: number; first: number; last: number } | undefined;
    for (const part of order === 'oldest' ? this.#cells(size) : this.#cellsDown(size)) {
      if (open !== undefined && open.cell === part.cell) {
        open.first = Math.min(open.first, part.first);
        open.last = Math.max(open.last, part.last);
      } else {
        if (open !== undefined) yield { first: open.first, last: open.last };
        open = part;
      }
    }
    if (open !== undefined) yield { first: open.first, last: open.last };
  }

  /** The text form: `1-5000,5046,6000-`. `parse` reads it back. */
  toString(): string {
    const parts: string[] = [];
    for (const { first, last } of this) parts.push(printRange(first, last));
    return parts.join(',');
  }

  toJSON(): string {
    return this.toString();
  }

  *#cells(size: number): Generator<{ cell: number; first: number; last: number }> {
    for (const { first, last } of this) {
      for (let from = first; from <= last; ) {
        const cell = Math.floor(from / size);
        const to = Math.min(last, cell * size + size - 1);
        yield { cell, first: from, last: to };
        from = to + 1;
      }
    }
  }

  *#cellsDown(size: number): Generator<{ cell: number; first: number; last: number }> {
    for (let c = this.#chunks.length - 1; c >= 0; c--) {
      const { ranges } = this.#chunks[c]!;
      for (let i = ranges.length - 2; i >= 0; i -= 2) {
        for (let to = ranges[i + 1]!; to >= ranges[i]!; ) {
          const cell = Math.floor(to / size);
          const from = Math.max(ranges[i]!, cell * size);
          yield { cell, first: from, last: to };
          to = from - 1;
        }
      }
    }
  }

  /** Index of the first chunk whose last id is ≥ `id`; the number of chunks when there is none. */
  #chunkAt(id: number): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#chunks[middle]!.ranges.at(-1)! < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Chunks `[from, to)` that an edit of ids `first` … `last` can touch, neighbours that would join included. */
  #span(first: number, last: number): [number, number] {
    const from = this.#chunkAt(first - 1);
    let to = from;
    while (to < this.#chunks.length && this.#chunks[to]!.ranges[0]! <= last + 1) to++;
    return [from, to];
  }

  #flat(from: number, to: number): Float64Array {
    if (to - from === 1) return this.#chunks[from]!.ranges;
    let length = 0;
    for (let i = from; i < to; i++) length += this.#chunks[i]!.ranges.length;
    const flat = new Float64Array(length);
    let end = 0;
    for (let i = from; i < to; i++) {
      flat.set(this.#chunks[i]!.ranges, end);
      end += this.#chunks[i]!.ranges.length;
    }
    return flat;
  }

  /** Replaces the chunks in the span of `edit` by `merge(those, edit)`; all others are shared. */
  #splice(edit: RangeSet, merge: (a: Float64Array, b: Float64Array) => Float64Array): RangeSet {
    let [from, to] = this.#span(edit.first!, edit.last!);
    // A small neighbour is taken along, so that chunks never crumble.
    if (from > 0 && this.#chunks[from - 1]!.ranges.length < CHUNK_RANGES) from--;
    if (to < this.#chunks.length && this.#chunks[to]!.ranges.length < CHUNK_RANGES) to++;
    const changed = cut(merge(this.#flat(from, to), edit.#flat(0, edit.#chunks.length)));
    return new RangeSet(this.#chunks.toSpliced(from, to - from, ...changed));
  }
}
