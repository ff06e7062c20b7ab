import { describe, expect, it } from 'vitest';
import { CircuitOpenError, createCircuitBreaker, createMemoryStore, failureShare, type Permit } from './index.js';
import { circuitStoreCases } from './testing/index.js';
import { settle } from './testing/manual-clock.js';
import { countCalls, createHeldStore, HTTP_500, MINUTE, START, setUp, watch } from './testing/set-up.js';

describe('closed', () => {
  it('opens after 5 consecutive failures, waits 5 minutes, probes one by one, closes after 3 successes: the texts', async () => {
    const { breaker, clock, fail, texts, events } = setUp();
    await fail(4);
    await (await breaker.acquire()).succeeded();
    await fail(4);
    expect(breaker.state().phase).toBe('closed');
    await fail(1);
    expect(breaker.state()).toEqual({
      phase: 'open',
      updatedAt: START,
      reopensAt: START + 5 * MINUTE,
      reason: '5 consecutive failures',
      lastError: 'HTTP 500',
    });
    const waiting = Array.from({ length: 4 }, () => watch(breaker.acquire()));
    await clock.advance(5 * MINUTE - 1);
    expect(waiting.every(({ value }) => value === undefined)).toBe(true);
    await clock.advance(1);
    for (let probe = 0; probe < 3; probe++) {
      expect(waiting.map(({ value }) => value?.isProbe)).toEqual(
        [0, 1, 2, 3].map((index) => (index <= probe ? true : undefined)),
      );
      await waiting[probe]?.value?.succeeded();
      await settle();
    }
    expect(waiting[3]?.value?.isProbe).toBe(false);
    expect(texts()).toEqual([
      'coinbase circuit OPENED after 5 consecutive failures. Last error: HTTP 500',
      'coinbase circuit HALF_OPEN (testing recovery)',
      'coinbase circuit CLOSED - exchange recovered (3 consecutive successes)',
    ]);
    expect(events.every((event) => 'origin' in event && event.origin === 'here')).toBe(true);
    await fail(4);
    expect(breaker.state().phase).toBe('closed');
  });

  it('counts a blip that hits 24 requests in flight once', async () => {
    const { breaker } = setUp();
    for (let blip = 1; blip <= 5; blip++) {
      const flight = await Promise.all(Array.from({ length: 24 }, () => breaker.acquire()));
      expect(breaker.state().phase).toBe('closed');
      for (const permit of flight) await permit.failed(HTTP_500);
    }
    expect(breaker.state()).toMatchObject({ phase: 'open', reason: '5 consecutive failures' });
  });

  it('counts nothing that is ignored, and takes only the first word about a request', async () => {
    const { breaker, fail } = setUp();
    await fail(4);
    const permit = await breaker.acquire();
    await permit.ignored();
    await permit.failed(HTTP_500);
    expect(breaker.state().phase).toBe('closed');
    await fail(1);
    expect(breaker.state().phase).toBe('open');
  });

  it('does not count results of requests that were sent before it opened', async () => {
    const { breaker, clock, fail } = setUp({ successesToClose: 1 });
    const late = await Promise.all(Array.from({ length: 10 }, () => breaker.acquire()));
    await fail(5);
    await clock.advance(5 * MINUTE);
    await (await breaker.acquire()).succeeded();
    expect(breaker.state().phase).toBe('closed');
    for (const permit of late) await permit.failed(HTTP_500);
    await fail(4);
    expect(breaker.state().phase).toBe('closed');
    await fail(1);
    expect(breaker.state().phase).toBe('open');
  });

  it('opens on a share of failures in a window, and forgets what is older', async () => {
    const strategy = failureShare({ share: 0.5, windowMs: 10_000, minimumResults: 10 });
    const { breaker, clock, fail } = setUp({ strategy });
    await fail(9);
    await clock.advance(10_000);
    await fail(9);
    expect(breaker.state().phase).toBe('closed');
    for (let count = 0; count < 9; count++) await (await breaker.acquire()).succeeded();
    expect(breaker.state().phase).toBe('closed');
    await fail(1);
    expect(breaker.state()).toMatchObject({ phase: 'open', reason: '10 failures among 19 results within 10 s' });
  });

  it('takes no late result for news, whatever the strategy: an opening is not prolonged, a closing not undone', async () => {
    const strategy = failureShare({ share: 1, minimumResults: 10 });
    const { breaker, clock, events } = setUp({ strategy, successesToClose: 1 });
    const flight = await Promise.all(Array.from({ length: 40 }, () => breaker.acquire()));
    for (const permit of flight.splice(0, 10)) await permit.failed(HTTP_500);
    await clock.advance(1_000);
    for (const permit of flight.splice(0, 15)) await permit.failed(HTTP_500);
    expect(breaker.state()).toMatchObject({ phase: 'open', reopensAt: START + 5 * MINUTE });
    await clock.advance(5 * MINUTE);
    await (await breaker.acquire()).succeeded();
    for (const permit of flight) await permit.failed(HTTP_500);
    expect(breaker.state().phase).toBe('closed');
    expect(events.length).toBe(3);
  });

  it('costs the store one read at the start and none per request', async () => {
    const { store, calls } = countCalls(createMemoryStore());
    const { breaker } = setUp({ store });
    for (let count = 0; count < 1_000; count++) await (await breaker.acquire()).succeeded();
    expect(calls).toEqual({ reads: 1, writes: 0 });
  });
});

