import type { Committed } from './commit-loop.js';
import { type CompactOptions, type CompactResult, compact } from './compact.js';
import { createContext, type TableOptions } from './context.js';
import { type RebuildOptions, type RebuildResult, rebuild } from './rebuild.js';
import { release, rollback } from './rollback.js';
import { listSnapshots, type SnapshotList, type SnapshotsOptions } from './snapshots.js';
import { type TransformOptions, transform } from './transform.js';
import type { TransformResult } from './transform-result.js';
import { type VacuumOptions, type VacuumResult, vacuum } from './vacuum.js';

/**
 * The commands that change the table. Each makes one commit or none; killed anywhere and run again, it ends as if it
 * had run once. Files of a run that did not commit are left for `vacuum`.
 */
export interface Table {
  /**
   * Adds what is new: fetched − present − quarantined, product by product, block by block.
   * Throws `LakeError` `pinned`; `TableError` `mapping-changed`, `schema-changed`, `too-many-bad`, `wrong-partition`,
   * `unknown-source`, `too-many-conflicts`. Damaged raw, refused records and conflicts are in the result.
   */
  readonly transform: (options: TransformOptions) => Promise<TransformResult>;
  /**
   * Replaces all files of the sources by new ones (`v{n+1}`) with at least the ids that were there, in one commit that
   * holds on its base only; frees a pinned table. Throws as `transform`, and `TableError` `ids-lost`.
   */
  readonly rebuild: (options: RebuildOptions) => Promise<RebuildResult>;
  /**
   * Derives every cell that is not canonical again from its raw objects: exactly the ids that were there, or the cell is
   * left as it is and named. Throws as `transform`, but a pinned table may be compacted.
   */
  readonly compact: (options: CompactOptions) => Promise<CompactResult>;
  /** Deletes what an older vacuum retired, retires what no kept snapshot names, buries old commits. Never waits. */
  readonly vacuum: (options?: VacuumOptions) => Promise<VacuumResult>;
  /** Shows snapshot `number` again and pins the table. Throws `LakeError` `retired` or `missing-object`. */
  readonly rollback: (number: number) => Promise<Committed>;
  /** Frees the table; the next transform adds what was rolled back. Without a pin it makes no commit. */
  readonly release: () => Promise<Committed>;
  readonly snapshots: (options?: SnapshotsOptions) => Promise<SnapshotList>;
}

/** The table of one lake, for one run. Throws `TableError` `invalid-option`. */
export function createTable(options: TableOptions): Table {
  const context = createContext(options);
  return {
    transform: (transformOptions) => transform(context, transformOptions),
    rebuild: (rebuildOptions) => rebuild(context, rebuildOptions),
    compact: (compactOptions) => compact(context, compactOptions),
    vacuum: (vacuumOptions) => vacuum(context, vacuumOptions),
    rollback: (number) => rollback(context, number),
    release: () => release(context),
    snapshots: (snapshotOptions) => listSnapshots(context, snapshotOptions),
  };
}
