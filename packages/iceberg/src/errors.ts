/** Stable codes of `IcebergError`. */
export type IcebergErrorCode =
  | 'invalid-option'
  | 'damaged-file'
  | 'missing-object'
  | 'unsupported'
  | 'outside-location'
  | 'unknown-snapshot'
  | 'invalid-change'
  | 'conflict'
  | 'foreign-snapshot'
  | 'catalog';

/** A table could not be read or changed. `retryable`: loading the table again and planning anew may help. */
export class IcebergError extends Error {
  override readonly name = 'IcebergError';
  readonly code: IcebergErrorCode;
  readonly retryable: boolean;

  constructor(code: IcebergErrorCode, message: string, options: { cause?: unknown; retryable?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? code === 'conflict';
  }
}

/** Shorthand for bytes that are not what the format says. */
export function damaged(what: string, cause?: unknown): IcebergError {
  return new IcebergError('damaged-file', what, { cause });
}
