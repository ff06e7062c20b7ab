import { ExchangeError } from '@schemahub/core';
import { createManualClock } from '@schemahub/exchange-sim';
import { describe, expect, it } from 'vitest';
import { createTries, planRetry, withRetries } from './retry.js';

const rate = new ExchangeError('slow down', { kind: 'rate' });
const transient = new ExchangeError('oops', { kind: 'transient', transient: 'server' });

describe('retry', () => {
  it('backs off exponentially with full jitter, within a cap, at least for Retry-After', () => {
    const delays = (error: ExchangeError, random: number): (number | undefined)[] =>
      Array.from({ length: 11 }, (_, i) => planRetry(error, i + 1, random).delayMs);
    expect(delays(transient, 0.5)).toEqual([500, 1000, 2000, 4000, ...Array(7).fill(undefined)]);
    expect(delays(rate, 0.5).slice(5)).toEqual([16_000, 30_000, 30_000, 30_000, undefined, undefined]);
    expect(delays(rate, 0)[3]).toBe(0);
    const later = new ExchangeError('later', { kind: 'rate', retryAfterMs: 90_000 });
    expect(planRetry(later, 1, 0.5).delayMs).toBe(90_000);
  });

  it.each(['product', 'forbidden', 'request'] as const)('%s is never retried', (kind) => {
    expect(planRetry(new ExchangeError('no', { kind }), 1, 0.5)).toEqual({ attempts: 1, delayMs: undefined });
  });

  it('each kind of failure has its own tries', () => {
    const tries = createTries({ random: () => 0, product: 'X', onEvent: () => undefined });
    for (let i = 0; i < 9; i++) expect(tries.failed(rate)).toBe(0);
    for (let i = 0; i < 4; i++) expect(tries.failed(transient)).toBe(0);
    expect(tries.failed(transient)).toBeUndefined();
    expect(tries.failed(rate)).toBeUndefined();
  });

  it('a stop ends the wait with its own reason, and other errors pass through', async () => {
    const clock = createManualClock({ nowMs: 0 });
    const stop = new AbortController();
    const options = { clock, random: () => 0.5, product: 'X', onEvent: () => undefined, signal: stop.signal };
    const waiting = withRetries(options, () => Promise.reject(transient));
    const reason = new Error('stopped');
    stop.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    const bug = new TypeError('bug');
    await expect(withRetries(options, () => Promise.reject(bug))).rejects.toBe(bug);
  });
});
