import { RangeSet } from '@schemahub/coverage';
import type { DataFile } from '@schemahub/lake';
import type { BlockProduct, LeftCell, RederivedBlock, RederiveTask } from './block-work.js';
import type { TableContext } from './context.js';
import { type MonthSlice, splitMonths } from './months.js';
import { createNameIndex } from './name-index.js';
import type { BlockCells, Cell } from './plan-compaction.js';
import { type BlockRows, idsOfRows, readBlock, releaseRows } from './read-block.js';
import type { UnreadableObject } from './scan-object.js';
import { writeCell } from './write-cell.js';

/** A month of the block as it is and as the raw objects give it. */
interface MonthPair {
  readonly month: string;
  readonly held: Cell | undefined;
  readonly slice: MonthSlice | undefined;
  readonly heldIds: RangeSet;
  readonly derivedIds: RangeSet;
}

/**
 * Derives a block again from all sound raw objects that may hold its ids, and replaces the cells that are due: by
 * exactly the ids that were there, or not at all. Where another copy of a trade wins and moves it to another month, the
 * months concerned are replaced together.
 */
export async function rederiveBlock(context: TableContext, task: RederiveTask): Promise<RederivedBlock> {
  const { product, plan, block, version } = task;
  const nothing = { removed: [], added: [], unreadable: [], rows: 0, conflicts: 0, conflictSamples: [] };
  if (plan.names.length === 0) {
    const due = block.cells.filter(({ month }) => block.months.has(month));
    return { ...nothing, left: due.map((cell) => leave(product, cell, cell.ids, 'no raw object holds its ids')) };
  }
  const rows = await readBlock(context, { product, plan, archived: true });
  const pairs = pairMonths(block, rows);
  const moved = pairs.filter(({ heldIds, derivedIds }) => !heldIds.equals(derivedIds));
  const left: LeftCell[] = [];
  const replaced: MonthPair[] = [];
  const movedReason = whyLeft(moved, rows.unreadable);
  const missing = unionOf(moved.map(({ heldIds }) => heldIds)).difference(
    unionOf(moved.map((pair) => pair.derivedIds)),
  );
  for (const pair of pairs) {
    const isMoved = moved.includes(pair);
    if (!isMoved && !block.months.has(pair.month)) continue;
    const reason = isMoved ? movedReason : whyLeft([pair], rows.unreadable);
    if (reason === undefined) replaced.push(pair);
    else if (pair.held !== undefined)
      left.push(leave(product, pair.held, isMoved ? missing.intersect(pair.heldIds) : RangeSet.empty, reason));
  }
  const { digest } = createNameIndex(plan.names);
  const added: DataFile[] = [];
  for (const { slice, derivedIds: ids } of replaced) {
    if (slice === undefined) continue;
    const { batch, rows: sorted } = rows;
    const rawDigest = digest(ids);
    added.push(
      await writeCell(context, { product, version, block: block.block, slice, batch, rows: sorted, ids, rawDigest }),
    );
  }
  releaseRows(context, rows);
  return {
    removed: replaced.flatMap(({ held }) => held?.files.map(({ path }) => path) ?? []),
    added,
    left,
    unreadable: rows.unreadable,
    rows: added.reduce((sum, file) => sum + file.rows, 0),
    conflicts: rows.conflicts,
    conflictSamples: rows.conflictSamples,
  };
}

function unionOf(sets: readonly RangeSet[]): RangeSet {
  return sets.reduce((all, set) => all.union(set), RangeSet.empty);
}

function pairMonths(block: BlockCells, { batch, rows }: BlockRows): MonthPair[] {
  const slices = new Map(splitMonths(batch, rows).map((slice) => [slice.month, slice]));
  const cells = new Map(block.cells.map((cell) => [cell.month, cell]));
  return [...new Set([...cells.keys(), ...slices.keys()])].sort().map((month) => {
    const slice = slices.get(month);
    const held = cells.get(month);
    return {
      month,
      held,
      slice,
      heldIds: held?.ids ?? RangeSet.empty,
      derivedIds: slice === undefined ? RangeSet.empty : idsOfRows(batch, rows.subarray(slice.from, slice.to)),
    };
  });
}

/** Why months cannot be replaced together; undefined when they can. */
function whyLeft(pairs: readonly MonthPair[], unreadable: readonly UnreadableObject[]): string | undefined {
  const held = unionOf(pairs.map(({ heldIds }) => heldIds));
  const derived = unionOf(pairs.map(({ derivedIds }) => derivedIds));
  const all = held.union(derived);
  const object = unreadable.find(({ first, last }) => all.intersects(first, last));
  if (object !== undefined) return object.reason;
  return held.equals(derived) ? undefined : 'its raw objects no longer give all of its ids';
}

function leave(product: BlockProduct, cell: Cell, missing: RangeSet, reason: string): LeftCell {
  const { exchange, productId, symbol } = product;
  return { exchange, productId, symbol, month: cell.month, block: cell.block, missing, reason };
}
