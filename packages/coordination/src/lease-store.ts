import { type ProcessIdentity, parseProcessIdentity } from '@schemahub/object-store';
import type { Document, Documents } from './documents.js';
import { CoordinationError } from './errors.js';

/** A lease as it is kept. Times are ms since 1970; a store may round `expiresAt` up to whole seconds. */
export interface LeaseState {
  /** Unique for each taking. */
  readonly lockId: string;
  readonly holder: ProcessIdentity;
  readonly acquiredAt: number;
  /** When its holder last wrote it, by the holder's clock. */
  readonly renewedAt: number;
  readonly expiresAt: number;
}

/** Clocks of hosts may differ by this much; a lease written further in the future is the work of a clock that was wrong. */
export const CLOCKS_DIFFER_MS: number = 2 * 3_600_000;

/**
 * A holder whose clock had jumped ahead must not keep everybody out for as long as it was wrong: a lease only saves
 * double work, so that giving one up harms nothing.
 */
function isOver({ renewedAt, expiresAt }: LeaseState, now: number): boolean {
  return expiresAt <= now || renewedAt - now > CLOCKS_DIFFER_MS;
}

/** Where leases are kept: three conditional writes. Every driver runs the suite in `./testing`. */
export interface LeaseStore {
  /**
   * Takes a lease that is free: absent, unreadable, expired at `now`, written more than `CLOCKS_DIFFER_MS` after `now`, or
   * held under the lock id `dead`, whose holder is known to be gone. Gives undefined when it is ours, else what is in the way.
   */
  readonly take: (
    name: string,
    state: LeaseState,
    condition: { readonly now: number; readonly dead: string | undefined },
  ) => Promise<LeaseState | undefined>;
  /** Moves the end of a lease that is still ours; false when it is not. */
  readonly renew: (
    name: string,
    lockId: string,
    times: { readonly renewedAt: number; readonly expiresAt: number },
  ) => Promise<boolean>;
  /** Frees a lease if it is still ours. */
  readonly release: (name: string, lockId: string) => Promise<void>;
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

/** Leases as documents: on any object store, without a database. */
export function createDocumentLeases(options: {
  readonly documents: Documents;
  /** Key of a lease's document. */
  readonly keyOf: (name: string) => string;
}): LeaseStore {
  const { documents, keyOf } = options;

  /** The document; one that is damaged counts as free. */
  const read = async (key: string): Promise<Document | undefined> => {
    try {
      return await documents.read(key);
    } catch (error) {
      if (!(error instanceof CoordinationError && error.code === 'damaged-document')) throw error;
      const version = await documents.versionOfDamaged(key);
      return version === undefined ? undefined : { value: undefined, version };
    }
  };

  /** A lost answer is settled by reading back: else we would wait a TTL for ourselves. */
  const write = async (name: string, state: LeaseState, version: string | undefined): Promise<boolean> => {
    const key = keyOf(name);
    try {
      return (await documents.write(key, encode(name, state), version)) !== 'conflict';
    } catch (error) {
      if (parseState(await read(key).catch(() => undefined))?.lockId === state.lockId) return true;
      throw error;
    }
  };

  return {
    take: async (name, state, { now, dead }) => {
      for (;;) {
        const document = await read(keyOf(name));
        const held = parseState(document);
        if (held !== undefined && !isOver(held, now) && held.lockId !== dead) return held;
        if (await write(name, state, document?.version)) return undefined;
      }
    },
    renew: async (name, lockId, times) => {
      const document = await read(keyOf(name));
      const state = parseState(document);
      if (state?.lockId !== lockId) return false;
      return (
        (await documents.write(keyOf(name), encode(name, { ...state, ...times }), document?.version)) !== 'conflict'
      );
    },
    release: async (name, lockId) => {
      const document = await read(keyOf(name));
      // A free lease always has the same bytes, whoever held it.
      if (parseState(document)?.lockId === lockId)
        await documents.write(keyOf(name), { lock_name: name, free: true }, document?.version);
    },
  };
}
