/** The circuit stayed open for longer than the caller would wait. Nothing was sent. */
export class CircuitOpenError extends Error {
  override readonly name = 'CircuitOpenError';
  readonly code = 'circuit-open';
  readonly retryable: boolean = true;
  /** When it is worth to ask again, ms since 1970. */
  readonly reopensAt: number;

  constructor(message: string, options: { readonly reopensAt: number }) {
    super(message);
    this.reopensAt = options.reopensAt;
  }
}

/** Stable codes of `CircuitBreakerError`. */
export type CircuitBreakerErrorCode = 'invalid-option' | 'invalid-state';

/** An option that makes no sense, or a state that is none. Not worth a retry. */
export class CircuitBreakerError extends Error {
  override readonly name = 'CircuitBreakerError';
  readonly code: CircuitBreakerErrorCode;
  readonly retryable: boolean = false;

  constructor(code: CircuitBreakerErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
