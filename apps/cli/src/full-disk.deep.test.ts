import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CoinbaseSim, createCoinbaseSim, type SimServer, serve } from '@schemahub/exchange-sim';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from './exit-codes.js';
import { type BuiltCli, buildCli } from './testing/built-cli.js';
import { expectedRows, filesBelow, readTableRows } from './testing/lake-files.js';
import type { CliRun } from './testing/virtual-run.js';

/** A real file system that is full: a small tmpfs, which only root may mount. */
const isRoot = process.getuid?.() === 0;
if (!isRoot) {
  const message = 'A full disk is a small tmpfs, and only root may mount one';
  if (process.env.CI !== undefined) throw new Error(`${message}. Run this suite as root.`);
  process.stderr.write(`SKIPPED: ${message}; the tests of a full disk did not run.\n`);
}

const PRODUCT = 'BTC-USD';
const TRADES = 200_000;

let cli: BuiltCli;
let sim: CoinbaseSim;
let server: SimServer;
let disk: string;
let lake: string;

function mount(megabytes: number, ...more: string[]): void {
  const remount = more.length > 0 ? `remount,` : '';
  execFileSync('mount', ['-t', 'tmpfs', '-o', `${remount}size=${megabytes}m`, 'tmpfs', disk]);
}

beforeAll(async () => {
  if (!isRoot) return;
  cli = await buildCli();
  disk = await mkdtemp(join(tmpdir(), 'schemahub-full-disk-'));
  lake = join(disk, 'lake');
  mount(2);
  sim = createCoinbaseSim({
    seed: 'full-disk',
    rateLimit: false,
    products: [{ id: PRODUCT, trades: TRADES, endTime: Date.now() - 15 * 60_000, voids: [77] }],
  });
  server = await serve(sim);
});
afterAll(async () => {
  if (!isRoot) return;
  await server.close();
  await cli.remove();
  execFileSync('umount', [disk]);
  await rm(disk, { recursive: true, force: true });
});

async function run(...args: string[]): Promise<CliRun> {
  return await cli.run(args, {
    environment: {
      COINBASE_API_URL: server.url,
      SCHEMAHUB_COINBASE_RATE: '1000',
      SCHEMAHUB_COINBASE_BURST: '100',
      SCHEMAHUB_OBJECT_TRADES: '10000',
      SCHEMAHUB_LAKE: lake,
    },
  });
}

async function ends(code: number, ...args: string[]): Promise<CliRun> {
  const ended = await run(...args);
  expect(ended.code, `${args.join(' ')}: ${ended.out}${ended.err}`).toBe(code);
  return ended;
}

function expectSentence({ err }: CliRun): void {
  expect(err).toMatch(/ENOSPC|no space/i);
  expect(err).toContain(lake);
  expect(err).not.toMatch(/^\s+at .*:\d+:\d+/m);
}

async function rawTrades(): Promise<number> {
  const raw = (await filesBelow(lake)).filter((path) => path.startsWith('raw_') && path.endsWith('.jsonl.gz'));
  return raw.reduce((sum, path) => sum + Number(/_(\d+)_[0-9a-f]+\.jsonl\.gz$/.exec(path)?.[1]), 0);
}

/** Fills the disk to the last block. */
async function fill(): Promise<string> {
  const path = join(disk, 'filler');
  const { bavail, bsize } = await statfs(disk);
  await writeFile(path, Buffer.alloc(bavail * bsize));
  return path;
}

describe.runIf(isRoot)('a full disk', () => {
  it('in a backfill: exit 1 with a sentence; with room again it goes on from what is durable', async () => {
    expectSentence(await ends(exitCodes.error, 'backfill', PRODUCT));
    const held = await rawTrades();
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThan(TRADES - 1);
    mount(64, 'again');
    const asked = sim.stats.requests;
    await ends(exitCodes.complete, 'backfill', PRODUCT);
    expect(await rawTrades()).toBe(TRADES - 1);
    // Only windows that were not in a durable object are asked again.
    expect(sim.stats.requests - asked).toBeLessThanOrEqual(Math.ceil((TRADES - held) / 1000) + 10);
  });

  it('in a transform: nothing is committed; with room again it ends in the whole table', async () => {
    const filler = await fill();
    expectSentence(await ends(exitCodes.error, 'transform'));
    expect((await filesBelow(lake)).filter((path) => path.includes('/commits/'))).toEqual([]);
    await rm(filler);
    await ends(exitCodes.complete, 'transform');
    await ends(exitCodes.complete, 'verify', '--deep');
    const { snapshots, current } = (await run('snapshots', '--files', '--json')).json<{
      current: number;
      snapshots: { number: number; files: { path: string }[] }[];
    }>();
    const files = snapshots.find(({ number }) => number === current)?.files.map(({ path }) => path) ?? [];
    expect((await readTableRows(lake, files)).bySymbol[PRODUCT]).toEqual(expectedRows(sim, PRODUCT));
  });

  it('in an ingest on a filled lake: the table is readable meanwhile, and nothing of it changes', async () => {
    const filler = await fill();
    sim.control.addTrades(PRODUCT, 5000);
    const commit = join(lake, 'unified_trades/commits/00000000000000000001.json');
    const before = await readFile(commit);
    expectSentence(await ends(exitCodes.error, 'ingest', PRODUCT));
    expect(await readFile(commit)).toEqual(before);
    const { out } = await ends(exitCodes.complete, 'query', 'SELECT count(*) AS n FROM trades_unified', '-o', 'csv');
    expect(out.trim().split(/\r?\n/)[1]).toBe(String(TRADES - 1));
    await rm(filler);
    await ends(exitCodes.complete, 'ingest', PRODUCT);
    await ends(exitCodes.complete, 'transform');
    await ends(exitCodes.complete, 'verify', '--deep');
  });
});
