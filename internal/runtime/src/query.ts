import { cursorOf } from '@schemahub/checkpoint';
import { parseTradeTime } from '@schemahub/connector-kit';
import { tradesUnified, tradesUnifiedWithDecimals } from '@schemahub/core';
import { latestCommitNumber, listCommitNumbers, readCommit, readSnapshot, type Snapshot } from '@schemahub/lake';
import type { QueryEngine } from '@schemahub/query';
import { type JsonSource, openDuckdb, type WatermarkRow } from '@schemahub/query/duckdb';
import type { Config } from './config.js';
import { UsageError } from './errors.js';
import type { LocalFiles, RemoteFile } from './file-cache.js';
import { publishedFiles } from './iceberg.js';
import { lakeProducts, type OpenLake } from './lake.js';
import { venues } from './venues.js';

export interface OpenQueryOptions {
  readonly lake: OpenLake;
  /** The table as this commit left it. */
  readonly snapshot?: number | undefined;
  /** The table as it was at an instant (RFC 3339). */
  readonly asOf?: string | undefined;
  /** Find the data files through the published Iceberg metadata alone. Default false: through the commit. */
  readonly viaIceberg?: { readonly config: Config } | undefined;
  /** The one file that a query may write. */
  readonly exportFile?: string | undefined;
}

async function numberAsOf(lake: OpenLake, asOf: string): Promise<number> {
  const text = /^\d{4}-\d\d-\d\d$/.test(asOf) ? `${asOf}T00:00:00Z` : asOf;
  let micros: number;
  try {
    micros = parseTradeTime(text).micros;
  } catch (error) {
    throw new UsageError(`--as-of: expected an instant such as 2026-01-01T00:00:00Z, got ${JSON.stringify(asOf)}.`, {
      cause: error,
    });
  }
  let found = 0;
  for (const number of await listCommitNumbers(lake.store, lake.layout)) {
    const stored = await readCommit(lake.store, lake.layout, number);
    if (stored !== undefined && Date.parse(stored.body.time) * 1000 <= micros) found = number;
  }
  if (found === 0) throw new UsageError(`--as-of ${asOf}: the table had no commit then. See: schemahub snapshots`);
  return found;
}

/** The snapshot that a query is about; undefined in a lake without commits. */
export async function chosenSnapshot(options: OpenQueryOptions): Promise<Snapshot | undefined> {
  const { lake, snapshot, asOf } = options;
  if (snapshot !== undefined && asOf !== undefined)
    throw new UsageError('--snapshot and --as-of: expected one of them, got both.');
  const latest = await latestCommitNumber(lake.store, lake.layout);
  const number = snapshot ?? (asOf === undefined ? latest : await numberAsOf(lake, asOf));
  if (number === 0) return undefined;
  if (number > latest)
    throw new UsageError(`--snapshot ${number}: the latest is ${latest}. List them with: schemahub snapshots`);
  return await readSnapshot(lake.store, lake.layout, number);
}

async function watermarks(lake: OpenLake): Promise<WatermarkRow[]> {
  const rows: WatermarkRow[] = [];
  for (const { exchange, productId } of await lakeProducts(lake)) {
    const checkpoint = await lake.checkpoints.read(exchange, productId).catch(() => undefined);
    if (checkpoint === undefined) continue;
    rows.push({
      exchange: exchange.toUpperCase(),
      product_id: productId,
      origin: checkpoint.origin,
      epoch: checkpoint.epoch,
      cursor: cursorOf(checkpoint),
      anchor: checkpoint.anchor,
      floor: checkpoint.floor,
      head: checkpoint.head?.id,
      head_seen_at: checkpoint.head?.seenAt,
      last_trade_id: checkpoint.lastTrade?.id,
      last_trade_ts: checkpoint.lastTrade?.ts,
      trades_processed: checkpoint.fetched.count,
      fetched: checkpoint.fetched.toString(),
      void: checkpoint.void.toString(),
      last_updated: checkpoint.lastUpdated,
    });
  }
  return rows;
}

