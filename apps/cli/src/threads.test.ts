import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type S3Sim, startS3Sim } from '@schemahub/aws-sim';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from './exit-codes.js';
import { type BuiltCli, buildCli, type SpawnOptions } from './testing/built-cli.js';
import { filesBelow } from './testing/lake-files.js';
import { type CliRun, createWorld, type World } from './testing/virtual-run.js';

// `--threads` with real threads, as the build has them. What a thread does is tested in packages/table.

const products = ['BTC-USD', 'ETH-USD', 'SOL-USD'].map((id) => ({ id, trades: 1500 }));
const OBJECT_TRADES = { SCHEMAHUB_OBJECT_TRADES: '1000' };

let cli: BuiltCli;
let world: World;
let s3: S3Sim;
let copies = 0;

beforeAll(async () => {
  cli = await buildCli();
  s3 = await startS3Sim({});
  world = await createWorld({ products });
  await complete(world.run(['backfill', ...products.map(({ id }) => id)], { environment: OBJECT_TRADES }));
});
afterAll(async () => {
  await cli.remove();
  await world.remove();
  await s3.close();
});

async function complete(run: Promise<CliRun>): Promise<CliRun> {
  const ended = await run;
  expect(ended.code, `${ended.out}${ended.err}`).toBe(exitCodes.complete);
  return ended;
}

/** A copy of the raw lake, and the built program on it. */
async function scene(): Promise<{ lake: string; run: (...args: string[]) => Promise<CliRun> }> {
  copies += 1;
  const lake = join(world.folder, `copy-${copies}`);
  await cp(world.lake, lake, { recursive: true });
  return { lake, run: (...args) => cli.run([...args, '--lake', lake], { folder: world.folder }) };
}

interface Snapshots {
  readonly current: number;
  readonly snapshots: readonly {
    readonly number: number;
    readonly files: readonly { readonly path: string; readonly sha256: string }[];
  }[];
}

type Run = (...args: string[]) => Promise<CliRun>;

async function liveFiles(run: Run): Promise<Snapshots['snapshots'][number]['files']> {
  const { current, snapshots } = (await run('snapshots', '--files', '--json')).json<Snapshots>();
  return snapshots.find(({ number }) => number === current)?.files ?? [];
}

/** Folder and sha256 of the live files: names hold a run's id. */
async function liveHashes(run: Run): Promise<string[]> {
  return (await liveFiles(run)).map(({ path, sha256 }) => `${path.replace(/[^/]+$/, '')} ${sha256}`).sort();
}

interface TransformJson {
  readonly totals: unknown;
  readonly products: readonly unknown[];
  readonly stages: readonly { readonly stage: string; readonly items: number; readonly bytes: number }[];
  readonly aws: { readonly s3: Record<string, number> };
}

function told({ totals, products: own, stages }: TransformJson): unknown {
  return { totals, own, stages: stages.map(({ stage, items, bytes }) => ({ stage, items, bytes })) };
}

describe('two threads', () => {
  it('give the files, the report and the requests of one; transform, compact and rebuild', async () => {
    const [one, two] = [await scene(), await scene()];
    const plain = (await complete(one.run('transform', '--json'))).json<TransformJson>();
    const both = (await complete(two.run('transform', '--json', '--threads', '2'))).json<TransformJson>();
    expect(told(both)).toEqual(told(plain));
    const hashes = await liveHashes(one.run);
    expect(hashes).toHaveLength(3);
    expect(await liveHashes(two.run)).toEqual(hashes);
    // Two of three blocks at most are this thread's: the run's own id, and that of its second thread.
    const runIds = (await liveFiles(two.run)).map(({ path }) => /_([0-9a-f-]{36})(-\d+)?_\d+\.parquet$/.exec(path));
    expect(new Set(runIds.map((match) => match?.[1]))).toHaveProperty('size', 1);
    expect(new Set(runIds.map((match) => match?.[2]))).toEqual(new Set([undefined, '-1']));

    for (const { run } of [one, two]) await complete(run('transform', '--rebuild', '--threads', '2'));
    expect((await liveHashes(two.run)).map((line) => line.replace('/v2/', '/v1/'))).toEqual(hashes);
  });

  it('count what they ask of a store: compact tells the calls of all', async () => {
    const lakes = [await scene(), await scene()];
    const costs: unknown[] = [];
    for (const [at, { lake, run }] of lakes.entries()) {
      // Each product in two halves: every cell has two files.
      for (const { id } of products) {
        const raw = join('raw_coinbase_trades', id);
        const [, second] = (await filesBelow(join(lake, raw))).sort();
        await rm(join(lake, raw, second!));
      }
      await rm(join(lake, 'checkpoints'), { recursive: true });
      await run('transform');
      await cp(join(world.lake, 'raw_coinbase_trades'), join(lake, 'raw_coinbase_trades'), { recursive: true });
      await complete(run('transform'));
      const result = (await complete(run('compact', '--json', '--threads', String(at + 1)))).json<{
        requests: unknown;
        filesRemoved: number;
        filesAdded: number;
      }>();
      expect(result).toMatchObject({ filesRemoved: 6, filesAdded: 3 });
      costs.push(result.requests);
    }
    expect(costs[1]).toEqual(costs[0]);
    expect(await liveHashes(lakes[1]!.run)).toEqual(await liveHashes(lakes[0]!.run));
  });

  it('do so on S3: the same requests', async () => {
    const asked: TransformJson['aws'][] = [];
    for (const threads of ['1', '2']) {
      const environment = {
        AWS_ENDPOINT_URL_S3: s3.endpoint,
        AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
        ...OBJECT_TRADES,
      };
      const lake = `s3://lake/with-${threads}`;
      const ids = products.map(({ id }) => id);
      await complete(world.run(['backfill', ...ids, '--lake', lake], { environment }));
      const options: SpawnOptions = { environment, folder: world.folder };
      const run = cli.run(['transform', '--json', '--threads', threads, '--lake', lake], options);
      asked.push((await complete(run)).json<TransformJson>().aws);
    }
    const [one, two] = asked;
    // The second thread makes sure of the store's conditional writes for itself: it reads the marker once.
    expect({ ...two!.s3, GetObject: two!.s3.GetObject! - 1 }).toEqual(one!.s3);
  });
});

