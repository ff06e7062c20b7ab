/** The steps of a run, in the order in which data takes them. */
export type Stage = 'read' | 'map' | 'sort' | 'encode' | 'write' | 'commit';

export interface StageReport {
  readonly stage: Stage;
  /** Raw objects for read, records for map, rows for sort and encode, files for write, commits for commit. */
  readonly items: number;
  readonly bytes: number;
  readonly busySeconds: number;
}

/** Adds up what each stage did. Stages overlap in time, so their seconds may add up to more than the run's. */
export interface Stopwatch {
  readonly now: () => number;
  /** Adds the time since `startMs` and what was done in it. */
  readonly add: (stage: Stage, startMs: number, done?: { items?: number; bytes?: number }) => void;
  readonly report: () => readonly StageReport[];
  /** Adds what another stopwatch reported: a thread's. */
  readonly merge: (stages: readonly StageReport[]) => void;
}

const STAGES: readonly Stage[] = ['read', 'map', 'sort', 'encode', 'write', 'commit'];

/** `monotonicMs` never goes back; wall clocks do. */
export function createStopwatch(monotonicMs: () => number): Stopwatch {
  const sums = new Map(STAGES.map((stage) => [stage, { items: 0, bytes: 0, busyMs: 0 }]));
  return {
    now: monotonicMs,
    add: (stage, startMs, done = {}) => {
      const sum = sums.get(stage)!;
      sum.busyMs += monotonicMs() - startMs;
      sum.items += done.items ?? 0;
      sum.bytes += done.bytes ?? 0;
    },
    report: () =>
      STAGES.map((stage) => {
        const { items, bytes, busyMs } = sums.get(stage)!;
        return { stage, items, bytes, busySeconds: busyMs / 1000 };
      }),
    merge: (stages) => {
      for (const { stage, items, bytes, busySeconds } of stages) {
        const sum = sums.get(stage)!;
        sum.busyMs += busySeconds * 1000;
        sum.items += items;
        sum.bytes += bytes;
      }
    },
  };
}
