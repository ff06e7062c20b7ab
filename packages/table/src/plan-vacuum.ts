import type { CommitKind } from '@schemahub/lake';
import type { ObjectEntry } from '@schemahub/object-store';

/** A commit that is not yet a tombstone. */
export interface CommitFacts {
  readonly number: number;
  readonly kind: CommitKind;
  /** Store's clock, ms: when it was created. */
  readonly createdAt: number;
  /** Paths that it retires. */
  readonly retired: readonly string[];
}

export interface VacuumLimits {
  /** Store's clock, ms. */
  readonly now: number;
  /** Age up to which a snapshot is kept. */
  readonly keepMs: number;
  /** Snapshots that are kept whatever their age; commits of vacuum itself do not count. */
  readonly keepSnapshots: number;
  /** Age that a retirement, and a leftover of a dead run, must have. */
  readonly minAgeMs: number;
}

export interface VacuumPlan {
  /** Retired long enough ago and referenced by nobody: to be deleted now. */
  readonly remove: readonly string[];
  /** Referenced by no kept snapshot: to be retired by a commit, and deleted by a later run. */
  readonly retire: readonly string[];
  /** Old commits to be replaced by tombstones, ascending. */
  readonly bury: readonly number[];
}

/** Numbers of the commits whose snapshots stay: the head, the last ones, the young ones. Pure. */
export function keptCommits(commits: readonly CommitFacts[], limits: VacuumLimits): ReadonlySet<number> {
  const kept = new Set<number>();
  const descending = [...commits].sort((a, b) => b.number - a.number);
  // A vacuum commit shows what its parent showed: counting it would push a real snapshot out at every run.
  let states = 0;
  for (const [at, { number, kind, createdAt }] of descending.entries()) {
    const isState = kind !== 'vacuum';
    if (at === 0 || limits.now - createdAt <= limits.keepMs || (isState && states < limits.keepSnapshots))
      kept.add(number);
    if (isState) states += 1;
  }
  return kept;
}

/**
 * What a vacuum does, from what the store lists. Pure.
 *
 *     file unreferenced ──(≥ 24 h old)──▶ retired by a vacuum commit ──(≥ 24 h later)──▶ deleted by a later vacuum
 *
 * A writer checks the retirements of every commit it is overtaken by, so what is retired is never referenced again.
 */
export function planVacuum(options: {
  readonly limits: VacuumLimits;
  /** Ascending or not; tombstones left out. */
  readonly commits: readonly CommitFacts[];
  /** Data files and file lists that exist. */
  readonly objects: readonly ObjectEntry[];
  /** Keys that kept snapshots name. */
  readonly referenced: ReadonlySet<string>;
  /** Keys that published metadata outside the lake still names: not deleted while it does. */
  readonly published: ReadonlySet<string>;
}): VacuumPlan {
  const { limits, commits, objects, referenced, published } = options;
  const retiredAt = new Map<string, number>();
  for (const { retired, createdAt } of commits) {
    for (const path of retired) retiredAt.set(path, Math.min(createdAt, retiredAt.get(path) ?? createdAt));
  }
  const remove: string[] = [];
  const retire: string[] = [];
  const pending = new Set<string>();
  for (const { key, modifiedAt } of objects) {
    if (referenced.has(key)) continue;
    const since = retiredAt.get(key);
    if (since === undefined) {
      if (limits.now - modifiedAt >= limits.minAgeMs) retire.push(key);
    } else if (limits.now - since >= limits.minAgeMs && !published.has(key)) remove.push(key);
    else pending.add(key);
  }
  return { remove, retire, bury: commitsToBury(commits, keptCommits(commits, limits), pending) };
}

/** The oldest commits, up to the first that is kept or still retires files that exist: tombstones stay a prefix. */
function commitsToBury(
  commits: readonly CommitFacts[],
  kept: ReadonlySet<number>,
  pending: ReadonlySet<string>,
): number[] {
  const bury: number[] = [];
  for (const { number, retired } of [...commits].sort((a, b) => a.number - b.number)) {
    if (kept.has(number) || retired.some((path) => pending.has(path))) break;
    bury.push(number);
  }
  return bury;
}
