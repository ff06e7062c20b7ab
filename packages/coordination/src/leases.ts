import { isProcessGone, type ProcessIdentity, parseProcessIdentity } from '@schemahub/object-store';
import type { Document, Documents } from './documents.js';
import { CoordinationError } from './errors.js';

/** Time and waiting; structural, so that any clock fits. */
export interface LeaseClock {
  readonly now: () => number;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
}

export interface LeaseOptions {
  readonly documents: Documents;
  readonly clock: LeaseClock;
  /** Who takes the leases. */
  readonly holder: ProcessIdentity;
  /** Unique text for each acquisition. */
  readonly createId: () => string;
  /** Key of a lease's document. */
  readonly keyOf: (name: string) => string;
  /** Default 120,000. A holder that neither renews for this long nor is known to be alive is taken over. */
  readonly ttlMs?: number | undefined;
}

export interface Lease {
  readonly name: string;
  /** Aborts when the lease was lost: another process may now do the same work, which harms nothing but saves nothing. */
  readonly lost: AbortSignal;
  /** Ends the heartbeat and frees the lease if it is still ours. Never throws for a lost one. */
  readonly release: () => Promise<void>;
}

export type Acquisition =
  | { readonly kind: 'held'; readonly lease: Lease }
  | { readonly kind: 'taken'; readonly holder: ProcessIdentity; readonly expiresAt: number };

export interface Leases {
  readonly acquire: (name: string) => Promise<Acquisition>;
}

interface LeaseState {
  readonly lockId: string;
  readonly holder: ProcessIdentity;
  readonly acquiredAt: number;
  /** When its holder last wrote it, by the holder's clock. */
  readonly renewedAt: number;
  readonly expiresAt: number;
}

/** A lease document's state; undefined when it is free or says nothing readable. */
function parseState(document: Document | undefined): LeaseState | undefined {
  if (typeof document?.value !== 'object' || document.value === null) return undefined;
  const {
    lock_id,
    holder,
    acquired_at,
    renewed_at = acquired_at,
    expires_at,
  } = document.value as Record<string, unknown>;
  const identity = parseProcessIdentity(holder);
  if (typeof lock_id !== 'string' || identity === undefined || typeof expires_at !== 'number') return undefined;
  return {
    lockId: lock_id,
    holder: identity,
    acquiredAt: Number(acquired_at),
    renewedAt: Number(renewed_at),
    expiresAt: expires_at,
  };
}

function encode(name: string, state: LeaseState): unknown {
  const { lockId, holder, acquiredAt, renewedAt, expiresAt } = state;
  return {
    lock_name: name,
    lock_id: lockId,
    holder,
    acquired_at: acquiredAt,
    renewed_at: renewedAt,
    expires_at: expiresAt,
  };
}

/** Clocks of hosts may differ by this much; a lease written further in the future is the work of a clock that was wrong. */
const CLOCKS_DIFFER_MS = 2 * 3_600_000;

/**
 * A holder whose clock had jumped ahead must not keep everybody out for as long as it was wrong: a lease only saves
 * double work, so that giving one up harms nothing.
 */
function isOver({ renewedAt, expiresAt }: LeaseState, now: number): boolean {
  return expiresAt <= now || renewedAt - now > CLOCKS_DIFFER_MS;
}

/**
 * Leases on documents. They only save double work: a holder that sleeps past its lease and wakes up is harmless,
 * because every write of the pipeline is a create-if-absent or a merge.
 *
 * acquire ──heartbeat every ttl/4──▶ release
 *    └─ refused while another holds it, unless that lease expired or its process is dead on this host
 */
export function createLeases(options: LeaseOptions): Leases {
  const { documents, clock, holder, createId, keyOf } = options;
  const ttlMs = options.ttlMs ?? 120_000;
  if (!(ttlMs >= 1000)) throw new RangeError(`lease ttlMs: expected at least 1000, got ${ttlMs}`);

  /** The document; one that is damaged counts as free. */
  const readLease = async (key: string): Promise<Document | undefined> => {
    try {
      return await documents.read(key);
    } catch (error) {
      if (!(error instanceof CoordinationError && error.code === 'damaged-document')) throw error;
      const version = await documents.versionOfDamaged(key);
      return version === undefined ? undefined : { value: undefined, version };
    }
  };

  /** Writes a taking of the lease. A lost answer is settled by reading back: else we would wait a TTL for ourselves. */
  const take = async (key: string, name: string, state: LeaseState, version: string | undefined): Promise<boolean> => {
    try {
      return (await documents.write(key, encode(name, state), version)) !== 'conflict';
    } catch (error) {
      if (parseState(await readLease(key).catch(() => undefined))?.lockId === state.lockId) return true;
      throw error;
    }
  };

  const renew = async (key: string, name: string, lockId: string): Promise<boolean> => {
    const document = await readLease(key);
    const state = parseState(document);
    if (state?.lockId !== lockId) return false;
    const written = await documents.write(
      key,
      encode(name, { ...state, renewedAt: clock.now(), expiresAt: clock.now() + ttlMs }),
      document?.version,
    );
    return written !== 'conflict';
  };

  const beat = async (
    key: string,
    name: string,
    lockId: string,
    stopped: AbortSignal,
    lost: AbortController,
  ): Promise<void> => {
    let renewedAt = clock.now();
    while (!stopped.aborted) {
      try {
        await clock.sleep(ttlMs / 4, stopped);
        if (!(await renew(key, name, lockId))) return lost.abort();
        renewedAt = clock.now();
      } catch (error) {
        if (stopped.aborted) return;
        // A store that fails for a moment is tried again until the lease would have run out.
        if (clock.now() - renewedAt >= ttlMs) return lost.abort(error);
      }
    }
  };

  const hold = (key: string, name: string, lockId: string): Lease => {
    const stop = new AbortController();
    const lost = new AbortController();
    const beating = beat(key, name, lockId, stop.signal, lost);
    return {
      name,
      lost: lost.signal,
      release: async () => {
        if (stop.signal.aborted) return;
        stop.abort();
        await beating;
        const document = await readLease(key);
        // A free lease always has the same bytes, whoever held it.
        if (parseState(document)?.lockId === lockId)
          await documents.write(key, { lock_name: name, free: true }, document?.version);
      },
    };
  };

  return {
    acquire: async (name) => {
      const key = keyOf(name);
      for (;;) {
        const document = await readLease(key);
        const state = parseState(document);
        const now = clock.now();
        const isFree = state === undefined || isOver(state, now) || isProcessGone(state.holder, holder);
        if (!isFree) return { kind: 'taken', holder: state.holder, expiresAt: state.expiresAt };
        const lockId = createId();
        const mine: LeaseState = { lockId, holder, acquiredAt: now, renewedAt: now, expiresAt: now + ttlMs };
        if (await take(key, name, mine, document?.version)) return { kind: 'held', lease: hold(key, name, lockId) };
      }
    },
  };
}
