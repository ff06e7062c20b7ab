import { describe, expect, it } from 'vitest';
import {
  createFifoQueue,
  createRateLimiter,
  RateLimitError,
  type RateLimitEvent,
  type RateLimiterOptions,
} from './index.js';
import { createManualClock, settle } from './testing/manual-clock.js';

function setUp(options: RateLimiterOptions = {}) {
  const clock = createManualClock(1_700_000_000_000);
  const epoch = clock.now();
  const events: RateLimitEvent[] = [];
  const limiter = createRateLimiter({
    clock,
    createQueue: createFifoQueue,
    onEvent: (event) => events.push(event),
    ...options,
  });
  const starts: { label: string; at: number }[] = [];
  const call = (label: string, request?: Parameters<typeof limiter.schedule>[1], durationMs = 0) =>
    limiter.schedule(async () => {
      starts.push({ label, at: clock.now() - epoch });
      if (durationMs > 0) await clock.sleep(durationMs);
      return label;
    }, request);
  const times = () => starts.map(({ at }) => at);
  const labels = () => starts.map(({ label }) => label);
  return { clock, limiter, events, starts, call, times, labels };
}

const requests = (rate: number, burst: number) => ({ budgets: { requests: { rate, burst } } });
const one = (budget: string, tokens = 1) => ({ cost: [{ budget, tokens }] });

describe('pacing', () => {
  it('by default: a burst of 5, then 10 a second, however long the tasks last', async () => {
    const { clock, call, times } = setUp();
    for (let number = 0; number < 10; number++) void call(`${number}`, {}, 60_000);
    await clock.advance(1_000);
    expect(times()).toEqual([0, 0, 0, 0, 0, 100, 200, 300, 400, 500]);
  });

  it('divides rate and burst among processes, and still takes the heaviest call', async () => {
    const { clock, call, times, limiter } = setUp({ ...requests(10, 5), rateShare: 5 });
    expect(limiter.snapshot().budgets.requests).toMatchObject({ rate: 2, burst: 1 });
    for (let number = 0; number < 3; number++) void call(`${number}`);
    await clock.advance(2_000);
    expect(times()).toEqual([0, 500, 1_000]);
    void call('heavy', one('requests', 5));
    void call('after the debt');
    await clock.advance(10_000);
    expect(times().slice(3)).toEqual([2_000, 4_500]);
  });

  it('takes another limit over while calls wait: what was taken stays taken, what 429s taught stays learned', async () => {
    const { clock, call, times, limiter } = setUp({ ...requests(1, 2), adaptive: { quietMs: 1_000_000 } });
    for (let number = 0; number < 6; number++) void call(`${number}`);
    await clock.advance(1_000);
    limiter.setBudget('requests', { rate: 10, burst: 2 });
    await clock.advance(1_000);
    expect(times()).toEqual([0, 0, 1_000, 1_100, 1_200, 1_300]);
    limiter.throttled('requests');
    limiter.setBudget('requests', { rate: 20, burst: 2 });
    expect(limiter.snapshot().budgets.requests).toMatchObject({ rate: 10, configuredRate: 20 });
    expect(() => limiter.setBudget('requests', { rate: 0, burst: 1 })).toThrow(RateLimitError);
    expect(() => limiter.setBudget('other', { rate: 1, burst: 1 })).toThrow(RateLimitError);
  });

  it('draws on several budgets at once; a wait for one of them does not stop calls that do not need it', async () => {
    const { clock, call, starts } = setUp({
      budgets: { 'pair:*': { rate: 1, burst: 1 }, ip: { rate: 10, burst: 10 } },
    });
    for (let round = 0; round < 3; round++) {
      for (const pair of ['XBTUSD', 'ETHUSD', 'SOLUSD']) {
        void call(pair, { cost: [...one(`pair:${pair}`).cost, ...one('ip').cost] });
      }
    }
    await clock.advance(2_500);
    for (const pair of ['XBTUSD', 'ETHUSD', 'SOLUSD']) {
      expect(starts.filter(({ label }) => label === pair).map(({ at }) => at)).toEqual([0, 1_000, 2_000]);
    }
  });

  it('never lets light calls starve a heavy one', async () => {
    const { clock, call, starts } = setUp(requests(10, 10));
    for (let number = 0; number < 10; number++) void call('first');
    void call('heavy', one('requests', 10));
    for (let tick = 0; tick < 30; tick++) {
      void call('light');
      await clock.advance(100);
    }
    expect(starts.find(({ label }) => label === 'heavy')).toEqual({ label: 'heavy', at: 1_000 });
  });

  it('never lets light calls of worse priority delay a heavy one, and lets them pass while they do not', async () => {
    const { clock, call, starts } = setUp({ budgets: { a: { rate: 1, burst: 1 }, b: { rate: 1, burst: 10 } } });
    void call('first', one('a'));
    // Needs all of b, but only once a has its token at 1,000 ms; the two tokens that b lacks would come in time.
    void call('uses b', one('b', 1));
    void call('heavy', { cost: [...one('a').cost, ...one('b', 9).cost], priority: 'head' });
    for (let number = 0; number < 3; number++) void call('light', { ...one('b'), priority: 'backfill' });
    await clock.advance(20_000);
    const at = (label: string) => starts.filter((start) => start.label === label).map((start) => start.at);
    expect(at('heavy')).toEqual([1_000]);
    // b holds 9 at 0 and 10 at 1,000: one light call is spare at once; the others follow after the heavy one.
    expect(at('light')).toEqual([0, 2_000, 3_000]);
  });

  it('keeps calm when the clock is set back, and when it is set forward', async () => {
    const { clock, call, times } = setUp(requests(10, 1));
    for (let number = 0; number < 4; number++) void call(`${number}`);
    await clock.advance(0);
    clock.step(-3_600_000);
    await clock.advance(400);
    expect(times().length).toBe(4);
    clock.step(7_200_000);
    for (let number = 0; number < 3; number++) void call(`later ${number}`);
    await clock.advance(0);
    expect(times().length).toBe(5);
  });
});

