/**
 * What went wrong while writing.
 * - `INVALID_OPTION`: an option is wrong; the message names it, what was expected and what was given.
 * - `SCHEMA_MISMATCH`: a batch does not have the columns of the file's schema.
 * - `INVALID_VALUE`: a value cannot be stored as its column's type without changing it.
 * - `NOT_SORTED`: rows do not ascend by the columns that `sortingColumns` promises.
 * - `ALREADY_READ`: the bytes of one write were asked for twice.
 * - `ABANDONED`: the consumer stopped before the end, so there are no facts.
 */
export type ParquetWriteErrorCode =
  | 'INVALID_OPTION'
  | 'SCHEMA_MISMATCH'
  | 'INVALID_VALUE'
  | 'NOT_SORTED'
  | 'ALREADY_READ'
  | 'ABANDONED';

/** A file could not be written. The same input fails again, so it is never retryable. */
export class ParquetWriteError extends Error {
  override readonly name = 'ParquetWriteError';
  readonly code: ParquetWriteErrorCode;
  readonly retryable = false;

  constructor(code: ParquetWriteErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
  }
}
