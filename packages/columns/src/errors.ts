/**
 * What was wrong with a call.
 * - `UNKNOWN_COLUMN`: the batch's schema has no column of that name.
 * - `SCHEMA_MISMATCH`: batches of different tables were put together.
 * - `OUT_OF_RANGE`: a row or range lies outside the batch or permutation.
 * - `WRONG_KIND`: the column holds another kind of value than the call needs.
 */
export type ColumnsErrorCode = 'UNKNOWN_COLUMN' | 'SCHEMA_MISMATCH' | 'OUT_OF_RANGE' | 'WRONG_KIND';

/** A batch was used in a way it cannot serve. A bug of the caller, so it is never retryable. */
export class ColumnsError extends Error {
  override readonly name = 'ColumnsError';
  readonly code: ColumnsErrorCode;
  readonly retryable = false;

  constructor(code: ColumnsErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
