import { type CircuitEvent, createCircuitBreaker } from '@schemahub/circuit-breaker';
import { createDocuments, createLeases } from '@schemahub/coordination';
import type { Clock, Transport } from '@schemahub/core';
import type { Fault } from '@schemahub/exchange-sim';
import { createLayout } from '@schemahub/lake';
import { createMemoryStore, currentProcess, StoreError } from '@schemahub/object-store';
import { faultyStore } from '@schemahub/object-store/testing';
import { createFifoQueue, createRateLimiter } from '@schemahub/rate-limit';
import { describe, expect, it } from 'vitest';
import type { IngestContext } from './context.js';
import { createGuardedTransport } from './guarded-transport.js';
import { createSimBench, requireTruth, type SimBench, START, truthOf } from './testing/sim-bench.js';

const MINUTE = 60_000;
const names = ['A-USD', 'B-USD', 'C-USD'];
const products = names.map((id) => ({ id, trades: 1000, voids: [500], endTime: START - 3600_000 }));
const settings = { objectTrades: 100, workers: 3 };

/** The real limiter and breaker, on the virtual clock. */
function guard(transport: Transport, clock: Clock, onCircuit?: (event: CircuitEvent) => void): Transport {
  return createGuardedTransport({
    transport,
    limiter: createRateLimiter({ budgets: { requests: { rate: 10, burst: 5 } }, clock, createQueue: createFifoQueue }),
    breaker: createCircuitBreaker({ name: 'coinbase', clock, onEvent: onCircuit }),
    clock,
    maxWaitMs: 15 * MINUTE,
    onEvent: () => undefined,
  });
}

function createBench(more: Partial<Parameters<typeof createSimBench>[0]> = {}): SimBench {
  return createSimBench({ products, gridSize: 50, guard, ...more });
}

