import type { TableSchema } from '@schemahub/columns';
import { RangeSet } from '@schemahub/coverage';
import { decodeRawObject, LakeError, type RawName } from '@schemahub/lake';
import type { ObjectStore } from '@schemahub/object-store';
import { type Finding, judgeVoidRun } from './certificate/index.js';
import { type FindingCode, findingOf } from './findings.js';
import type { InspectContext, InspectProduct, UpperTrade } from './inspect-context.js';
import { inspectFile } from './inspect-file.js';
import { inspectQuarantine } from './inspect-quarantine.js';
import { createNameIndex } from './name-index.js';
import type { AuditProduct } from './read-product.js';

export interface InspectProgress {
  readonly exchange: string;
  readonly productId: string;
  readonly key: string;
  readonly rows: number;
}

export interface InspectOptions {
  readonly store: ObjectStore;
  /** The table's columns, the widest there are; files may lack nullable ones. */
  readonly schema: TableSchema;
  readonly products: readonly InspectProduct[];
  /** Told after each object. Must not throw. */
  readonly onProgress?: ((progress: InspectProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads every byte again: raw objects by their hash, data files by theirs, and every row against what the mapping makes
 * of the raw records that hold its id. Findings come as they are met. Memory: one data file in columns and one raw object.
 */
export async function* inspect(options: InspectOptions): AsyncGenerator<Finding, void, undefined> {
  for (const one of options.products) yield* inspectProduct(options, one);
}

async function* inspectProduct(options: InspectOptions, one: InspectProduct): AsyncGenerator<Finding> {
  const { store, schema, onProgress, signal } = options;
  const { product, list } = one;
  const { exchange, productId } = product;
  const progress = (key: string, rows: number): void => onProgress?.({ exchange, productId, key, rows });
  const sound: RawName[] = [];
  let excused = RangeSet.empty;
  for (const name of product.rawNames) {
    signal?.throwIfAborted();
    const found = await inspectRawObject(options, one, name);
    if (found === undefined) sound.push(name);
    else {
      excused = excused.union(RangeSet.of(name.first, name.last));
      yield found;
    }
    progress(name.key, name.count);
  }
  // Condemned and missing objects are told by the light checks.
  excused = excused.union(RangeSet.of(0, Number.MAX_SAFE_INTEGER).difference(product.rawIds));
  const context: InspectContext = {
    ...one,
    store,
    schema,
    nameIndex: createNameIndex(sound),
    excused,
    uppers: upperTrades(product),
    signal,
  };
  for (const file of list?.files ?? []) {
    signal?.throwIfAborted();
    yield* inspectFile(context, file);
    progress(file.path, file.rows);
  }
  if (list !== undefined && !list.quarantined.isEmpty) yield* inspectQuarantine(context, list.quarantined);
}

/** What is wrong with a raw object: gzip CRC, count, ids, and the hash over its rows; undefined when it is sound. */
async function inspectRawObject(
  { store }: InspectOptions,
  { product, readId }: InspectProduct,
  name: RawName,
): Promise<Finding | undefined> {
  const { exchange, productId } = product;
  const say = (code: FindingCode, message: string): Finding =>
    findingOf(code, { exchange, productId, key: name.key }, message);
  const stored = await store.get(name.key);
  if (stored === undefined) return say('missing-raw', `${name.key}: listed, but not in ${store.location}.`);
  try {
    await decodeRawObject(name, stored.bytes, readId, { deep: true });
    return undefined;
  } catch (error) {
    if (!(error instanceof LakeError)) throw error;
    return say('damaged-raw', error.message);
  }
}

function upperTrades({ evidence, voidKeys }: AuditProduct): Map<number, UpperTrade> {
  const uppers = new Map<number, UpperTrade>();
  for (const run of evidence.voidRuns) {
    const date = run.probes[0]?.date;
    if (judgeVoidRun(run) !== undefined || date === null || date === undefined) continue;
    const answeredAt = Date.parse(date);
    // Of several probes of a hole the latest counts: it is the one that may stand.
    if ((uppers.get(run.upper)?.answeredAt ?? -1) < answeredAt)
      uppers.set(run.upper, { run, key: voidKeys.get(run), answeredAt });
  }
  return uppers;
}
