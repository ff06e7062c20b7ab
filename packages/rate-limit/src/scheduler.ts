import { createAbortWatch } from './abort.js';
import { createAlarm } from './alarm.js';
import type { BudgetBook } from './budgets.js';
import { createLanes, type WaitingCall } from './lanes.js';
import type { RateLimiterSettings } from './options.js';
import { type Cost, planStarts } from './plan.js';

/** A checked call. */
export interface CallRequest<T> {
  readonly task: (signal: AbortSignal | undefined) => Promise<T>;
  readonly cost: readonly Cost[];
  /** Smaller goes first. */
  readonly priority: number;
  readonly signal: AbortSignal | undefined;
}

/** The executor around `planStarts`: lanes in, started tasks out. */
export interface Scheduler {
  readonly enqueue: <T>(request: CallRequest<T>) => Promise<T>;
  /** Starts what may start now and sets the alarm for the rest; to be called whenever a budget changed. */
  readonly pump: () => void;
  readonly setMaxInFlight: (maxInFlight: number) => void;
  readonly counts: () => { readonly inFlight: number; readonly maxInFlight: number; readonly waiting: number };
}

/** Runs `body` again when it was asked for meanwhile: tasks and queues call back while others are being started. */
function createPump(body: () => void): () => void {
  let running = false;
  let asked = false;
  return () => {
    asked = true;
    if (running) return;
    running = true;
    try {
      while (asked) {
        asked = false;
        body();
      }
    } finally {
      running = false;
    }
  };
}

export function createScheduler(settings: RateLimiterSettings, book: BudgetBook, elapsed: () => number): Scheduler {
  const watchAbort = createAbortWatch();
  let { maxInFlight } = settings;
  let inFlight = 0;
  let sequence = 0;

  const pump = createPump(() => {
    const now = elapsed();
    book.recover(now);
    const candidates = lanes.candidates();
    const paces = book.paces(candidates.flatMap(({ cost }) => cost.map(({ budget }) => budget)));
    const slots = maxInFlight - inFlight;
    const plan = planStarts({ now, candidates, paces, slots, worstPriority: lanes.bestOnItsWay() });
    book.setPaces(plan.paces);
    setAlarm(now, plan.wakeMs);
    inFlight += plan.starts.length;
    for (const call of plan.starts) lanes.leave(call);
    for (const call of plan.starts) void call.task();
  });
  const lanes = createLanes(settings.createQueue, pump);
  const setAlarm = createAlarm(settings.clock, pump);

  function enqueue<T>({ task, cost, priority, signal }: CallRequest<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      async function run(): Promise<void> {
        try {
          resolve(await task(signal));
        } catch (error) {
          reject(error);
        }
        inFlight -= 1;
        pump();
      }
      function abandon(): void {
        lanes.leave(call);
        reject(signal?.reason);
        pump();
      }
      const onLeave = signal === undefined ? () => {} : watchAbort(signal, abandon);
      const call: WaitingCall = lanes.add({ priority, sequence: sequence++, cost, task: run, onLeave });
    });
  }

  return {
    enqueue,
    pump,
    setMaxInFlight: (value) => {
      maxInFlight = value;
      pump();
    },
    counts: () => ({ inFlight, maxInFlight, waiting: lanes.waiting() }),
  };
}
