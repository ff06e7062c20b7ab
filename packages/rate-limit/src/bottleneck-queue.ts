import Bottleneck from 'bottleneck';
import type { TurnQueue } from './queue.js';

// rejectOnDrop false: a turn that stop() forgets stays silent; its caller was already answered.
const createBottleneck = (): Bottleneck => new Bottleneck({ maxConcurrent: 1, rejectOnDrop: false });

/**
 * The default queue: Bottleneck with one job at a time. Its own pacing is left off, because it knows neither bursts
 * that refill continuously nor 429s (docs/decisions/0003-bottleneck-as-queue.md). Its timers cost about 4 ms a turn.
 * It keeps the wall time of its last job and would wait for it when that clock is set back by hours, so turns are handed
 * to it one by one, and after such a step to a new one.
 */
export function createBottleneckQueue(): TurnQueue {
  let bottleneck = createBottleneck();
  let latest = Date.now();
  let waiting: (() => Promise<void>)[] = [];
  let isBusy = false;

  const next = (): void => {
    const turn = waiting.shift();
    isBusy = turn !== undefined;
    if (turn === undefined) return;
    const now = Date.now();
    if (now < latest) bottleneck = createBottleneck();
    latest = now;
    bottleneck.schedule(turn).then(next, next);
  };

  return {
    add: (turn) => {
      waiting.push(turn);
      if (!isBusy) next();
    },
    stop: () => {
      waiting = [];
      void bottleneck.stop({ dropWaitingJobs: true });
    },
  };
}
