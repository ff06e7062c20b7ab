import { RangeSet } from '@schemahub/coverage';
import type { DataFile } from '@schemahub/lake';
import type { BlockHooks, DerivedBlock, DeriveTask } from './block-work.js';
import type { TableContext } from './context.js';
import { splitMonths } from './months.js';
import { createNameIndex } from './name-index.js';
import { refusedSample, writeQuarantine } from './quarantine.js';
import { type BlockRows, idsOfRows, readBlock, releaseRows } from './read-block.js';
import { writeCell } from './write-cell.js';

const MAX_SAMPLES = 10;

/** Reads one block and writes its files; nothing of its rows outlives the call, so that memory holds one block. */
export async function deriveBlock(
  context: TableContext,
  task: DeriveTask,
  onRefused: BlockHooks['onRefused'],
): Promise<DerivedBlock> {
  const { product, plan, archived } = task;
  const rows = await readBlock(context, { product, plan, archived, onRefused });
  if (!task.writes || rows.unreadable.length > 0) return { ...NOTHING, unreadable: rows.unreadable };
  const files = await writeBlock(context, task, rows);
  releaseRows(context, rows);
  const quarantineKey = await writeQuarantine(context, product, rows.refused);
  const refusedIds = RangeSet.fromIds(rows.refused.map(({ id }) => Number(id)));
  return {
    files,
    ids: rows.ids,
    quarantined: refusedIds.difference(rows.ids),
    quarantineKeys: quarantineKey === undefined ? [] : [quarantineKey],
    counts: {
      rows: rows.rows.length,
      dropped: rows.dropped,
      duplicates: rows.duplicates,
      conflicts: rows.conflicts,
      refused: rows.refused.length,
    },
    conflictSamples: rows.conflictSamples,
    refusedSamples: rows.refused.slice(0, MAX_SAMPLES).map(refusedSample),
    unreadable: [],
    // The records stay in quarantine only: a block's worth of them is all that is held at a time.
    scans: rows.scans.map((scan) => ({ ...scan, refused: [] })),
  };
}

const NOTHING: DerivedBlock = {
  files: [],
  ids: RangeSet.empty,
  quarantined: RangeSet.empty,
  quarantineKeys: [],
  counts: { rows: 0, dropped: 0, duplicates: 0, conflicts: 0, refused: 0 },
  conflictSamples: [],
  refusedSamples: [],
  unreadable: [],
  scans: [],
};

async function writeBlock(
  context: TableContext,
  { product, plan, version }: DeriveTask,
  { batch, rows, ids }: BlockRows,
): Promise<DataFile[]> {
  const files: DataFile[] = [];
  const slices = splitMonths(batch, rows);
  const { block } = plan;
  // The plan names every object that may hold an id of the block: those of a cell are among them.
  const { digest } = createNameIndex(plan.names);
  for (const slice of slices) {
    const cellIds = slices.length === 1 ? ids : idsOfRows(batch, rows.subarray(slice.from, slice.to));
    const rawDigest = digest(cellIds);
    files.push(await writeCell(context, { product, version, block, slice, batch, rows, ids: cellIds, rawDigest }));
  }
  return files;
}
