import type { Checkpoint } from '@schemahub/checkpoint';
import type { Product, TradePage } from '@schemahub/core';
import { packRows } from '@schemahub/lake';
import type { FinishedWindow } from './assembler.js';
import type { IngestContext } from './context.js';
import type { HeldRows } from './held-rows.js';

/** How far around a page there are no rows. In a second look held rows there must be asked for all the same. */
export function rowlessAround(
  { heldRows, checkpoint }: { readonly heldRows?: HeldRows | undefined; readonly checkpoint: Checkpoint },
  { nextBelow, nextAbove, window }: TradePage,
): Pick<TradePage, 'nextBelow' | 'nextAbove'> {
  if (heldRows === undefined) return { nextBelow, nextAbove };
  const { fetched } = checkpoint;
  const below = window.first === 0 ? undefined : fetched.floor(window.first - 1);
  const above = fetched.ceiling(window.last + 1);
  return {
    nextBelow: nextBelow === undefined ? undefined : Math.max(nextBelow, below ?? 0),
    nextAbove: nextAbove === undefined ? undefined : Math.min(nextAbove, above ?? nextAbove),
  };
}

/** Rows that follow each other in the page, in groups: between two groups lie rows that another window has brought. */
function groupsOf(rows: readonly number[]): number[][] {
  const groups: number[][] = [];
  for (const row of rows) {
    const group = groups.at(-1);
    if (group !== undefined && group.at(-1)! + 1 === row) group.push(row);
    else groups.push([row]);
  }
  return groups;
}

interface Source {
  readonly context: IngestContext;
  readonly product: Product;
}

function packWindow({ context, product }: Source, page: TradePage, rows: readonly number[]): FinishedWindow[] {
  const { connector, settings } = context;
  const { rawPayload } = settings;
  // The clock knows ms; the raw layer's form has µs.
  const ingestTs = new Date(page.receivedAt).toISOString().replace('Z', '000Z');
  const groups = groupsOf(rows);
  return groups.map((group, at) => {
    const lines = group.map((i) => connector.rawLine(product, page.records[i]!, { rawPayload }));
    const ids = Float64Array.from(group, (i) => page.ids[i]!);
    const packed = packRows({ ids, lines, ingestTs: group.map(() => ingestTs) });
    const next = groups[at + 1]?.[0];
    return {
      first: group[0] === 0 ? page.window.first : ids[0]!,
      last: next === undefined ? page.window.last : page.ids[next]! - 1,
      rows: packed,
      // A line up to its ingest time is an object without its brace.
      lastTrade: connector.parseTrade(Buffer.concat([lines.at(-1)!, Buffer.from('}')])),
      bytes: packed.bytes.length + packed.ids.byteLength,
    };
  });
}

/**
 * Packs a page's rows as they will be stored, so that a window waits for its object in a tenth of its text; none
 * without rows. A page whose rows came in part from elsewhere [an archive file with lost rows] is split around those, so
 * that ids ascend over windows too.
 */
export function finishWindow(source: Source, page: TradePage, rows: readonly number[]): FinishedWindow[] {
  const { clock, onEvent } = source.context;
  const begun = clock.now();
  const finished = packWindow(source, page, rows);
  const seconds = Math.max(0, clock.now() - begun) / 1000;
  const bytes = finished.reduce((sum, window) => sum + window.bytes, 0);
  onEvent({ type: 'window-packed', product: source.product.id, trades: rows.length, bytes, seconds });
  return finished;
}
