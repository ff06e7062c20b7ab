export type IngestErrorCode =
  | 'exchange-unavailable'
  | 'exchange-refused'
  | 'other-origin'
  | 'id-space-changed'
  | 'invalid-option';

/** A product or a whole run cannot go on. What was landed stays landed. */
export class IngestError extends Error {
  override readonly name = 'IngestError';
  readonly code: IngestErrorCode;
  readonly retryable: boolean;

  constructor(code: IngestErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'exchange-unavailable';
  }
}
