import type { TradePage } from '@schemahub/core';
import type { IdRange, RangeSet } from '@schemahub/coverage';
import { linesOf, parseArchiveRow } from './archive-rows.js';

export interface ArchivePagesOptions {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Ids to give: each has exactly one readable row in the file. */
  readonly wanted: RangeSet;
  /** Pages stay within the cells of this grid. */
  readonly gridSize: number;
  /** The time text of a record. */
  readonly timeOf: (record: Uint8Array) => string;
  /** When the file was downloaded. */
  readonly receivedAt: number;
  readonly date: number | undefined;
}

/** Rows of one cell that came so far. */
interface Cell {
  readonly rows: Map<number, string>;
  /** How many will come. */
  readonly expected: number;
}

/** Rows in hand before cells are given as they are: two interleaved halves need two cells, whatever their length. */
const MAX_ROWS = 100_000;

/** Ascending ids in runs without a hole. */
function runsOf(ids: readonly number[]): IdRange[] {
  const runs: { first: number; last: number }[] = [];
  for (const id of ids) {
    const run = runs.at(-1);
    if (run !== undefined && run.last + 1 === id) run.last = id;
    else runs.push({ first: id, last: id });
  }
  return runs;
}

function pageOf(options: ArchivePagesOptions, rows: ReadonlyMap<number, string>, window: IdRange): TradePage {
  const { timeOf, receivedAt, date } = options;
  const count = window.last - window.first + 1;
  const records = Array.from({ length: count }, (_, at) => Buffer.from(rows.get(window.first + at)!, 'latin1'));
  return {
    window,
    ids: Float64Array.from({ length: count }, (_, at) => window.first + at),
    records,
    firstTime: timeOf(records[0]!),
    lastTime: timeOf(records.at(-1)!),
    receivedAt,
    date,
    bytes: 0,
    requests: 0,
  };
}

/**
 * The wanted rows of a file as pages, in whatever order the file has them: a cell of the grid is given when its last
 * row has come. A page has no hole, so that it speaks for no id that the file lacks.
 */
export async function* archivePages(options: ArchivePagesOptions): AsyncGenerator<TradePage> {
  const { chunks, wanted, gridSize } = options;
  const cells = new Map<number, Cell>();
  let held = 0;
  const pagesOf = (at: number, { rows }: Cell): TradePage[] => {
    cells.delete(at);
    held -= rows.size;
    const ids = [...rows.keys()].sort((a, b) => a - b);
    return runsOf(ids).map((run) => pageOf(options, rows, run));
  };
  for await (const lines of linesOf(chunks)) {
    for (const line of lines) {
      const row = parseArchiveRow(line);
      if (row === undefined || !wanted.contains(row.id)) continue;
      const at = Math.floor(row.id / gridSize);
      const first = at * gridSize;
      const cell = cells.get(at) ?? { rows: new Map(), expected: wanted.clip(first, first + gridSize - 1).count };
      cells.set(at, cell);
      cell.rows.set(row.id, row.record);
      held++;
      if (cell.rows.size === cell.expected) yield* pagesOf(at, cell);
    }
    if (held > MAX_ROWS) for (const [at, cell] of [...cells]) yield* pagesOf(at, cell);
  }
  for (const [at, cell] of [...cells]) yield* pagesOf(at, cell);
}