describe('an exchange in trouble', () => {
  it('stays below the rate limit of the exchange without one 429', async () => {
    const bench = createBench({ rateLimit: { ratePerSecond: 10, burst: 6 } });
    const result = await bench.run('backfill', names, settings);
    for (const name of names) await requireTruth(bench, result, name);
    expect(bench.sim.stats.rateLimited).toBe(0);
    expect(bench.sim.stats.requests).toBeGreaterThan(60);
  });

  it('survives an outage of five minutes: nothing is given up, nothing is fetched twice', async () => {
    const bench = createBench({ outages: [{ fromMs: START + 2000, untilMs: START + 5 * MINUTE }] });
    const result = await bench.run('backfill', names, settings);
    for (const name of names) await requireTruth(bench, result, name);
    expect(bench.events.some(({ type }) => type === 'window-given-up')).toBe(false);
    expect(bench.sim.stats.byStatus['503']).toBeLessThan(40);
    expect(bench.clock.now() - START).toBeLessThan(12 * MINUTE);
  });

  it('pages whose JSON is right and whose rows break the contract open the circuit like any outage, and nothing is lost', async () => {
    const told: string[] = [];
    const until = START + 5 * MINUTE;
    let broken = 0;
    // A row without an id in each page of trades.
    const breaking = (transport: Transport, clock: Clock): Transport => ({
      send: async (call, options) => {
        const isBad = clock.now() > START + 2000 && clock.now() < until && call.url.includes('limit=50');
        if (!isBad) return await transport.send(call, options);
        broken++;
        const { judge, ...plain } = call;
        const reply = await transport.send(plain, options);
        const body = Buffer.from(Buffer.from(reply.body).toString().replace('"trade_id"', '"no_id"'));
        judge?.({ ...reply, body });
        return { ...reply, body };
      },
    });
    const bench = createBench({
      guard: (transport, clock) => guard(breaking(transport, clock), clock, ({ text }) => void told.push(text)),
    });
    const result = await bench.run('backfill', names, settings);
    for (const name of names) await requireTruth(bench, result, name);
    expect(told[0]).toBe('coinbase circuit OPENED after 5 consecutive failures. Last error: body');
    expect(told.at(-1)).toBe('coinbase circuit CLOSED - exchange recovered (3 consecutive successes)');
    expect(broken).toBeLessThan(40);
  });

  it('longer than max-wait: ends unavailable, what is finished is durable, and the next run goes on there', async () => {
    const outage = { fromMs: START + 3000, untilMs: START + 60 * MINUTE };
    const bench = createBench({ outages: [outage] });
    const result = await bench.run('backfill', names, settings);
    expect(result.unavailable).toMatchObject({ code: 'exchange-unavailable', retryable: true });
    expect(result.unavailable?.message).toContain('run the same command again later');
    expect(result.products.every(({ state }) => state === 'incomplete')).toBe(true);
    const held = (await bench.raw('A-USD')).rows;
    expect(held).toBeGreaterThan(0);
    expect(result.products[0]?.progress?.newTrades).toBe(held);
    expect(bench.clock.now() - START).toBeLessThan(30 * MINUTE);
    expect(bench.budget.used()).toBe(0);
    await bench.clock.sleep(60 * MINUTE);
    const later = await bench.run('backfill', names, settings);
    for (const name of names) await requireTruth(bench, later, name);
    expect(later.products[0]?.progress?.newTrades).toBe(999 - held);
  });

  it('the first request fails all its tries: ends at once, nothing written', async () => {
    const bench = createBench({ outages: [{ fromMs: START, untilMs: START + 60 * MINUTE }] });
    const result = await bench.run('ingest', names);
    expect(result.unavailable).toMatchObject({ code: 'exchange-unavailable' });
    expect(bench.requests()).toBe(5);
    expect(bench.clock.now() - START).toBeLessThan(MINUTE);
    expect(await bench.dump()).toEqual({});
  });

  it.each([401, 403, 451])('%i stops the exchange with a remedy', async (status) => {
    const script = (index: number) => (index < 5 ? undefined : ({ kind: 'status', status } as const));
    const bench = createBench({ script });
    const result = await bench.run('backfill', names, settings);
    expect(result.unavailable).toMatchObject({ code: 'exchange-refused' });
    expect(result.unavailable?.message).toContain('Check the API keys');
    expect(bench.requests()).toBeLessThan(30);
  });

  it('windows that fail once are asked again in the same run, and need no question about a hole', async () => {
    const failed = new Set<string>();
    const script = (_: number, url: string): Fault | undefined => {
      if (!url.includes('&limit=50') || failed.has(url)) return undefined;
      failed.add(url);
      return { kind: 'status', status: failed.size % 2 === 0 ? 500 : 429 };
    };
    const bench = createBench({ script, guard: (transport) => transport });
    const result = await bench.run('backfill', names, settings);
    for (const name of names) await requireTruth(bench, result, name);
    expect(failed.size).toBe(3 * 20);
    // Two questions about the floor, two about the one hole of each product.
    const small = bench.sim.requests().filter(({ url }) => url.endsWith('&limit=2'));
    expect(small).toHaveLength(3 * 4);
  });

  it('a window that fails all its tries is given up, named, and fetched by the next run', async () => {
    let failing = true;
    const bench = createBench({
      guard: (transport) => transport,
      script: (_, url) =>
        failing && url.includes('A-USD/trades?after=200&') ? { kind: 'status', status: 500 } : undefined,
    });
    const result = await bench.run('backfill', names, settings);
    expect(result.products.map(({ state }) => state)).toEqual(['incomplete', 'complete', 'complete']);
    expect(result.products[0]?.reason).toBe('50 ids are missing (150-199)');
    failing = false;
    await requireTruth(bench, await bench.run('repair', ['A-USD'], settings), 'A-USD');
  });
});

describe('a store in trouble', () => {
  it('ends the run with its own error, credits nothing that is not durable, and the next run completes', async () => {
    const bench = createBench();
    const full = faultyStore(bench.store, ({ verb, key }) =>
      verb === 'putIfAbsent' && key.endsWith('.gz')
        ? { when: 'before', error: new StoreError('no-space', 'the disk is full') }
        : undefined,
    );
    await expect(bench.run('backfill', names, settings, { store: full })).rejects.toMatchObject({ code: 'no-space' });
    expect(bench.budget.used()).toBe(0);
    const { checkpoints } = bench.contextOf({ mode: 'ingest' });
    for (const name of names) expect((await checkpoints.read('coinbase', name))?.fetched.count ?? 0).toBe(0);
    const later = await bench.run('backfill', names, settings);
    for (const name of names) await requireTruth(bench, later, name);
  });
});

