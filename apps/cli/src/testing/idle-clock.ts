import { setImmediate } from 'node:timers/promises';
import type { Clock } from '@schemahub/core';

/** Turns of the event loop without a new sleeper and without file work after which the program counts as idle. */
const IDLE_TURNS = 30;

interface Sleeper {
  readonly deadline: number;
  readonly wake: () => void;
}

/** Node's names of file work under way: `CloseReq` is the closing of a FileHandle, all else is an `FSReq…`. */
const FILE_WORK = /^(FSReq|CloseReq)/;

function hasFileWork(): boolean {
  return process.getActiveResourcesInfo().some((name) => FILE_WORK.test(name));
}

/**
 * A clock that stands still while the program works, and jumps to the next deadline when all it does is wait. Unlike
 * the simulator's virtual clock it waits for files too: a breaker or lease that keeps its state in the lake is not
 * outrun by its own time-outs. Node does not list what zlib does in its threads, so time may pass during that.
 */
export function createIdleClock(startMs: number): Clock {
  let now = startMs;
  let idleTurns = 0;
  let isPumping = false;
  const sleepers = new Set<Sleeper>();

  async function pump(): Promise<void> {
    isPumping = true;
    while (sleepers.size > 0) {
      await setImmediate();
      idleTurns = hasFileWork() ? 0 : idleTurns + 1;
      if (idleTurns < IDLE_TURNS) continue;
      idleTurns = 0;
      const [next] = [...sleepers].sort((a, b) => a.deadline - b.deadline);
      if (next === undefined) break;
      now = Math.max(now, next.deadline);
      sleepers.delete(next);
      next.wake();
    }
    isPumping = false;
  }

  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const onAbort = (): void => {
          sleepers.delete(sleeper);
          reject(signal?.reason);
        };
        const sleeper: Sleeper = {
          deadline: now + Math.max(0, ms),
          wake: () => {
            signal?.removeEventListener('abort', onAbort);
            resolve();
          },
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        sleepers.add(sleeper);
        idleTurns = 0;
        if (!isPumping) void pump();
      }),
  };
}
