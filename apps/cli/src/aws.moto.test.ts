import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTables } from '@schemahub/aws-sim';
import { createCoinbaseSim, serve } from '@schemahub/exchange-sim';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from './exit-codes.js';
import { type BuiltCli, buildCli } from './testing/built-cli.js';
import { createStandingClock } from './testing/standing-clock.js';
import { type CliRun, createWorld, WORLD_NEWEST, WORLD_NOW, type World } from './testing/virtual-run.js';

const endpoint = process.env.MOTO_URL ?? '';
const bucket = `lake-${randomUUID()}`;
const tables = { locks: `locks-${randomUUID()}`, health: `health-${randomUUID()}` };
const aws = {
  S3_BUCKET: bucket,
  AWS_ENDPOINT_URL: endpoint,
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  DYNAMODB_LOCKS_TABLE: tables.locks,
  DYNAMODB_HEALTH_TABLE: tables.health,
  SCHEMAHUB_METRICS: 'cloudwatch',
};

beforeAll(async () => {
  expect((await fetch(`${endpoint}/${bucket}`, { method: 'PUT' })).ok).toBe(true);
  await createTables(endpoint, tables);
});

async function complete(run: Promise<CliRun>, what: string): Promise<CliRun> {
  const ended = await run;
  expect(ended.code, `${what}: ${ended.out}${ended.err}`).toBe(exitCodes.complete);
  expect(ended.err).not.toMatch(/metrics could not be sent|could not be recorded/);
  return ended;
}

describe('five products on moto', () => {
  const products = ['BTC-USD', 'ETH-USD', 'SOL-USD', 'XRP-USD', 'WLD-USD'].map((id, index) => ({
    id,
    trades: 5000 + 1000 * index,
    voids: [17, { first: 1200, last: 1240 }],
    endTime: WORLD_NEWEST,
  }));
  const names = products.map(({ id }) => id);
  const clock = createStandingClock(WORLD_NOW);
  let world: World;
  beforeAll(async () => {
    let answers = 0;
    const exchangeClock = { ...clock, now: () => clock.now() + 6000 * answers++ };
    world = await createWorld({ products, clock, sim: { clock: exchangeClock } });
  });
  afterAll(() => world.remove());

  const onMoto = (args: readonly string[]): Promise<CliRun> =>
    world.run(args, { plain: true, environment: { ...aws, SCHEMAHUB_CACHE_DIR: join(world.folder, 'cache') } });
  const onFolder = (args: readonly string[]): Promise<CliRun> => world.run(args);

  async function liveHashes(run: (args: readonly string[]) => Promise<CliRun>): Promise<string[]> {
    const { current, snapshots } = (await run(['snapshots', '--files', '--json'])).json<{
      current: number;
      snapshots: { number: number; files: { path: string; sha256: string }[] }[];
    }>();
    const files = snapshots.find(({ number }) => number === current)?.files ?? [];
    return files.map(({ path, sha256 }) => `${path.replace(/[^/]+$/, '')} ${sha256}`).sort();
  }

  it('end with the very files of a lake on a folder, proven, and with the metrics of every run', async () => {
    for (const run of [onFolder, onMoto]) {
      await complete(run(['backfill', ...names]), 'backfill');
      await complete(run(['transform']), 'transform');
    }
    clock.set(WORLD_NOW + 3_600_000);
    world.sim.control.addTrades('BTC-USD', 1500);
    for (const run of [onFolder, onMoto]) {
      await complete(run(['ingest', ...names]), 'ingest');
      await complete(run(['transform']), 'transform');
      await complete(run(['compact']), 'compact');
    }
    expect(await liveHashes(onMoto)).toEqual(await liveHashes(onFolder));
    const { out } = await complete(onMoto(['verify', '--deep']), 'verify');
    expect(out).toMatch(/PROVEN: 5 products, .* 0 missing/);
    const counted = await complete(onMoto(['query', 'SELECT count(*) AS n FROM trades_unified', '-o', 'csv']), 'query');
    const expected = names.reduce((sum, name) => sum + world.sim.control.countOf(name), 0);
    expect(counted.out.trim().split(/\r?\n/)[1]).toBe(String(expected));
  });
});

