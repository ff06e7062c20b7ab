import { StoreError } from './errors.js';
import type { ObjectStore } from './port.js';

export interface VerifiedStoreOptions {
  /** Key whose object says that the store was asked; made when it has answered well. */
  readonly marker: string;
  /** Key of the object that it is asked with. It stays, and is never read: some stores keep versions of what is deleted. */
  readonly probe: string;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const NEVER_A_VERSION = '"00000000000000000000000000000000"';

/** Asks three writes of which one may succeed, unless the marker says that it was asked. */
async function verify(store: ObjectStore, { marker, probe }: VerifiedStoreOptions): Promise<void> {
  if ((await store.get(marker)) !== undefined) return;
  await store.putIfAbsent(probe, bytes('first'));
  const again = await store.putIfAbsent(probe, bytes('second'));
  const replaced = await store.putIfMatch(probe, bytes('third'), NEVER_A_VERSION);
  if (again !== 'exists' || replaced !== 'conflict')
    throw new StoreError(
      'no-conditional-writes',
      `${store.location}: this store takes writes whose condition does not hold (If-None-Match, If-Match), so that two runs would overwrite each other in silence. No trade was written. Use a store that keeps them: AWS S3, Cloudflare R2, a current MinIO.`,
    );
  await store.putIfAbsent(marker, bytes('{"conditional_writes":true}\n'));
}

/**
 * A store that is asked before its first write whether it keeps the conditions of writes, on which everything rests: not
 * every service that speaks S3's language does. Five requests once for a place, one for each process after that.
 */
export function createVerifiedStore(base: ObjectStore, options: VerifiedStoreOptions): ObjectStore {
  let verified: Promise<void> | undefined;
  const verifiedOnce = (): Promise<void> => {
    verified ??= verify(base, options).catch((error: unknown) => {
      verified = undefined;
      throw error;
    });
    return verified;
  };
  return {
    ...base,
    putIfAbsent: async (key, body) => {
      await verifiedOnce();
      return await base.putIfAbsent(key, body);
    },
    putIfMatch: async (key, body, version) => {
      await verifiedOnce();
      return await base.putIfMatch(key, body, version);
    },
  };
}
