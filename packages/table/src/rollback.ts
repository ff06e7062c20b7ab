import { type Change, LakeError, readSnapshot, type Snapshot } from '@schemahub/lake';
import { type Committed, commitPlanned, retiredSince } from './commit-loop.js';
import type { TableContext } from './context.js';
import { TableError } from './errors.js';

/** Shows the table as snapshot `number` had it, and holds it there: see `Table.rollback`. */
export async function rollback(context: TableContext, number: number): Promise<Committed> {
  if (!Number.isSafeInteger(number) || number < 1) {
    throw new TableError(
      'invalid-option',
      `rollback: expected the number of a snapshot (1 or more), got ${number}. See: schemahub snapshots`,
    );
  }
  return await commitPlanned(context, {
    plan: async (base) => {
      const target = await readSnapshot(context.store, context.layout, number);
      if (base === undefined || base.commit.pinned === number) return undefined;
      await requireAllFiles(context, base, target);
      return {
        ...sameMeaning(context, target),
        kind: 'rollback',
        replaceProducts: target.products,
        pinned: number,
        onlyOnBase: base.number,
      };
    },
  });
}

/** Frees the table after a rollback: see `Table.release`. */
export async function release(context: TableContext): Promise<Committed> {
  return await commitPlanned(context, {
    plan: async (base) => {
      if (base === undefined || base.commit.pinned === null) return undefined;
      return { ...sameMeaning(context, base), kind: 'release', pinned: null, onlyOnBase: base.number };
    },
  });
}

/** The rows mean what they meant in that snapshot, so its hashes come back with it. */
function sameMeaning(context: TableContext, snapshot: Snapshot): Omit<Change, 'kind'> {
  return {
    runId: context.runId,
    time: context.timestamp(),
    products: [],
    schemaHash: snapshot.commit.schema_hash,
    mappingHashes: snapshot.commit.mapping_hashes,
    sources: snapshot.commit.sources,
    quarantine: [],
  };
}

async function requireAllFiles(context: TableContext, base: Snapshot, target: Snapshot): Promise<void> {
  const retired = await retiredSince(context, target.number, base.number);
  const keys = [
    ...target.commit.products.map(({ list }) => list),
    ...target.products.flatMap(({ files }) => files.map(({ path }) => path)),
  ];
  const gone = keys.filter((key) => retired.has(key));
  if (gone.length === 0) return;
  throw new LakeError(
    'retired',
    `snapshot ${target.number}: vacuum retired ${gone.length} of its files (${gone[0]}), so it cannot come back. Snapshots that can: schemahub snapshots`,
    { key: gone[0] },
  );
}
