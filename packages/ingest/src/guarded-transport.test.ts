import { type ExchangeCall, ExchangeError, type Transport } from '@schemahub/core';
import { createManualClock } from '@schemahub/exchange-sim';
import { describe, expect, it } from 'vitest';
import { createGuardedTransport, type GuardedTransportOptions } from './guarded-transport.js';

const call: ExchangeCall = { url: 'https://x.test', cost: [{ budget: 'requests', tokens: 1 }], priority: 'live' };
const reply = { status: 200, headers: {}, body: new Uint8Array() };

function open(send: Transport['send'], permit: { isProbe: boolean } | undefined) {
  const told: string[] = [];
  const clock = createManualClock({ nowMs: 0 });
  const options: GuardedTransportOptions = {
    transport: { send },
    clock,
    maxWaitMs: 1000,
    onEvent: ({ type }) => type === 'answered' || told.push(type),
    limiter: {
      schedule: async (task, { cost, priority, signal }) => {
        told.push(`schedule ${cost[0]?.tokens} ${priority}`);
        return await task(signal);
      },
      throttled: (budget) => void told.push(`throttled ${budget}`),
      penalize: ({ budget, delayMs }) => void told.push(`penalize ${budget} ${delayMs}`),
      snapshot: () => ({ budgets: { requests: { rate: 10 } } }),
    },
    breaker: permit && {
      acquire: async () => ({
        isProbe: permit.isProbe,
        succeeded: () => void told.push('succeeded'),
        failed: (error) => void told.push(`failed: ${(error as Error).message}`),
        ignored: () => void told.push('ignored'),
      }),
    },
  };
  return { transport: createGuardedTransport(options), told };
}

describe('guarded transport', () => {
  it.each([
    ['a reply', undefined, ['schedule 1 live', 'succeeded']],
    [
      'a 503',
      new ExchangeError('x', { kind: 'transient', transient: 'server', status: 503 }),
      ['schedule 1 live', 'failed: HTTP 503'],
    ],
    ['a 404', new ExchangeError('404', { kind: 'product' }), ['schedule 1 live', 'ignored']],
    ['a 429', new ExchangeError('429', { kind: 'rate' }), ['schedule 1 live', 'throttled requests', 'ignored']],
    [
      'a 429 with Retry-After',
      new ExchangeError('429', { kind: 'rate', retryAfterMs: 700 }),
      ['schedule 1 live', 'throttled requests', 'penalize requests 700', 'ignored'],
    ],
    ['an abort', new Error('aborted'), ['schedule 1 live', 'ignored']],
  ])('tells limiter and breaker about %s, and passes it on unchanged', async (_, error, expected) => {
    const { transport, told } = open(
      async () => {
        if (error !== undefined) throw error;
        return reply;
      },
      { isProbe: false },
    );
    if (error === undefined) expect(await transport.send(call)).toEqual({ ...reply, elapsedMs: 0 });
    else await expect(transport.send(call)).rejects.toBe(error);
    // A permit that was only asked for to see that the breaker is closed is given back.
    expect(told).toEqual(['ignored', ...expected]);
  });

  it('the probe takes its permit along and is told once how it went', async () => {
    const { transport, told } = open(async () => reply, { isProbe: true });
    await transport.send(call);
    expect(told).toEqual(['schedule 1 live', 'succeeded']);
  });

  it('without a breaker only the limiter is asked', async () => {
    const { transport, told } = open(async () => reply, undefined);
    await transport.send(call);
    expect(told).toEqual(['schedule 1 live']);
  });
});
