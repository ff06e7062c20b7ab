import type { IngestEvent } from '@schemahub/ingest';
import type { Invocation } from './command.js';
import { bar, durationText, grouped } from './text-table.js';

/** What people see while a run works. */
export interface FetchProgress {
  readonly onEvent: (event: IngestEvent) => void;
  /** Takes the drawing away and ends with what there is to say. */
  readonly end: () => void;
}

interface ProductProgress {
  todo: number;
  done: number;
  finished: boolean;
}

const BLOCK_EVERY_MS = 5000;
const DRAW_EVERY_MS = 200;
const LEAST_ADVANCED = 10;

/** The state of a run as lines; pure, so that it can be tested at any width. */
export function drawProgress(
  products: ReadonlyMap<string, ProductProgress>,
  elapsedSeconds: number,
  width: number,
): string[] {
  let todo = 0;
  let done = 0;
  let finished = 0;
  for (const product of products.values()) {
    todo += Math.max(product.todo, product.done);
    done += product.finished ? Math.max(product.todo, product.done) : product.done;
    if (product.finished) finished++;
  }
  const share = todo === 0 ? 1 : done / todo;
  const perSecond = elapsedSeconds > 0 ? done / elapsedSeconds : 0;
  const eta = share >= 1 ? 'now' : perSecond > 0 ? durationText((todo - done) / perSecond) : 'unknown';
  const barWidth = Math.max(10, Math.min(50, width - 10));
  const lines = [
    `${bar(share, barWidth)} ${(share * 100).toFixed(1)} %`,
    `${grouped(done)} of ${grouped(todo)} trades · ${grouped(Math.round(perSecond * 60))}/min · ${durationText(elapsedSeconds)} · ETA ${eta} · ${finished}/${products.size} products`,
  ];
  const open = [...products.entries()].filter(([, product]) => !product.finished);
  open.sort(([, a], [, b]) => a.done / Math.max(1, a.todo) - b.done / Math.max(1, b.todo));
  for (const [name, product] of open.slice(0, LEAST_ADVANCED)) {
    const part = product.todo === 0 ? 1 : Math.min(1, product.done / product.todo);
    lines.push(
      `  ${name.padEnd(14).slice(0, 14)} ${bar(part, 20)} ${(part * 100).toFixed(1).padStart(5)} %  ${grouped(product.done)}/${grouped(product.todo)}`,
    );
  }
  return lines.map((line) => (line.length > width ? `${line.slice(0, width - 1)}…` : line));
}

export function createFetchProgress({ io, quiet }: Pick<Invocation, 'io' | 'quiet'>, isLong: boolean): FetchProgress {
  const products = new Map<string, ProductProgress>();
  const begun = performance.now();
  let drawnAt = 0;
  let drawn = 0;

  const erase = (): void => {
    if (drawn > 0) io.err(`\u001b[${drawn}A\r\u001b[J`);
    drawn = 0;
  };
  const draw = (isForced: boolean): void => {
    const now = performance.now();
    if (quiet || !isLong || (!isForced && now - drawnAt < (io.isErrTerminal ? DRAW_EVERY_MS : BLOCK_EVERY_MS))) return;
    drawnAt = now;
    const lines = drawProgress(products, (now - begun) / 1000, io.columns);
    if (io.isErrTerminal) erase();
    io.err(`${lines.join('\n')}\n`);
    if (io.isErrTerminal) drawn = lines.length;
  };
  const productOf = (name: string): ProductProgress => {
    const known = products.get(name) ?? { todo: 0, done: 0, finished: false };
    products.set(name, known);
    return known;
  };

  return {
    onEvent: (event) => {
      switch (event.type) {
        case 'head-scanned':
          productOf(event.product).todo = event.todo;
          if (!quiet && (event.done % 10 === 0 || event.done === event.total))
            io.err(`Scanned ${event.done}/${event.total} products…\n`);
          break;
        case 'product-started':
          productOf(event.product).todo = event.todo;
          break;
        case 'request-succeeded':
          productOf(event.product).done += event.trades;
          if (io.isErrTerminal) draw(false);
          break;
        case 'object-landed':
          draw(false);
          break;
        case 'product-finished':
          productOf(event.product).finished = true;
          if (isLong) draw(false);
          else if (!quiet) io.err(`${event.product}: ${grouped(event.newTrades)} new trades\n`);
          break;
        default:
      }
    },
    end: () => {
      if (io.isErrTerminal) erase();
    },
  };
}