describe('open and half-open', () => {
  it('opens again when a probe fails, for another 5 minutes', async () => {
    const { breaker, clock, fail, texts } = setUp();
    await fail(5);
    await clock.advance(5 * MINUTE);
    await (await breaker.acquire()).succeeded();
    await (await breaker.acquire()).failed(new Error('HTTP\n 503'));
    expect(breaker.state()).toMatchObject({ phase: 'open', reopensAt: START + 10 * MINUTE, lastError: 'HTTP 503' });
    expect(texts().at(-1)).toBe('coinbase circuit OPENED after a failed probe. Last error: HTTP 503');
  });

  it('does not count an ignored probe either way, and lets the next one through', async () => {
    const { breaker, clock, fail } = setUp();
    await fail(5);
    await clock.advance(5 * MINUTE);
    for (let count = 0; count < 5; count++) await (await breaker.acquire()).ignored();
    expect(breaker.state()).toMatchObject({ phase: 'half-open', successes: 0 });
  });

  it('gives up a probe that never ends, after its lease; its late end changes nothing', async () => {
    const { breaker, clock, fail } = setUp();
    await fail(5);
    await clock.advance(5 * MINUTE);
    const lost = await breaker.acquire();
    const next = watch(breaker.acquire());
    await clock.advance(MINUTE - 1);
    expect(next.value).toBeUndefined();
    await clock.advance(1);
    expect(next.value?.isProbe).toBe(true);
    await lost.failed(HTTP_500);
    expect(breaker.state().phase).toBe('half-open');
    await next.value?.succeeded();
    expect(breaker.state()).toMatchObject({ phase: 'half-open', successes: 1 });
  });

  it('probes after an open state of 10 minutes: it is not forgotten yet', async () => {
    const { breaker, clock, fail } = setUp();
    await fail(5);
    clock.step(10 * MINUTE);
    expect((await breaker.acquire()).isProbe).toBe(true);
  });

  it('forgets an open state older than 10 minutes, and one from the future', async () => {
    const { breaker, clock, fail, texts } = setUp();
    await fail(5);
    clock.step(10 * MINUTE + 1);
    expect((await breaker.acquire()).isProbe).toBe(false);
    expect(texts().at(-1)).toBe('coinbase circuit CLOSED - the stored state was stale');
    await fail(5);
    clock.step(-60 * MINUTE);
    expect((await breaker.acquire()).isProbe).toBe(false);
  });

  it('sees a clock that is set back while it waits', async () => {
    const { breaker, clock, fail } = setUp();
    await fail(5);
    const waiting = watch(breaker.acquire());
    await clock.advance(1_000);
    clock.step(-60 * MINUTE);
    await clock.advance(MINUTE);
    expect(waiting.value?.isProbe).toBe(false);
  });

  it('rejects as soon as maxWaitMs cannot suffice, with the time to come back', async () => {
    const { breaker, clock, fail } = setUp();
    await fail(5);
    const error = await breaker.acquire({ maxWaitMs: MINUTE }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CircuitOpenError);
    expect(error).toMatchObject({ code: 'circuit-open', retryable: true, reopensAt: START + 5 * MINUTE });
    expect((error as Error).message).toContain('opened after 5 consecutive failures. Last error: HTTP 500');
    await clock.advance(5 * MINUTE);
    const probe = await breaker.acquire({ maxWaitMs: 0 });
    expect(probe.isProbe).toBe(true);
    await expect(breaker.acquire({ maxWaitMs: 0 })).rejects.toMatchObject({ reopensAt: START + 6 * MINUTE });
    const patient = watch(breaker.acquire({ maxWaitMs: 5_000 }));
    await clock.advance(4_999);
    expect(patient).toEqual({});
    await clock.advance(1);
    expect(patient.error).toBeInstanceOf(CircuitOpenError);
    await expect(breaker.acquire({ maxWaitMs: Number.NaN })).rejects.toMatchObject({ code: 'invalid-option' });
  });

  it('lets an abort end a wait at once, leaves no sleeper behind, and passes the probe on', async () => {
    const { breaker, clock, fail } = setUp();
    await fail(5);
    const controller = new AbortController();
    const aborted = Array.from({ length: 30 }, () => watch(breaker.acquire({ signal: controller.signal })));
    await settle();
    expect(clock.sleepers()).toBe(1);
    controller.abort(new Error('shutdown'));
    await settle();
    for (const { error } of aborted) expect(error).toMatchObject({ message: 'shutdown' });
    expect(clock.sleepers()).toBe(0);
    await expect(breaker.acquire({ signal: controller.signal })).rejects.toThrow('shutdown');
    const next = watch(breaker.acquire());
    await clock.advance(5 * MINUTE);
    expect(next.value?.isProbe).toBe(true);
  });

  it('returns a probe that was granted while its only taker gave up', async () => {
    const { store, hold, release } = createHeldStore();
    const { breaker, clock, fail } = setUp({ store });
    await fail(5);
    await clock.advance(5 * MINUTE);
    hold();
    const controller = new AbortController();
    const gone = watch(breaker.acquire({ signal: controller.signal }));
    await settle();
    controller.abort(new Error('gone'));
    release();
    await settle();
    expect(gone.error).toMatchObject({ message: 'gone' });
    expect(breaker.state()).not.toHaveProperty('probe');
    expect((await breaker.acquire({ maxWaitMs: 0 })).isProbe).toBe(true);
  });
});

