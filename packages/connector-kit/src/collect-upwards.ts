import type { ProbeAnswer, TradeFacts, TradePage } from '@schemahub/core';
import type { IdRange } from '@schemahub/coverage';
import { checkWindow } from './collect-window.js';
import { ConnectorError } from './errors.js';
import {
  type Judge,
  type RowReader,
  readRows,
  sendAndRead,
  type TradeRows,
  type TradesReply,
  uniqueRows,
} from './trade-rows.js';

/** A venue that pages upwards, such as Binance (`fromId`). */
export interface UpwardSource extends RowReader {
  /** One request: the `limit` least trades with id ≥ `from`, in any order. */
  readonly fetchFrom: (from: number, limit: number, judge: Judge) => Promise<TradesReply>;
  /** Greatest number of rows the venue puts on one page. */
  readonly pageLimit: number;
}

const STEP_FACTOR = 10;

/** Rows of a reply, oldest first. */
function ascending(reply: TradesReply, from: number, source: RowReader): TradeRows {
  const { ids, records, values } = uniqueRows(readRows(reply, { from }, source), reply.url, source);
  return { ids: ids.toReversed(), records: records.toReversed(), values: values.toReversed() };
}

/**
 * All trades that the venue returns for a window, ascending and each once: `collectWindow` mirrored. A page that ends
 * below the window's high end is continued from its highest row until it passes it or is empty; rows above the window
 * are dropped, and the least of them is `nextAbove`. A page without rows below the window's first row proves nothing
 * about them: a venue may have trimmed its history.
 */
export async function collectWindowUpwards(options: UpwardSource & { readonly window: IdRange }): Promise<TradePage> {
  const { window, pageLimit, fetchFrom } = options;
  checkWindow(window);
  const ids: number[] = [];
  const records: Uint8Array[] = [];
  const values: unknown[] = [];
  let nextAbove: number | undefined;
  let bytes = 0;
  let requests = 0;
  let elapsedMs: number | undefined;
  let from = window.first;
  let reply: TradesReply;
  do {
    const lowest = from;
    const rowsWanted = Math.min(window.last - from + 1, pageLimit);
    const answer = await sendAndRead(
      (judge) => fetchFrom(lowest, rowsWanted, judge),
      (seen) => ascending(seen, lowest, options),
    );
    ({ reply } = answer);
    const page = answer.value;
    requests++;
    bytes += reply.body.length;
    if (reply.elapsedMs !== undefined) elapsedMs = (elapsedMs ?? 0) + reply.elapsedMs;
    for (const [at, id] of page.ids.entries()) {
      if (id > window.last) {
        nextAbove = id;
        break;
      }
      ids.push(id);
      records.push(page.records[at]!);
      values.push(page.values[at]);
    }
    const highest = page.ids.at(-1);
    if (highest === undefined) break;
    from = highest + 1;
  } while (from <= window.last);
  return {
    window,
    ids: Float64Array.from(ids),
    records,
    firstTime: values.length === 0 ? '' : options.factsOf(values[0]).ts,
    lastTime: values.length === 0 ? '' : options.factsOf(values.at(-1)).ts,
    nextAbove: ids.at(-1) === window.last ? undefined : nextAbove,
    receivedAt: reply.receivedAt,
    date: reply.date,
    bytes,
    requests,
    elapsedMs,
  };
}

/** Existing trades of a window as facts, descending. */
async function factsDown(source: UpwardSource, window: IdRange): Promise<TradeFacts[]> {
  const page = await collectWindowUpwards({ ...source, window });
  return page.records.map((record) => source.factsOf(JSON.parse(Buffer.from(record).toString('utf8')))).reverse();
}

/** The least existing id ≥ `from`; undefined when there is none. */
async function ceilingOf(source: UpwardSource, from: number): Promise<number | undefined> {
  const { value } = await sendAndRead(
    (judge) => source.fetchFrom(from, 1, judge),
    (reply) => ascending(reply, from, source),
  );
  return value.ids[0];
}

