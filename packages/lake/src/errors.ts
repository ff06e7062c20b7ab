/** Stable codes of `LakeError`. */
export type LakeErrorCode =
  | 'damaged-raw'
  | 'damaged-evidence'
  | 'damaged-commit'
  | 'damaged-file-list'
  | 'missing-object'
  | 'conflict'
  | 'pinned'
  | 'retired';

/** Something in a lake is not as its rules say, or a commit could not be made. `retryable`: planning again may help. */
export class LakeError extends Error {
  override readonly name = 'LakeError';
  readonly code: LakeErrorCode;
  readonly key: string | undefined;
  readonly retryable: boolean;

  constructor(code: LakeErrorCode, message: string, options: { key?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.key = options.key;
    this.retryable = code === 'conflict';
  }
}
