import type { Clock } from '@schemahub/core';
import type { ProcessIdentity } from '@schemahub/object-store';
import type { Owner, Scheduler } from './scheduler.js';

/** A program under way: it can die between any two of its calls, stop for hours and go on, and have a wrong clock. */
export interface VirtualProcess extends Owner {
  readonly identity: ProcessIdentity;
  /** Its own idea of time. */
  readonly clock: Clock;
  readonly die: () => void;
  /** Resolves when it dies. */
  readonly died: Promise<void>;
  readonly pause: (ms: number) => void;
  /** Its clock is set; one that is set back goes on from where it was. */
  readonly jump: (ms: number) => void;
  /** The number of its next call to the store. */
  readonly nextCall: () => number;
  /** Faults that it has met: afterwards it may end with an error of the store. */
  faults: number;
}

/** No process of this machine has such a number: to its neighbours the holder of a lease is dead. */
const NO_SUCH_PID = 2_000_000_000;

export function createVirtualProcess(
  scheduler: Scheduler,
  options: {
    readonly name: string;
    readonly isNeighbour: boolean;
    /** How far its clock is ahead of the store's when it starts, ms. */
    readonly skewMs: number;
  },
): VirtualProcess {
  const { name, isNeighbour } = options;
  let isDead = false;
  let pausedUntil = 0;
  let skewMs = options.skewMs;
  let calls = 0;
  let died: () => void = () => undefined;
  const owner: Owner = { name, isDead: () => isDead, pausedUntil: () => pausedUntil };
  const process: VirtualProcess = {
    ...owner,
    identity: { host: isNeighbour ? 'one host' : `host of ${name}`, pid: NO_SUCH_PID, startedAt: name },
    clock: {
      now: () => scheduler.now() + skewMs,
      sleep: (ms, signal) => scheduler.wait(process, ms, signal),
    },
    die: () => {
      isDead = true;
      died();
    },
    died: new Promise((done) => {
      died = done;
    }),
    pause: (ms) => {
      pausedUntil = scheduler.now() + ms;
    },
    jump: (ms) => {
      // A process's clock never goes back (`neverBack`), so a step back only shows in the processes that start later.
      skewMs += Math.max(0, ms);
    },
    nextCall: () => calls++,
    faults: 0,
  };
  return process;
}