it.each([
  ['0', 'a whole number 1 to 64, got "0"'],
  ['two', 'a whole number 1 to 64, got "two"'],
])('--threads %s is refused with a sentence', async (value, sentence) => {
  const run = await world.run(['transform', '--threads', value]);
  expect(run.code).toBe(exitCodes.usage);
  expect(run.err).toContain(`--threads: expected ${sentence}`);
});

it('what is wrong with raw is told as one thread tells it', async () => {
  const told: unknown[] = [];
  for (const threads of ['1', '2']) {
    const { lake, run } = await scene();
    const [first] = (await filesBelow(join(lake, 'raw_coinbase_trades', 'ETH-USD'))).sort();
    await writeFile(join(lake, 'raw_coinbase_trades', 'ETH-USD', first!), 'no gzip');
    const { code, err } = await run('transform', '--threads', threads);
    expect(code).toBe(exitCodes.damage);
    told.push(err.replaceAll(lake, 'LAKE').split('\n').sort());
  }
  expect(told[1]).toEqual(told[0]);
});

/** The build with another program for its threads. */
async function withThread(code: string): Promise<{ readonly program: BuiltCli; readonly remove: () => Promise<void> }> {
  const own = await mkdtemp(join(cli.program, '..', '..', 'threads-'));
  await cp(join(cli.program, '..'), own, { recursive: true });
  await writeFile(join(own, 'block-thread.mjs'), code);
  const program = join(own, 'schemahub.mjs');
  const start: BuiltCli['start'] = (args, options) => cli.start(args, { ...options, program });
  return {
    program: { ...cli, program, start, run: (args, options) => start(args, options).ended },
    remove: () => rm(own, { recursive: true, force: true }),
  };
}

describe('a thread that ends', () => {
  it.each([
    ['with an exit code', 'process.exit(7)', 'exit code 7'],
    ['by an error', "throw new Error('planted')", 'planted'],
    ['out of memory', 'const held=[];for(;;)held.push(new Array(1e6).fill({}))', 'memory'],
  ])('%s: exit 1, a sentence, nothing committed, and the next run is whole', async (_name, code, reason) => {
    const { program, remove } = await withThread(
      `import{parentPort}from'node:worker_threads';parentPort.once('message',()=>{${code}});`,
    );
    const { lake } = await scene();
    const ended = await program.run(['transform', '--threads', '2', '--lake', lake], {
      folder: world.folder,
      nodeOptions: reason === 'memory' ? ['--max-old-space-size=64'] : [],
    });
    expect(ended.code, ended.err).toBe(exitCodes.error);
    expect(ended.err).toMatch(/error: coinbase \S+: the thread that derived block 0 ended in the midst of it \(/);
    expect(ended.err).toContain(reason);
    expect(ended.err).toContain('Nothing was committed.');
    expect((await filesBelow(lake)).filter((path) => path.includes('/commits/'))).toEqual([]);
    await remove();
    await complete(cli.run(['transform', '--threads', '2', '--lake', lake], { folder: world.folder }));
    const plain = await scene();
    await complete(plain.run('transform'));
    const own: Run = (...args) => cli.run([...args, '--lake', lake], { folder: world.folder });
    expect(await liveHashes(own)).toEqual(await liveHashes(plain.run));
  });
});

it('SIGTERM ends the threads, too: exit 143 and nothing committed', async () => {
  // A thread that works until it is told to end.
  const { program, remove } = await withThread(
    `import{parentPort}from'node:worker_threads';parentPort.on('message',({type})=>{if(type==='abort')parentPort.postMessage({type:'failed',error:{name:'Error',message:'ended',members:{}}})});`,
  );
  const { lake } = await scene();
  const started = program.start(['transform', '-v', '--threads', '2', '--lake', lake], { folder: world.folder });
  await started.seen(/block 0/);
  started.kill('SIGTERM');
  const { code } = await started.ended;
  expect(code).toBe(exitCodes.terminated);
  expect((await filesBelow(lake)).filter((path) => path.includes('/commits/'))).toEqual([]);
  await remove();
});
