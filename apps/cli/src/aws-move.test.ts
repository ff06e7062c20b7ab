// docs/how-to/move-to-aws.md: a lake is copied from a folder into a bucket and back, and goes on where it was.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { type S3Sim, startS3Sim } from '@schemahub/aws-sim';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createStandingClock } from './testing/standing-clock.js';
import { type CliRun, createWorld, WORLD_NOW, type World } from './testing/virtual-run.js';

const LAKE = 's3://lake/schemahub';
const PREFIX = 'schemahub/';
let world: World;
let s3: S3Sim;

beforeAll(async () => {
  const clock = createStandingClock(WORLD_NOW);
  let answers = 0;
  s3 = await startS3Sim({ now: clock.now });
  world = await createWorld({
    products: [{ id: 'BTC-USD', trades: 3000, voids: [17, { first: 1200, last: 1240 }] }],
    clock,
    // 6 s with every answer: two probes of a hole are never too close.
    sim: { clock: { ...clock, now: () => clock.now() + 6000 * answers++ } },
  });
});
afterAll(async () => {
  await world.remove();
  await s3.close();
});

const onS3 = (...args: readonly string[]): Promise<CliRun> =>
  world.run([...args, '--lake', LAKE], {
    environment: {
      AWS_ENDPOINT_URL_S3: s3.endpoint,
      AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
      SCHEMAHUB_CACHE_DIR: join(world.folder, 'cache'),
    },
  });

async function complete(run: Promise<CliRun>): Promise<CliRun> {
  const ended = await run;
  expect(ended.code, `${ended.out}${ended.err}`).toBe(0);
  return ended;
}

/** What `aws s3 sync DIR s3://… --exclude "locks/*"` does. */
async function copyUp(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const keys = paths.map((path) => relative(folder, path)).filter((key) => !key.startsWith('locks/'));
  for (const key of keys) {
    const bytes = await readFile(join(folder, key));
    const etag = `"${createHash('md5').update(bytes).digest('hex')}"`;
    const object = { bytes, etag, modifiedAt: WORLD_NOW, headers: {}, checksum: undefined };
    s3.bucket('lake').objects.set(`${PREFIX}${key}`, object);
  }
  return keys.length;
}

/** `aws s3 sync s3://… DIR`. */
async function copyDown(folder: string): Promise<void> {
  for (const [key, { bytes }] of s3.bucket('lake').objects) {
    const path = join(folder, key.slice(PREFIX.length));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  }
}

interface Told {
  readonly products: readonly { readonly product: string; readonly in_table: unknown; readonly void: unknown }[];
}

it('a copied lake proves the same in the bucket, asks for nothing again, goes on there, and comes back', async () => {
  await complete(world.run(['backfill', 'BTC-USD']));
  await complete(world.run(['transform']));
  const before = (await complete(world.run(['verify', '--json']))).json<Told>();
  expect(await copyUp(world.lake)).toBeGreaterThan(5);

  const after = (await complete(onS3('verify', '--deep', '--json'))).json<Told>();
  expect(after.products).toEqual(before.products);
  const asked = world.requests();
  const { err } = await complete(onS3('backfill', 'BTC-USD'));
  expect(err).toContain('0 missing');
  // The head, the catalogue and nothing of what is held.
  expect(world.requests() - asked).toBeLessThan(5);

  world.sim.control.addTrades('BTC-USD', 250);
  await complete(onS3('ingest', 'BTC-USD'));
  await complete(onS3('transform'));
  await complete(onS3('verify'));

  const back = join(world.folder, 'back');
  await copyDown(back);
  const { out } = await complete(
    world.run(['query', '-o', 'csv', 'SELECT count(*) AS trades FROM trades_unified', '--lake', back]),
  );
  expect(out).toBe(`trades\n${world.sim.control.countOf('BTC-USD')}\n`);
  await complete(world.run(['verify', '--deep', '--lake', back]));
});
