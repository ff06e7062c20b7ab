import { createAbortWatch } from './abort.js';

/** How a caller was let through; `probeId` when it is the probe. */
export interface Admission {
  readonly probeId: string | undefined;
}

export interface GateRequest {
  readonly signal: AbortSignal | undefined;
  /** Ms since 1970; Infinity waits for ever. */
  readonly deadline: number;
}

interface Waiter {
  readonly deadline: number;
  readonly admit: (admission: Admission) => void;
  readonly fail: (error: unknown) => void;
}

/** Callers that wait, in order of arrival. */
export interface Waiters {
  readonly size: () => number;
  readonly add: (request: GateRequest) => Promise<Admission>;
  /** Admits the first; false when nobody waits. */
  readonly admitFirst: (admission: Admission) => boolean;
  readonly admitAll: (admission: Admission) => void;
  /** Rejects those whose deadline is chosen; returns the first deadline of the others. */
  readonly expire: (isOver: (deadline: number) => boolean, createError: () => Error) => number;
  readonly failAll: (error: unknown) => void;
}

export function createWaiters(onAbort: () => void): Waiters {
  const watchAbort = createAbortWatch();
  const waiters = new Set<Waiter>();

  function add({ signal, deadline }: GateRequest): Promise<Admission> {
    return new Promise((resolve, reject) => {
      function leave(): void {
        waiters.delete(waiter);
        stopWatching();
      }
      const waiter: Waiter = {
        deadline,
        admit: (admission) => {
          leave();
          resolve(admission);
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      function abandon(): void {
        waiter.fail(signal?.reason);
        onAbort();
      }
      const stopWatching = signal === undefined ? () => {} : watchAbort(signal, abandon);
      waiters.add(waiter);
    });
  }

  return {
    size: () => waiters.size,
    add,
    admitFirst: (admission) => {
      const [first] = waiters;
      first?.admit(admission);
      return first !== undefined;
    },
    admitAll: (admission) => {
      for (const waiter of [...waiters]) waiter.admit(admission);
    },
    expire: (isOver, createError) => {
      let next = Number.POSITIVE_INFINITY;
      for (const waiter of [...waiters]) {
        if (isOver(waiter.deadline)) waiter.fail(createError());
        else next = Math.min(next, waiter.deadline);
      }
      return next;
    },
    failAll: (error) => {
      for (const waiter of [...waiters]) waiter.fail(error);
    },
  };
}
