import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DynamoSim, type S3Sim, startDynamoSim, startS3Sim } from '@schemahub/aws-sim';
import { backfillDollars, costOf } from '@schemahub/runtime/traffic';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exitCodes } from './exit-codes.js';
import { createStandingClock } from './testing/standing-clock.js';
import { createWorld, WORLD_NEWEST, WORLD_NOW, type World } from './testing/virtual-run.js';

/** Products of the simulated month; every one of them trades between two runs. */
const PRODUCTS = 50;
const RUNS_A_MONTH = { 'every 30 minutes': 1440, 'every 3 hours': 240 };
const names = Array.from({ length: PRODUCTS }, (_, index) => `P${String(index).padStart(2, '0')}-USD`);

let world: World;
let s3: S3Sim;
let dynamo: DynamoSim;
const clock = createStandingClock(WORLD_NOW);

beforeAll(async () => {
  s3 = await startS3Sim({ now: clock.now });
  dynamo = await startDynamoSim({ locks: 'locks', health: 'health' });
  const products = names.map((id) => ({ id, trades: 40, endTime: WORLD_NEWEST }));
  let answers = 0;
  world = await createWorld({
    products,
    clock,
    sim: { clock: { ...clock, now: () => clock.now() + 6000 * answers++ } },
  });
  await writeFile(join(world.folder, 'seed.yaml'), `product_ids:\n${names.map((name) => `  - ${name}\n`).join('')}`);
});
afterAll(async () => {
  await world.remove();
  await s3.close();
  await dynamo.close();
});

type Counts = Readonly<Record<string, number>>;

/** Requests of one command by operation: to S3 as the stand-in saw them, to DynamoDB as the client sent them. */
async function requestsOf(command: string): Promise<{ readonly s3: Counts; readonly dynamodb: Counts }> {
  const before = s3.requests.length;
  const { code, err, json } = await world.run([command, '--json'], {
    plain: true,
    environment: {
      SCHEMAHUB_SEED_PATH: join(world.folder, 'seed.yaml'),
      SCHEMAHUB_COINBASE_BURST: '1000',
      S3_BUCKET: 'lake',
      AWS_ENDPOINT_URL_S3: s3.endpoint,
      AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
      AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
      DYNAMODB_LOCKS_TABLE: 'locks',
      DYNAMODB_HEALTH_TABLE: 'health',
    },
  });
  expect(code, err).toBe(exitCodes.complete);
  const counts: Record<string, number> = {};
  for (const { operation } of s3.requests.slice(before)) counts[operation] = (counts[operation] ?? 0) + 1;
  const told = json<{ aws?: { dynamodb: Counts }; report?: { aws: { dynamodb: Counts } } }>();
  return { s3: counts, dynamodb: (told.report?.aws ?? told.aws)!.dynamodb };
}

it('a month of 50 products costs at most $5 of requests, and a backfill of 100 million trades at most $10', async () => {
  await requestsOf('backfill');
  await requestsOf('transform');
  const grow = (): void => {
    clock.set(clock.now() + 1_800_000);
    for (const name of names) world.sim.control.addTrades(name, 5);
  };
  grow();
  const ingest = await requestsOf('ingest');
  const transform = await requestsOf('transform');
  // A lease is one call to take and one to free; the health of the exchange and its history are written once a run.
  expect(ingest.dynamodb).toMatchObject({ PutItem: PRODUCTS + 1, DeleteItem: PRODUCTS });
  expect(transform.dynamodb).toEqual({ PutItem: 1 });
  // The lease of a transform is freed after its report.
  const perRun = {
    ingest: costOf(ingest).dollars,
    transform: costOf({ ...transform, dynamodb: { ...transform.dynamodb, DeleteItem: 1 } }).dollars,
  };
  const month = {
    // Fetched every 30 minutes, added to the table every 3 hours; and both every 3 hours.
    often: perRun.ingest * RUNS_A_MONTH['every 30 minutes'] + perRun.transform * RUNS_A_MONTH['every 3 hours'],
    seldom: (perRun.ingest + perRun.transform) * RUNS_A_MONTH['every 3 hours'],
  };
  process.stderr.write(`counted: ${JSON.stringify({ ingest, transform, perRun, month })}\n`);
  const page = await readFile(fileURLToPath(new URL('../../../docs/cost.md', import.meta.url)), 'utf8');
  const rowOf = (command: string, { s3: own }: { readonly s3: Counts }, writes: number, reads: number, run: number) =>
    `| \`${command}\` | ${own.ListObjectsV2} | ${own.PutObject} | ${own.GetObject} | ${writes} | ${reads} | $${run.toFixed(4)} |`;
  expect(page).toContain(rowOf('ingest', ingest, 2 * PRODUCTS + 2, 1, perRun.ingest));
  expect(page).toContain(rowOf('transform', transform, 2, 0, perRun.transform));
  expect(page).toContain(`| 1,440 and 240 | $${month.often.toFixed(2)} |`);
  expect(page).toContain(`| 240 and 240 | $${month.seldom.toFixed(2)} |`);
  expect(month.often).toBeLessThanOrEqual(5);
  expect(month.seldom).toBeLessThanOrEqual(5);
  // 100 million trades: 1,334 raw objects, 43 bytes a trade.
  const backfill = backfillDollars({ objects: 1334, products: PRODUCTS, bytes: 100_000_000 * 43 });
  expect(backfill).toBeLessThanOrEqual(10);
});
