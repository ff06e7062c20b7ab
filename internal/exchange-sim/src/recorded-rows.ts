import { SimulationError } from './errors.js';
import { toRanges, withoutIds } from './id-ranges.js';
import type { TradeSource } from './trade-source.js';

const quote = 0x22;
const backslash = 0x5c;
const braceOpen = 0x7b;
const braceClose = 0x7d;

/** The objects of a JSON array of flat or nested objects, as slices of the body: byte for byte, without what stands between. */
export function sliceRows(body: Uint8Array): readonly Uint8Array[] {
  const rows: Uint8Array[] = [];
  let depth = 0;
  let start = 0;
  let inText = false;
  for (let i = 0; i < body.length; i++) {
    const byte = body[i]!;
    if (inText) {
      if (byte === backslash) i += 1;
      else if (byte === quote) inText = false;
    } else if (byte === quote) {
      inText = true;
    } else if (byte === braceOpen) {
      if (depth === 0) start = i;
      depth += 1;
    } else if (byte === braceClose) {
      depth -= 1;
      if (depth === 0) rows.push(body.subarray(start, i + 1));
    }
  }
  return rows;
}

interface RecordedTrade {
  readonly id: number;
  readonly timeUs: number;
  readonly bytes: Uint8Array;
}

/** µs of an RFC 3339 text ending in Z; NaN for anything else. */
function readTimeUs(text: string): number {
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z$/.exec(text);
  return parts === null ? Number.NaN : Date.parse(`${parts[1]}Z`) * 1000 + Number((parts[2] ?? '').padEnd(6, '0'));
}

function readRow(product: string, bytes: Uint8Array): RecordedTrade {
  const text = Buffer.from(bytes).toString('utf8');
  try {
    const row = JSON.parse(text) as { trade_id: unknown; time: unknown };
    const id = Number(row.trade_id);
    const timeUs = readTimeUs(String(row.time));
    if (Number.isSafeInteger(id) && id >= 0 && Number.isSafeInteger(timeUs)) return { id, timeUs, bytes };
  } catch (cause) {
    throw invalid(product, text, cause);
  }
  throw invalid(product, text);
}

function invalid(product: string, text: string, cause?: unknown): SimulationError {
  const message = `recording of ${product}: expected rows with a whole trade_id and an RFC 3339 time, got ${text.slice(0, 200)}. Correct the file.`;
  return new SimulationError('invalid-recording', message, { cause });
}

/** The rows ascending by id, each id once. Copies that differ contradict each other and are refused. */
function sortRecorded(product: string, bodies: readonly Uint8Array[]): readonly RecordedTrade[] {
  const byId = new Map<number, RecordedTrade>();
  for (const bytes of bodies.flatMap(sliceRows)) {
    const trade = readRow(product, bytes);
    const known = byId.get(trade.id);
    if (known !== undefined && Buffer.compare(known.bytes, bytes) !== 0) {
      const message = `recording of ${product}: trade ${trade.id} is recorded twice with different bytes. Leave one of the files out.`;
      throw new SimulationError('invalid-recording', message);
    }
    byId.set(trade.id, trade);
  }
  if (byId.size === 0) {
    throw new SimulationError(
      'invalid-recording',
      `recording of ${product}: expected at least one row, got none. Give bodies of /trades.`,
    );
  }
  return [...byId.values()].sort((a, b) => a.id - b.id);
}

/** Index of the last trade whose `key` is at or below `value`; −1 when there is none. */
function lastAtOrBelow(trades: readonly RecordedTrade[], key: 'id' | 'timeUs', value: number): number {
  let low = 0;
  let high = trades.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (trades[middle]![key] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Recorded bodies of /trades as a source: rows come out byte for byte as they were recorded; ids between them are missing. */
export function createRecordedTrades(product: string, bodies: readonly Uint8Array[]): TradeSource {
  const trades = sortRecorded(product, bodies);
  const firstId = trades[0]!.id;
  const lastId = trades.at(-1)!.id;
  const ids = trades.map((trade) => trade.id);
  const tradeAt = (id: number): RecordedTrade => trades[lastAtOrBelow(trades, 'id', id)]!;
  return {
    firstId,
    lastId,
    missing: withoutIds([{ first: firstId, last: lastId }], toRanges(ids)),
    timeUs: (id) => tradeAt(id).timeUs,
    lastIdAt: (timeUs) => trades[lastAtOrBelow(trades, 'timeUs', timeUs)]?.id ?? firstId - 1,
    trade: (id) => {
      const row = JSON.parse(Buffer.from(tradeAt(id).bytes).toString('utf8')) as Record<string, string>;
      return { id, side: row.side === 'buy' ? 'buy' : 'sell', price: row.price!, size: row.size!, time: row.time! };
    },
    rows: ({ first, last }) => {
      const low = lastAtOrBelow(trades, 'id', first - 1) + 1;
      const high = lastAtOrBelow(trades, 'id', last);
      return trades
        .slice(low, high + 1)
        .map((trade) => trade.bytes)
        .reverse();
    },
  };
}
