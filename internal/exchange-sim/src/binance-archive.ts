import { createHash } from 'node:crypto';
import type { IdRange } from '@schemahub/coverage';
import { zipSync } from 'fflate';
import { quoteQuantity } from './binance-routes.js';
import type { CoinbaseProduct } from './coinbase-routes.js';
import { createRandom, hashText } from './random.js';
import type { SimReply } from './reply.js';

/** How a file of the archive is wrong; each was seen in the real one (EXCHANGES §2.5), but for the last three. */
export type ArchiveFault =
  /** No file, though its day is over. */
  | 'missing'
  /** The checksum is another file's. */
  | 'wrong-checksum'
  /** Half the bytes, with a content-length that agrees. */
  | 'cut-download'
  /** Half the rows, with a checksum that agrees. */
  | 'truncated'
  /** Some rows are not there. */
  | 'lost-rows'
  /** Two halves, interleaved row by row. */
  | 'interleaved'
  /** Rows in any order. */
  | 'shuffled'
  /** Some rows come twice. */
  | 'duplicate-rows'
  /** Some ids come twice, with different prices. */
  | 'conflicting-rows'
  /** A header row, as the files of futures have. */
  | 'header'
  /** Some rows cannot be read. */
  | 'broken-rows'
  /** Aggregated trades under the name of raw ones. */
  | 'aggregated'
  /** Bytes that are no zip file, with a checksum that agrees. */
  | 'no-zip'
  /** The member's name leads out of the folder. */
  | 'foreign-member'
  /** The member is another day's, or another product's. */
  | 'other-member';

export interface BinanceArchiveOptions {
  /** Hours after its end until a file is there. Default 12 for a day, 72 for a month. */
  readonly dayDelayHours?: number | undefined;
  readonly monthDelayHours?: number | undefined;
  /** What is wrong with a file, by its path. */
  readonly fault?: ((path: string) => ArchiveFault | undefined) | undefined;
}

const PATH = /^\/data\/spot\/(daily|monthly)\/trades\/([^/]+)\/([^/]+)\.zip(\.CHECKSUM)?$/;
const HOUR_MS = 3_600_000;
/** Spot files have µs from this day on, ms before. */
const MICROS_FROM = Date.parse('2025-01-01T00:00:00Z');
/** Files kept, because the checksum and the file are asked for one after the other. */
const KEPT_FILES = 4;

interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** The first and the next instant of a day or month; undefined for another name. */
function spanOf(kind: string, name: string): Span | undefined {
  if (kind === 'daily' && /^\d{4}-\d\d-\d\d$/.test(name)) {
    const fromMs = Date.parse(`${name}T00:00:00Z`);
    return Number.isNaN(fromMs) ? undefined : { fromMs, untilMs: fromMs + 24 * HOUR_MS };
  }
  if (kind !== 'monthly' || !/^\d{4}-(0[1-9]|1[0-2])$/.test(name)) return undefined;
  const [year, month] = name.split('-').map(Number) as [number, number];
  return { fromMs: Date.UTC(year, month - 1), untilMs: Date.UTC(year, month) };
}

/** The rows of a file, ascending. Trimmed trades are still in it; hidden ones too. */
function rowsOf({ market }: CoinbaseProduct, span: Span): string[] {
  const { source } = market;
  const first = source.lastIdAt(span.fromMs * 1000 - 1) + 1;
  const last = source.lastIdAt(span.untilMs * 1000 - 1);
  const rows: string[] = [];
  const isMicros = span.fromMs >= MICROS_FROM;
  const word = (value: boolean): string => (value ? 'True' : 'False');
  const inSpan = (range: IdRange): IdRange => ({
    first: Math.max(range.first, first),
    last: Math.min(range.last, last),
  });
  for (const range of market.issued(span.untilMs).map(inSpan)) {
    for (let id = range.first; id <= range.last; id++) {
      const { price, size, side } = source.trade(id);
      const timeUs = source.timeUs(id);
      const time = isMicros ? timeUs : Math.floor(timeUs / 1000);
      rows.push(`${id},${price},${size},${quoteQuantity(price, size)},${time},${word(side === 'buy')},True`);
    }
  }
  return rows;
}

const isEvery = (n: number, at: number): boolean => at % n === n - 2;

