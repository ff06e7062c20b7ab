import { createHash } from 'node:crypto';
import type { TableSchema } from '@schemahub/columns';
import { tradesUnified, tradesUnifiedWithDecimals } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import {
  type Change,
  type CommitKind,
  commitChange,
  createLayout,
  type DataFile,
  fileListOf,
  type ProductChange,
  readHead,
  type Snapshot,
} from '@schemahub/lake';
import { createMemoryStore, type ObjectStore } from '@schemahub/object-store';
import { writeParquet } from '@schemahub/parquet-sink';
import { loadConfig } from './config.js';
import type { PublishOptions } from './iceberg.js';
import type { OpenLake } from './lake.js';

// A lake whose commits are made by hand, with real Parquet files of a few rows: for tests of the Iceberg face.

export const T0: number = Date.UTC(2026, 0, 5);
export const DAY = 86_400_000;

export interface TestLake {
  readonly store: ObjectStore;
  readonly lake: OpenLake;
  readonly options: PublishOptions;
  /** Moves the clock. */
  readonly advance: (ms: number) => void;
  /** Commits files: products by name, each with first and last id of a file that comes and the paths that go. */
  readonly commit: (change: TestChange) => Promise<Snapshot>;
  readonly head: () => Promise<Snapshot>;
}

export interface TestChange {
  readonly kind?: CommitKind;
  readonly add?: Readonly<Record<string, readonly [number, number]>>;
  /** Ids of these files are derived again: they neither come nor go. */
  readonly remove?: readonly DataFile[];
  readonly decimals?: boolean;
  /** Shows exactly these lists. */
  readonly lists?: Snapshot['products'];
  readonly retired?: readonly string[];
}

function rowsOf(symbol: string, first: number, last: number, schema: TableSchema) {
  const ids = Array.from({ length: last - first + 1 }, (_, at) => first + at);
  const text = (values: readonly string[]) => ({ kind: 'text' as const, values });
  const doubles = (of: (id: number) => number) => ({ kind: 'double' as const, values: Float64Array.from(ids, of) });
  const times = (of: (id: number) => number) => ({ kind: 'timestamp' as const, values: Float64Array.from(ids, of) });
  const decimals = () => ({ kind: 'decimal' as const, values: new Uint8Array(16 * ids.length).fill(1) });
  const columns = [
    text(ids.map(() => 'COINBASE')),
    text(ids.map(() => symbol)),
    { kind: 'id' as const, values: Float64Array.from(ids) },
    text(ids.map((id) => (id % 2 === 0 ? 'BUY' : 'SELL'))),
    doubles((id) => id / 8),
    doubles((id) => id / 1024),
    times((id) => T0 * 1000 + id * 1_000_003),
    times((id) => T0 * 1000 + DAY * 1000 + id),
    decimals(),
    decimals(),
  ];
  return { schema, rows: ids.length, columns: columns.slice(0, schema.columns.length) };
}

/** Default store: memory, on the lake's own clock. */
export async function createTestLake(given?: ObjectStore): Promise<TestLake> {
  let now = T0;
  const store = given ?? createMemoryStore({ now: () => now });
  const layout = createLayout();
  const clock = { now: () => now, sleep: async () => undefined };
  const lake = { store, layout, clock } as unknown as OpenLake;
  const config = await loadConfig({ flags: { iceberg: 'folder' }, environment: {}, folder: '/nowhere' });
  let files = 0;
  const write = async (
    product: string,
    [first, last]: readonly [number, number],
    schema: TableSchema,
  ): Promise<DataFile> => {
    const file = writeParquet([rowsOf(product, first, last, schema)], { schema, sortingColumns: ['trade_ts'] });
    const parts: Uint8Array[] = [];
    for await (const part of file.bytes) parts.push(part);
    const bytes = Buffer.concat(parts);
    const path = `${layout.data({ version: 1, exchange: 'COINBASE', symbol: product, month: '2026-01' })}unified_trades_0_run_${files++}.parquet`;
    await store.putIfAbsent(path, bytes);
    return {
      path,
      rows: last - first + 1,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      ids: RangeSet.of(first, last),
      month: '2026-01',
      block: 0,
      minTs: T0 * 1000 + first * 1_000_003,
      maxTs: T0 * 1000 + last * 1_000_003,
      rawDigest: 'digest',
      writer: 'test',
      columns: schema.columns.map(({ name }) => name),
    };
  };
  const productChange = async (
    product: string,
    change: TestChange,
    base: Snapshot | undefined,
  ): Promise<ProductChange> => {
    const range = change.add?.[product];
    const schema = change.decimals === true ? tradesUnifiedWithDecimals : tradesUnified;
    const removed = (change.remove ?? []).filter(({ path }) => path.includes(`/symbol=${product}/`));
    const present = fileListOf(base, 'coinbase', product)?.present ?? RangeSet.empty;
    const added = range === undefined ? [] : [await write(product, range, schema)];
    return {
      exchange: 'coinbase',
      productId: product,
      symbol: product,
      addFiles: added,
      removeFiles: removed.map(({ path }) => path),
      addPresent: (added[0]?.ids ?? RangeSet.empty).difference(present),
      addQuarantined: RangeSet.empty,
    };
  };
  return {
    store,
    lake,
    options: { lake, config },
    advance: (ms) => {
      now += ms;
    },
    head: async () => (await readHead(store, layout))!,
    commit: async (change) => {
      now += 60_000;
      const base = await readHead(store, layout);
      const products: ProductChange[] = [];
      for (const product of Object.keys(change.add ?? {})) products.push(await productChange(product, change, base));
      const body: Change = {
        kind: change.kind ?? 'transform',
        runId: `run-${now}`,
        time: new Date(now).toISOString(),
        products,
        schemaHash: 's',
        mappingHashes: {},
        sources: {
          raw_coinbase_trades: {
            state: 'complete',
            wanted_end: Object.fromEntries(
              Object.entries(change.add ?? {}).map(([product, [, last]]) => [product, last]),
            ),
          },
        },
        quarantine: [],
        ...(change.lists === undefined ? {} : { replaceProducts: change.lists }),
        ...(change.retired === undefined ? {} : { retired: change.retired }),
      };
      return await commitChange(store, layout, body);
    },
  };
}

/** Paths of a snapshot's files, sorted. */
export function pathsOf({ products }: Snapshot): string[] {
  return products.flatMap(({ files }) => files.map(({ path }) => path)).sort();
}
