import { describe, expect, it } from 'vitest';
import { CircuitOpenError, type CircuitStore, createMemoryStore } from './index.js';
import { createManualClock, settle } from './testing/manual-clock.js';
import { countCalls, HTTP_500, MINUTE, START, setUp, watch } from './testing/set-up.js';

describe('shared between processes', () => {
  function twoProcesses() {
    const clock = createManualClock(START);
    const { store, calls } = countCalls(createMemoryStore());
    return { clock, calls, store, a: setUp({ store, name: 'a' }, clock), b: setUp({ store, name: 'b' }, clock) };
  }

  it('a first failure tells the other process; one probe in all; both close together', async () => {
    const { clock, a, b } = twoProcesses();
    await (await b.breaker.acquire()).succeeded();
    await a.fail(5);
    await b.fail(1);
    expect(b.events).toMatchObject([{ type: 'opened', origin: 'store', reason: '5 consecutive failures' }]);
    const waiting = [a, b].map(({ breaker }) => watch(breaker.acquire()));
    await clock.advance(5 * MINUTE);
    expect(waiting.filter(({ value }) => value !== undefined).length).toBe(1);
    for (let probe = 0; probe < 3; probe++) {
      const held = waiting.filter(({ value }) => value !== undefined);
      expect(held.length).toBe(1);
      await held[0]?.value?.succeeded();
      waiting.splice(waiting.indexOf(held[0]!), 1, watch((waiting.indexOf(held[0]!) === 0 ? a : b).breaker.acquire()));
      await clock.advance(1_000);
    }
    expect(a.breaker.state().phase).toBe('closed');
    expect(b.breaker.state().phase).toBe('closed');
    expect(waiting.every(({ value }) => value?.isProbe === false)).toBe(true);
  });

  it('a process that starts while it is open waits too', async () => {
    const { a, clock, store } = twoProcesses();
    await a.fail(5);
    const late = setUp({ store, name: 'late' }, clock);
    await expect(late.breaker.acquire({ maxWaitMs: 0 })).rejects.toMatchObject({ reopensAt: START + 5 * MINUTE });
    expect(late.events).toMatchObject([{ type: 'opened', origin: 'store' }]);
  });

  it('a process that starts long after an opening finds it stale and says nothing', async () => {
    const { a, clock, store } = twoProcesses();
    await a.fail(5);
    await clock.advance(11 * MINUTE);
    const late = setUp({ store, name: 'late' }, clock);
    expect((await late.breaker.acquire({ maxWaitMs: 0 })).isProbe).toBe(false);
    expect(late.events).toEqual([]);
  });

  it('a millisecond before its time nobody may probe, at its time one may', async () => {
    const { a, b, clock } = twoProcesses();
    await a.fail(5);
    await clock.advance(5 * MINUTE - 1);
    await expect(b.breaker.acquire({ maxWaitMs: 0 })).rejects.toBeInstanceOf(CircuitOpenError);
    await clock.advance(1);
    expect((await b.breaker.acquire({ maxWaitMs: 0 })).isProbe).toBe(true);
  });

  it('a clock or an event handler that fails is passed on to those who wait', async () => {
    const clock = { now: () => START, sleep: () => Promise.reject(new Error('broken clock')) };
    const { breaker, fail } = setUp({ clock });
    await fail(5);
    await expect(breaker.acquire()).rejects.toThrow('broken clock');
  });

  it('asks the store seldom while it is open, however many wait', async () => {
    const { a, clock, calls } = twoProcesses();
    await a.fail(5);
    const before = { ...calls };
    const waiting = Array.from({ length: 100 }, () => watch(a.breaker.acquire()));
    for (let count = 0; count < 100; count++) watch(a.breaker.acquire({ maxWaitMs: 0 }));
    await clock.advance(5 * MINUTE - 1);
    expect(calls.reads - before.reads).toBe(1);
    expect(calls.writes).toBe(before.writes);
    await clock.advance(1);
    expect(waiting.filter(({ value }) => value !== undefined).length).toBe(1);
    expect(calls.reads + calls.writes - before.reads - before.writes).toBeLessThanOrEqual(4);
  });

  it('one opening and recovery costs 7 writes and 6 reads', async () => {
    const { a, clock, calls } = twoProcesses();
    await a.fail(5);
    await clock.advance(5 * MINUTE);
    for (let probe = 0; probe < 3; probe++) await (await a.breaker.acquire()).succeeded();
    expect(a.breaker.state().phase).toBe('closed');
    // Reads: the start, four single failures, the opening. Writes: the opening, then each probe's begin and end.
    expect(calls).toEqual({ reads: 6, writes: 7 });
  });

  it('an old answer that arrives late does not undo an opening', async () => {
    const memory = createMemoryStore();
    let release = (): void => {};
    let isHeld = false;
    const store: CircuitStore = {
      read: async () => {
        const answer = await memory.read();
        if (isHeld) {
          isHeld = false;
          await new Promise<void>((resolve) => {
            release = resolve;
          });
        }
        return answer;
      },
      write: memory.write,
    };
    const { breaker, fail } = setUp({ store });
    await fail(3);
    const fourth = await breaker.acquire();
    isHeld = true;
    const slow = fourth.failed(HTTP_500);
    const fifth = (await breaker.acquire()).failed(HTTP_500);
    expect(breaker.state().phase).toBe('open');
    await settle();
    release();
    await Promise.all([slow, fifth]);
    expect(breaker.state().phase).toBe('open');
    expect((await memory.read())?.value).toMatchObject({ phase: 'open' });
  });

  it('the crash of the prober costs its lease, no more', async () => {
    const { a, b, clock } = twoProcesses();
    await a.fail(5);
    await clock.advance(5 * MINUTE);
    expect((await a.breaker.acquire()).isProbe).toBe(true);
    const survivor = watch(b.breaker.acquire());
    await clock.advance(MINUTE - 1);
    expect(survivor.value).toBeUndefined();
    await clock.advance(1_000);
    expect(survivor.value?.isProbe).toBe(true);
  });

  it('goes on alone when the store fails, says so, and shares again when it is back', async () => {
    const memory = createMemoryStore();
    let broken = true;
    const store: CircuitStore = {
      read: async () => (broken ? Promise.reject(new Error('no network')) : memory.read()),
      write: async (value, version) =>
        broken ? Promise.reject(new Error('no network')) : memory.write(value, version),
    };
    const { breaker, clock, fail, texts } = setUp({ store });
    await (await breaker.acquire()).succeeded();
    await fail(5);
    expect(breaker.state().phase).toBe('open');
    expect(texts()).toContain('coinbase circuit: the store could not be used, going on with local state. no network');
    broken = false;
    await expect(breaker.acquire({ maxWaitMs: 0 })).rejects.toBeInstanceOf(CircuitOpenError);
    expect((await memory.read())?.value).toMatchObject({ phase: 'open', reason: '5 consecutive failures' });
    broken = true;
    await clock.advance(5 * MINUTE);
    const probe = await breaker.acquire();
    expect(probe.isProbe).toBe(true);
    await probe.failed(HTTP_500);
    expect(breaker.state()).toMatchObject({ phase: 'open', reason: 'a failed probe' });
  });

  it('sees a clock that is set back while a delayed write is under way', async () => {
    const memory = createMemoryStore();
    let write: CircuitStore['write'] = () => Promise.reject(new Error('no network'));
    const { breaker, clock, fail } = setUp({
      store: { read: memory.read, write: (value, version) => write(value, version) },
    });
    await fail(5);
    write = async (value, version) => {
      await clock.sleep(3_000);
      return memory.write(value, version);
    };
    const waiting = watch(breaker.acquire());
    await clock.advance(1_000);
    clock.step(-120 * MINUTE);
    await clock.advance(2 * MINUTE);
    expect(waiting.value?.isProbe).toBe(false);
  });

  it('a closed state from a clock that runs ahead does not undo an opening', async () => {
    const store = createMemoryStore();
    await store.write({ phase: 'closed', updatedAt: START + 3_600_000 }, undefined);
    const { breaker, fail } = setUp({ store });
    await fail(5);
    expect(breaker.state().phase).toBe('open');
    expect((await store.read())?.value).toMatchObject({ phase: 'open' });
  });

  it('a damaged stored state is told, counts as none and is overwritten', async () => {
    const store = createMemoryStore();
    await store.write({ phase: 'ajar', updatedAt: 1 }, undefined);
    const { breaker, fail, events } = setUp({ store });
    await (await breaker.acquire()).succeeded();
    expect(events[0]).toMatchObject({
      type: 'store-failed',
      text: expect.stringContaining('phase must be "closed", "open" or "half-open"'),
    });
    await fail(5);
    expect((await store.read())?.value).toMatchObject({ phase: 'open' });
  });

  it('a store that only knows conflicts does not hang anyone', async () => {
    const { breaker, fail } = setUp({
      store: {
        read: async () => ({ value: { phase: 'closed', updatedAt: 0 }, version: '1' }),
        write: async () => 'conflict',
      },
    });
    await fail(5);
    expect(breaker.state().phase).toBe('open');
  });
});
