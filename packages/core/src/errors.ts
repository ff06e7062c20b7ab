/**
 * Why a call to an exchange failed; the venue's own policy decides it from the whole reply.
 * - `rate`: too many requests. Retried 10 times; not counted by the breaker.
 * - `transient`: 5xx, time-out, reset, HTML, truncated or malformed body. Retried 5 times; counted.
 * - `product`: this product does not exist or is no longer served. Never retried; the product is set aside.
 * - `forbidden`: 401, 403, 451. The exchange stops.
 * - `request`: our request is wrong (a bug). Never retried.
 */
export type ExchangeErrorKind = 'rate' | 'transient' | 'product' | 'forbidden' | 'request';

/** What a transient failure looked like, for metrics and log texts. */
export type TransientCause = 'server' | 'timeout' | 'connection' | 'body';

export interface ExchangeErrorOptions {
  readonly kind: ExchangeErrorKind;
  readonly transient?: TransientCause | undefined;
  /** HTTP status, where there was a reply. */
  readonly status?: number | undefined;
  /** From Retry-After, in ms. */
  readonly retryAfterMs?: number | undefined;
  readonly url?: string | undefined;
  readonly cause?: unknown;
}

/** A call to an exchange failed. An abort is never wrapped in it. */
export class ExchangeError extends Error {
  override readonly name = 'ExchangeError';
  readonly kind: ExchangeErrorKind;
  readonly transient: TransientCause | undefined;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly url: string | undefined;

  constructor(message: string, options: ExchangeErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = options.kind;
    this.transient = options.transient;
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
    this.url = options.url;
  }

  /** Whether the same call may succeed later. */
  get retryable(): boolean {
    return this.kind === 'rate' || this.kind === 'transient';
  }
}
