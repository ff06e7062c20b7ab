import { describe, expect, it } from 'vitest';
import { ExchangeError, type ExchangeErrorKind } from './index.js';

describe('ExchangeError', () => {
  const retryable: Record<ExchangeErrorKind, boolean> = {
    rate: true,
    transient: true,
    product: false,
    forbidden: false,
    request: false,
  };

  it.each(Object.entries(retryable))('of kind %s: retryable is %s', (kind, expected) => {
    const error = new ExchangeError('x', { kind: kind as ExchangeErrorKind });
    expect([error.retryable, error.kind, error.name]).toEqual([expected, kind, 'ExchangeError']);
    expect(error).toBeInstanceOf(Error);
  });

  it('keeps every fact it was given, and invents none', () => {
    const cause = new Error('socket');
    const facts = {
      kind: 'transient',
      transient: 'connection',
      status: 503,
      retryAfterMs: 2000,
      url: 'https://api.exchange.coinbase.com/products',
    } as const;
    const error = new ExchangeError('coinbase: HTTP 503', { ...facts, cause });
    expect(error).toMatchObject({ ...facts, message: 'coinbase: HTTP 503' });
    expect(error.cause).toBe(cause);
    const bare = new ExchangeError('x', { kind: 'rate' });
    expect([bare.transient, bare.status, bare.retryAfterMs, bare.url]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect('cause' in bare).toBe(false);
  });
});
