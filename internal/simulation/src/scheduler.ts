import { createDraws } from './draws.js';

/** Captured before the globals come under the seed. */
const turn: () => Promise<void> = (() => {
  const later = setImmediate;
  return () => new Promise<void>((done) => void later(done));
})();

/** Who a task belongs to: the tasks of a dead owner never run, those of a paused one wait. */
export interface Owner {
  readonly name: string;
  readonly isDead: () => boolean;
  /** Virtual time before which nothing of it runs. */
  readonly pausedUntil: () => number;
}

/** Virtual time and the one place that decides what happens next. */
export interface Scheduler {
  /** Virtual ms since 1970. */
  readonly now: () => number;
  /** Tasks run so far. */
  readonly steps: () => number;
  /** Resolves after `delayMs` of virtual time, when the seed gives it its turn; never for a dead owner. */
  readonly wait: (owner: Owner | undefined, delayMs: number, signal?: AbortSignal) => Promise<void>;
  /** The same for code that takes a callback: called when its turn comes. */
  readonly call: (owner: Owner | undefined, delayMs: number, run: () => void) => void;
  /** Runs tasks until `work` has settled. Rejects with `StuckError` when nothing is left to run or it goes on for ever. */
  readonly drive: <T>(work: Promise<T>) => Promise<T>;
}

/** Nothing can happen any more, or it never ends: a deadlock or a livelock of the program. */
export class StuckError extends Error {
  override readonly name = 'StuckError';
}

export interface SchedulerOptions {
  readonly seed: number;
  readonly startMs: number;
  /** Between two tasks, when all that was woken has come to rest: the invariants. */
  readonly afterStep: () => Promise<void>;
  /** Tasks after which a run is a livelock. */
  readonly maxSteps: number;
}

interface Task {
  readonly at: number;
  readonly owner: Owner | undefined;
  readonly run: () => void;
}

/**
 * One task at a time: the seed picks among those that are due, all that it wakes runs until nothing is ready, then comes
 * the next. When none is due, time moves to the earliest.
 */
export function createScheduler(options: SchedulerOptions): Scheduler {
  const random = createDraws(options.seed, 'schedule');
  const tasks = new Set<Task>();
  let now = options.startMs;
  let steps = 0;

  const dueAt = ({ at, owner }: Task): number => Math.max(at, owner?.pausedUntil() ?? 0);

  const next = (): Task | undefined => {
    let earliest = Number.POSITIVE_INFINITY;
    const due: Task[] = [];
    for (const task of tasks) {
      if (task.owner?.isDead() === true) {
        tasks.delete(task);
        continue;
      }
      const at = dueAt(task);
      if (at <= now) due.push(task);
      earliest = Math.min(earliest, at);
    }
    if (due.length === 0) {
      if (earliest === Number.POSITIVE_INFINITY) return undefined;
      now = earliest;
      for (const task of tasks) if (dueAt(task) <= now) due.push(task);
    }
    return due[Math.floor(random() * due.length)]!;
  };

  const call: Scheduler['call'] = (owner, delayMs, run) => {
    tasks.add({ at: now + Math.max(0, Math.ceil(delayMs)), owner, run });
  };

  const wait: Scheduler['wait'] = (owner, delayMs, signal) =>
    new Promise<void>((done, fail) => {
      if (signal?.aborted === true) return fail(signal.reason);
      const task: Task = {
        at: now + Math.max(0, Math.ceil(delayMs)),
        owner,
        run: () => {
          signal?.removeEventListener('abort', abort);
          done();
        },
      };
      const abort = (): void => {
        tasks.delete(task);
        if (owner?.isDead() !== true) fail(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      tasks.add(task);
    });

  return {
    now: () => now,
    steps: () => steps,
    wait,
    call,
    drive: async (work) => {
      let isSettled = false;
      const settle = (): void => {
        isSettled = true;
      };
      work.then(settle, settle);
      for (;;) {
        await turn();
        await options.afterStep();
        if (isSettled) return await work;
        const task = next();
        if (task === undefined) throw new StuckError('nothing is left to run, but the program waits: a deadlock');
        if (++steps > options.maxSteps) throw new StuckError(`${options.maxSteps} steps and no end: a livelock`);
        tasks.delete(task);
        task.run();
      }
    },
  };
}
