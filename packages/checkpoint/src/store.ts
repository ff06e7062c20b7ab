import { CoordinationError, type Documents, updateDocument } from '@schemahub/coordination';
import {
  applyChange,
  type Checkpoint,
  type CheckpointChange,
  encodeCheckpoint,
  parseCheckpoint,
} from './checkpoint.js';
import { CheckpointError } from './errors.js';

export interface CheckpointStoreOptions {
  readonly documents: Documents;
  /** Key of a product's checkpoint. */
  readonly keyOf: (exchange: string, productId: string) => string;
}

export interface CheckpointStore {
  /** The checkpoint; undefined when there is none. Throws `CheckpointError` when it cannot be read. */
  readonly read: (exchange: string, productId: string) => Promise<Checkpoint | undefined>;
  /** Merges a change into what is stored. The checkpoint must exist. Returns the merged one. */
  readonly update: (exchange: string, productId: string, change: CheckpointChange) => Promise<Checkpoint>;
  /**
   * Puts a rebuilt checkpoint in the place of an absent or corrupt one; merged when another process was faster. An epoch
   * below the rebuilt one says that the other knew of fewer condemned objects: condemn them again.
   */
  readonly restore: (checkpoint: Checkpoint) => Promise<Checkpoint>;
}

/** Everything a rebuilt checkpoint says, as a change to one that appeared meanwhile. */
function asChange(checkpoint: Checkpoint): CheckpointChange {
  const { symbol, origin, asked, anchor, floor, head, lastTrade, fetched, lastUpdated } = checkpoint;
  return {
    symbol,
    origin,
    asked,
    anchor,
    floor,
    head,
    lastTrade,
    fetched,
    void: checkpoint.void,
    closed: checkpoint.closed,
    lastUpdated,
    // One of the two may know of more condemned objects. Its epoch is not carried over: it would hide from the next look
    // that the other still claims what they held.
    seenEpoch: checkpoint.epoch,
  };
}

/**
 * Checkpoints as documents. Nobody writes back a remembered state: every write reads what is stored, applies its own
 * change and is repeated on conflict, so that stale writers are harmless.
 */
export function createCheckpointStore(options: CheckpointStoreOptions): CheckpointStore {
  const { documents, keyOf } = options;

  const readStored = (value: unknown, exchange: string, productId: string, key: string): Checkpoint => {
    const checkpoint = parseCheckpoint(value, key);
    if (checkpoint.exchange !== exchange || checkpoint.productId !== productId) {
      throw new CheckpointError(
        `${key}: is the checkpoint of ${checkpoint.exchange} ${checkpoint.productId}, expected ${exchange} ${productId}`,
      );
    }
    return checkpoint;
  };

  /** Text that is no JSON is a corrupt checkpoint, like one whose members are wrong. */
  const named = async <T>(run: () => Promise<T>): Promise<T> => {
    try {
      return await run();
    } catch (error) {
      if (error instanceof CoordinationError && error.code === 'damaged-document') {
        throw new CheckpointError(error.message, { cause: error });
      }
      throw error;
    }
  };

  /** What a restore finds: a sound checkpoint, which it must not replace, or the version of an absent or corrupt one. */
  const seenBefore = async (
    key: string,
    exchange: string,
    productId: string,
  ): Promise<'sound' | { readonly version: string | undefined }> => {
    let version: string | undefined;
    try {
      const held = await documents.read(key);
      version = held?.version;
      if (held === undefined) return { version };
      readStored(held.value, exchange, productId, key);
      return 'sound';
    } catch (error) {
      if (error instanceof CheckpointError) return { version };
      if (!(error instanceof CoordinationError && error.code === 'damaged-document')) throw error;
      return { version: await documents.versionOfDamaged(key) };
    }
  };

  return {
    read: (exchange, productId) =>
      named(async () => {
        const key = keyOf(exchange, productId);
        const held = await documents.read(key);
        return held && readStored(held.value, exchange, productId, key);
      }),
    update: (exchange, productId, change) => {
      const key = keyOf(exchange, productId);
      const merge = (value: unknown): { readonly write?: unknown; readonly result: Checkpoint } => {
        if (value === undefined)
          throw new CheckpointError(`${key}: vanished during the run; run the command again, it is rebuilt`);
        const base = readStored(value, exchange, productId, key);
        const result = applyChange(base, change);
        const write = encodeCheckpoint(result);
        // Unchanged checkpoints keep their bytes: a run without news writes nothing.
        return JSON.stringify(write) === JSON.stringify(value) ? { result } : { write, result };
      };
      return named(() => updateDocument(documents, key, merge));
    },
    restore: async (checkpoint) => {
      const { exchange, productId } = checkpoint;
      const key = keyOf(exchange, productId);
      const merge = (value: unknown): { readonly write: unknown; readonly result: Checkpoint } => {
        const result =
          value === undefined
            ? checkpoint
            : applyChange(readStored(value, exchange, productId, key), asChange(checkpoint));
        return { write: encodeCheckpoint(result), result };
      };
      for (;;) {
        const seen = await seenBefore(key, exchange, productId);
        if (seen !== 'sound') {
          if ((await documents.write(key, encodeCheckpoint(checkpoint), seen.version)) !== 'conflict')
            return checkpoint;
          continue;
        }
        try {
          return await named(() => updateDocument(documents, key, merge));
        } catch (error) {
          // It was sound a moment ago, and is corrupt now: replaced like one that was so from the start.
          if (!(error instanceof CheckpointError)) throw error;
        }
      }
    },
  };
}