describe('real tasks on one lake', () => {
  let cli: BuiltCli;
  let folder: string;
  beforeAll(async () => {
    cli = await buildCli();
    folder = await mkdtemp(join(tmpdir(), 'schemahub-tasks-'));
  });
  afterAll(async () => {
    await cli.remove();
    await rm(folder, { recursive: true, force: true });
  });

  it('five products, killed three times: the request log shows no landed window asked for again; proven in the end', async () => {
    const names = ['BTC-USD', 'ETH-USD', 'SOL-USD', 'XRP-USD', 'WLD-USD'];
    const endTime = Date.now() - 15 * 60_000;
    const waiting = new Map<number, () => void>();
    let seen = 0;
    const sim = createCoinbaseSim({
      seed: 'killed',
      rateLimit: false,
      latencyMs: 20,
      requestLog: 10_000,
      products: names.map((id) => ({ id, trades: 9000, voids: [17, { first: 1200, last: 1240 }], endTime })),
      script: () => {
        waiting.get(++seen)?.();
        return undefined;
      },
    });
    const server = await serve(sim);
    const environment = {
      ...aws,
      S3_BUCKET: '',
      SCHEMAHUB_LAKE: `s3://${bucket}/killed`,
      SCHEMAHUB_METRICS: 'none',
      COINBASE_API_URL: server.url,
      SCHEMAHUB_COINBASE_RATE: '50',
      SCHEMAHUB_OBJECT_TRADES: '2000',
      SCHEMAHUB_CACHE_DIR: join(folder, 'cache-killed'),
    };
    const options = { environment, folder };
    try {
      for (let kill = 0; kill < 3; kill++) {
        const started = cli.start(['backfill', ...names], options);
        await new Promise<void>((reached) => waiting.set(seen + 30, reached));
        started.kill('SIGKILL');
        await started.ended;
      }
      const backfill = await cli.run(['backfill', ...names], options);
      expect(backfill.code, backfill.err).toBe(exitCodes.complete);
      const windows = sim.control.requests().filter(({ url }) => url.includes('limit=1000')).length;
      // Each kill costs what was in hand and not yet durable, at most an object in the making and one being written for
      // each open product, and the lowest window again.
      expect(windows).toBeLessThanOrEqual(names.length * 9 + 3 * names.length * (2 * 2 + 1) + names.length);
      const killed = cli.start(['transform'], options);
      await killed.seen(/transform|block|\S/).catch(() => '');
      killed.kill('SIGKILL');
      await killed.ended;
      for (const args of [['transform'], ['verify', '--deep']]) {
        const run = await cli.run(args, options);
        expect(run.code, run.out + run.err).toBe(exitCodes.complete);
        if (args[0] === 'verify') expect(run.out).toMatch(/PROVEN: 5 products, .* 0 missing/);
      }
    } finally {
      await server.close();
    }
  });

  it('one is paused past its lease: the other takes over, both end well, no trade is lost or stored twice', async () => {
    const product = { id: 'BTC-USD', trades: 40_000, endTime: Date.now() - 15 * 60_000 };
    const STOPPED_AT = 20;
    let onStop = (): void => undefined;
    let seen = 0;
    const sim = createCoinbaseSim({
      seed: 'tasks',
      rateLimit: false,
      requestLog: 10_000,
      products: [product],
      script: () => {
        if (++seen === STOPPED_AT) onStop();
        return undefined;
      },
    });
    const windows = (): readonly string[] =>
      sim.control.requests().flatMap(({ url }) => /after=\d+&limit=1000/.exec(url)?.[0] ?? []);
    const server = await serve(sim);
    const environment = {
      ...aws,
      S3_BUCKET: '',
      SCHEMAHUB_LAKE: `s3://${bucket}/tasks`,
      LOCK_TTL_SECONDS: '10',
      COINBASE_API_URL: server.url,
      SCHEMAHUB_COINBASE_RATE: '50',
      SCHEMAHUB_CHUNK_CONCURRENCY: '2',
      SCHEMAHUB_OBJECT_TRADES: '2000',
      SCHEMAHUB_CACHE_DIR: join(folder, 'cache'),
    };
    try {
      const paused = cli.start(['backfill', product.id], { environment, folder });
      await new Promise<void>((stopped) => {
        onStop = stopped;
      });
      paused.kill('SIGSTOP');
      const askedByPaused = windows().length;
      // While the lease lives, another task finds nothing to do.
      expect((await cli.run(['backfill', product.id], { environment, folder })).code).toBe(exitCodes.held);
      let over: CliRun;
      do over = await cli.run(['backfill', product.id], { environment, folder });
      while (over.code === exitCodes.held);
      expect(over.code, over.err).toBe(exitCodes.complete);
      const askedByBoth = windows();
      expect(askedByPaused).toBeGreaterThan(10);
      // Asked again is what had not landed: two objects of two windows, the two in flight, and the lowest once more.
      expect(askedByBoth.length - new Set(askedByBoth).size).toBeLessThanOrEqual(2 * 2 + 2 + 1);
      paused.kill('SIGCONT');
      const woken = await paused.ended;
      expect([exitCodes.complete, exitCodes.incomplete, exitCodes.held], woken.err).toContain(woken.code);
      // It looks at its lease before it sends: what others have fetched meanwhile is not asked for by it.
      expect(windows().slice(askedByBoth.length)).toEqual([]);
      expect((await cli.run(['transform'], { environment, folder })).code).toBe(exitCodes.complete);
      const verified = await cli.run(['verify', '--deep'], { environment, folder });
      expect(verified.code, verified.out + verified.err).toBe(exitCodes.complete);
      expect(verified.out).toMatch(/PROVEN: 1 product, 40,000 of 40,000 wanted trades in the table/);
    } finally {
      await server.close();
    }
  });
});
