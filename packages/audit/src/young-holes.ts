import type { TableSchema } from '@schemahub/columns';
import { RangeSet } from '@schemahub/coverage';
import { LakeError, type ReadId, readRawObject } from '@schemahub/lake';
import type { Interpreter } from '@schemahub/mapping-engine';
import type { ObjectStore } from '@schemahub/object-store';
import { SETTLED_AGE_MS } from './certificate/proof.js';
import { checkProduct } from './check-product.js';
import type { AuditProduct } from './read-product.js';
import type { AuditTable } from './read-table.js';

export interface YoungHolesOptions {
  readonly store: ObjectStore;
  readonly table: AuditTable;
  readonly product: AuditProduct;
  readonly readId: ReadId;
  /** The plain reading of the mapping; asked for only where a raw object is to be read. */
  readonly loadInterpreter: () => Promise<Interpreter>;
  readonly schema: TableSchema;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Missing ids below a held trade younger than ten minutes: nobody can settle them yet. Young trades lie in the newest raw
 * object, so only that one is read, and only where ids are missing below one of its trades.
 */
export async function findYoungHoles(options: YoungHolesOptions): Promise<RangeSet> {
  const { table, product, now } = options;
  const newest = product.rawNames.reduce<(typeof product.rawNames)[number] | undefined>(
    (best, name) => (name.last > (best?.last ?? -1) ? name : best),
    undefined,
  );
  const { missing } = checkProduct(product, table).account;
  if (newest === undefined || missing.isEmpty) return RangeSet.empty;
  const holes = [...missing].filter(({ last }) => {
    const upper = product.rawIds.ceiling(last);
    return upper !== undefined && upper >= newest.first;
  });
  if (holes.length === 0) return RangeSet.empty;
  const times = await tradeTimes(options, newest);
  const young = holes.filter(({ last }) => {
    const time = times?.get(product.rawIds.ceiling(last)!);
    return time !== undefined && now - time < SETTLED_AGE_MS;
  });
  return RangeSet.fromRanges(young);
}

/** Times in ms by id; undefined when the object cannot be read, which others tell. */
async function tradeTimes(
  { store, readId, loadInterpreter, schema }: YoungHolesOptions,
  name: Parameters<typeof readRawObject>[1],
): Promise<Map<number, number> | undefined> {
  const interpret = await loadInterpreter();
  const place = schema.columns.findIndex((column) => column.name === 'trade_ts');
  try {
    const { ids, lines } = await readRawObject(store, name, readId);
    const times = new Map<number, number>();
    for (const [at, id] of ids.entries()) {
      const made = interpret(lines[at]!);
      if (made.kind === 'row') times.set(id, (made.values[place] as number) / 1000);
    }
    return times;
  } catch (error) {
    if (error instanceof LakeError) return undefined;
    throw error;
  }
}