describe('priorities and slots', () => {
  it('starts head before live before backfill before repair, each in order of arrival', async () => {
    const { clock, call, labels } = setUp(requests(10, 1));
    void call('first');
    for (const priority of ['repair', 'backfill', 'live', 'head'] as const) {
      for (const number of [1, 2]) void call(`${priority} ${number}`, { priority });
    }
    await clock.advance(2_000);
    expect(labels()).toEqual([
      'first',
      'head 1',
      'head 2',
      'live 1',
      'live 2',
      'backfill 1',
      'backfill 2',
      'repair 1',
      'repair 2',
    ]);
  });

  it('lets a late head call pass a backfill call that already has its turn', async () => {
    const { clock, call, labels } = setUp(requests(1, 1));
    void call('first');
    void call('backfill', { priority: 'backfill' });
    await clock.advance(500);
    void call('head', { priority: 'head' });
    await clock.advance(5_000);
    expect(labels()).toEqual(['first', 'head', 'backfill']);
  });

  it('gives slots that become free together to the better priority, all of them', async () => {
    const { clock, call, labels, limiter } = setUp({ ...requests(10, 10), maxInFlight: 1 });
    void call('first', {}, 1_000);
    for (const label of ['b1', 'b2']) void call(label, { priority: 'backfill' }, 1_000);
    for (const label of ['h1', 'h2', 'h3']) void call(label, { priority: 'head' }, 1_000);
    await clock.advance(500);
    limiter.setMaxInFlight(4);
    await settle();
    expect(labels()).toEqual(['first', 'h1', 'h2', 'h3']);
    await clock.advance(60_000);
    expect(labels().slice(4)).toEqual(['b1', 'b2']);
  });

  it('holds the cap, frees a slot when a task fails or throws at once, and can change the cap', async () => {
    const { clock, call, limiter, labels } = setUp({ ...requests(1_000, 100), maxInFlight: 2 });
    const failed = limiter.schedule(() => {
      throw new Error('thrown before any promise');
    });
    await expect(failed).rejects.toThrow('thrown before any promise');
    for (const label of ['a', 'b', 'c', 'd', 'e']) void call(label, {}, 1_000);
    await clock.advance(500);
    expect(labels()).toEqual(['a', 'b']);
    expect(limiter.snapshot()).toMatchObject({ inFlight: 2, waiting: 3, maxInFlight: 2 });
    limiter.setMaxInFlight(3);
    expect(labels()).toEqual(['a', 'b', 'c']);
    limiter.setMaxInFlight(1);
    await clock.advance(600);
    expect(limiter.snapshot()).toMatchObject({ inFlight: 1, waiting: 2 });
    await clock.advance(5_000);
    expect(labels()).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(limiter.snapshot()).toMatchObject({ inFlight: 0, waiting: 0 });
  });
});

