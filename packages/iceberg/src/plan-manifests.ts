import type { ManifestEntry, ManifestFile, PartitionSummary, TableShape } from './manifest.js';
import { partitionOfFile } from './manifest.js';
import type { PartitionSpec, PartitionValues } from './partition.js';
import { transformsOf } from './partition.js';
import type { IcebergSchema, PrimitiveType } from './types.js';
import { compareValues, decodeValue, type IcebergValue } from './values.js';

/** Entries of a manifest at most: a manifest that loses a file is written again, so this bounds what one file can cost. */
export const MAX_ENTRIES = 256;
/** Manifests of about one size that become one: each entry is written again once per power of this many. */
export const FAN_IN = 10;

export const liveFiles = ({ added, existing }: ManifestFile): number => added.files + existing.files;
export const liveRows = ({ added, existing }: ManifestFile): bigint => added.rows + existing.rows;

/** Whether a manifest may hold a file of that partition. True where it says nothing. */
export function mayHold(manifest: ManifestFile, partition: PartitionValues, types: readonly PrimitiveType[]): boolean {
  const summaries = manifest.partitions;
  if (summaries === undefined || summaries.length !== types.length) return true;
  return summaries.every((summary, at) => admits(summary, partition[at] ?? null, types[at]!));
}

function admits(summary: PartitionSummary, value: IcebergValue | null, type: PrimitiveType): boolean {
  if (value === null) return summary.containsNull;
  if (typeof value === 'number' && Number.isNaN(value)) return summary.containsNan !== false;
  // A writer may cut bounds; without one everything is possible.
  if (summary.lower === undefined || summary.upper === undefined) return summary.lower !== summary.upper;
  return (
    compareValues(decodeValue(type, summary.lower), value) <= 0 &&
    compareValues(value, decodeValue(type, summary.upper)) <= 0
  );
}

export function partitionTypes(spec: PartitionSpec, schema: IcebergSchema): readonly PrimitiveType[] {
  return transformsOf(spec, schema).map(({ resultType }) => resultType);
}

/**
 * Which manifests to join, group by group. Pure. Manifests are sorted into classes by the power of `fanIn` of their live
 * files; a class with `fanIn` of them becomes one group. So there are never more than fanIn × log(maxEntries) small ones,
 * and a file's entry is written again log(maxEntries) times in its life, however many commits there are.
 */
export function planMerges(
  manifests: readonly ManifestFile[],
  specId: number,
  maxEntries: number = MAX_ENTRIES,
  fanIn: number = FAN_IN,
): readonly (readonly ManifestFile[])[] {
  const classes = new Map<number, ManifestFile[]>();
  for (const manifest of manifests) {
    const files = liveFiles(manifest);
    if (manifest.content !== 0 || manifest.specId !== specId || files * 2 > maxEntries) continue;
    let size = 0;
    for (let rest = files; rest >= fanIn; rest = Math.floor(rest / fanIn)) size += 1;
    classes.set(size, [...(classes.get(size) ?? []), manifest]);
  }
  return [...classes.values()].filter((group) => group.length >= fanIn);
}

function compareNullable(left: IcebergValue | null, right: IcebergValue | null): number {
  if (left === null || right === null) return Number(left !== null) - Number(right !== null);
  return compareValues(left, right);
}

/** Entries ascending by partition, then path, so that a manifest's partition summary says something; in pieces. */
export function arrangeEntries(
  entries: readonly ManifestEntry[],
  shape: TableShape,
  maxEntries: number = MAX_ENTRIES,
): readonly (readonly ManifestEntry[])[] {
  const keyed = entries.map((entry) => ({
    entry,
    values: partitionOfFile(entry.file, shape),
    path: String(entry.file.file_path),
  }));
  keyed.sort((a, b) => {
    for (const [at, value] of a.values.entries()) {
      const order = compareNullable(value, b.values[at] ?? null);
      if (order !== 0) return order;
    }
    return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
  });
  const pieces: ManifestEntry[][] = [];
  for (let from = 0; from < keyed.length; from += maxEntries)
    pieces.push(keyed.slice(from, from + maxEntries).map(({ entry }) => entry));
  return pieces;
}
