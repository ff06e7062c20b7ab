import Bottleneck from 'bottleneck';
import type { TurnQueue } from './queue.js';

/**
 * The default queue: Bottleneck with one job at a time. Its own pacing is left off, because it knows neither bursts
 * that refill continuously nor 429s (docs/decisions/0003-bottleneck-as-queue.md). Its timers cost about 4 ms a turn.
 */
export function createBottleneckQueue(): TurnQueue {
  // rejectOnDrop false: a turn that stop() forgets stays silent; its caller was already answered.
  const bottleneck = new Bottleneck({ maxConcurrent: 1, rejectOnDrop: false });
  return {
    add: (turn) => {
      void bottleneck.schedule(turn);
    },
    stop: () => {
      void bottleneck.stop({ dropWaitingJobs: true });
    },
  };
}
