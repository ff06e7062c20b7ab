import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { demoProducts } from '@schemahub/exchange-sim';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from './exit-codes.js';
import { expectedRows, filesBelow, lakeHashes, type RowText, readTableRows, rowText } from './testing/lake-files.js';
import { createWorld, WORLD_NEWEST, type World } from './testing/virtual-run.js';

/**
 * The whole path as users meet it, on five products: 640 trades, a hole of 2,500 ids, some voids (one among the lowest
 * thousand ids), 25,000 trades each but the first. Each part builds on the lake that the parts before it left.
 */
const products = demoProducts('acceptance', { endTime: WORLD_NEWEST });
const names = products.map(({ id }) => id);
/** The catalogue and one head a product: what a run costs that has nothing to fetch. */
const IDLE_REQUESTS = 1 + names.length;

let world: World;

beforeAll(async () => {
  world = await createWorld({ products, sim: { requestLog: 1000 } });
});
afterAll(() => world.remove());

async function complete(...args: string[]): Promise<{ out: string; err: string }> {
  const { code, out, err } = await world.run(args);
  expect(code, `${args.join(' ')}: ${out}${err}`).toBe(exitCodes.complete);
  return { out, err };
}

async function liveFiles(): Promise<string[]> {
  const { current, snapshots } = (await world.run(['snapshots', '--files', '--json'])).json<{
    current: number;
    snapshots: { number: number; files: { path: string }[] }[];
  }>();
  return snapshots.find(({ number }) => number === current)?.files.map(({ path }) => path) ?? [];
}

async function duckdbRows(paths: readonly string[]): Promise<Record<string, RowText[]>> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const list = paths.map((path) => `'${join(world.lake, path)}'`).join(', ');
  const rows: Record<string, RowText[]> = {};
  const reader = await connection.runAndReadAll(
    `SELECT symbol, trade_id, side, price, quantity, epoch_us(trade_ts) FROM read_parquet([${list}], hive_partitioning = false) ORDER BY symbol, trade_id::BIGINT`,
  );
  for (const [symbol, id, side, price, quantity, micros] of reader.getRows()) {
    const own = rows[String(symbol)] ?? [];
    rows[String(symbol)] = own;
    own.push(rowText(String(id), String(side), Number(price), Number(quantity), micros as bigint));
  }
  connection.closeSync();
  return rows;
}

async function expectTruth(): Promise<void> {
  const paths = await liveFiles();
  const ours = await readTableRows(world.lake, paths);
  const theirs = await duckdbRows(paths);
  expect(Object.keys(ours.bySymbol).sort()).toEqual([...names].sort());
  for (const name of names) {
    const expected = expectedRows(world.sim, name);
    // Compared as one text: a difference of one row in 25,000 is found all the same, and told in a line.
    expect(firstDifference(ours.bySymbol[name] ?? [], expected), `${name} read by parquet-sink`).toBeUndefined();
    expect(firstDifference(theirs[name] ?? [], expected), `${name} read by DuckDB`).toBeUndefined();
  }
}

function firstDifference(got: readonly RowText[], expected: readonly RowText[]): string | undefined {
  if (got.length === 0 || expected.length === 0) return `${got.length} rows, expected ${expected.length}`;
  const at = expected.findIndex((row, i) => row !== got[i]);
  if (at >= 0) return `row ${at}: ${got[at]}, expected ${expected[at]}`;
  return got.length === expected.length ? undefined : `${got.length} rows, expected ${expected.length}`;
}

