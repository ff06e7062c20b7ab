/** Stable codes of `CoverageError`. */
export type CoverageErrorCode = 'invalid-id' | 'invalid-range' | 'invalid-text' | 'too-many-ranges';

/** A set of ids could not be built from what was given. Never retryable: the input is wrong. */
export class CoverageError extends Error {
  override readonly name = 'CoverageError';
  readonly code: CoverageErrorCode;
  readonly retryable = false;

  constructor(code: CoverageErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