describe('aborts', () => {
  it('rejects at once with the reason, takes no token, and lets the next come forward', async () => {
    const { clock, call, limiter, starts } = setUp(requests(1, 1));
    void call('first');
    const controller = new AbortController();
    const aborted = [call('its turn', { signal: controller.signal }), call('queued', { signal: controller.signal })];
    const outcome = Promise.allSettled(aborted);
    void call('next');
    await clock.advance(500);
    controller.abort(new Error('no longer wanted'));
    for (const result of await outcome)
      expect(result).toMatchObject({ status: 'rejected', reason: { message: 'no longer wanted' } });
    expect(limiter.snapshot().waiting).toBe(1);
    await clock.advance(5_000);
    expect(starts).toEqual([
      { label: 'first', at: 0 },
      { label: 'next', at: 1_000 },
    ]);
  });

  it('never starts a call whose signal is already aborted, and leaves no sleeper behind', async () => {
    const { clock, call, limiter, starts } = setUp(requests(1, 1));
    await expect(call('never', { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
    const controller = new AbortController();
    await call('first');
    const waiting = call('waits', { signal: controller.signal });
    await clock.advance(10);
    expect(clock.sleepers()).toBe(1);
    controller.abort(new Error('during'));
    await expect(waiting).rejects.toThrow('during');
    await settle();
    expect(clock.sleepers()).toBe(0);
    expect(starts.length).toBe(1);
    expect(limiter.snapshot().waiting).toBe(0);
  });

  it('hands the signal to a task that runs and leaves its end to the task', async () => {
    const { limiter } = setUp();
    const controller = new AbortController();
    const running = limiter.schedule(
      (signal) => new Promise((resolve) => signal?.addEventListener('abort', () => resolve('ended well'))),
      {
        signal: controller.signal,
      },
    );
    await settle();
    controller.abort();
    await expect(running).resolves.toBe('ended well');
  });
});

describe('penalties and 429s', () => {
  it('waits for Retry-After, then goes on with one call, not a burst', async () => {
    const { clock, call, limiter, times, events } = setUp(requests(10, 5));
    limiter.penalize({ budget: 'requests', delayMs: 30_000 });
    limiter.penalize({ budget: 'requests', delayMs: 1_000 });
    for (let number = 0; number < 3; number++) void call(`${number}`);
    await clock.advance(60_000);
    expect(times()).toEqual([30_000, 30_100, 30_200]);
    limiter.penalize({ budget: 'requests', delayMs: 5_000 });
    limiter.penalize({ budget: 'requests', delayMs: 0 });
    expect(limiter.snapshot().budgets.requests?.blockedForMs).toBe(5_000);
    expect(events.filter(({ type }) => type === 'penalized')[0]?.text).toBe(
      '[RATE_LIMITER] Penalized: budget=requests, waiting 30 s',
    );
  });

  it('a ban without a budget also holds for budgets that are first used during it', async () => {
    const { clock, call, limiter, times } = setUp({ budgets: { 'pair:*': { rate: 1, burst: 1 } } });
    limiter.penalize({ delayMs: 259_200_000 });
    void call('new pair', one('pair:XBTUSD'));
    await clock.advance(300_000_000);
    expect(times()).toEqual([259_200_000]);
  });

  it('a 429 halves the rate once for all calls in flight; quiet time restores it, never above the configured one', async () => {
    const { clock, call, limiter, events } = setUp(requests(10, 5));
    const rate = () => limiter.snapshot().budgets.requests?.rate;
    for (let number = 0; number < 24; number++) limiter.throttled('requests');
    expect(limiter.snapshot().budgets.requests).toMatchObject({ rate: 5, configuredRate: 10, available: 0 });
    const next = call('next');
    await clock.advance(200);
    await expect(next).resolves.toBe('next');
    await clock.advance(5_000);
    limiter.throttled('requests');
    expect(rate()).toBe(2.5);
    await clock.advance(59_999);
    expect(rate()).toBe(2.5);
    await clock.advance(1);
    expect(rate()).toBe(3.5);
    await clock.advance(10_000);
    expect(rate()).toBe(4.5);
    await clock.advance(3_600_000);
    expect(rate()).toBe(10);
    expect(events.filter(({ type }) => type === 'throttled').length).toBe(25);
    expect(events.at(-1)?.text).toBe('[RATE_LIMITER] Recovering: budget=requests, rate=10 of 10 tokens/sec');
  });

  it('never falls below a tenth, and adaptive false keeps the rate', async () => {
    const { clock, limiter } = setUp(requests(10, 5));
    for (let number = 0; number < 20; number++) {
      limiter.throttled('requests');
      await clock.advance(6_000);
    }
    expect(limiter.snapshot().budgets.requests?.rate).toBe(1);
    const fixed = setUp({ ...requests(10, 5), adaptive: false });
    fixed.limiter.throttled('requests');
    expect(fixed.limiter.snapshot().budgets.requests).toMatchObject({ rate: 10, available: 0 });
  });
});

describe('the door', () => {
  it('tells that it is ready, in the text that saved queries match', () => {
    expect(setUp().events).toEqual([
      {
        type: 'initialized',
        budget: 'requests',
        rate: 10,
        burst: 5,
        text: '[RATE_LIMITER] Initialized: rate=10 req/sec, burst=5 tokens',
      },
    ]);
    expect(setUp({ budgets: { weight: { rate: 100, burst: 50 } } }).events[0]?.text).toBe(
      '[RATE_LIMITER] Initialized: budget=weight, rate=100 tokens/sec, burst=50 tokens',
    );
  });

  it.each([
    [{ budgets: {} }, 'budgets'],
    [requests(0, 5), 'budgets.requests.rate'],
    [requests(Number.NaN, 5), 'budgets.requests.rate'],
    [requests(Number.POSITIVE_INFINITY, 5), 'budgets.requests.rate'],
    [requests(10, 0.5), 'budgets.requests.burst'],
    [{ maxInFlight: 0 }, 'maxInFlight'],
    [{ maxInFlight: 1.5 }, 'maxInFlight'],
    [{ rateShare: 0 }, 'rateShare'],
    [{ adaptive: { cutFactor: 0 } }, 'adaptive.cutFactor'],
    [{ adaptive: { quietMs: -1 } }, 'adaptive.quietMs'],
    [{ adaptive: { stepMs: 0 } }, 'adaptive.stepMs'],
  ])('refuses %j and names the option', (options, name) => {
    expect(() => createRateLimiter(options)).toThrow(RateLimitError);
    expect(() => createRateLimiter(options)).toThrow(`createRateLimiter: ${name} must be`);
  });

  it('refuses calls that can never pass, without holding anything', async () => {
    const { call, limiter } = setUp({ budgets: { a: { rate: 1, burst: 2 }, 'pair:*': { rate: 1, burst: 1 } } });
    await expect(call('x')).rejects.toMatchObject({ code: 'invalid-option', retryable: false });
    await expect(call('x', one('b'))).rejects.toMatchObject({
      code: 'unknown-budget',
      message: expect.stringContaining('a, pair:*'),
    });
    await expect(call('x', one('pair:*'))).rejects.toMatchObject({ code: 'unknown-budget' });
    await expect(call('x', one('a', 3))).rejects.toMatchObject({ code: 'cost-exceeds-burst' });
    await expect(call('x', { cost: [...one('a').cost, ...one('a', 2).cost] })).rejects.toMatchObject({
      code: 'cost-exceeds-burst',
    });
    await expect(call('x', one('a', 0))).rejects.toMatchObject({ code: 'invalid-option' });
    await expect(call('x', { ...one('a'), priority: 'urgent' as 'head' })).rejects.toThrow(
      'head, live, backfill, repair',
    );
    expect(() => limiter.penalize({ delayMs: Number.NaN })).toThrow('penalize: delayMs');
    expect(() => limiter.setMaxInFlight(0)).toThrow('maxInFlight');
    expect(() => limiter.throttled('b')).toThrow('not declared');
    expect(limiter.snapshot()).toMatchObject({ inFlight: 0, waiting: 0 });
  });
});