/** Where DuckDB opens the lake's files: where they are, or copies of them. */
function localFiles({ local, store }: OpenLake): LocalFiles {
  if (local !== undefined) return local;
  const urlOf = store.urlOf;
  if (urlOf === undefined) throw new UsageError(`${store.location}: DuckDB cannot read this store.`);
  return { pathOf: urlOf, bring: async (files) => files.map(({ key }) => urlOf(key)) };
}

async function rawFilesBelow(lake: OpenLake, prefix: string): Promise<RemoteFile[]> {
  const files: RemoteFile[] = [];
  for await (const { key, size } of lake.store.list(prefix))
    if (key.endsWith('.jsonl.gz')) files.push({ key, bytes: size });
  return files;
}

/** Quarantine objects of a commit, with the sizes that the store tells. */
async function quarantineFiles(lake: OpenLake, keys: readonly string[]): Promise<RemoteFile[]> {
  if (keys.length === 0) return [];
  const sizes = new Map<string, number>();
  for (const prefix of new Set(keys.map((key) => key.slice(0, key.lastIndexOf('/') + 1))))
    for await (const { key, size } of lake.store.list(prefix)) sizes.set(key, size);
  return keys.map((key) => ({ key, bytes: sizes.get(key) ?? -1 }));
}

interface DataFiles {
  readonly files: readonly RemoteFile[];
  readonly hasDecimals: boolean;
}

/** Data files of a snapshot, as its lists or as the published Iceberg metadata name them. */
async function dataFiles(options: OpenQueryOptions, snapshot: Snapshot | undefined): Promise<DataFiles> {
  const { lake, viaIceberg } = options;
  if (viaIceberg === undefined) {
    // Newest first: DuckDB takes files in this order, and once it has the newest n rows it passes over the older files by
    // their statistics. `last_trades` then reads a file instead of a product's whole history.
    const files = (snapshot?.products.flatMap((list) => list.files) ?? []).sort((a, b) => b.maxTs - a.maxTs);
    return {
      files: files.map(({ path, bytes, sha256 }) => ({ key: path, bytes, sha256 })),
      hasDecimals: files.some(({ columns }) => columns.includes('price_dec')),
    };
  }
  const published = await publishedFiles({ lake, config: viaIceberg.config, commit: snapshot?.number });
  const own = new Set(snapshot?.products.flatMap((list) => list.files.map(({ path }) => path)));
  const isSame = published?.files.length === own.size && published.files.every(({ key }) => own.has(key));
  // Without a number: what the world sees, though it may be behind. With one: that commit, or a commit of the same files.
  const isNamed = options.snapshot !== undefined || options.asOf !== undefined;
  if (published === undefined || (isNamed && !isSame))
    throw new UsageError(
      `--via iceberg: no published snapshot shows commit ${snapshot?.number ?? 0}. See: schemahub iceberg status`,
    );
  return { files: published.files.map(({ key, bytes }) => ({ key, bytes })), hasDecimals: published.hasDecimals };
}

/** DuckDB over one committed snapshot and nothing else of the table. */
export async function openQuery(
  options: OpenQueryOptions,
): Promise<{ engine: QueryEngine; snapshot: Snapshot | undefined }> {
  const { lake } = options;
  const local = localFiles(lake);
  const snapshot = await chosenSnapshot(options);
  const { files, hasDecimals } = await dataFiles(options, snapshot);
  const schema = hasDecimals ? tradesUnifiedWithDecimals : tradesUnified;
  const raw: Record<string, JsonSource> = {};
  for (const { exchange } of venues) {
    const prefix = lake.layout.rawPrefix(exchange);
    raw[exchange] = {
      files: async () => await local.bring(await rawFilesBelow(lake, prefix)),
      directory: local.pathOf(prefix.replace(/\/$/, '')),
    };
  }
  const engine = await openDuckdb({
    table: { files: await local.bring(files), columns: schema.columns },
    raw,
    watermarks: await watermarks(lake),
    quarantine: await local.bring(await quarantineFiles(lake, snapshot?.commit.quarantine ?? [])),
    ...(options.exportFile === undefined ? {} : { exportFile: options.exportFile }),
  });
  return { engine, snapshot };
}
