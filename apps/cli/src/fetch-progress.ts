import type { IngestEvent } from '@schemahub/ingest';
import type { Invocation } from './command.js';
import type { Io } from './io.js';
import { bar, durationText, grouped } from './text-table.js';

/** What people see while a run works. */
export interface FetchProgress {
  readonly onEvent: (event: IngestEvent) => void;
  /** Prints lines above the drawing. */
  readonly write: (text: string) => void;
  /** Takes the drawing away and ends with what there is to say. */
  readonly end: () => void;
}

interface ProductProgress {
  todo: number;
  done: number;
  finished: boolean;
}

/** Everything that is drawn. */
export interface RunView {
  readonly products: ReadonlyMap<string, ProductProgress>;
  readonly elapsedSeconds: number;
  /** Since the heads are known: what rate and ETA go by. */
  readonly fetchingSeconds: number;
  /** Why nothing moves, and for how long yet; undefined while requests are answered. */
  readonly waiting: { readonly reason: string; readonly seconds: number } | undefined;
  /** Since the last answer. */
  readonly silentSeconds: number;
}

/** Time as the drawing needs it: ms that only grow, and something that happens again and again. */
export interface ProgressTiming {
  readonly now: () => number;
  /** Returns the way to end it. */
  readonly every: (ms: number, work: () => void) => () => void;
}

const machineTiming: ProgressTiming = {
  now: () => performance.now(),
  every: (ms, work) => {
    const timer = setInterval(work, ms).unref();
    return () => clearInterval(timer);
  },
};

const BLOCK_EVERY_MS = 5000;
const DRAW_EVERY_MS = 200;
/** An exchange that answers as usual needs no word about it. */
const SILENT_SECONDS = 3;
/** While nothing happens the clock goes on all the same. */
const TICK_MS = 1000;
const LEAST_ADVANCED = 10;
const NAME_CELLS = 14;

/** Parts in as few lines as fit, none cut while it can go to the next line. */
function flow(parts: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const joined = lines.length === 0 ? part : `${lines.at(-1)} · ${part}`;
    if (lines.length > 0 && joined.length <= width) lines[lines.length - 1] = joined;
    else lines.push(part);
  }
  return lines;
}

/** Bar, rate and time of all products together. */
function drawWhole({ products, elapsedSeconds, fetchingSeconds }: RunView, width: number): string[] {
  let todo = 0;
  let done = 0;
  let finished = 0;
  for (const product of products.values()) {
    todo += Math.max(product.todo, product.done);
    done += product.finished ? Math.max(product.todo, product.done) : product.done;
    if (product.finished) finished++;
  }
  const share = todo === 0 ? 1 : done / todo;
  const perSecond = fetchingSeconds > 0 ? done / fetchingSeconds : 0;
  const eta = share >= 1 ? 'now' : perSecond > 0 ? durationText((todo - done) / perSecond) : 'unknown';
  const barWidth = Math.max(10, Math.min(50, width - 10));
  return [
    `${bar(share, barWidth)} ${(share * 100).toFixed(1)} %`,
    ...flow(
      [
        `${grouped(done)} of ${grouped(todo)} trades`,
        `${grouped(Math.round(perSecond * 60))}/min`,
        durationText(elapsedSeconds),
        `ETA ${eta}`,
        `${finished}/${products.size} products`,
      ],
      width,
    ),
  ];
}

/** The state of a run as lines; pure, so that it can be tested at any width. */
export function drawProgress(view: RunView, width: number): string[] {
  const { products, waiting, silentSeconds } = view;
  // Before the first head nobody knows how much there is: no bar that says 100 %.
  const lines = products.size === 0 ? ['asking the exchange what there is…'] : drawWhole(view, width);
  if (waiting !== undefined)
    lines.push(`waiting: ${waiting.reason}; next try in ${durationText(Math.max(0, waiting.seconds))}`);
  else if (silentSeconds >= SILENT_SECONDS) lines.push(`waiting ${Math.floor(silentSeconds)} s for the exchange`);
  const open = [...products.entries()].filter(([, product]) => !product.finished);
  open.sort(([, a], [, b]) => a.done / Math.max(1, a.todo) - b.done / Math.max(1, b.todo));
  for (const [name, product] of open.slice(0, LEAST_ADVANCED)) {
    const part = product.todo === 0 ? 1 : Math.min(1, product.done / product.todo);
    lines.push(
      `  ${name.padEnd(NAME_CELLS).slice(0, NAME_CELLS)} ${bar(part, 20)} ${(part * 100).toFixed(1).padStart(5)} %  ${grouped(product.done)}/${grouped(product.todo)}`,
    );
  }
  return lines.map((line) => (line.length > width ? `${line.slice(0, width - 1)}…` : line));
}

