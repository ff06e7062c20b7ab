import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CoinbaseSim, createCoinbaseSim, type SimServer, serve } from '@schemahub/exchange-sim';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exitCodes } from './exit-codes.js';
import { type BuiltCli, buildCli } from './testing/built-cli.js';
import { expectedRows, readTableRows } from './testing/lake-files.js';
import type { CliRun } from './testing/virtual-run.js';

const PRODUCTS = { 'A-USD': 20_000, 'B-USD': 5000, 'C-USD': 640 };
const NAMES = Object.keys(PRODUCTS);
/** Commands of each of the five that work side by side. */
const ROUNDS = 12;

let cli: BuiltCli;
let folder: string;
let server: SimServer;
let sim: CoinbaseSim;

beforeAll(async () => {
  cli = await buildCli();
  folder = await mkdtemp(join(tmpdir(), 'schemahub-side-by-side-'));
  const endTime = Date.now() - 15 * 60_000;
  sim = createCoinbaseSim({
    seed: 'side-by-side',
    rateLimit: false,
    products: Object.entries(PRODUCTS).map(([id, trades]) => ({ id, trades, endTime })),
  });
  server = await serve(sim);
});
afterAll(async () => {
  await server?.close();
  await cli?.remove();
  await rm(folder, { recursive: true, force: true });
});

async function run(args: readonly string[], codes: readonly number[] = [exitCodes.complete]): Promise<CliRun> {
  const ended = await cli.run(args, {
    folder,
    environment: {
      COINBASE_API_URL: server.url,
      SCHEMAHUB_COINBASE_RATE: '1000',
      SCHEMAHUB_COINBASE_BURST: '100',
      SCHEMAHUB_OBJECT_TRADES: '2000',
    },
  });
  expect(codes, `${args.join(' ')}: ${ended.out}${ended.err}`).toContain(ended.code);
  return ended;
}

/** Rows and distinct keys, through our commits or through the Iceberg metadata. */
async function counts(...via: string[]): Promise<number[]> {
  const sql = 'SELECT count(*) AS n, count(DISTINCT (symbol, trade_id)) AS keys FROM trades_unified';
  const { out } = await run(['query', sql, '-o', 'csv', ...via]);
  return out.trim().split(/\r?\n/)[1]!.split(',').map(Number);
}

async function rounds(work: (round: number) => Promise<unknown>): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) await work(round);
}

it('fetching, transforming, cleaning and reading side by side: readers see whole snapshots, nothing is lost or doubled', async () => {
  await run(['backfill', ...NAMES]);
  await run(['transform']);
  // Incomplete: newer trades are in raw. Held: the other transform, or its like, is at work.
  const busy = [exitCodes.complete, exitCodes.incomplete, exitCodes.held];
  const writers: readonly (readonly string[])[] = [
    ['transform'],
    ['compact'],
    ['transform', '--iceberg', 'none'],
    ['transform', '--rebuild'],
  ];
  const cleaners: readonly (readonly string[])[] = [
    ['vacuum', '--keep', '1m'],
    ['iceberg', 'expire', '--keep', '1m'],
    ['iceberg', 'publish'],
    ['verify', '--deep'],
  ];
  await Promise.all([
    rounds(async (round) => {
      sim.control.addTrades(NAMES[round % NAMES.length]!, 300);
      await run(['ingest', ...NAMES], busy);
    }),
    rounds((round) => run(writers[round % writers.length]!, busy)),
    rounds(() => run(['transform'], busy)),
    rounds((round) => run(cleaners[round % cleaners.length]!, busy)),
    ...[[], ['--via', 'iceberg']].map(async (via) => {
      let before = 0;
      await rounds(async () => {
        const [rows, keys] = await counts(...via);
        expect(keys).toBe(rows);
        expect(rows).toBeGreaterThanOrEqual(before);
        before = rows!;
      });
    }),
  ]);

  await run(['ingest', ...NAMES]);
  await run(['transform']);
  await run(['iceberg', 'publish']);
  await run(['verify', '--deep']);
  const { snapshots, current } = (await run(['snapshots', '--files', '--json'])).json<{
    current: number;
    snapshots: { number: number; files: { path: string }[] }[];
  }>();
  const files = snapshots.find(({ number }) => number === current)?.files.map(({ path }) => path) ?? [];
  const { bySymbol } = await readTableRows(join(folder, 'lake'), files);
  for (const product of NAMES) expect(bySymbol[product]).toEqual(expectedRows(sim, product));
  expect(await counts('--via', 'iceberg')).toEqual(await counts());
}, 300_000);