describe('five products, from nothing', () => {
  it('backfill, transform and verify give exactly the exchange’s trades', async () => {
    const { err } = await complete('backfill', ...names);
    expect(err).toMatch(
      /complete: 5 products asked, 103,190 wanted, 100,640 in raw, 2,550 void, 0 missing \(100,640 new\)/,
    );
    await complete('transform');
    await expectTruth();
    const verified = await complete('verify', '--deep');
    expect(verified.out).toMatch(/PROVEN: 5 products, 100,640 .* 2,550 .*void, 0 missing \(commit 1, sha256 [0-9a-f]/);
  });

  it('SQL sees each trade once, the taker’s side, and every raw record', async () => {
    const { out } = await complete(
      'query',
      'SELECT symbol, count(*) AS n, count(DISTINCT trade_id) AS d, min(trade_id::BIGINT) AS a, max(trade_id::BIGINT) AS z FROM trades_unified GROUP BY 1 ORDER BY 1',
      '-o',
      'csv',
    );
    const lines = names.toSorted().map((name) => {
      const { firstId = 1, trades } = products.find(({ id }) => id === name)!;
      const count = world.sim.control.countOf(name);
      return `${name},${count},${count},${firstId},${firstId + trades - 1}`;
    });
    expect(out.trim().split(/\r?\n/).slice(1)).toEqual(lines);
    const raw = await complete('query', 'SELECT count(*) AS n FROM raw_coinbase_trades', '-o', 'csv');
    expect(raw.out.trim().split(/\r?\n/)[1]).toBe('100640');
  });

  it('says the same by --json: one object, nothing else on stdout', async () => {
    const certificate = (await world.run(['verify', '--json', '--no-write'])).json<{
      verdict: string;
      totals: Record<string, number>;
    }>();
    expect(certificate.verdict).toBe('complete');
    expect(certificate.totals).toMatchObject({
      products: 5,
      wanted: 103_190,
      in_table: 100_640,
      void: 2550,
      missing: 0,
      raw_only: 0,
    });
  });
});

describe('every command again', () => {
  const again = [
    ['backfill', ...names],
    ['ingest', ...names],
    ['repair'],
    ['transform'],
    ['compact'],
    ['vacuum'],
    ['verify'],
    ['verify', '--deep'],
    ['status'],
    ['quality'],
    ['quality', '--full-scan'],
    ['transform', '--full-scan'],
    ['snapshots'],
    ['plan', ...names],
    ['seek', 'BTC-USD', '2026-11-20T11:00:00Z'],
    ['run', 'unify', 'trades_unified'],
  ];

  it('changes nothing, byte for byte', async () => {
    // Once each, so that answers that are kept (seek) and lease files are there; then nothing may move any more.
    for (const args of [['repair'], ['compact'], ['vacuum'], ['seek', 'BTC-USD', '2026-11-20T11:00:00Z']])
      await complete(...args);
    const before = await lakeHashes(world.lake);
    expect(Object.keys(before).length).toBeGreaterThan(30);
    for (const args of again) {
      const requests = world.requests();
      await complete(...args);
      expect(await lakeHashes(world.lake), args.join(' ')).toEqual(before);
      if (args[0] === 'ingest' || args[0] === 'backfill')
        expect(world.requests() - requests, args.join(' ')).toBe(IDLE_REQUESTS);
    }
  });

  it('a dry run changes nothing either, also where there is something to do', async () => {
    const before = await lakeHashes(world.lake);
    world.sim.control.addTrades('WLD-USD', 7);
    for (const args of [
      ['ingest', ...names],
      ['backfill', ...names],
      ['backfill', ...names, '--full-refresh'],
      ['repair'],
      ['transform'],
      ['transform', '--rebuild'],
      ['compact'],
      ['vacuum', '--keep', '1m'],
      ['run', 'pipeline', 'coinbase', '--seed-path', await seedOf(world)],
    ]) {
      const { code, err } = await world.run([...args, '--dry-run']);
      expect([0, 3], `${args.join(' ')}: ${err}`).toContain(code);
      expect(await lakeHashes(world.lake), args.join(' ')).toEqual(before);
    }
    const { products: planned } = (await world.run(['ingest', 'WLD-USD', '--dry-run', '--json'])).json<{
      products: { to_fetch: number }[];
    }>();
    expect(planned[0]?.to_fetch).toBe(7);
  });
});

async function seedOf({ folder }: World): Promise<string> {
  const path = join(folder, 'seed.yaml');
  await writeFile(path, `product_ids:\n${names.map((name) => `  - ${name}\n`).join('')}`);
  return path;
}

describe('new trades at the head', () => {
  it('come with the next ingest, in one request a product that has some', async () => {
    world.sim.control.addTrades('BTC-USD', 300);
    world.sim.control.addTrades('SOL-USD', 20);
    const before = world.requests();
    const { err } = await complete('ingest', ...names);
    // WLD-USD has the seven that the dry run only told of.
    expect(err).toMatch(/\(327 new\)/);
    expect(world.requests() - before).toBe(IDLE_REQUESTS + 3);
    await complete('transform');
    await expectTruth();
    await complete('verify');
  });

  it('2,500 more are three windows', async () => {
    world.sim.control.addTrades('BTC-USD', 2500);
    const before = world.requests();
    await complete('ingest', ...names);
    expect(world.requests() - before).toBe(IDLE_REQUESTS + 3);
    await complete('transform');
    await expectTruth();
  });

  it('earlier snapshots answer by number and by time', async () => {
    const { out } = await complete('snapshots', '--files', '--json');
    const { snapshots } = JSON.parse(out) as {
      snapshots: { number: number; time: string; files: { rows: number }[] }[];
    };
    expect(snapshots.length).toBeGreaterThan(2);
    const answer = async (...choice: string[]): Promise<number> => {
      const sql = 'SELECT count(*) AS n FROM trades_unified';
      return Number((await complete('query', sql, '-o', 'csv', ...choice)).out.trim().split(/\r?\n/)[1]);
    };
    const rows = snapshots.map(({ files }) => files.reduce((sum, file) => sum + file.rows, 0));
    expect(new Set(rows).size).toBe(rows.length);
    for (const [at, { number }] of snapshots.entries()) expect(await answer('--snapshot', `${number}`)).toBe(rows[at]);
    const times = [...new Set(snapshots.map(({ time }) => time))];
    for (const time of times) {
      const last = snapshots
        .filter((snapshot) => snapshot.time === time)
        .reduce((a, b) => (b.number > a.number ? b : a));
      expect(await answer('--as-of', time)).toBe(rows[snapshots.indexOf(last)]);
    }
  });

  it('compact makes one file a cell of them and changes no row', async () => {
    const { err } = await complete('compact');
    expect(err).toMatch(/^before +\d+ files, [\d.]+ [kM]?B; opened in \d+ ms, last 100 trades in \d+ ms$/m);
    expect(err).toMatch(/^after +\d+ files, [\d.]+ [kM]?B; opened in \d+ ms, last 100 trades in \d+ ms$/m);
    expect(err).toMatch(/^[\d.]+ CPU s; asked of the store: [\d,]+ reads, [\d,]+ writes, [\d,]+ listings$/m);
    const [before = 0, after = 0] = [...err.matchAll(/^(?:before|after) +(\d+) files/gm)].map(([, files]) =>
      Number(files),
    );
    expect(after).toBeLessThan(before);
    expect(after).toBe((await liveFiles()).length);
    const paths = await liveFiles();
    expect(new Set(paths.map((path) => path.replace(/[^/]+$/, ''))).size).toBe(paths.length);
    await expectTruth();
    const hashes = await lakeHashes(world.lake);
    await complete('compact');
    expect(await lakeHashes(world.lake)).toEqual(hashes);
    await complete('verify', '--deep');
  });
});

describe('checkpoints are a cache', () => {
  const checkpoint = (name: string): string => join(world.lake, 'checkpoints/coinbase', `${name}.json`);
  const contents = async (): Promise<Record<string, unknown>> =>
    Object.fromEntries(
      await Promise.all(
        names.map(async (name) => [name, JSON.parse(await readFile(checkpoint(name), 'utf8'))] as const),
      ),
    );
  const damages: readonly (readonly [string, () => Promise<void>])[] = [
    ['deleted', () => rm(join(world.lake, 'checkpoints'), { recursive: true })],
    ['cut in the middle', () => writeFile(checkpoint('ETH-USD'), '{"version":1,"epoch":0,"exch')],
    ['empty', () => writeFile(checkpoint('SOL-USD'), '')],
    ['of another product', async () => writeFile(checkpoint('WLD-USD'), await readFile(checkpoint('BTC-USD')))],
  ];

  it.each(damages)('%s: rebuilt equal, nothing fetched again', async (_what, damage) => {
    const before = await contents();
    const raw = (await filesBelow(world.lake)).filter((path) => path.startsWith('raw_'));
    await damage();
    const requests = world.requests();
    const { err } = await complete('backfill', ...names);
    expect(err).toMatch(/checkpoint rebuilt from \d+ raw objects/);
    expect(world.requests() - requests).toBe(IDLE_REQUESTS);
    expect(await contents()).toEqual(before);
    expect((await filesBelow(world.lake)).filter((path) => path.startsWith('raw_'))).toEqual(raw);
    await complete('transform');
    await complete('verify');
  });

  it('verify names a damaged one and ends 4; transform needs no other command to go on', async () => {
    const table = await liveFiles();
    await rm(join(world.lake, 'checkpoints'), { recursive: true });
    await complete('verify');
    await complete('status');
    await complete('quality');
    await complete('transform');
    await writeFile(checkpoint('ETH-USD'), 'no JSON at all');
    const { code, err } = await world.run(['verify']);
    expect(code).toBe(exitCodes.damage);
    expect(err).toMatch(/checkpoints\/coinbase\/ETH-USD\.json.*It is a cache: delete it/s);
    await complete('transform');
    await complete('verify');
    expect(await liveFiles()).toEqual(table);
  });

  it('status and quality count the same whether a checkpoint is there, gone or damaged', async () => {
    const told = async (): Promise<unknown[]> => [
      // The lag grows with the clock, and a damaged checkpoint is a finding.
      (await world.run(['status', '--json']))
        .json<{ products: Record<string, unknown>[] }>()
        .products.map(({ lag_seconds: _lag, findings: _findings, ...counts }) => counts),
      (await world.run(['quality', '--json'])).json<{ findings: unknown }>().findings,
    ];
    const before = await told();
    await rm(join(world.lake, 'checkpoints'), { recursive: true, force: true });
    expect(await told()).toEqual(before);
    await complete('transform');
    await writeFile(checkpoint('SOL-USD'), '{');
    expect(await told()).toEqual(before);
    await complete('transform');
  });
});
