import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMemoryStore, type ObjectStore } from '@schemahub/object-store';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { icebergMetadata, icebergRead } from 'icebird';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openIcebergTable } from './table.js';
import { change, committed, newTrades, T0, trades } from './test-support.js';
import { transformOf } from './transforms.js';
import { schemaOf } from './types.js';

// icebird is another implementation of Iceberg in JavaScript, reading over HTTP: https://github.com/hyparam/icebird

interface Row {
  readonly symbol: string;
  readonly id: bigint;
  readonly price: number;
  readonly ts: Date;
}

const store: ObjectStore = createMemoryStore();
let server: Server;
let location: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    void (async () => {
      const held = await store.get(decodeURIComponent(request.url!.slice(1)));
      if (held === undefined) return response.writeHead(404).end();
      const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
      const bytes =
        range === null
          ? held.bytes
          : held.bytes.subarray(Number(range[1]), range[2] === '' ? undefined : Number(range[2]) + 1);
      response.writeHead(range === null ? 200 : 206, { 'content-length': bytes.length });
      return response.end(request.method === 'HEAD' ? undefined : bytes);
    })();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  location = `http://127.0.0.1:${(server.address() as AddressInfo).port}/t`;
});
afterAll(() => server.close());

function rows(symbol: string, from: number, count: number, month: number): Row[] {
  return Array.from({ length: count }, (_, at) => ({
    symbol,
    id: 2n ** 62n + BigInt(from + at),
    price: (from + at) / 8,
    ts: new Date(Date.UTC(2026, month, 2, 0, 0, at)),
  }));
}

/** Writes rows as a Parquet file of one partition, with field ids. */
async function write(name: string, some: readonly Row[], fee?: number) {
  const columnData = [
    { name: 'symbol', data: some.map(({ symbol }) => symbol) },
    { name: 'id', data: some.map(({ id }) => id) },
    { name: 'price', data: some.map(({ price }) => price) },
    { name: 'ts', data: some.map(({ ts }) => BigInt(ts.getTime()) * 1000n) },
    ...(fee === undefined ? [] : [{ name: 'fee', data: some.map(() => fee) }]),
  ];
  const leaf = (id: number, column: string, type: string, more: object = {}) => ({
    name: column,
    type,
    repetition_type: 'REQUIRED',
    field_id: id,
    ...more,
  });
  const schema = [
    { name: 'root', num_children: columnData.length },
    leaf(1, 'symbol', 'BYTE_ARRAY', { converted_type: 'UTF8' }),
    leaf(2, 'id', 'INT64'),
    leaf(3, 'price', 'DOUBLE'),
    leaf(4, 'ts', 'INT64', { logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' } }),
    ...(fee === undefined ? [] : [leaf(5, 'fee', 'DOUBLE')]),
  ];
  const bytes = new Uint8Array(parquetWriteBuffer({ columnData, schema: schema as never }));
  const key = `t/data/${name}.parquet`;
  await store.putIfAbsent(key, bytes);
  const month = transformOf('month', { kind: 'timestamptz' }).apply(BigInt(some[0]!.ts.getTime()) * 1000n);
  return { key, partition: [some[0]!.symbol, month] as const, rows: some.length, bytes: bytes.length };
}

async function readByIcebird(): Promise<Record<string, unknown>[]> {
  const metadata = await icebergMetadata({ tableUrl: location });
  const found = await icebergRead({ tableUrl: location, metadata });
  return found.sort((a, b) => (a.id < b.id ? -1 : 1));
}

describe('a second reader', () => {
  it('sees the rows of appends, removals, joined manifests and a new column', async () => {
    const table = openIcebergTable({ store, prefix: 't', location });
    let entry = committed(await table.create(newTrades));
    const all: Row[] = [];
    const files = [];
    for (let at = 0; at < 6; at += 1) {
      const some = rows(at % 2 === 0 ? 'BTC-USD' : 'ETH-USD', at * 100, 5 + at, at);
      files.push(await write(`f${at}`, some));
      all.push(...some);
      entry = committed(await table.commit(entry, change([files[at]!], [], { fanIn: 2, timestampMs: T0 + at })));
    }
    expect(await readByIcebird()).toEqual(all);
    // Compaction: two files become one, the rows stay.
    const [a, , c] = files;
    const merged = await write('merged', rows('BTC-USD', 0, 5, 0));
    entry = committed(await table.commit(entry, change([merged], [a!], { operation: 'replace' })));
    expect(await readByIcebird()).toEqual(all);
    // Files go, and come with a column that the others lack.
    const wider = schemaOf({
      ...trades,
      columns: [...trades.columns, { fieldId: 5, name: 'fee', type: 'double', nullable: true, doc: '' }],
    });
    const late = rows('SOL-USD', 900, 3, 7);
    entry = committed(await table.commit(entry, change([await write('late', late, 0.5)], [c!], { schema: wider })));
    const left = [...all.filter(({ id }) => id < 2n ** 62n + 200n || id >= 2n ** 62n + 300n), ...late];
    const read = await readByIcebird();
    expect(read.map(({ id }) => id)).toEqual(left.map(({ id }) => id));
    expect(read.map(({ fee }) => fee ?? null)).toEqual(left.map(({ symbol }) => (symbol === 'SOL-USD' ? 0.5 : null)));
    expect((await table.files(entry)).reduce((sum, file) => sum + file.rows, 0)).toBe(left.length);
  });
});
