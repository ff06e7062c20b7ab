/**
 * Stable codes of `QualityError`.
 * - `invalid-summary`: a number is absent, NaN, negative or contradicts another one.
 * - `no-rows`: a query answered without rows, or with a row that lacks a column. Never read as zero.
 * - `invalid-options`: an option has a value that it cannot have.
 */
export type QualityErrorCode = 'invalid-summary' | 'no-rows' | 'invalid-options';

/** The table could not be judged. Nothing was guessed: no score exists. */
export class QualityError extends Error {
  override readonly name = 'QualityError';
  readonly code: QualityErrorCode;
  /** The same numbers give the same error; a query that failed may be asked again by its owner. */
  readonly retryable: boolean = false;

  constructor(code: QualityErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
