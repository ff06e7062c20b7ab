import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { embeddedSeeds } from '@schemahub/mappings';
import type { ObjectStore } from '@schemahub/object-store';
import { parseDocument, stringify } from 'yaml';
import { UsageError } from './errors.js';

/** A product list as stored. */
export interface Seed {
  readonly productIds: readonly string[];
  readonly source: string;
  /** RFC 3339. */
  readonly lastUpdated: string;
}

/** `mappings/product_ids_seed.yaml`; other venues `product_ids_seed.{exchange}.yaml`. */
export function seedFile(exchange: string): string {
  return exchange === 'coinbase' ? 'product_ids_seed.yaml' : `product_ids_seed.${exchange}.yaml`;
}

/** A product list from YAML. Throws `UsageError` that names `where`. */
export function parseSeed(text: string, where: string): Seed {
  let value: unknown;
  try {
    const document = parseDocument(text, { logLevel: 'error' });
    // A warning (an unknown tag: "!- BTC-USD") would drop or change a product without a word.
    const first = document.errors[0] ?? document.warnings[0];
    if (first !== undefined) throw first;
    value = document.toJS();
  } catch (error) {
    throw new UsageError(`${where}: is not YAML (${(error as Error).message})`, { cause: error });
  }
  const { product_ids: ids, metadata } = (value ?? {}) as { product_ids?: unknown; metadata?: Record<string, unknown> };
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === 'string' && id !== '')) {
    throw new UsageError(
      `${where}: expected "product_ids:" with a list such as "- BTC-USD". Make one with: schemahub update-seed`,
    );
  }
  const productIds = [...new Set(ids as string[])];
  return { productIds, source: String(metadata?.source ?? ''), lastUpdated: String(metadata?.last_updated ?? '') };
}

export interface LoadSeedOptions {
  /** Store of the lake that may hold a list. */
  readonly store?: ObjectStore | undefined;
  /** What relative paths are relative to. Default: the working folder. */
  readonly folder?: string | undefined;
}

/** Where a lake keeps a product list for whoever works on it: tasks that have no files of their own. */
const seedKey = (exchange: string): string => `seed/${seedFile(exchange)}`;

/** The lake's own product list, if it has one. */
async function seedInLake(
  store: ObjectStore,
  exchange: string,
): Promise<(Seed & { readonly where: string }) | undefined> {
  const key = seedKey(exchange);
  const stored = await store.get(key);
  if (stored === undefined) return undefined;
  const where = `${store.location}: ${key}`;
  return { ...parseSeed(Buffer.from(stored.bytes).toString('utf8'), where), where };
}

/** The product list: the given file, else ./mappings, else the lake's, else the shipped one. Throws `UsageError`. */
export async function loadSeed(
  exchange: string,
  path: string | undefined,
  options: LoadSeedOptions = {},
): Promise<Seed & { readonly where: string }> {
  const { store, folder = '.' } = options;
  const candidates = path === undefined ? [`mappings/${seedFile(exchange)}`] : [path];
  for (const candidate of candidates) {
    try {
      return { ...parseSeed(await readFile(resolve(folder, candidate), 'utf8'), candidate), where: candidate };
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'ENOENT') {
        throw error instanceof UsageError
          ? error
          : new UsageError(`${candidate}: cannot be read (${(error as Error).message})`, { cause: error });
      }
      if (path !== undefined)
        throw new UsageError(
          `${candidate}: there is no such product list. Make one with: schemahub update-seed --path ${candidate}`,
          { cause: error },
        );
    }
  }
  const kept = store === undefined ? undefined : await seedInLake(store, exchange);
  if (kept !== undefined) return kept;
  const embedded = embeddedSeeds[seedFile(exchange)];
  if (embedded === undefined)
    throw new UsageError(
      `${exchange}: there is no product list. Make one with: schemahub update-seed --exchange ${exchange}`,
    );
  return { ...parseSeed(embedded, seedFile(exchange)), where: 'the shipped product list' };
}

function seedText(seed: Seed): string {
  return stringify({
    product_ids: seed.productIds,
    metadata: { source: seed.source, last_updated: seed.lastUpdated, count: seed.productIds.length },
  });
}

/** Puts a product list into the lake, in the place of the one that was there. Throws `UsageError` when another run did so too. */
export async function writeSeedToLake(store: ObjectStore, exchange: string, seed: Seed): Promise<void> {
  const key = seedKey(exchange);
  const stored = await store.get(key);
  const answer = await store.putIfMatch(key, Buffer.from(seedText(seed)), stored?.version);
  if (answer === 'conflict')
    throw new UsageError(`${store.location}: another run wrote ${key} at the same moment; run update-seed again.`);
}

/** Writes a product list beside its place and renames it there, so that no reader ever sees half of one. */
export async function writeSeed(path: string, seed: Seed): Promise<void> {
  const text = seedText(seed);
  await mkdir(dirname(path), { recursive: true });
  const beside = `${path}.${randomUUID()}.part`;
  await writeFile(beside, text);
  await rename(beside, path);
}
