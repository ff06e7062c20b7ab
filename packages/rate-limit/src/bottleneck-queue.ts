import Bottleneck from 'bottleneck';
import type { TurnQueue } from './queue.js';

// rejectOnDrop false: a turn that stop() forgets stays silent; its caller was already answered.
const createBottleneck = (): Bottleneck => new Bottleneck({ maxConcurrent: 1, rejectOnDrop: false });

/** How often a turn that has not begun is looked at. Bottleneck begins one within some 4 ms. */
const WATCH_MS = 100;

/**
 * The default queue: Bottleneck with one job at a time. Its own pacing is left off, because it knows neither bursts
 * that refill continuously nor 429s (docs/decisions/0003-bottleneck-as-queue.md). Its timers cost about 4 ms a turn.
 * It keeps the wall time of its last job, and looks at that clock once more when a job begins: where the clock is set back
 * by hours between the two, it would wait for them. So turns are handed to it one by one, and after such a step to a new
 * one, also the turn that waits there already.
 */
export function createBottleneckQueue(): TurnQueue {
  let bottleneck = createBottleneck();
  let latest = Date.now();
  let waiting: (() => Promise<void>)[] = [];
  let isBusy = false;
  let watch: NodeJS.Timeout | undefined;

  const drop = (): void => void bottleneck.stop({ dropWaitingJobs: true });
  const renewIfSetBack = (): boolean => {
    const now = Date.now();
    const isSetBack = now < latest;
    if (isSetBack) {
      drop();
      bottleneck = createBottleneck();
    }
    latest = now;
    return isSetBack;
  };

  const next = (): void => {
    const turn = waiting.shift();
    isBusy = turn !== undefined;
    if (turn === undefined) return;
    renewIfSetBack();
    let isBegun = false;
    const begin = async (): Promise<void> => {
      if (isBegun) return;
      isBegun = true;
      clearInterval(watch);
      await turn();
      next();
    };
    const hand = (): void => {
      void bottleneck.schedule(begin);
    };
    watch = setInterval(() => {
      if (renewIfSetBack()) hand();
    }, WATCH_MS);
    hand();
  };

  return {
    add: (turn) => {
      waiting.push(turn);
      if (!isBusy) next();
    },
    stop: () => {
      waiting = [];
      clearInterval(watch);
      drop();
    },
  };
}
