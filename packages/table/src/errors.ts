import type { RangeSet } from '@schemahub/coverage';

/**
 * Stable codes of `TableError`.
 * - `invalid-option`: an option is wrong; the message names it. Usage.
 * - `unknown-source`: a product's source has no mapping. Usage.
 * - `mapping-changed`, `schema-changed`: the table was made with another mapping or schema. Usage; `--rebuild` is the way.
 * - `wrong-partition`: rows of a product say another exchange or symbol than its catalogue.
 * - `too-many-bad`: more records were refused than the run allows; nothing was committed.
 * - `ids-lost`: a rebuild would lose ids that are in the table; nothing was committed.
 * - `worker-ended`: a thread that derived blocks ended in the midst of one; nothing was committed.
 * - `too-many-conflicts`: other runs kept committing first. Retryable.
 */
export type TableErrorCode =
  | 'invalid-option'
  | 'unknown-source'
  | 'mapping-changed'
  | 'schema-changed'
  | 'wrong-partition'
  | 'too-many-bad'
  | 'ids-lost'
  | 'worker-ended'
  | 'too-many-conflicts';

/** Ids of one product that a rebuild would lose. */
export interface LostIds {
  readonly exchange: string;
  readonly productId: string;
  readonly ids: RangeSet;
}

/** A refused record, as reports show it. */
export interface RefusedSample {
  readonly object: string;
  readonly line: number;
  readonly id: number | string;
  readonly reason: string;
}

export interface TableErrorOptions {
  readonly cause?: unknown;
  readonly lost?: readonly LostIds[] | undefined;
  readonly samples?: readonly RefusedSample[] | undefined;
}

/** The table could not be changed as asked; it is as it was. */
export class TableError extends Error {
  override readonly name = 'TableError';
  readonly code: TableErrorCode;
  readonly retryable: boolean;
  /** `ids-lost` only. */
  readonly lost: readonly LostIds[];
  /** `too-many-bad` only: the first refused records. */
  readonly samples: readonly RefusedSample[];

  constructor(code: TableErrorCode, message: string, options: TableErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = code === 'too-many-conflicts';
    this.lost = options.lost ?? [];
    this.samples = options.samples ?? [];
  }
}
