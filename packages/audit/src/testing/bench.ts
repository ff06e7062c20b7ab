import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { createCheckpointStore } from '@schemahub/checkpoint';
import { type CellValue, type ColumnBatch, cellAt } from '@schemahub/columns';
import { coinbasePolicy, createCoinbaseConnector } from '@schemahub/connector-coinbase';
import { createFetchTransport } from '@schemahub/connector-kit';
import { createDocuments, createLeases } from '@schemahub/coordination';
import { type Clock, tradesUnified, tradesUnifiedWithDecimals } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import {
  type CoinbaseProductSpec,
  type CoinbaseSim,
  createCoinbaseSim,
  createVirtualClock,
} from '@schemahub/exchange-sim';
import { createByteBudget, type IngestContext, type IngestMode, ingestDefaults, runIngest } from '@schemahub/ingest';
import {
  type CommitBody,
  createIdReader,
  createLayout,
  type DataFile,
  type FileList,
  fileListOf,
  type Layout,
  type ReadId,
  readHead,
  writeFileList,
} from '@schemahub/lake';
import { createInterpreter, type Interpreter, loadMapping, type Mapping } from '@schemahub/mapping-engine';
import { embeddedMappings } from '@schemahub/mappings';
import { createMemoryStore, currentProcess, type ObjectStore } from '@schemahub/object-store';
import { writeParquet } from '@schemahub/parquet-sink';
import { openParquet } from '@schemahub/parquet-sink/read';
import { createTable, type TransformResult } from '@schemahub/table';
import {
  type AuditProduct,
  type AuditTable,
  type Certificate,
  certify,
  type Finding,
  inspect,
  listAuditProducts,
  readProduct,
  readTable,
} from '../index.js';

export const EXCHANGE = 'coinbase';
const SOURCE = 'raw_coinbase_trades';
const START = Date.parse('2026-11-21T12:00:00Z');
export const readId: ReadId = createIdReader('trade_id');

export const mapping: Mapping = await loadMapping(embeddedMappings['coinbase_trades.yaml']!, {
  schemas: [tradesUnified, tradesUnifiedWithDecimals],
});
export const interpret: Interpreter = createInterpreter(mapping, tradesUnifiedWithDecimals);

/** A lake in memory behind a simulated exchange: ingest, transform and verify in milliseconds. */
export interface Bench {
  readonly sim: CoinbaseSim;
  readonly store: ObjectStore;
  readonly layout: Layout;
  readonly clock: Clock;
  readonly ingest: (mode: IngestMode, products: readonly string[], objectTrades?: number) => Promise<void>;
  readonly transform: () => Promise<TransformResult>;
  /** The certificate; with `keep` it is stored, as the runtime does. */
  readonly verify: (options?: { deep?: boolean; keep?: boolean }) => Promise<Certificate>;
  readonly gather: () => Promise<{ readonly table: AuditTable; readonly products: readonly AuditProduct[] }>;
  readonly keys: (prefix: string) => Promise<string[]>;
  readonly replace: (key: string, change: (bytes: Buffer) => Uint8Array) => Promise<void>;
  readonly remove: (key: string) => Promise<void>;
  /** Changes the head's body as somebody would who knows the format: no later commit vouches for it. */
  readonly editHead: (change: (body: CommitBody) => CommitBody | Promise<CommitBody>) => Promise<void>;
  /** Rewrites a data file row by row, and the file list and commit with it, so that every hash fits. */
  readonly rewriteFile: (
    product: string,
    change: (rows: CellValue[][]) => CellValue[][],
    listed?: (file: DataFile) => DataFile,
  ) => Promise<string>;
}

