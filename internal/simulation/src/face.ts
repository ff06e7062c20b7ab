import { type IcebergTable, openIcebergTable } from '@schemahub/iceberg';
import type { ObjectStore } from '@schemahub/object-store';

/** What a published snapshot must show. */
export interface FaceOptions {
  readonly objects: ReadonlyMap<string, Uint8Array>;
  /** Data files of a commit; undefined for a number that was never committed. */
  readonly filesOf: (commit: number) => ReadonlySet<string> | undefined;
  readonly violate: (rule: string, text: string) => void;
}

/** Watches the Iceberg face: each snapshot shows its commit, each commit at most once, and the face never goes back. */
export interface FaceWitness {
  readonly look: (key: string) => Promise<void>;
  /** Data files that a published snapshot names. */
  readonly published: () => ReadonlySet<string>;
}

const PREFIX = 'unified_trades';

/** The metadata file of a table; its create is the publication. */
export const METADATA_FILE: RegExp = /^unified_trades\/metadata\/v\d+\.metadata\.json$/;

function refuse(): never {
  throw new Error('the oracle writes nothing');
}

/** Everything that was ever written, to read. */
function readOnly(objects: ReadonlyMap<string, Uint8Array>): ObjectStore {
  return {
    location: 'the oracle',
    get: async (key) => {
      const bytes = objects.get(key);
      return bytes && { bytes, version: key };
    },
    async *list(prefix) {
      for (const [key, { length }] of [...objects].sort(([a], [b]) => (a < b ? -1 : 1)))
        if (key.startsWith(prefix)) yield { key, size: length, modifiedAt: 0 };
    },
    putIfAbsent: refuse,
    putIfMatch: refuse,
    delete: refuse,
  };
}

export function createFaceWitness({ objects, filesOf, violate }: FaceOptions): FaceWitness {
  const table: IcebergTable = openIcebergTable({
    store: readOnly(objects),
    prefix: PREFIX,
    location: `memory:///${PREFIX}`,
  });
  /** Files by snapshot: a snapshot never changes. */
  const files = new Map<string, ReadonlySet<string>>();
  let published: ReadonlySet<string> = new Set();
  let newest = 0;
  return {
    published: () => published,
    look: async (key) => {
      const entry = await table.load();
      if (entry === undefined) return violate('face-untrue', `${key}: no table is there`);
      const { snapshots } = entry.metadata;
      const numbers = snapshots.map(({ summary }) => Number(summary['schemahub.commit']));
      if (numbers.some((number, at) => at > 0 && number <= numbers[at - 1]!))
        violate('face-order', `${key}: shows commits ${numbers.join(', ')}`);
      if ((numbers.at(-1) ?? 0) < newest) violate('face-back', `${key}: shows ${numbers.at(-1)} after ${newest}`);
      newest = Math.max(newest, numbers.at(-1) ?? 0);
      for (const [at, { 'snapshot-id': id }] of snapshots.entries()) {
        if (files.has(String(id))) continue;
        const shown = new Set((await table.files(entry, id)).map((file) => file.key));
        files.set(String(id), shown);
        const committed = filesOf(numbers[at]!);
        if (committed === undefined || committed.size !== shown.size || [...shown].some((path) => !committed.has(path)))
          violate('face-untrue', `${key}: its snapshot of commit ${numbers[at]} shows other files than the commit`);
      }
      published = new Set(snapshots.flatMap(({ 'snapshot-id': id }) => [...(files.get(String(id)) ?? [])]));
    },
  };
}
