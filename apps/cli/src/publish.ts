import { type PublishResult, publishIfWanted } from '@schemahub/runtime/iceberg';
import type { OpenLake } from '@schemahub/runtime/lake';
import type { Invocation } from './command.js';
import { exitCodes } from './exit-codes.js';
import { explainError } from './explain-error.js';

export interface Published {
  readonly code: number;
  /** What `--json` tells; null where nothing is published. */
  readonly json: Record<string, unknown> | null;
}

export function publishJson({
  location,
  published,
  commit,
  snapshotId,
  relocated,
}: PublishResult): Record<string, unknown> {
  return { location, published, commit: commit ?? null, snapshot_id: snapshotId ?? null, relocated };
}

export function printPublished({ io, quiet }: Pick<Invocation, 'io' | 'quiet'>, result: PublishResult): void {
  if (quiet) return;
  if (result.relocated) io.err(`iceberg: the lake was moved; its metadata now names ${result.location}\n`);
  const { published } = result;
  if (published.length === 0) return;
  const which = published.length === 1 ? `commit ${published[0]}` : `commits ${published[0]} to ${published.at(-1)}`;
  io.err(`iceberg: ${which} published in ${result.location}\n`);
}

/**
 * Publishes what a command committed, and what an earlier run left unpublished. The commit stands whatever happens here:
 * an error becomes a sentence and a code of its own.
 */
export async function publishCommits(invocation: Invocation, lake: OpenLake): Promise<Published> {
  const { config, io, dryRun, stop } = invocation;
  if (dryRun) return { code: exitCodes.complete, json: null };
  try {
    const result = await publishIfWanted({ lake, config });
    if (result === undefined) return { code: exitCodes.complete, json: null };
    printPublished(invocation, result);
    return { code: exitCodes.complete, json: publishJson(result) };
  } catch (error) {
    if (stop.aborted) throw error;
    const { sentence, code } = explainError(error);
    io.err(`${io.style('red', 'iceberg:')} ${sentence}\n`);
    return { code, json: { error: sentence } };
  }
}
