/** Stable codes of `RateLimitError`. All are mistakes of the caller: none is worth a retry. */
export type RateLimitErrorCode = 'invalid-option' | 'unknown-budget' | 'cost-exceeds-burst';

/** A limiter was asked for something that it can never do. */
export class RateLimitError extends Error {
  override readonly name = 'RateLimitError';
  readonly code: RateLimitErrorCode;
  readonly retryable: boolean = false;

  constructor(code: RateLimitErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
