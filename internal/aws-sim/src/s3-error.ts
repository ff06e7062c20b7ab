/** An answer that S3 gives instead of success. */
export class S3SimError extends Error {
  override readonly name = 'S3SimError';
  readonly status: number;
  readonly code: string;
  /** Further elements of the XML body, and headers. */
  readonly details: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, details: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }
}