/** An existing id with nothing but at most a page of ids between it and `empty`; undefined when nothing lies below. */
async function findBelow(source: UpwardSource, top: number, knownEmpty: number): Promise<number | undefined> {
  // Nothing lies in `empty` … top; a trade lies at `held`.
  let empty = knownEmpty;
  let held: number | undefined;
  for (let step = source.pageLimit; held === undefined; step *= STEP_FACTOR) {
    if (empty === 0) return undefined;
    const from = Math.max(0, Math.min(empty - 1, top - step));
    const found = await ceilingOf(source, from);
    if (found !== undefined && found <= top) held = found;
    else empty = from;
  }
  while (empty - held > source.pageLimit) {
    const middle = held + Math.floor((empty - held) / 2);
    const found = await ceilingOf(source, middle);
    if (found !== undefined && found < empty) held = found;
    else empty = middle;
  }
  return held;
}

/**
 * The `limit` greatest trades with id ≤ `upTo`, descending, from a venue that only pages upwards: one request where ids
 * are dense, a search where they are not.
 */
export async function collectBelowUpwards(
  options: UpwardSource & { readonly upTo: number; readonly limit: number },
): Promise<readonly TradeFacts[]> {
  const { upTo, limit, pageLimit } = options;
  checkWindow({ first: 0, last: upTo });
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new ConnectorError('invalid-window', `limit: expected a whole number ≥ 1, got ${limit}`);
  }
  const rows: TradeFacts[] = [];
  let top = upTo;
  while (rows.length < limit && top >= 0) {
    const first = Math.max(0, top - Math.min(pageLimit, limit - rows.length) + 1);
    let found = await factsDown(options, { first, last: top });
    if (found.length === 0) {
      const held = await findBelow(options, top, first);
      if (held === undefined) break;
      found = await factsDown(options, { first: held, last: Math.min(top, held + pageLimit - 1) });
      if (found.length === 0) break;
    }
    rows.push(...found);
    top = found.at(-1)!.id - 1;
  }
  return rows.slice(0, limit);
}

export interface ProbeUpwardsOptions extends UpwardSource {
  /** What is cut off the URL in the evidence. */
  readonly origin: string;
  readonly upper: number;
  /** The held trade below the hole. */
  readonly lower?: number | undefined;
}

/**
 * The two-row question of a venue that pages upwards, with the rows exactly as they came. Without a held trade below it
 * looks from the start of the history, so that "nothing lies below" is one answer with its date: what a floor rests on.
 */
export async function probeUpwards(options: ProbeUpwardsOptions): Promise<ProbeAnswer> {
  const { origin, upper, lower } = options;
  if (!Number.isSafeInteger(upper + 1) || upper < 0 || (lower !== undefined && !(lower >= 0 && lower < upper)))
    throw new ConnectorError('invalid-window', `probe: expected ids 0 … 2^53−2, got ${lower} and ${upper}`);
  const from = lower ?? 0;
  const { reply, value } = await sendAndRead(
    (judge) => options.fetchFrom(from, lower === undefined ? 1 : 2, judge),
    (answer) => readRows(answer, { from }, options),
  );
  const request = reply.url.slice(origin.length);
  const { ids, values } = value;
  const anchorTime = values.length === 0 ? '' : options.factsOf(values[0]).ts;
  if (lower !== undefined) return { request, ids, anchorTime, date: reply.date };
  if (ids.length === 0 || ids.at(-1)! > upper) return { request, ids: [], anchorTime: '', date: reply.date };
  const rows = await collectBelowUpwards({ ...options, upTo: upper, limit: 2 });
  return {
    request: `ids ≤ ${upper}`,
    ids: rows.map(({ id }) => id),
    anchorTime: rows[0]?.ts ?? '',
    date: reply.date,
  };
}
