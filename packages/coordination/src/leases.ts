import { isProcessGone, type ProcessIdentity } from '@schemahub/object-store';
import type { Documents } from './documents.js';
import { createDocumentLeases, type LeaseState, type LeaseStore } from './lease-store.js';

/** Time and waiting; structural, so that any clock fits. */
export interface LeaseClock {
  readonly now: () => number;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
}

interface LeaseOptionsOfAll {
  readonly clock: LeaseClock;
  /** Who takes the leases. */
  readonly holder: ProcessIdentity;
  /** Unique text for each acquisition. */
  readonly createId: () => string;
  /** Default 120,000. A holder that neither renews for this long nor is known to be alive is taken over. */
  readonly ttlMs?: number | undefined;
}

/** Leases lie in documents, or in a store of their own: one of the two. */
export type LeaseOptions = LeaseOptionsOfAll &
  (
    | {
        readonly documents: Documents;
        /** Key of a lease's document. */
        readonly keyOf: (name: string) => string;
        readonly store?: undefined;
      }
    | { readonly store: LeaseStore; readonly documents?: undefined; readonly keyOf?: undefined }
  );

export interface Lease {
  readonly name: string;
  /**
   * Aborts when the lease was lost, or ran out while this process slept: another process may now do the same work, which
   * harms nothing but saves nothing.
   */
  readonly lost: AbortSignal;
  /** Ends the heartbeat and frees the lease if it is still ours. Never throws for a lost one. */
  readonly release: () => Promise<void>;
}

/** A lease of this process. */
interface Held {
  renewedAt: number;
  /** Why it could not be renewed, the last time. */
  failure: unknown;
  readonly lost: AbortController;
}

export type Acquisition =
  | { readonly kind: 'held'; readonly lease: Lease }
  | { readonly kind: 'taken'; readonly holder: ProcessIdentity; readonly expiresAt: number };

export interface Leases {
  readonly acquire: (name: string) => Promise<Acquisition>;
  /**
   * Aborts `lost` of every held lease that ran out while this process slept. Its heartbeat does so as well, but a process
   * that wakes may look at what came meanwhile before it looks at its timers: ask before anything is sent.
   */
  readonly check: () => void;
}

/**
 * Leases on any store of leases. They only save double work: a holder that sleeps past its lease and wakes up is
 * harmless, because every write of the pipeline is a create-if-absent or a merge.
 *
 * acquire ──heartbeat every ttl/4──▶ release
 *    └─ refused while another holds it, unless that lease expired or its process is dead on this host
 */
export function createLeases(options: LeaseOptions): Leases {
  const { clock, holder, createId } = options;
  const store = options.store ?? createDocumentLeases(options);
  const ttlMs = options.ttlMs ?? 120_000;
  if (!(ttlMs >= 1000)) throw new RangeError(`lease ttlMs: expected at least 1000, got ${ttlMs}`);

  const held = new Set<Held>();
  const checkOne = ({ renewedAt, failure, lost }: Held): void => {
    if (clock.now() - renewedAt > ttlMs) lost.abort(failure);
  };

  const beat = async (name: string, lockId: string, stopped: AbortSignal, one: Held): Promise<void> => {
    const { lost } = one;
    while (!stopped.aborted) {
      try {
        await clock.sleep(ttlMs / 4, stopped);
        // We slept past it [a stopped process, a closed laptop]: it may be another's by now, and while the store is
        // asked the work would go on.
        checkOne(one);
        if (lost.signal.aborted) return;
        const now = clock.now();
        if (!(await store.renew(name, lockId, { renewedAt: now, expiresAt: now + ttlMs }))) return lost.abort();
        one.renewedAt = clock.now();
      } catch (error) {
        if (stopped.aborted) return;
        // A store that fails for a moment is tried again until the lease would have run out.
        if (clock.now() - one.renewedAt >= ttlMs) return lost.abort(error);
        one.failure = error;
      }
    }
  };

  const hold = (name: string, lockId: string): Lease => {
    const stop = new AbortController();
    const lost = new AbortController();
    const one: Held = { renewedAt: clock.now(), failure: undefined, lost };
    held.add(one);
    const beating = beat(name, lockId, stop.signal, one);
    return {
      name,
      lost: lost.signal,
      release: async () => {
        if (stop.signal.aborted) return;
        stop.abort();
        held.delete(one);
        await beating;
        await store.release(name, lockId);
      },
    };
  };

  return {
    check: () => {
      for (const one of held) checkOne(one);
    },
    acquire: async (name) => {
      for (let dead: string | undefined; ; ) {
        const now = clock.now();
        const mine: LeaseState = {
          lockId: createId(),
          holder,
          acquiredAt: now,
          renewedAt: now,
          expiresAt: now + ttlMs,
        };
        const inTheWay = await store.take(name, mine, { now, dead });
        if (inTheWay === undefined) return { kind: 'held', lease: hold(name, mine.lockId) };
        if (!isProcessGone(inTheWay.holder, holder))
          return { kind: 'taken', holder: inTheWay.holder, expiresAt: inTheWay.expiresAt };
        dead = inTheWay.lockId;
      }
    },
  };
}
