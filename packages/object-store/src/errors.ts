/** Stable codes of `StoreError`. */
export type StoreErrorCode =
  | 'invalid-key'
  | 'no-space'
  | 'read-only'
  | 'no-hard-links'
  /** A service that speaks S3's language, but takes writes whose condition does not hold. */
  | 'no-conditional-writes'
  | 'access-denied'
  | 'not-found'
  | 'credentials'
  | 'wrong-region'
  | 'clock-skew'
  /** Another process has locked the key and does not free it. */
  | 'locked'
  | 'unavailable'
  | 'io';

/** A store could not do what was asked. `retryable` is decided where the facts are. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;
  readonly retryable: boolean;

  constructor(code: StoreErrorCode, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}