/** The rows as a fault leaves them. */
function faultyRows(rows: readonly string[], fault: ArchiveFault | undefined, path: string): string[] {
  const half = Math.ceil(rows.length / 2);
  const random = createRandom(hashText(path));
  switch (fault) {
    case 'truncated':
      return rows.slice(0, half);
    case 'lost-rows':
      return rows.filter((_, at) => !isEvery(97, at));
    case 'interleaved':
      return rows.slice(0, half).flatMap((row, at) => (half + at < rows.length ? [row, rows[half + at]!] : [row]));
    case 'shuffled':
      return rows
        .map((row) => ({ row, place: random() }))
        .sort((a, b) => a.place - b.place)
        .map(({ row }) => row);
    case 'duplicate-rows':
      return rows.flatMap((row, at) => (isEvery(89, at) ? [row, row] : [row]));
    case 'conflicting-rows':
      return rows.flatMap((row, at) => (isEvery(89, at) ? [row, row.replace(/,[^,]*,/, ',1.00000000,')] : [row]));
    case 'header':
      return ['id,price,qty,quote_qty,time,is_buyer_maker,is_best_match', ...rows];
    case 'broken-rows':
      return rows.map((row, at) => (isEvery(83, at) ? row.replace(/,[^,]*,/, ',NaN,') : row));
    case 'aggregated':
      return rows.map((row) => {
        const [id, price, quantity, , time, maker, best] = row.split(',');
        return [Number(id) + 7, price, quantity, id, id, time, maker, best].join(',');
      });
    default:
      return [...rows];
  }
}

interface StoredFile {
  readonly bytes: Uint8Array;
  readonly checksum: string;
  readonly rows: number;
}

function packFile(rows: readonly string[], fault: ArchiveFault | undefined, path: string, stem: string): StoredFile {
  const lines = faultyRows(rows, fault, path);
  const csv = Buffer.from(lines.map((line) => `${line}\n`).join(''), 'latin1');
  const name = fault === 'other-member' ? stem.replace(/\d$/, 'x') : stem;
  const member = `${fault === 'foreign-member' ? '../../' : ''}${name}.csv`;
  // A fixed date: the same trades make the same file.
  const zip = zipSync({ [member]: [csv, { level: 6, mtime: '2020-01-02T00:00:00Z' }] });
  const bytes = fault === 'no-zip' ? Buffer.from('<html>not a zip file</html>') : zip;
  const sha256 = createHash('sha256').update(fault === 'wrong-checksum' ? Buffer.from(stem) : bytes);
  const sent = fault === 'cut-download' ? bytes.subarray(0, Math.floor(bytes.length / 2)) : bytes;
  return { bytes: sent, checksum: `${sha256.digest('hex')}  ${stem}.zip\n`, rows: lines.length };
}

const absent: SimReply = {
  status: 404,
  headers: { 'content-type': 'application/xml' },
  body: Buffer.from('<Error><Code>NoSuchKey</Code></Error>'),
  rows: 0,
};

/** data.binance.vision: daily and monthly zip files of raw trades, each with its checksum. Undefined for other paths. */
export function createBinanceArchive(
  products: ReadonlyMap<string, CoinbaseProduct>,
  options: () => BinanceArchiveOptions,
): (path: string, nowMs: number) => SimReply | undefined {
  const files = new Map<string, StoredFile>();

  function fileOf(key: string, build: () => StoredFile): StoredFile {
    const file = files.get(key) ?? build();
    files.delete(key);
    files.set(key, file);
    if (files.size > KEPT_FILES) files.delete(files.keys().next().value!);
    return file;
  }

  return (path, nowMs) => {
    if (!path.startsWith('/data/')) return undefined;
    const [, kind = '', symbolText = '', stemText = '', checksum] = PATH.exec(path) ?? [];
    const symbol = decodeURIComponent(symbolText);
    const stem = decodeURIComponent(stemText);
    const product = products.get(symbol);
    const prefix = `${symbol}-trades-`;
    const span = stem.startsWith(prefix) ? spanOf(kind, stem.slice(prefix.length)) : undefined;
    if (product === undefined || span === undefined) return absent;
    const { dayDelayHours = 12, monthDelayHours = 72, fault: faultOf } = options();
    const delay = (kind === 'daily' ? dayDelayHours : monthDelayHours) * HOUR_MS;
    const file = path.replace(/\.CHECKSUM$/, '');
    const fault = faultOf?.(file);
    if (nowMs < span.untilMs + delay || fault === 'missing') return absent;
    // What a published file holds does not change, unless the product is another or the fault is.
    const key = `${file} ${fault} ${product.market.source.trade(product.market.source.firstId).price}`;
    const stored = fileOf(key, () => packFile(rowsOf(product, span), fault, file, stem));
    if (stored.rows === 0) return absent;
    const isChecksum = checksum !== undefined;
    return {
      status: 200,
      headers: { 'content-type': isChecksum ? 'binary/octet-stream' : 'application/zip' },
      body: isChecksum ? Buffer.from(stored.checksum) : stored.bytes,
      rows: isChecksum ? 0 : stored.rows,
    };
  };
}
