export type CoordinationErrorCode =
  | 'damaged-document'
  | 'too-many-conflicts'
  | 'lease-lost'
  /** Of a database: its table, rights, credentials, or the service itself. */
  | 'no-table'
  | 'access-denied'
  | 'credentials'
  | 'unavailable';

const FINAL: ReadonlySet<CoordinationErrorCode> = new Set([
  'damaged-document',
  'no-table',
  'access-denied',
  'credentials',
]);

/** A shared document or lease is not usable. */
export class CoordinationError extends Error {
  override readonly name = 'CoordinationError';
  readonly code: CoordinationErrorCode;
  readonly retryable: boolean;

  constructor(code: CoordinationErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
    this.retryable = !FINAL.has(code);
  }
}
