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
  return { transport: createGuardedTransport(options), options, told, clock };
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

  it('an exchange that asks to stay away for longer than allowed ends the run, after the limiter was told', async () => {
    const error = new ExchangeError('429', { kind: 'rate', status: 429, retryAfterMs: 1001 });
    const { transport, told } = open(() => Promise.reject(error), undefined);
    await expect(transport.send(call)).rejects.toMatchObject({
      code: 'exchange-unavailable',
      message: expect.stringContaining('asks to stay away for 2 s, longer than --max-wait allows (1 s)'),
    });
    expect(told).toContain('throttled requests');
  });

  it('measures its load: latency without the wait at the limiter, refusals and aborts left out', async () => {
    let outcome: unknown;
    let latencyMs = 0;
    const { transport, clock } = open(async () => {
      await clock.advance(latencyMs);
      if (outcome !== undefined) throw outcome;
      return reply;
    }, undefined);
    expect(transport.load()).toEqual({ requestsPerSecond: Number.POSITIVE_INFINITY, latencySeconds: undefined });
    latencyMs = 2000;
    await transport.send(call);
    expect(transport.load()).toEqual({ requestsPerSecond: 10, latencySeconds: 2 });
    latencyMs = 100;
    for (outcome of [new ExchangeError('429', { kind: 'rate' }), new Error('aborted')])
      await transport.send(call).catch(() => undefined);
    expect(transport.load().latencySeconds).toBe(2);
    // A time-out is an answer that took so long.
    latencyMs = 15_000;
    outcome = new ExchangeError('x', { kind: 'transient', transient: 'timeout' });
    await transport.send(call).catch(() => undefined);
    expect(transport.load().latencySeconds).toBeCloseTo(2 + 0.05 * 13);
    outcome = undefined;
    const weighted = {
      ...call,
      cost: [
        { budget: 'requests', tokens: 4 },
        { budget: 'pair:X', tokens: 1 },
      ],
    };
    await transport.send(weighted);
    expect(transport.load().requestsPerSecond).toBe(2.5);
  });

  it('tells how long a request waited at the limiter, behind how many, and how long its rows took to read', async () => {
    let now = 0;
    const clock = { now: () => now, sleep: async () => undefined };
    const answers: unknown[] = [];
    const starts: (() => void)[] = [];
    const guarded = createGuardedTransport({
      transport: {
        send: async (sent) => {
          now += 1500;
          sent.judge?.(reply);
          return { ...reply, body: new Uint8Array(9) };
        },
      },
      clock,
      maxWaitMs: 1000,
      breaker: undefined,
      onEvent: (event) => void answers.push(event),
      limiter: {
        schedule: (task) => new Promise((done, fail) => starts.push(() => void task(undefined).then(done, fail))),
        throttled: () => undefined,
        penalize: () => undefined,
        snapshot: () => ({ budgets: {} }),
      },
    });
    const judge = (): void => {
      now += 20;
    };
    const sent = [1, 2, 3].map(() => guarded.send({ ...call, judge }));
    while (starts.length < sent.length) await Promise.resolve();
    now += 250;
    for (const [at, start] of starts.entries()) {
      start();
      await sent[at];
    }
    const facts = { type: 'answered', seconds: 1.5, parseSeconds: 0.02, bytes: 9, error: undefined };
    expect(answers).toEqual([
      { ...facts, waitedSeconds: 0.25, queued: 2 },
      { ...facts, waitedSeconds: 0.25 + 1.52, queued: 1 },
      { ...facts, waitedSeconds: 0.25 + 2 * 1.52, queued: 0 },
    ]);
  });
});

it('what a process has in its queue when it wakes is not sent once its leases are checked', async () => {
  const sent: string[] = [];
  const lost = new AbortController();
  const { options, told } = open(
    async ({ url }) => {
      sent.push(url);
      return reply;
    },
    { isProbe: false },
  );
  let isAsleep = false;
  const transport = createGuardedTransport({
    ...options,
    beforeSend: () => isAsleep && lost.abort(new Error('its lease was lost')),
  });
  await transport.send(call, { signal: lost.signal });
  isAsleep = true;
  await expect(transport.send(call, { signal: lost.signal })).rejects.toThrow('its lease was lost');
  expect([sent.length, told.at(-1)]).toEqual([1, 'ignored']);
});
