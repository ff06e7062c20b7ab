import type { Trades } from './trade-model.js';

/** Raw records as they lie in a lake (docs/glossary.md, raw object), and where each ends for the object's hash. */
export interface RawText {
  /** Whole lines with line feeds; a view that the next call overwrites. */
  readonly text: Uint8Array;
  /** Each row: its line up to `,"_source_ingest_ts"`. */
  readonly rows: readonly Uint8Array[];
}

export interface RawLineOptions {
  readonly product: string;
  /** Adds `_raw_payload`, the exchange's object once more as a JSON text. */
  readonly payload: boolean;
}

/** Trades that the exchange would answer on one page, and that were landed at one time. */
const PAGE_ROWS = 1000;
const LONGEST_LINE = 640;

/** Lines of `trades[from, to)`, each page landed a tenth of a second after the one before, all after the last trade. */
export function createRawLines(options: RawLineOptions): (trades: Trades, from: number, to: number) => RawText {
  const { product, payload } = options;
  const tail = `,"product_id":"${product}","_source":"coinbase","_symbol":"${product}"`;
  let buffer = Buffer.alloc(0);
  return (trades, from, to) => {
    if (buffer.length < (to - from) * LONGEST_LINE) buffer = Buffer.alloc((to - from) * LONGEST_LINE);
    const rows: Uint8Array[] = [];
    let at = 0;
    let landed = '';
    for (let row = from; row < to; row += 1) {
      if ((row - from) % PAGE_ROWS === 0) {
        const micros = trades.times[to - 1]! + 2_345_678 + ((row - from) / PAGE_ROWS) * 104_729;
        landed = `,"_source_ingest_ts":"${timeText(micros)}"}\n`;
      }
      const record = recordText(trades, row);
      const escaped = payload ? `,"_raw_payload":${JSON.stringify(`${record}}`)}` : '';
      const start = at;
      at += buffer.write(record, at, 'latin1');
      at += buffer.write(tail, at, 'latin1');
      at += buffer.write(escaped, at, 'latin1');
      rows.push(buffer.subarray(start, at));
      at += buffer.write(landed, at, 'latin1');
    }
    return { text: buffer.subarray(0, at), rows };
  };
}

/** The exchange's object without its closing brace. */
function recordText({ ids, sizes, ticks, times, makerBuys }: Trades, row: number): string {
  const size = sizes[row]!;
  const price = ticks[row]!;
  const side = makerBuys[row] === 1 ? 'buy' : 'sell';
  const sizeText = `${Math.floor(size / 1e8)}.${String(size % 1e8).padStart(8, '0')}`;
  const priceText = `${Math.floor(price / 100)}.${String(price % 100).padStart(2, '0')}000000`;
  return `{"trade_id":${ids[row]},"side":"${side}","size":"${sizeText}","price":"${priceText}","time":"${timeText(times[row]!)}"`;
}

/** RFC 3339 with µs, trailing zeros stripped as Coinbase does. */
function timeText(micros: number): string {
  const milliseconds = Math.floor(micros / 1000);
  const text = new Date(milliseconds).toISOString().slice(0, -1);
  const fraction = `${text.slice(20)}${String(micros - milliseconds * 1000).padStart(3, '0')}`.replace(/0+$/, '');
  return `${text.slice(0, 19)}${fraction === '' ? '' : `.${fraction}`}Z`;
}
