import type { TradeFacts } from '@schemahub/core';
import { equalTrades } from './equal-trades.js';
import { contractBreak } from './errors.js';
import { sliceRecords } from './slice-records.js';

/** One whole reply to a trades request, before it is cut into rows. */
export interface TradesReply {
  readonly body: Uint8Array;
  readonly url: string;
  /** Milliseconds since 1970, by our clock, when the body had been read. */
  readonly receivedAt: number;
  /** The `Date` header, ms since 1970. */
  readonly date?: number | undefined;
  /** How long the exchange took, ms; undefined where nobody measured. */
  readonly elapsedMs?: number | undefined;
}

/** Reads a reply inside its attempt; throws `ExchangeError` where it breaks the venue's contract. */
export type Judge = (reply: TradesReply) => void;

/**
 * Sends a request and reads its reply once: inside the attempt where the transport offers that, so that a broken contract
 * is a failure that the breaker counts, else afterwards.
 */
export async function sendAndRead<T>(
  send: (judge: Judge) => Promise<TradesReply>,
  read: (reply: TradesReply) => T,
): Promise<{ readonly reply: TradesReply; readonly value: T }> {
  let found: { readonly value: T } | undefined;
  const reply = await send((seen) => {
    found = { value: read(seen) };
  });
  return { reply, value: (found ?? { value: read(reply) }).value };
}

/** Rows of one reply, newest id first; ids may repeat until `uniqueRows`. */
export interface TradeRows {
  readonly ids: readonly number[];
  readonly records: readonly Uint8Array[];
  readonly values: readonly unknown[];
}

/** How a venue's row is read. Both get one parsed element of the body. */
export interface RowReader {
  /** The canonical id, or undefined when the row has none. */
  readonly idOf: (value: unknown) => number | undefined;
  readonly factsOf: (value: unknown) => TradeFacts;
  /** The member of the body that holds the rows, where the venue wraps them: `data` of `{"code":"0","data":[…]}`. */
  readonly member?: string | undefined;
}

function inOrder(rows: TradeRows, order: readonly number[]): TradeRows {
  return {
    ids: order.map((at) => rows.ids[at]!),
    records: order.map((at) => rows.records[at]!),
    values: order.map((at) => rows.values[at]!),
  };
}

/** Which ids a request may be answered with. */
export interface AskedIds {
  readonly upTo?: number | undefined;
  readonly from?: number | undefined;
}

/**
 * The rows of a reply, newest first. A row without a canonical id, or with an id beyond what was asked for, breaks the
 * venue's contract: one such row and nothing of the reply can be trusted, so it is asked for again.
 */
export function readRows(reply: TradesReply, asked: AskedIds, reader: RowReader): TradeRows {
  const { records, values } = sliceRecords(reply.body, reply.url, reader.member);
  let sorted = true;
  const ids = values.map((value, at) => {
    const id = reader.idOf(value);
    if (id === undefined) {
      const shown = Buffer.from(records[at]!.subarray(0, 120)).toString('utf8');
      throw contractBreak(`row ${at} has no trade id 0 … 2^53−1: ${shown}`, { url: reply.url });
    }
    if (asked.upTo !== undefined && id > asked.upTo) {
      throw contractBreak(`trade ${id} came, but only ids up to ${asked.upTo} were asked for`, { url: reply.url });
    }
    if (asked.from !== undefined && id < asked.from) {
      throw contractBreak(`trade ${id} came, but only ids from ${asked.from} were asked for`, { url: reply.url });
    }
    return id;
  });
  for (let at = 1; at < ids.length; at++) if (ids[at]! > ids[at - 1]!) sorted = false;
  const rows: TradeRows = { ids, records, values };
  if (sorted) return rows;
  // Equal ids keep the order of the reply, so that the row that is kept does not depend on the sort.
  const order = ids.map((_, at) => at).sort((a, b) => ids[b]! - ids[a]! || a - b);
  return inOrder(rows, order);
}

/** Drops rows that repeat a trade; one id with two different trades breaks the contract. */
export function uniqueRows(rows: TradeRows, url: string, reader: RowReader): TradeRows {
  const keep: number[] = [];
  for (let at = 0; at < rows.ids.length; at++) {
    const kept = keep.at(-1);
    if (kept === undefined || rows.ids[kept] !== rows.ids[at]) keep.push(at);
    else if (!equalTrades(reader.factsOf(rows.values[kept]), reader.factsOf(rows.values[at]))) {
      throw contractBreak(`trade ${rows.ids[at]} came twice with different contents`, { url });
    }
  }
  return keep.length === rows.ids.length ? rows : inOrder(rows, keep);
}
