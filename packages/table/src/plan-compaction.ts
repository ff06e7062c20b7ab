import { RangeSet } from '@schemahub/coverage';
import type { DataFile, FileList } from '@schemahub/lake';
import type { NameIndex } from './name-index.js';

/** The live files of one (exchange, symbol, month) × id block. */
export interface Cell {
  readonly month: string;
  readonly block: number;
  readonly files: readonly DataFile[];
  readonly ids: RangeSet;
}

/** A block in which some cells are to be derived again. */
export interface BlockCells {
  readonly block: number;
  /** All its cells, ascending by month. */
  readonly cells: readonly Cell[];
  readonly ids: RangeSet;
  /** Months of the cells that are to be derived again. */
  readonly months: ReadonlySet<string>;
}

export function cellsOf(list: FileList): Cell[] {
  const cells = new Map<string, DataFile[]>();
  for (const file of list.files) {
    const key = `${file.block} ${file.month}`;
    const files = cells.get(key);
    if (files === undefined) cells.set(key, [file]);
    else files.push(file);
  }
  return [...cells.values()].map((files) => ({
    month: files[0]!.month,
    block: files[0]!.block,
    files,
    ids: files.reduce((ids, file) => ids.union(file.ids), RangeSet.empty),
  }));
}

/**
 * Whether a cell is as a fresh lake would have it: one file, made by this writer, with these columns, from exactly the
 * sound raw objects that may hold its ids.
 */
export function isCanonical(
  cell: Cell,
  options: { readonly index: NameIndex; readonly writer: string; readonly columns: readonly string[] },
): boolean {
  const [file] = cell.files;
  return (
    cell.files.length === 1 &&
    file!.writer === options.writer &&
    file!.columns.join(' ') === options.columns.join(' ') &&
    file!.rawDigest === options.index.digest(cell.ids)
  );
}

/** The blocks of a list that hold a cell which `isDue`, ascending. Pure. */
export function planCompaction(options: {
  readonly list: FileList;
  readonly isDue: (cell: Cell) => boolean;
}): BlockCells[] {
  const blocks = new Map<number, Cell[]>();
  for (const cell of cellsOf(options.list)) {
    const cells = blocks.get(cell.block);
    if (cells === undefined) blocks.set(cell.block, [cell]);
    else cells.push(cell);
  }
  return [...blocks.entries()]
    .sort(([a], [b]) => a - b)
    .map(([block, cells]) => ({
      block,
      cells: cells.sort((a, b) => (a.month < b.month ? -1 : 1)),
      ids: cells.reduce((ids, cell) => ids.union(cell.ids), RangeSet.empty),
      months: new Set(cells.filter(options.isDue).map(({ month }) => month)),
    }))
    .filter(({ months }) => months.size > 0);
}
