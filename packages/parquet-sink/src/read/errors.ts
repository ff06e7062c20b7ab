/**
 * What was wrong with a file.
 * - `NOT_PARQUET`: it does not begin and end as a Parquet file does; often a truncated one.
 * - `DAMAGED`: its parts contradict each other, or a checksum does not match.
 * - `UNSUPPORTED`: it may be sound, but uses something this reader does not know or exceeds its limits.
 * - `SCHEMA_MISMATCH`: it does not hold the columns that were asked for.
 * - `INVALID_OPTION`: the source is not one.
 */
export type ParquetReadErrorCode = 'NOT_PARQUET' | 'DAMAGED' | 'UNSUPPORTED' | 'SCHEMA_MISMATCH' | 'INVALID_OPTION';

/** A file could not be read. Reading the same bytes fails again, so it is never retryable; errors of a source pass as they are. */
export class ParquetReadError extends Error {
  override readonly name = 'ParquetReadError';
  readonly code: ParquetReadErrorCode;
  readonly retryable = false;

  constructor(code: ParquetReadErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
  }
}

/** A file that contradicts itself; `what` begins in lower case and goes on after "This Parquet file is damaged:". */
export function damaged(what: string, cause?: unknown): ParquetReadError {
  const message = `This Parquet file is damaged: ${what}. Fetch it again, or write it again from its source.`;
  return new ParquetReadError('DAMAGED', message, { cause });
}

/** A file that uses what this reader does not know. */
export function unsupported(what: string): ParquetReadError {
  return new ParquetReadError('UNSUPPORTED', `This reader cannot read the Parquet file: ${what}.`);
}
