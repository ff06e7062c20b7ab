import { join } from 'node:path';
import {
  type DynamoSim,
  type S3Fault,
  type S3Request,
  type S3Sim,
  startDynamoSim,
  startS3Sim,
} from '@schemahub/aws-sim';
import { metrics } from '@schemahub/observability';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from './exit-codes.js';
import { createStandingClock } from './testing/standing-clock.js';
import { type CliRun, createWorld, WORLD_NEWEST, WORLD_NOW, type World } from './testing/virtual-run.js';

const products = ['BTC-USD', 'ETH-USD', 'SOL-USD', 'XRP-USD', 'WLD-USD'].map((id, index) => ({
  id,
  trades: 3000 + 100 * index,
  firstId: 1 + 10 * index,
  voids: [17 + 100 * index, { first: 1200, last: 1240 }],
  endTime: WORLD_NEWEST,
}));
const names = products.map(({ id }) => id);
const LAKE = 's3://lake/schemahub';

let world: World;
let s3: S3Sim;
let dynamo: DynamoSim;
/** What happens to requests to S3; set by a test. */
let fault: ((request: S3Request) => S3Fault | undefined) | undefined;
const clock = createStandingClock(WORLD_NOW);
/** The exchange's clock goes on by 6 s with every answer: two probes of a hole are never too close. */
let answers = 0;
const exchangeClock = { ...clock, now: () => clock.now() + 6000 * answers++ };

beforeAll(async () => {
  s3 = await startS3Sim({ now: clock.now, fault: (request) => fault?.(request) });
  dynamo = await startDynamoSim({ locks: 'schemahub-locks', health: 'schemahub-exchange-health' });
  world = await createWorld({ products, clock, sim: { requestLog: 5000, clock: exchangeClock } });
});
afterAll(async () => {
  await world.remove();
  await s3.close();
  await dynamo.close();
});

function environment(more: Record<string, string> = {}): Record<string, string> {
  return {
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
    DYNAMODB_LOCKS_TABLE: 'schemahub-locks',
    DYNAMODB_HEALTH_TABLE: 'schemahub-exchange-health',
    SCHEMAHUB_OBJECT_TRADES: '1000',
    SCHEMAHUB_CACHE_DIR: join(world.folder, 'cache'),
    ...more,
  };
}

const onS3 = (args: readonly string[], more?: Record<string, string>): Promise<CliRun> =>
  world.run([...args, '--lake', LAKE], { environment: environment(more) });
const onFolder = (args: readonly string[]): Promise<CliRun> =>
  world.run(args, { environment: { SCHEMAHUB_OBJECT_TRADES: '1000' } });

async function complete(run: Promise<CliRun>, what: string): Promise<CliRun> {
  const ended = await run;
  expect(ended.code, `${what}: ${ended.out}${ended.err}`).toBe(exitCodes.complete);
  return ended;
}

/** sha256 of the live data files, by their folder: names hold a run's id, contents do not. */
async function liveHashes(run: (args: readonly string[]) => Promise<CliRun>): Promise<string[]> {
  const { current, snapshots } = (await run(['snapshots', '--files', '--json'])).json<{
    current: number;
    snapshots: { number: number; files: { path: string; sha256: string }[] }[];
  }>();
  const files = snapshots.find(({ number }) => number === current)?.files ?? [];
  return files.map(({ path, sha256 }) => `${path.replace(/[^/]+$/, '')} ${sha256}`).sort();
}

/** Lets a run live until it has made so many writes; then nothing it sends arrives any more. */
function cutOffAfter(writes: number): void {
  let left = writes;
  fault = ({ operation }) => {
    if (operation === 'PutObject') left--;
    return left < 0 ? { when: 'before', reset: true } : undefined;
  };
}

