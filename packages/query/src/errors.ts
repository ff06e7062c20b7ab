/**
 * Stable codes of `QueryError`.
 * - `syntax`: the text is not SQL.
 * - `invalid-query`: a table, column, function or type in it does not exist or does not fit.
 * - `not-allowed`: it reads or writes outside of the lake, or changes settings.
 * - `out-of-memory`: it needs more memory than the engine was given.
 * - `unreadable-file`: a file of the snapshot is absent, damaged or out of reach.
 * - `failed`: anything else that went wrong while it ran (a cast, an overflow, a division).
 * - `superseded`: its rows were read after the same engine had been given another query.
 * - `closed`: the engine was closed.
 * - `unavailable`: the engine's service is throttled, down or out of reach; the same query may work later.
 * - `engine-missing`: the engine's package is not installed.
 * - `invalid-options`: an option has a value that it cannot have.
 */
export type QueryErrorCode =
  | 'syntax'
  | 'invalid-query'
  | 'not-allowed'
  | 'out-of-memory'
  | 'unreadable-file'
  | 'failed'
  | 'superseded'
  | 'closed'
  | 'unavailable'
  | 'engine-missing'
  | 'invalid-options';

/** A query did not succeed. The message holds the engine's own words. An abort is never wrapped in it. */
export class QueryError extends Error {
  override readonly name = 'QueryError';
  readonly code: QueryErrorCode;
  /** False: the same query on the same snapshot fails again. */
  readonly retryable: boolean;

  constructor(code: QueryErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = code === 'unavailable';
  }
}
