import {
  arrayStart,
  contractBreak,
  fieldText,
  isoOfMicros,
  parseTradeId,
  sliceElements,
} from '@schemahub/connector-kit';
import type { CursorRow, TradeFacts } from '@schemahub/core';

/** Names of a row's places, as the documentation of GET /0/public/Trades gives them. */
const NAMES = ['price', 'volume', 'time', 'side', 'type', 'misc'] as const;
const ID_PLACE = 6;

/**
 * The µs next to a printed number of seconds, digit by digit as the mapping's `from_s` reads it: seconds × 10⁶ as a double
 * would be rounded twice (1793484600.2147124 s would become …713 µs). NaN for anything else.
 */
function microsOfSeconds(value: unknown): number {
  const [, whole, fraction = ''] = /^(\d{1,10})(?:\.(\d+))?$/.exec(fieldText(value)) ?? [];
  if (whole === undefined) return Number.NaN;
  const up = Number(fraction[6] ?? 0) >= 5 ? 1 : 0;
  return Number(whole) * 1_000_000 + Number(fraction.slice(0, 6).padEnd(6, '0')) + up;
}

function timeText(value: unknown): string {
  const micros = microsOfSeconds(value);
  return Number.isSafeInteger(micros) && micros >= 0 ? isoOfMicros(micros, 6) : fieldText(value);
}

/** The facts of a row by its names; `side` is the taker's, b or s (EXCHANGES §3.4). */
export function factsOfRecord(row: Readonly<Record<string, unknown>>): Omit<TradeFacts, 'id'> {
  return {
    ts: timeText(row.time),
    side: fieldText(row.side),
    price: fieldText(row.price),
    quantity: fieldText(row.volume),
  };
}

/** Ids begin at 1; 0 stood in whole stretches of 2023 for "none" (EXCHANGES §3.3). */
export function idOfRow(value: unknown): number | undefined {
  const id = parseTradeId(value);
  return id === 0 ? undefined : id;
}

/**
 * A row, which comes as an array, as an object with verbatim values. The id goes first, where readers look for it; a
 * place that nobody named yet is kept under its number.
 */
function recordOf(row: Uint8Array, id: number | undefined): Uint8Array {
  const places = sliceElements(row);
  const members = places.map((bytes, place): string => {
    const text = Buffer.from(bytes).toString('utf8');
    if (place < ID_PLACE) return `"${NAMES[place]}":${text}`;
    return place === ID_PLACE ? `"trade_id${id === undefined ? '_sent' : ''}":${text}` : `"_${place}":${text}`;
  });
  const [trailing] = members.splice(ID_PLACE, 1);
  if (trailing !== undefined) members.unshift(trailing);
  return Buffer.from(`{${members.join(',')}}`);
}

/** A record without an id with the one that its neighbours gave it, and a member that says so. */
export function withId(record: Uint8Array, id: number): Uint8Array {
  const text = Buffer.from(record).toString('utf8');
  return Buffer.from(`{"trade_id":${id},"_trade_id_from":"neighbours",${text.slice(1)}`);
}

export interface TradesResult {
  readonly rows: readonly CursorRow[];
  /** Text of ns since 1970; undefined when the reply lacks it, which happens. */
  readonly last: string | undefined;
}

/** The rows of a Trades reply. The only member besides `last` is the pair, under Kraken's own name for it. */
export function parseTrades(body: Uint8Array, result: unknown, url: string): TradesResult {
  if (typeof result !== 'object' || result === null) throw contractBreak('expected a result', { url });
  const { last, ...pairs } = result as Record<string, unknown>;
  const [key, ...more] = Object.keys(pairs);
  const values = key === undefined ? [] : pairs[key];
  if (more.length > 0 || !Array.isArray(values)) throw contractBreak('expected the rows of one pair', { url });
  const slices = key === undefined ? [] : sliceElements(body.subarray(arrayStart(body, key)));
  if (slices.length !== values.length)
    throw contractBreak(`expected ${values.length} rows in the body, cut ${slices.length}`, { url });
  const rows = values.map((value: unknown, at): CursorRow => {
    if (!Array.isArray(value) || value.length < ID_PLACE)
      throw contractBreak(`row ${at} is no trade: ${JSON.stringify(value)?.slice(0, 120)}`, { url });
    const id = idOfRow(value[ID_PLACE]);
    const named = Object.fromEntries(NAMES.map((name, place) => [name, value[place] as unknown]));
    return { id, record: recordOf(slices[at]!, id), facts: factsOfRecord(named) };
  });
  return { rows, last: typeof last === 'string' || typeof last === 'number' ? String(last) : undefined };
}