describe('the whole scenario on S3 and DynamoDB', () => {
  it('a backfill that is cut off at any of its writes is taken up by the next, and nothing is fetched twice', async () => {
    for (const writes of [0, 1, 4, 9, 15]) {
      cutOffAfter(writes);
      const { code, err } = await onS3(['backfill', ...names]);
      fault = undefined;
      expect([exitCodes.error, exitCodes.incomplete], err).toContain(code);
      expect(err).toMatch(/nothing is lost/);
    }
    const { err } = await complete(onS3(['backfill', ...names]), 'backfill');
    expect(err).toMatch(/complete: .* 0 missing/);
    const raw = [...s3.bucket('lake').objects.keys()].filter((key) => key.startsWith('schemahub/raw_coinbase_trades/'));
    const held = raw.reduce((sum, key) => sum + Number(/_(\d+)_[0-9a-f]+\.jsonl\.gz$/.exec(key)?.[1]), 0);
    expect(held).toBe(names.reduce((sum, name) => sum + world.sim.control.countOf(name), 0));
  });

  it('a transform that is cut off commits nothing by halves', async () => {
    for (const writes of [0, 2, 5, 10]) {
      cutOffAfter(writes);
      const { code } = await onS3(['transform']);
      fault = undefined;
      expect([exitCodes.error, exitCodes.complete]).toContain(code);
    }
    await complete(onS3(['transform']), 'transform');
    const { out } = await complete(onS3(['verify', '--deep']), 'verify');
    expect(out).toMatch(/PROVEN: 5 products, .* 0 missing/);
  });

  it('grows, and ends with the very files of a lake on a folder', async () => {
    await complete(onFolder(['backfill', ...names]), 'backfill');
    await complete(onFolder(['transform']), 'transform');
    clock.set(WORLD_NOW + 3_600_000);
    world.sim.control.addTrades('BTC-USD', 1500);
    world.sim.control.addTrades('WLD-USD', 3);
    for (const run of [onFolder, onS3]) {
      await complete(run(['ingest', ...names]), 'ingest');
      await complete(run(['transform']), 'transform');
      await complete(run(['compact']), 'compact');
    }
    const onFolderFiles = await liveHashes(onFolder);
    expect(onFolderFiles.length).toBeGreaterThanOrEqual(5);
    expect(await liveHashes(onS3)).toEqual(onFolderFiles);
    const { out } = await complete(onS3(['verify', '--deep']), 'verify');
    expect(out).toMatch(/PROVEN: 5 products/);
  });

  it('every command again changes nothing in the bucket', async () => {
    await complete(onS3(['vacuum']), 'vacuum');
    const etags = (): string[] => [...s3.bucket('lake').objects].map(([key, { etag }]) => `${key} ${etag}`);
    const before = etags();
    for (const args of [
      ['backfill', ...names],
      ['ingest', ...names],
      ['repair'],
      ['transform'],
      ['compact'],
      ['vacuum'],
      ['verify'],
      ['status'],
      ['snapshots'],
    ]) {
      await complete(onS3(args), args.join(' '));
      expect(etags(), args.join(' ')).toEqual(before);
    }
  });

  it('SQL reads copies of the snapshot’s files, and the second query fetches none of them', async () => {
    const sql = 'SELECT count(*) AS n FROM trades_unified';
    const expected = names.reduce((sum, name) => sum + world.sim.control.countOf(name), 0);
    const first = await complete(onS3(['query', sql, '-o', 'csv']), 'query');
    expect(first.out.trim().split(/\r?\n/)).toEqual(['n', String(expected)]);
    const before = s3.requests.length;
    await complete(onS3(['query', sql, '-o', 'csv']), 'query');
    const data = s3.requests.slice(before).filter(({ key }) => key.endsWith('.parquet'));
    expect(data).toEqual([]);
    const raw = await complete(onS3(['query', 'SELECT count(*) AS n FROM raw_coinbase_trades', '-o', 'csv']), 'query');
    expect(raw.out.trim().split(/\r?\n/)).toEqual(['n', String(expected)]);
    await complete(onS3(['quality', '--stale-minutes', '100000']), 'quality');
  });

  it('a query that would fetch more than it may is told how much, before anything is fetched', async () => {
    const gets = s3.requests.length;
    const cache = { SCHEMAHUB_CACHE_DIR: join(world.folder, 'empty-cache') };
    const sql = 'SELECT count(*) AS n FROM raw_coinbase_trades';
    const { code, err } = await onS3(['query', sql, '--max-fetch', '0'], cache);
    expect(code, err).toBe(exitCodes.usage);
    expect(err).toMatch(/would fetch \d+ files with 1 MB from s3:\/\/lake\/schemahub.*--engine athena.*--max-fetch 1/);
    const bodies = s3.requests
      .slice(gets)
      .filter(({ operation, key }) => operation === 'GetObject' && /(parquet|jsonl\.gz)$/.test(key));
    expect(bodies).toEqual([]);
  });

  it('leaves no lease behind, and none of them lies in the bucket', async () => {
    const locks = [...s3.bucket('lake').objects.keys()].filter((key) =>
      /^schemahub\/locks\/(product|job|circuit)/.test(key),
    );
    expect(locks).toEqual([]);
  });

  it('two tasks at once share the products by their leases: no window is asked for twice', async () => {
    world.sim.control.addTrades('BTC-USD', 2500);
    world.sim.control.addTrades('ETH-USD', 2500);
    const before = world.requests();
    const both = await Promise.all([onS3(['ingest', ...names]), onS3(['ingest', ...names])]);
    for (const { code, err } of both) expect([exitCodes.complete, exitCodes.held], err).toContain(code);
    const catalogueAndHeads = 2 * (1 + names.length);
    expect(world.requests() - before).toBeLessThanOrEqual(catalogueAndHeads + 6);
    await complete(onS3(['transform']), 'transform');
    await complete(onS3(['verify']), 'verify');
  });
});

