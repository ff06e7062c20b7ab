import type { IdRange } from '@schemahub/coverage';
import type { Fault } from './fault.js';
import { countIds } from './id-ranges.js';
import { createRandom, mix } from './random.js';
import type { TradeSource } from './trade-source.js';

/** A page of trades, newest first, and what its headers say. */
export interface TradePage {
  readonly body: Uint8Array;
  readonly rows: number;
  /** Greatest and least id on the page; undefined on an empty one. */
  readonly newest: number | undefined;
  readonly oldest: number | undefined;
  readonly faulted: boolean;
}

const open = 0x5b;
const close = 0x5d;
const comma = 0x2c;

export function joinChunks(chunks: readonly Uint8Array[]): Uint8Array {
  const length = chunks.reduce((sum, chunk) => sum + chunk.length + 1, 1);
  const body = new Uint8Array(Math.max(2, length));
  body[0] = open;
  let end = 1;
  for (const chunk of chunks) {
    body.set(chunk, end);
    end += chunk.length;
    body[end] = comma;
    end += 1;
  }
  body[body.length - 1] = close;
  return body;
}

/** The rows of descending ranges as one JSON array. */
function buildPage(source: TradeSource, ranges: readonly IdRange[]): TradePage {
  return {
    body: joinChunks(ranges.flatMap((range) => source.rows(range))),
    rows: countIds(ranges),
    newest: ranges[0]?.last,
    oldest: ranges.at(-1)?.first,
    faulted: false,
  };
}

function duplicateRows(rows: readonly Uint8Array[], seed: number): readonly Uint8Array[] {
  const random = createRandom(seed);
  const certain = Math.floor(random() * rows.length);
  return rows.flatMap((row, place) => (place === certain || random() < 0.1 ? [row, row] : [row]));
}

function shuffleRows(rows: readonly Uint8Array[], seed: number): readonly Uint8Array[] {
  const random = createRandom(seed);
  const shuffled = [...rows];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
  }
  // A shuffle may return the page as it was; a fault must not.
  return shuffled.every((row, i) => row === rows[i]) ? [...shuffled.slice(1), shuffled[0]!] : shuffled;
}

function rewriteRows(rows: readonly Uint8Array[], rewrite: (text: string) => string): readonly Uint8Array[] {
  return rows.map((row) => Buffer.from(rewrite(Buffer.from(row).toString('utf8')), 'utf8'));
}

/** The rows of a reply, in its order, as a row fault leaves them; undefined when it cannot apply. */
export function faultRows(rows: readonly Uint8Array[], fault: Fault, seed: number): readonly Uint8Array[] | undefined {
  const count = rows.length;
  if (count === 0) return undefined;
  switch (fault.kind) {
    case 'short-page': {
      const keep = fault.keep ?? Math.ceil(count / 2);
      return keep < count ? rows.slice(0, keep) : undefined;
    }
    case 'empty-page':
      return [];
    case 'missing-row':
      return count < 3 ? undefined : rows.filter((_, place) => place !== Math.floor(count / 2));
    case 'duplicate-rows':
      return duplicateRows(rows, seed);
    case 'unsorted-rows':
      return count < 2 ? undefined : shuffleRows(rows, seed);
    case 'text-ids':
      return rewriteRows(rows, (text) => text.replace(/"(trade_id|id)"(\s*):(\s*)(\d+)/, '"$1"$2:$3"$4"'));
    case 'stripped-fractions':
      return rewriteRows(rows, (text) => text.replace(/("time"\s*:\s*"[^".]*)\.\d+/, '$1'));
    default:
      return undefined;
  }
}

/** The page with a row fault carried out; untouched when the fault is of another kind or cannot apply. */
export function applyRowFault(
  source: TradeSource,
  ranges: readonly IdRange[],
  fault: Fault | undefined,
  requestIndex: number,
): TradePage {
  const page = (): TradePage => buildPage(source, ranges);
  if (fault === undefined || !rowFaults.has(fault.kind)) return page();
  const ids = ranges.flatMap((range) => Array.from({ length: range.last - range.first + 1 }, (_, i) => range.last - i));
  const rows = ids.map((id) => source.rows({ first: id, last: id })[0]!);
  const changed = faultRows(rows, fault, mix(requestIndex, 77));
  if (changed === undefined) return page();
  const isEmpty = changed.length === 0;
  const oldest = fault.kind === 'short-page' ? ids[changed.length - 1] : ids.at(-1);
  return {
    body: joinChunks(changed),
    rows: changed.length,
    newest: isEmpty ? undefined : ids[0],
    oldest: isEmpty ? undefined : oldest,
    faulted: true,
  };
}

export const rowFaults: ReadonlySet<Fault['kind']> = new Set<Fault['kind']>([
  'short-page',
  'empty-page',
  'missing-row',
  'duplicate-rows',
  'unsorted-rows',
  'text-ids',
  'stripped-fractions',
]);