/** Lines that are drawn in place, and text that scrolls away above them. */
function createCanvas({ err, isErrTerminal }: Pick<Io, 'err' | 'isErrTerminal'>) {
  let drawn: readonly string[] = [];
  const erase = (): string => (isErrTerminal && drawn.length > 0 ? `\u001b[${drawn.length}A\r\u001b[J` : '');
  const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
  return {
    draw: (lines: readonly string[]): void => {
      err(erase() + text(lines));
      if (isErrTerminal) drawn = lines;
    },
    write: (above: string): void => err(erase() + above + text(drawn)),
    clear: (): void => {
      if (drawn.length > 0) err(erase());
      drawn = [];
    },
  };
}

export function createFetchProgress(
  { io, quiet, stop }: Pick<Invocation, 'io' | 'quiet' | 'stop'>,
  isLong: boolean,
  timing: ProgressTiming = machineTiming,
): FetchProgress {
  const products = new Map<string, ProductProgress>();
  const begun = timing.now();
  let answeredAt = begun;
  let scannedAt = begun;
  const now = io.clock?.now ?? Date.now;
  const canvas = createCanvas(io);
  const isLive = io.isErrTerminal && isLong && !quiet;
  let waiting: { readonly reason: string; readonly until: number } | undefined;
  let isScanning = false;
  let drawnAt = Number.NEGATIVE_INFINITY;

  const draw = (everyMs: number): void => {
    const at = timing.now();
    if (quiet || !isLong || isScanning || stop.aborted || at - drawnAt < everyMs) return;
    drawnAt = at;
    const view = waiting && { reason: waiting.reason, seconds: (waiting.until - now()) / 1000 };
    const elapsedSeconds = (at - begun) / 1000;
    const silentSeconds = (at - answeredAt) / 1000;
    const fetchingSeconds = (at - scannedAt) / 1000;
    canvas.draw(drawProgress({ products, elapsedSeconds, fetchingSeconds, waiting: view, silentSeconds }, io.columns));
  };
  stop.addEventListener('abort', canvas.clear, { once: true });
  const endTick = isLive ? timing.every(TICK_MS, () => draw(TICK_MS)) : undefined;
  const productOf = (name: string): ProductProgress => {
    const known = products.get(name) ?? { todo: 0, done: 0, finished: false };
    products.set(name, known);
    return known;
  };
  const scanned = ({ product, todo, done, total }: Extract<IngestEvent, { type: 'head-scanned' }>): void => {
    productOf(product).todo = todo;
    isScanning = done < total;
    scannedAt = timing.now();
    if (quiet || (done % 10 !== 0 && done !== total)) return;
    const line = `Scanned ${done}/${total} products…`;
    if (isLive) canvas.draw([line]);
    else io.err(`${line}\n`);
  };

  return {
    write: canvas.write,
    onEvent: (event) => {
      switch (event.type) {
        case 'head-scanned':
          scanned(event);
          break;
        case 'waiting-for-exchange':
          waiting = event;
          draw(DRAW_EVERY_MS);
          break;
        case 'product-started':
          productOf(event.product).todo = event.todo;
          break;
        case 'answered':
          answeredAt = timing.now();
          break;
        case 'archive-page':
        case 'request-succeeded':
          waiting = undefined;
          productOf(event.product).done += event.trades;
          if (io.isErrTerminal) draw(DRAW_EVERY_MS);
          break;
        case 'object-landed':
          draw(io.isErrTerminal ? DRAW_EVERY_MS : BLOCK_EVERY_MS);
          break;
        case 'product-finished':
          productOf(event.product).finished = true;
          if (isLong) draw(io.isErrTerminal ? DRAW_EVERY_MS : BLOCK_EVERY_MS);
          else if (!quiet) canvas.write(`${event.product}: ${grouped(event.newTrades)} new trades\n`);
          break;
        default:
      }
    },
    end: () => {
      endTick?.();
      canvas.clear();
    },
  };
}
