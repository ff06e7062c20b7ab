import { describe, expect, it } from 'vitest';
import { createBottleneckQueue, createFifoQueue, createRateLimiter } from './index.js';
import { turnQueueCases } from './testing/index.js';

const queues = { 'Bottleneck, the default': createBottleneckQueue, 'FIFO of ours': createFifoQueue };

for (const [name, createQueue] of Object.entries(queues)) {
  describe(`turn queue: ${name}`, () => {
    for (const { name: demand, run } of turnQueueCases(createQueue)) it(demand, run);

    it('drives a limiter: order, results and errors of 60 calls', async () => {
      const limiter = createRateLimiter({ budgets: { requests: { rate: 1e6, burst: 1e6 } }, createQueue });
      const started: number[] = [];
      const results = await Promise.allSettled(
        Array.from({ length: 60 }, (_, number) =>
          limiter.schedule(async () => {
            started.push(number);
            if (number % 7 === 3) throw new Error(`task ${number}`);
            return number;
          }),
        ),
      );
      expect(started).toEqual(Array.from({ length: 60 }, (_, number) => number));
      for (const [number, result] of results.entries()) {
        if (number % 7 === 3)
          expect(result).toMatchObject({ status: 'rejected', reason: { message: `task ${number}` } });
        else expect(result).toEqual({ status: 'fulfilled', value: number });
      }
      expect(limiter.snapshot()).toMatchObject({ inFlight: 0, waiting: 0 });
    });

    it('gives back everything when all that wait are aborted, and goes on', async () => {
      const limiter = createRateLimiter({ budgets: { requests: { rate: 1, burst: 1 } }, createQueue });
      await limiter.schedule(async () => 'takes the only token');
      const controller = new AbortController();
      const waiting = Array.from({ length: 500 }, () =>
        limiter.schedule(async () => 'never', { signal: controller.signal }),
      );
      const outcome = Promise.allSettled(waiting);
      controller.abort(new Error('shutdown'));
      for (const result of await outcome)
        expect(result).toMatchObject({ status: 'rejected', reason: { message: 'shutdown' } });
      expect(limiter.snapshot().waiting).toBe(0);
      // The same lane works again; a free call needs no token and so no waiting.
      await expect(limiter.schedule(async () => 'next', { cost: [] })).resolves.toBe('next');
    });
  });
}

it('stops the queue of a lane when only aborted calls are left in it, and makes another when it is needed', async () => {
  const log: string[] = [];
  const limiter = createRateLimiter({
    budgets: { requests: { rate: 1, burst: 1 } },
    createQueue: () => {
      const queue = createFifoQueue();
      log.push('made');
      return {
        add: queue.add,
        stop: () => {
          log.push('stopped');
          queue.stop();
        },
      };
    },
  });
  await limiter.schedule(async () => 'takes the only token');
  const controller = new AbortController();
  const waiting = Array.from({ length: 3 }, () => limiter.schedule(async () => 'never', { signal: controller.signal }));
  const outcome = Promise.allSettled(waiting);
  controller.abort();
  await outcome;
  expect(log).toEqual(['made', 'stopped']);
  const last = new AbortController();
  const next = limiter.schedule(async () => 'next', { signal: last.signal });
  expect(log).toEqual(['made', 'stopped', 'made']);
  last.abort(new Error('enough'));
  await expect(next).rejects.toThrow('enough');
});

it('FIFO keeps its order and frees its memory over 10,000 turns', async () => {
  const queue = createFifoQueue();
  const seen: number[] = [];
  await new Promise<void>((resolve) => {
    for (let number = 0; number < 10_000; number++) {
      queue.add(async () => {
        seen.push(number);
        if (number === 9_999) resolve();
      });
    }
  });
  expect(seen.every((number, index) => number === index)).toBe(true);
  expect(seen.length).toBe(10_000);
});

it.each(Object.entries(queues))(
  '%s goes on when the clock of the computer is set back by hours',
  async (_, createQueue) => {
    const limiter = createRateLimiter({ budgets: { requests: { rate: 1e6, burst: 1e6 } }, createQueue });
    const wall = Date.now;
    try {
      await limiter.schedule(async () => 'before');
      const waiting = [1, 2, 3].map((number) => limiter.schedule(async () => number));
      Date.now = () => wall() - 2 * 3_600_000;
      await expect(Promise.all(waiting)).resolves.toEqual([1, 2, 3]);
      await expect(limiter.schedule(async () => 'after')).resolves.toBe('after');
    } finally {
      Date.now = wall;
    }
  },
);

it.each(Object.entries(queues))(
  '%s goes on when the clock is set back while a turn is being handed over',
  async (_, createQueue) => {
    const wall = Date.now;
    try {
      const queue = createQueue();
      const begun: number[] = [];
      const turns = [1, 2, 3].map(
        (number) =>
          new Promise<void>((resolve) => {
            queue.add(async () => {
              begun.push(number);
              resolve();
            });
          }),
      );
      // Bottleneck has taken the first turn and not looked at the clock yet.
      Date.now = () => wall() - 2 * 3_600_000;
      await Promise.all(turns);
      expect(begun).toEqual([1, 2, 3]);
    } finally {
      Date.now = wall;
    }
  },
);