describe('a stop', () => {
  it('drops what is in flight, lands and credits what is finished, frees the leases, and returns soon', async () => {
    for (const after of [1, 4, 9, 17, 30, 55]) {
      const bench = createBench({ latencyMs: 400 });
      const stop = new AbortController();
      let answers = 0;
      let stoppedAt = 0;
      const onEvent: IngestContext['onEvent'] = ({ type }) => {
        if (type !== 'request-succeeded' || ++answers !== after) return;
        stoppedAt = bench.clock.now();
        stop.abort();
      };
      const result = await bench.run('backfill', names, settings, { stop: stop.signal, onEvent });
      expect(result.stopped).toBe(true);
      expect(result.products.every(({ state }) => state === 'incomplete')).toBe(true);
      expect(bench.clock.now() - stoppedAt).toBeLessThan(100);
      expect(bench.budget.used()).toBe(0);
      const { checkpoints } = bench.contextOf({ mode: 'ingest' });
      for (const [i, name] of names.entries()) {
        const raw = await bench.raw(name);
        expect((await checkpoints.read('coinbase', name))?.fetched.toString() ?? '').toBe(raw.ids.toString());
        expect(result.products[i]?.progress?.newTrades ?? 0).toBe(raw.rows);
      }
      const again = await bench.run('backfill', names, settings);
      for (const name of names) await requireTruth(bench, again, name);
    }
  });

  it('while a window waits for its next try leaves nothing reserved', async () => {
    const script = (_: number, url: string): Fault | undefined =>
      url.includes('A-USD/trades?after=200&') ? { kind: 'status', status: 500 } : undefined;
    const bench = createBench({ script, guard: (transport) => transport });
    const stop = new AbortController();
    const onEvent: IngestContext['onEvent'] = (event) => {
      if (event.type === 'request-failed' && event.attempt === 2) void bench.clock.sleep(1).then(() => stop.abort());
    };
    const result = await bench.run('backfill', names, settings, { stop: stop.signal, onEvent });
    expect([result.stopped, bench.budget.used()]).toEqual([true, 0]);
  });

  it('before the first request leaves nothing behind', async () => {
    const bench = createBench();
    const result = await bench.run('backfill', names, settings, { stop: AbortSignal.abort() });
    expect([result.stopped, result.products.map(({ state }) => state)]).toEqual([true, Array(3).fill('incomplete')]);
    expect(await bench.dump()).toEqual({});
  });
});

describe('two runs at once on one store', () => {
  it('divide the products by leases', async () => {
    const bench = createBench();
    const results = await Promise.all([
      bench.run('backfill', names, settings),
      bench.run('backfill', [...names].reverse(), settings),
    ]);
    for (const name of names) {
      const states = results.flatMap(({ products: own }) => own.filter(({ productId }) => productId === name));
      expect(states.map(({ state }) => state).sort()).toEqual(['complete', 'held']);
      expect((await bench.raw(name)).rows).toBe(999);
    }
  });

  it.each([0, 300, 1700])(
    'without leases, %i ms apart: nothing lost, nothing landed under another name',
    async (delayMs) => {
      const bench = createBench();
      const ownLeases = (): IngestContext['leases'] =>
        createLeases({
          documents: createDocuments(createMemoryStore()),
          clock: bench.clock,
          holder: currentProcess(),
          createId: () => 'x',
          keyOf: createLayout().lock,
        });
      const run = async (waitMs: number) => {
        await bench.clock.sleep(waitMs);
        return await bench.run('backfill', names, settings, { leases: ownLeases() });
      };
      const results = await Promise.all([run(0), run(delayMs)]);
      for (const name of names) {
        const raw = await bench.raw(name);
        expect(raw.ids.toString()).toBe(truthOf(bench.sim, name).toString());
        const { checkpoints } = bench.contextOf({ mode: 'ingest' });
        expect((await checkpoints.read('coinbase', name))?.fetched.toString()).toBe(raw.ids.toString());
        if (delayMs === 0) expect(raw.rows).toBe(raw.ids.count);
      }
      expect(results.every(({ products: own }) => own.every(({ state }) => state === 'complete'))).toBe(true);
    },
  );
});

describe('settings', () => {
  it.each([
    [{ workers: 0 }, 'workers'],
    [{ workers: 11 }, 'workers'],
    [{ chunkConcurrency: 26 }, 'chunkConcurrency'],
    [{ objectTrades: 0.5 }, 'objectTrades'],
    [{ probeWaitMs: 10 }, 'probeWaitMs'],
    [{ order: 'sideways' as 'oldest' }, 'order'],
    [{ fullRefresh: true, skipCheckpoint: true }, 'fullRefresh and skipCheckpoint'],
    [{ skipCheckpoint: true }, 'skipCheckpoint'],
  ])('%o is refused with a sentence', async (wrong, option) => {
    const bench = createBench();
    await expect(bench.run('backfill', names, wrong)).rejects.toThrow(new RegExp(`^${option}: expected .*, got`));
    expect(bench.requests()).toBe(0);
  });

  it('a dry run fetches no window and says what there is to do', async () => {
    const bench = createBench();
    const { products: own } = await bench.run('backfill', ['A-USD'], { dryRun: true });
    expect([own[0]?.progress?.todo, own[0]?.progress?.pages]).toEqual([1001, 21]);
    expect(bench.requests()).toBe(2);
    expect(Object.keys(await bench.dump()).filter((key) => key.startsWith('raw_'))).toEqual([]);
  });
});