describe('restore', () => {
  it('takes a kept state, here and in the store, and refuses what is none', async () => {
    const store = createMemoryStore();
    const first = setUp({ store });
    await first.fail(5);
    const kept: unknown = JSON.parse(JSON.stringify(first.breaker.state()));
    const second = setUp();
    await second.breaker.restore(kept);
    expect(second.breaker.state()).toEqual(kept);
    const waiting = watch(first.breaker.acquire());
    await settle();
    await first.breaker.restore({ phase: 'closed', updatedAt: START });
    await settle();
    expect(waiting.value?.isProbe).toBe(false);
    expect((await store.read())?.value).toEqual({ phase: 'closed', updatedAt: START });
    for (const damaged of [
      null,
      7,
      {},
      { phase: 'closed' },
      { phase: 'open', updatedAt: 1 },
      { phase: 'half-open', updatedAt: 1, successes: -1 },
    ]) {
      await expect(second.breaker.restore(damaged)).rejects.toMatchObject({ code: 'invalid-state', retryable: false });
    }
    expect(second.breaker.state()).toEqual(kept);
  });
});

describe('the door', () => {
  it.each([
    [{ name: '' }, 'name'],
    [{ openMs: 0 }, 'openMs'],
    [{ openMs: 600_000, staleMs: 600_000 }, 'staleMs'],
    [{ probeLeaseMs: 600_000 }, 'staleMs'],
    [{ successesToClose: 0 }, 'successesToClose'],
    [{ pollMs: Number.NaN }, 'pollMs'],
  ])('refuses %j and names the option', (options, name) => {
    expect(() => createCircuitBreaker({ name: 'x', ...options })).toThrow(`createCircuitBreaker: ${name} must be`);
  });
});

describe('memory store', () => {
  for (const { name, run } of circuitStoreCases(createMemoryStore)) it(name, run);
});

it('before any HTTP client: a permit around each request', async () => {
  const { breaker } = setUp();
  const send = async (status: number): Promise<number> => {
    const permit: Permit = await breaker.acquire();
    if (status >= 500) await permit.failed(new Error(`HTTP ${status}`));
    else await permit.succeeded();
    return status;
  };
  for (const status of [200, 500, 500, 500, 500, 500]) await send(status);
  expect(breaker.state().phase).toBe('open');
});