describe('status', () => {
  it('tells what all processes wrote to the health table, and has nothing to tell without one', async () => {
    const { out } = await complete(onS3(['status']), 'status');
    expect(out).toMatch(
      /^ {2}health table: healthy, 0\.0 % errors, answers in \d+ ms on average, last good answer 20/m,
    );
    const { exchanges } = (await onS3(['status', '--json'])).json<{ exchanges: { shared: unknown }[] }>();
    expect(exchanges[0]?.shared).toMatchObject({ status: 'healthy', circuitState: 'closed', errorRate: 0 });
    const without = await complete(onS3(['status'], { DYNAMODB_HEALTH_TABLE: '' }), 'status');
    expect(without.out).not.toContain('health table');
  });
});

describe('quality on the command line', () => {
  it('tells every number that the Lambda tells, about the whole table and its products, a day’s growth too', async () => {
    await complete(onS3(['transform']), 'transform');
    await complete(onS3(['verify']), 'verify');
    clock.set(clock.now() + 25 * 3_600_000);
    world.sim.control.addTrades('SOL-USD', 700);
    for (const args of [['ingest', ...names], ['transform'], ['verify']]) await complete(onS3(args), args[0]!);
    const told = await onS3(['quality', '--stale-minutes', '100000', '--metrics', 'emf', '--log-format', 'json']);
    const whole = new Map<string, unknown>();
    const missing = new Map<unknown, unknown>();
    for (const line of told.err
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as Record<string, unknown>)) {
      if (line.Source === 'all') for (const name of Object.keys(line)) whole.set(name, line[name]);
      else if (line.Product !== undefined) missing.set(`${line.Source}:${line.Product}`, line.MissingTrades);
    }
    const expected = Object.entries(metrics).flatMap(([name, { emitter }]) => (emitter === 'quality' ? [name] : []));
    expect([...whole.keys()].filter((name) => name in metrics).sort()).toEqual(expected.sort());
    const { snapshots, current } = (await onS3(['snapshots', '--files', '--json'])).json<{
      current: number;
      snapshots: { number: number; files: { bytes: number }[] }[];
    }>();
    const bytes = snapshots.find(({ number }) => number === current)!.files.reduce((sum, file) => sum + file.bytes, 0);
    expect(Object.fromEntries(whole)).toMatchObject({ DataCompleteness: 100, DailyGrowth: 700, ParquetBytes: bytes });
    expect([...missing].sort()).toEqual(names.map((name) => [`coinbase:${name}`, 0]).sort());
  });
});

describe('what AWS refuses is told in a sentence, and loses nothing', () => {
  const cases: readonly (readonly [string, number, RegExp, Record<string, string>, S3Fault | undefined])[] = [
    ['access denied', 2, /access denied.*s3:PutObject/, {}, { when: 'before', status: 403, code: 'AccessDenied' }],
    ['no such bucket', 2, /no bucket nowhere.*aws s3 mb/, { SCHEMAHUB_LAKE: 's3://nowhere/x' }, undefined],
    [
      'another region',
      2,
      /not in eu-west-1 but in us-east-1.*AWS_REGION=us-east-1/,
      { AWS_REGION: 'eu-west-1' },
      undefined,
    ],
    ['unknown keys', 2, /InvalidAccessKeyId/, { AWS_ACCESS_KEY_ID: 'NOBODY' }, undefined],
    ['expired credentials', 2, /expired: sign in again/, {}, { when: 'before', status: 400, code: 'ExpiredToken' }],
    ['throttling', 1, /asks to slow down/, {}, { when: 'before', status: 503, code: 'SlowDown' }],
    ['clock skew', 2, /clock differs from AWS’s/, {}, { when: 'before', status: 403, code: 'RequestTimeTooSkewed' }],
    ['no table', 2, /no such table.*DYNAMODB_LOCKS_TABLE/, { DYNAMODB_LOCKS_TABLE: 'none' }, undefined],
    ['half of the keys', 2, /expected both of them/, { AWS_SECRET_ACCESS_KEY: '' }, undefined],
    ['a folder for checkpoints beside leases', 2, /--checkpoint-dir/, { SCHEMAHUB_CHECKPOINT_DIR: 'state' }, undefined],
    ['a bucket and a lake', 2, /expected one of them/, { SCHEMAHUB_LAKE: './lake', S3_BUCKET: 'lake' }, undefined],
  ];

  it.each(cases)('%s', async (_what, code, sentence, more, trouble) => {
    world.sim.control.addTrades('BTC-USD', 5);
    const objects = new Map(s3.bucket('lake').objects);
    fault = trouble && (() => trouble);
    const inEnvironment = { SCHEMAHUB_LAKE: LAKE, ...more };
    for (const args of [['ingest', 'BTC-USD'], ['transform']]) {
      const ended = await world.run(args, { environment: environment(inEnvironment), plain: true });
      expect(ended.code, `${args.join(' ')}: ${ended.err}`).toBe(code);
      expect(ended.err).toMatch(sentence);
    }
    fault = undefined;
    expect([...s3.bucket('lake').objects.keys()]).toEqual([...objects.keys()]);
    await complete(onS3(['ingest', 'BTC-USD']), 'ingest afterwards');
  });
});
