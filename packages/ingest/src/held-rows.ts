import { equalTrades } from '@schemahub/connector-kit';
import type { TradePage } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import { LakeError, type RawContents, type RawName, readRawObject } from '@schemahub/lake';
import { condemnObjects } from './condemn.js';
import type { IngestContext } from './context.js';

/** What a second look at a window brought. */
export interface Comparison {
  /** Rows to land: their indexes in the page. */
  readonly keep: ReadonlySet<number>;
  readonly fresh: RangeSet;
  readonly different: RangeSet;
  /** Held ids of the window that the exchange no longer shows. */
  readonly vanished: RangeSet;
}

export interface HeldRows {
  readonly compare: (page: TradePage) => Promise<Comparison>;
}

/** Unpacked objects kept at a time, a few tens of MB each: windows come in id order, so each is read about once. */
const OPEN_OBJECTS = 3;

/** Index of the first id that is not below `id`. */
function lowerBound(ids: Float64Array, id: number): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ids[middle]! < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Compares pages with the raw objects that hold their ids. A damaged object is condemned on the way and counts as not
 * held, so that the page replaces it.
 */
export function createHeldRows(context: IngestContext, productId: string, names: readonly RawName[]): HeldRows {
  const open = new Map<string, Promise<RawContents | undefined>>();

  const read = async (name: RawName): Promise<RawContents | undefined> => {
    try {
      return await readRawObject(context.store, name, context.readId);
    } catch (error) {
      if (!(error instanceof LakeError) || error.code !== 'damaged-raw') throw error;
      await condemnObjects(context, productId, [{ key: name.key, reason: error.message }]);
      return undefined;
    }
  };

  /** Least recently used goes first. */
  const contentsOf = (name: RawName): Promise<RawContents | undefined> => {
    const contents = open.get(name.key) ?? read(name);
    open.delete(name.key);
    open.set(name.key, contents);
    for (const [key] of open) if (open.size > OPEN_OBJECTS) open.delete(key);
    return contents;
  };

  const linesIn = async (first: number, last: number): Promise<ReadonlyMap<number, readonly Uint8Array[]>> => {
    const held = new Map<number, Uint8Array[]>();
    for (const name of names) {
      if (name.last < first || name.first > last) continue;
      const { ids, lines } = (await contentsOf(name)) ?? { ids: new Float64Array(), lines: [] };
      for (let i = lowerBound(ids, first); i < ids.length && ids[i]! <= last; i++) {
        const copies = held.get(ids[i]!);
        if (copies === undefined) held.set(ids[i]!, [lines[i]!]);
        else copies.push(lines[i]!);
      }
    }
    return held;
  };

  return {
    compare: async (page) => {
      const { parseTrade } = context.connector;
      const held = await linesIn(page.window.first, page.window.last);
      const keep = new Set<number>();
      const fresh: number[] = [];
      const different: number[] = [];
      for (const [i, id] of page.ids.entries()) {
        const copies = held.get(id);
        const now = parseTrade(page.records[i]!);
        if (copies?.some((line) => equalTrades(parseTrade(line), now))) continue;
        keep.add(i);
        (copies === undefined ? fresh : different).push(id);
      }
      return {
        keep,
        fresh: RangeSet.fromIds(fresh),
        different: RangeSet.fromIds(different),
        vanished: RangeSet.fromIds(held.keys()).difference(RangeSet.fromIds(page.ids)),
      };
    },
  };
}
