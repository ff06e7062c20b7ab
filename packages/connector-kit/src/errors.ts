import { ExchangeError } from '@schemahub/core';

/** Stable codes of `ConnectorError`. */
export type ConnectorErrorCode = 'invalid-option' | 'invalid-window' | 'invalid-product' | 'invalid-time';

/** The caller gave something that no request can be made of. Never retryable. */
export class ConnectorError extends Error {
  override readonly name = 'ConnectorError';
  readonly code: ConnectorErrorCode;
  readonly retryable = false;

  constructor(code: ConnectorErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A sentence for an option that is wrong: which, what was expected, what came. */
export function invalidOption(option: string, expected: string, got: unknown): ConnectorError {
  const shown = typeof got === 'string' ? JSON.stringify(got.slice(0, 80)) : String(got);
  return new ConnectorError('invalid-option', `${option}: expected ${expected}, got ${shown}`);
}

/**
 * A reply that came whole and with a good status, but does not keep the venue's contract: no JSON, a row without an id,
 * an id that was not asked for, one id with two contents. Asking again may help, so it is transient (`body`).
 */
export function contractBreak(
  message: string,
  options: { url?: string | undefined; cause?: unknown } = {},
): ExchangeError {
  const where = options.url === undefined ? '' : ` (${options.url})`;
  return new ExchangeError(`${message}${where}. The page is asked for again; nothing of it is kept.`, {
    kind: 'transient',
    transient: 'body',
    url: options.url,
    cause: options.cause,
  });
}
