export type CoordinationErrorCode = 'damaged-document' | 'too-many-conflicts' | 'lease-lost';

/** A shared document or lease is not usable. */
export class CoordinationError extends Error {
  override readonly name = 'CoordinationError';
  readonly code: CoordinationErrorCode;
  readonly retryable: boolean;

  constructor(code: CoordinationErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
    this.retryable = code !== 'damaged-document';
  }
}