export async function createBench(
  products: readonly CoinbaseProductSpec[],
  make: { readonly mapping?: Mapping } = {},
): Promise<Bench> {
  const clock = createVirtualClock({ nowMs: START });
  const sim = createCoinbaseSim({ seed: 7, rateLimit: false, products, clock });
  const store = createMemoryStore({ now: clock.now });
  const layout = createLayout();
  const documents = createDocuments(store);
  const checkpoints = createCheckpointStore({ documents, keyOf: layout.checkpoint });
  let leases = 0;
  let runs = 0;
  const policy = coinbasePolicy({ userAgent: 'test' });
  const contextOf = (mode: IngestMode, objectTrades: number): IngestContext => ({
    connector: createCoinbaseConnector({
      transport: createFetchTransport({ policy, fetch: (url, init) => sim.fetch(url, init), clock, timeoutMs: 15_000 }),
      baseUrl: 'https://sim.test',
      clock,
    }),
    store,
    layout,
    checkpoints,
    leases: createLeases({
      documents,
      clock,
      holder: currentProcess(),
      createId: () => `lease-${leases++}`,
      keyOf: layout.lock,
    }),
    readId,
    clock,
    random: () => 0.5,
    budget: createByteBudget(256 * 1024 * 1024),
    settings: { ...ingestDefaults, mode, objectTrades },
    onEvent: () => undefined,
    stop: new AbortController().signal,
  });
  const gather: Bench['gather'] = async () => {
    const table = await readTable({ store, layout });
    const names = await listAuditProducts({ store, layout, exchanges: [EXCHANGE], lists: table.lists });
    const read = names.map(({ exchange, productId }) =>
      readProduct({
        store,
        layout,
        exchange,
        productId,
        readId,
        readCheckpoint: checkpoints.read,
        proof: 'id-contiguous',
      }),
    );
    return { table, products: await Promise.all(read) };
  };
  const bench: Bench = {
    sim,
    store,
    layout,
    clock,
    gather,
    ingest: async (mode, ids, objectTrades = 100_000) => {
      const result = await runIngest(contextOf(mode, objectTrades), ids);
      const bad = result.products.find(({ state }) => state !== 'complete' && state !== 'incomplete');
      if (bad !== undefined) throw new Error(`${bad.productId}: ${bad.reason}`);
    },
    transform: async () => {
      const { products: read } = await gather();
      const table = createTable({
        store,
        layout,
        schema: tradesUnified,
        mappings: { [SOURCE]: make.mapping ?? mapping },
        runId: `run-${runs++}`,
        clock,
      });
      return await table.transform({
        products: read.map(({ productId, rawNames, rawIds, evidence }) => ({
          exchange: EXCHANGE,
          productId,
          symbol: evidence.symbol ?? productId,
          source: SOURCE,
          names: rawNames,
          fetched: rawIds,
          state: 'complete',
        })),
      });
    },
    verify: async ({ deep = false, keep = false } = {}) => {
      const { table, products: read } = await gather();
      const inspected: Finding[] = [];
      const own = make.mapping === undefined ? interpret : createInterpreter(make.mapping, tradesUnifiedWithDecimals);
      const all = read.map((product) => ({
        product,
        list: table.lists.find((list) => list.productId === product.productId),
        readId,
        interpret: own,
      }));
      if (deep)
        for await (const finding of inspect({ store, schema: tradesUnifiedWithDecimals, products: all }))
          inspected.push(finding);
      const certificate = certify({
        table,
        products: read,
        now: clock.now(),
        ...(deep ? { inspected } : {}),
      });
      if (keep) {
        const key = layout.certificate(certificate.commit?.number ?? 0);
        const held = await store.get(key);
        await store.putIfMatch(key, Buffer.from(JSON.stringify(certificate)), held?.version);
      }
      return certificate;
    },
    keys: async (prefix) => {
      const keys: string[] = [];
      for await (const { key } of store.list(prefix)) keys.push(key);
      return keys;
    },
    replace: async (key, change) => {
      const held = await store.get(key);
      await store.putIfMatch(key, change(Buffer.from(held!.bytes)), held!.version);
    },
    remove: (key) => store.delete([key]),
    editHead: async (change) => {
      const head = await readHead(store, layout);
      const body = await change(head!.commit);
      await bench.replace(layout.commit(head!.number), () => Buffer.from(JSON.stringify(body)));
    },
    rewriteFile: async (product, change, listed = (file) => file) => {
      const list = fileListOf(await readHead(store, layout), EXCHANGE, product)!;
      const file = list.files[0]!;
      const bytes = await rewrite((await store.get(file.path))!.bytes, change);
      await bench.replace(file.path, () => bytes);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const next = listed({ ...file, bytes: bytes.length, sha256 });
      await editList(bench, product, (old) => {
        const files = [next, ...old.files.slice(1)];
        return { ...old, files, present: files.reduce((ids, one) => ids.union(one.ids), RangeSet.empty) };
      });
      return file.path;
    },
  };
  return bench;
}

/** Replaces the list of a product in the head, sums of the commit included. */
export async function editList(bench: Bench, product: string, change: (list: FileList) => FileList): Promise<void> {
  const list = fileListOf(await readHead(bench.store, bench.layout), EXCHANGE, product)!;
  const next = change(list);
  const key = await writeFileList(bench.store, bench.layout, next);
  const sum = (of: (file: DataFile) => number): number => next.files.reduce((all, file) => all + of(file), 0);
  await bench.editHead((body) => ({
    ...body,
    products: body.products.map((one) =>
      one.product_id === product
        ? {
            ...one,
            list: key,
            files: next.files.length,
            rows: sum(({ rows }) => rows),
            bytes: sum(({ bytes }) => bytes),
          }
        : one,
    ),
  }));
}

async function rewrite(bytes: Uint8Array, change: (rows: CellValue[][]) => CellValue[][]): Promise<Uint8Array> {
  const rows: CellValue[][] = [];
  for await (const batch of (await openParquet({ bytes })).batches(tradesUnified))
    for (let row = 0; row < batch.rows; row += 1) rows.push(batch.columns.map((column) => cellAt(column, row)));
  const changed = change(rows);
  const batch: ColumnBatch = {
    schema: tradesUnified,
    rows: changed.length,
    columns: tradesUnified.columns.map(({ name, type }, index) => {
      const values = changed.map((row) => row[index]!);
      if (name === 'trade_id') return { kind: 'id', values: Float64Array.from(values, Number) };
      if (type === 'string') return { kind: 'text', values: values.map(String) };
      return { kind: type === 'double' ? 'double' : 'timestamp', values: Float64Array.from(values, Number) };
    }),
  };
  const parts: Uint8Array[] = [];
  for await (const part of writeParquet([batch], { schema: tradesUnified }).bytes) parts.push(part);
  return Buffer.concat(parts);
}

/** Changes the text within a gzip object. */
export function editText(change: (text: string) => string): (bytes: Buffer) => Uint8Array {
  return (bytes) => gzipSync(change(gunzipSync(bytes).toString('utf8')));
}

export function flipByte(at: number): (bytes: Buffer) => Uint8Array {
  return (bytes) => {
    const copy = Buffer.from(bytes);
    copy[at < 0 ? copy.length + at : at]! ^= 0x40;
    return copy;
  };
}
