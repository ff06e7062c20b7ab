import { createCircuitBreaker } from '@schemahub/circuit-breaker';
import { type Clock, type ExchangeCall, ExchangeError, type ExchangeReply, type Transport } from '@schemahub/core';
import { createVirtualClock } from '@schemahub/exchange-sim';
import { createFifoQueue, createRateLimiter } from '@schemahub/rate-limit';
import { describe, expect, it } from 'vitest';
import type { IngestEvent } from './events.js';
import { createGuardedTransport } from './guarded-transport.js';

const START = Date.parse('2026-11-20T12:00:00Z');
const MINUTE = 60_000;
const ANSWER_MS = 100;
const call: ExchangeCall = { url: 'https://venue/x', cost: [{ budget: 'requests', tokens: 1 }], subject: 'A-USD' };
const reply: ExchangeReply = { status: 200, headers: {}, body: new Uint8Array() };

/** A venue that fails until `healedAt`, behind the real limiter and breaker. */
function createBench(healedAt: number, maxWaitMs: number = 15 * MINUTE) {
  const clock: Clock = createVirtualClock({ nowMs: START });
  const sentAt: number[] = [];
  const events: IngestEvent[] = [];
  const lines: string[] = [];
  const venue: Transport = {
    send: async () => {
      sentAt.push(clock.now() - START);
      await clock.sleep(ANSWER_MS);
      if (clock.now() - START >= healedAt) return reply;
      throw new ExchangeError('venue answered 503 "a long notice. With sentences." to /x', {
        kind: 'transient',
        transient: 'server',
        status: 503,
      });
    },
  };
  const transport = createGuardedTransport({
    transport: venue,
    limiter: createRateLimiter({ budgets: { requests: { rate: 10, burst: 5 } }, clock, createQueue: createFifoQueue }),
    breaker: createCircuitBreaker({ name: 'venue', clock, onEvent: ({ text }) => void lines.push(text) }),
    clock,
    maxWaitMs,
    onEvent: (event) => void events.push(event),
  });
  const open = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await expect(transport.send(call)).rejects.toThrow('503');
  };
  return { clock, transport, sentAt, events, lines, open };
}

describe('an open breaker', () => {
  it('is told as HTTP 503, not as the whole notice', async () => {
    const { open, lines } = createBench(MINUTE);
    await open();
    expect(lines).toEqual(['venue circuit OPENED after 5 consecutive failures. Last error: HTTP 503']);
  });

  it('lets waiters go on as soon as the probes are back, not when their leases run out', async () => {
    const { clock, transport, sentAt, open, events } = createBench(MINUTE);
    await open();
    const openedAt = clock.now() - START;
    await Promise.all(Array.from({ length: 20 }, () => transport.send(call)));
    const [first = 0, ...others] = sentAt.slice(5);
    expect(first).toBeGreaterThanOrEqual(openedAt + 5 * MINUTE - 1);
    expect(others).toHaveLength(19);
    // Three probes one after another, then the limiter's pace for the rest.
    expect(Math.max(...others) - first).toBeLessThan(3 * ANSWER_MS + 20 * 100);
    expect(events.every(({ type }) => type === 'waiting-for-exchange' || type === 'answered')).toBe(true);
  });

  it('takes no place in the limiter from those who wait', async () => {
    const { transport, sentAt, open } = createBench(MINUTE);
    await open();
    await Promise.all([transport.send(call), transport.send(call)]);
    expect(sentAt).toHaveLength(7);
  });

  it('ends unavailable when the wait would be longer than allowed, and sends nothing for it', async () => {
    const { clock, transport, sentAt, open } = createBench(60 * MINUTE, 30_000);
    await open();
    const before = clock.now();
    await expect(transport.send(call)).rejects.toMatchObject({ code: 'exchange-unavailable' });
    expect(clock.now() - before).toBeLessThanOrEqual(30_000);
    expect(sentAt).toHaveLength(5);
  });

  it('an abort while waiting is the abort’s reason, and the next call is the probe', async () => {
    const { transport, open } = createBench(MINUTE);
    await open();
    const controller = new AbortController();
    const waiting = transport.send(call, { signal: controller.signal });
    const reason = new Error('stopped');
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(transport.send(call)).resolves.toMatchObject(reply);
  });
});
