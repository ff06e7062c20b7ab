// 2,000 commits on a table of 1,000 files in a folder: what one commit costs, by when it came. Each commit brings two
// files and takes two; one in twenty compacts (ten become one, then nine come). The peer writes the whole table at each
// commit. Not a store in memory: its growing heap would make each garbage collection dearer, and so every later commit.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CatalogEntry, type NewDataFile, openIcebergTable, type TableChange } from '@schemahub/iceberg';
import { createFolderStore, type ObjectStore } from '@schemahub/object-store';

const FILES = 1000;
const COMMITS = Number(process.argv[2] ?? 2000);
const WINDOW = 200;
const HOURS_3 = 3 * 3_600_000;
const T0 = Date.UTC(2026, 0, 1);

/** mulberry32: the same files in every run. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function file(number: number, random: () => number): NewDataFile {
  const symbol = `P${String(Math.floor(random() * 50)).padStart(2, '0')}-USD`;
  const ts = BigInt(T0) * 1000n + BigInt(number);
  return {
    key: `t/v1/exchange=COINBASE/symbol=${symbol}/month=2026-01/unified_trades_0_0f8fad5b-d9cb-469f-a165-70867728950e_${number}.parquet`,
    partition: ['COINBASE', symbol, 672],
    rows: 100_000,
    bytes: 1_100_000,
    columns: Array.from({ length: 8 }, (_, at) => ({
      fieldId: at + 1,
      size: 137_500,
      values: 100_000,
      nulls: 0,
      ...bounds(at, symbol, ts),
    })),
    sortOrderId: 0,
  };
}

function bounds(at: number, symbol: string, ts: bigint) {
  if (at === 1) return { lower: symbol, upper: symbol };
  if (at === 4 || at === 5) return { nans: 0, lower: 1.5, upper: 84_429.83 };
  return at >= 6 ? { lower: ts, upper: ts + 1_000_000n } : { lower: 'BUY', upper: 'SELL' };
}

function counting(store: ObjectStore) {
  const seen = { gets: 0, puts: 0, bytes: 0 };
  const wrapped: ObjectStore = {
    ...store,
    get: (key, options) => {
      seen.gets += 1;
      return store.get(key, options);
    },
    putIfAbsent: (key, body) => {
      seen.puts += 1;
      seen.bytes += (body as Uint8Array).length;
      return store.putIfAbsent(key, body);
    },
  };
  return { store: wrapped, seen };
}

const types = ['string', 'string', 'string', 'string', 'double', 'double', 'timestamptz', 'timestamptz'];
const names = ['exchange', 'symbol', 'trade_id', 'side', 'price', 'quantity', 'trade_ts', 'ingest_ts'];

async function measure(label: string, commits: number, isWhole: boolean): Promise<void> {
  const random = createRandom(7);
  const folder = await mkdtemp(join(tmpdir(), 'schemahub-iceberg-'));
  const { store, seen } = counting(createFolderStore({ folder }));
  const table = openIcebergTable({ store, prefix: 't', location: 's3://bucket/schemahub/t' });
  const made = await table.create({
    uuid: '0f8fad5b-d9cb-469f-a165-70867728950e',
    schema: {
      type: 'struct',
      'schema-id': 0,
      fields: names.map((name, at) => ({ id: at + 1, name, required: true, type: types[at]! })),
    },
    spec: {
      'spec-id': 0,
      fields: [
        { 'source-id': 1, 'field-id': 1000, name: 'exchange', transform: 'identity' },
        { 'source-id': 2, 'field-id': 1001, name: 'symbol', transform: 'identity' },
        { 'source-id': 7, 'field-id': 1002, name: 'trade_ts_month', transform: 'month' },
      ],
    },
    timestampMs: T0,
  });
  let entry = made as CatalogEntry;
  let live: NewDataFile[] = [];
  let next = 0;
  const commit = async (add: NewDataFile[], gone: ReadonlySet<NewDataFile>, number: number): Promise<void> => {
    live = [...live.filter((one) => !gone.has(one)), ...add];
    const timestampMs = T0 + number * HOURS_3;
    const retention = { now: timestampMs, keepMs: 7 * 86_400_000, keepSnapshots: 10, maxSnapshots: 100 };
    const change: TableChange = isWhole
      ? { add: live, remove: [], replaceAll: true, timestampMs, retention }
      : { add, remove: [...gone].map(({ key, partition }) => ({ key, partition })), timestampMs, retention };
    const answer = await table.commit(entry, change);
    if (answer === 'conflict') throw new Error('conflict');
    entry = answer;
  };
  await commit(
    Array.from({ length: FILES }, () => file(next++, random)),
    new Set(),
    0,
  );
  console.log(
    `\n${label}\n\n| commits | CPU ms each | kB written each | reads each | writes each | metadata file kB | snapshots |\n|---|---|---|---|---|---|---|`,
  );
  for (let from = 0; from < commits; from += WINDOW) {
    const before = { ...seen };
    const cpu = process.cpuUsage();
    for (let at = from; at < from + WINDOW; at += 1) {
      const isCompaction = at % 20 === 19;
      const start = Math.floor(random() * (live.length - 10));
      const gone = new Set(live.slice(start, start + (isCompaction ? 10 : 2)));
      await commit(
        Array.from({ length: gone.size }, () => file(next++, random)),
        gone,
        at + 1,
      );
    }
    const { user, system } = process.cpuUsage(cpu);
    const each = (total: number): string => (total / WINDOW).toFixed(1);
    const metadata = (await store.get(`t/metadata/v${entry.version}.metadata.json`))!.bytes.length;
    console.log(
      `| ${from + 1} to ${from + WINDOW} | ${each((user + system) / 1000)} | ${each((seen.bytes - before.bytes) / 1000)} | ${each(seen.gets - before.gets)} | ${each(seen.puts - before.puts)} | ${(metadata / 1000).toFixed(0)} | ${entry.metadata.snapshots.length} |`,
    );
  }
  const held = (await table.files(entry)).map(({ key }) => key).sort();
  const wanted = live.map(({ key }) => key).sort();
  if (JSON.stringify(held) !== JSON.stringify(wanted))
    throw new Error('the table does not show the files that it should');
  await rm(folder, { recursive: true });
}

await measure('publish: what changed', COMMITS, false);
await measure('peer: the whole table at each commit', WINDOW, true);
