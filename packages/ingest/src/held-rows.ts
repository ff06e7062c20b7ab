import { equalTrades } from '@schemahub/connector-kit';
import type { TradePage } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import { type RawContents, type RawName, readRawObject } from '@schemahub/lake';
import type { IngestContext } from './context.js';

/** What a second look at a window brought. */
export interface Comparison {
  /** Rows to land: their indexes in the page. */
  readonly keep: readonly number[];
  readonly fresh: RangeSet;
  readonly different: RangeSet;
  /** Held ids of the window that the exchange no longer shows. */
  readonly vanished: RangeSet;
}

export interface HeldRows {
  readonly compare: (page: TradePage) => Promise<Comparison>;
}

/** Objects kept open at a time: windows come in id order, so that each object is read about once. */
const OPEN_OBJECTS = 4;

/** Compares pages with the raw objects that hold their ids, read once in id order. */
export function createHeldRows(
  context: Pick<IngestContext, 'connector' | 'store' | 'readId'>,
  names: readonly RawName[],
): HeldRows {
  const open = new Map<string, Promise<RawContents>>();
  const read = (name: RawName): Promise<RawContents> => {
    let contents = open.get(name.key);
    if (contents === undefined) {
      contents = readRawObject(context.store, name, context.readId);
      open.set(name.key, contents);
      const oldest = open.keys().next().value;
      if (open.size > OPEN_OBJECTS && oldest !== undefined) open.delete(oldest);
    }
    return contents;
  };
  return {
    compare: async (page) => {
      const { first, last } = page.window;
      const held = new Map<number, Uint8Array[]>();
      for (const name of names) {
        if (name.last < first || name.first > last) continue;
        const { ids, lines } = await read(name);
        for (let i = 0; i < ids.length; i++) {
          const id = ids[i]!;
          if (id >= first && id <= last) held.set(id, [...(held.get(id) ?? []), lines[i]!]);
        }
      }
      const keep: number[] = [];
      const fresh: number[] = [];
      const different: number[] = [];
      for (let i = 0; i < page.ids.length; i++) {
        const id = page.ids[i]!;
        const copies = held.get(id);
        const now = context.connector.parseTrade(page.records[i]!);
        if (copies?.some((line) => equalTrades(context.connector.parseTrade(line), now))) continue;
        keep.push(i);
        (copies === undefined ? fresh : different).push(id);
      }
      const shown = RangeSet.fromIds(page.ids);
      return {
        keep,
        fresh: RangeSet.fromIds(fresh),
        different: RangeSet.fromIds(different),
        vanished: RangeSet.fromIds(held.keys()).difference(shown),
      };
    },
  };
}
