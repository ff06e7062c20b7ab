import { type Change, commitChange, LakeError, readCommit, readHead, type Snapshot } from '@schemahub/lake';
import type { TableContext } from './context.js';
import { TableError } from './errors.js';

export interface Committed {
  /** The table after the run; undefined in a lake without commits. */
  readonly snapshot: Snapshot | undefined;
  /** Number of the commit that was made; undefined when there was nothing to do. */
  readonly commit: number | undefined;
}

export interface CommitLoopOptions {
  /** What to change on this base; undefined for nothing. Called again when the base moved and the change no longer fits. */
  readonly plan: (base: Snapshot | undefined) => Promise<Change | undefined>;
  /** Refuses a base; asked again of every base that the change is tried on. */
  readonly guard?: ((base: Snapshot | undefined) => void) | undefined;
}

function isConflict(error: unknown): error is LakeError {
  return error instanceof LakeError && error.code === 'conflict';
}

/** Plans on the head and commits; when another run committed first, tries the same change on the new head, or plans again. */
export async function commitPlanned(context: TableContext, options: CommitLoopOptions): Promise<Committed> {
  for (let attempt = 1; ; attempt += 1) {
    const base = await readHead(context.store, context.layout);
    options.guard?.(base);
    const change = await options.plan(base);
    if (change === undefined) return { snapshot: base, commit: undefined };
    const start = context.stopwatch.now();
    const result = await commitOn(context, base, change, options.guard);
    context.stopwatch.add('commit', start, { items: 1 });
    if ('number' in result) {
      context.emit({ type: 'committed', number: result.number, kind: change.kind });
      return { snapshot: result, commit: result.number };
    }
    if (attempt >= context.maxPlans) {
      throw new TableError(
        'too-many-conflicts',
        `Other runs committed first ${attempt} times (${result.message}). Nothing was committed by this run; try again when they are done.`,
        { cause: result },
      );
    }
    context.emit({ type: 'planned-again', attempt, reason: result.message });
  }
}

/**
 * Tries the change on the base and on every head that overtakes it, each time checked on exactly that head. Gives the
 * conflict when the change no longer fits.
 */
async function commitOn(
  context: TableContext,
  base: Snapshot | undefined,
  change: Change,
  guard: CommitLoopOptions['guard'],
): Promise<Snapshot | LakeError> {
  const { store, layout } = context;
  let head = base?.number ?? 0;
  for (;;) {
    context.signal?.throwIfAborted();
    try {
      return await commitChange(store, layout, { ...change, onlyOnBase: head });
    } catch (error) {
      if (!isConflict(error)) throw error;
      const moved = await readHead(store, layout);
      const isOvertaken = moved !== undefined && moved.number !== head;
      if (!isOvertaken || change.replaceProducts !== undefined || change.onlyOnBase !== undefined) return error;
      guard?.(moved);
      const retired = await retiredSince(context, head, moved.number);
      const lost = change.products.flatMap(({ addFiles }) => addFiles).find(({ path }) => retired.has(path));
      // A writer that slept for more than a day: vacuum took its files for leftovers and may delete them any time.
      if (lost !== undefined) return new LakeError('conflict', `${lost.path} was retired before it was committed`);
      head = moved.number;
    }
  }
}

/** Paths that commits after `from`, up to `to`, retired. */
export async function retiredSince(context: TableContext, from: number, to: number): Promise<ReadonlySet<string>> {
  const retired = new Set<string>();
  for (let number = from + 1; number <= to; number += 1) {
    const stored = await readCommit(context.store, context.layout, number);
    for (const path of stored?.body.retired ?? []) retired.add(path);
  }
  return retired;
}
