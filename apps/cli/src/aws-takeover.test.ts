import { join } from 'node:path';
import { type DynamoSim, type S3Sim, scanTable, startDynamoSim, startS3Sim } from '@schemahub/aws-sim';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exitCodes } from './exit-codes.js';
import { createStandingClock } from './testing/standing-clock.js';
import { type CliRun, createWorld, WORLD_NOW, type World } from './testing/virtual-run.js';

const PRODUCT = 'BTC-USD';
const TRADES = 30_000;
const IN_FLIGHT = 1;
const TTL_SECONDS = 120;
const LOCKS = 'schemahub-locks';

const clock = createStandingClock(WORLD_NOW);
/** Answers that do not reach the task any more, from the moment on at which the test holds them. */
const held: (() => void)[] = [];
let isHolding = false;
let onAnswer = (): void => undefined;

let answers = 0;
let world: World;
let s3: S3Sim;
let dynamo: DynamoSim;
beforeAll(async () => {
  s3 = await startS3Sim({ now: clock.now });
  dynamo = await startDynamoSim({ locks: LOCKS, health: 'schemahub-exchange-health' });
  world = await createWorld({
    products: [{ id: PRODUCT, trades: TRADES }],
    clock,
    // The exchange's clock goes on by 6 s with every answer: two looks below the first trade are never too close.
    sim: { requestLog: 5000, clock: { ...clock, now: () => clock.now() + 6000 * answers++ } },
    alter: async (answer) => {
      onAnswer();
      if (isHolding) await new Promise<void>((release) => held.push(release));
      return answer;
    },
  });
});
afterAll(async () => {
  await world.remove();
  await s3.close();
  await dynamo.close();
});

const task = (...args: readonly string[]): Promise<CliRun> =>
  world.run([...args, '--lake', 's3://lake/schemahub'], {
    environment: {
      AWS_ENDPOINT_URL_S3: s3.endpoint,
      AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
      AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
      DYNAMODB_LOCKS_TABLE: LOCKS,
      DYNAMODB_HEALTH_TABLE: 'schemahub-exchange-health',
      LOCK_TTL_SECONDS: `${TTL_SECONDS}`,
      SCHEMAHUB_CHUNK_CONCURRENCY: `${IN_FLIGHT}`,
      SCHEMAHUB_OBJECT_TRADES: '1000',
      SCHEMAHUB_CACHE_DIR: join(world.folder, 'cache'),
    },
  });
const windows = (): readonly string[] =>
  world.sim.control.requests().flatMap(({ url }) => /after=\d+&limit=1000/.exec(url)?.[0] ?? []);
const leases = async (): Promise<readonly (string | undefined)[]> =>
  (await scanTable(dynamo.endpoint, LOCKS)).map(({ lock_id }) => lock_id?.S);

it('of two tasks on S3 and DynamoDB one sleeps past its lease: the other takes over at its end, not before, and what the first asks for when it wakes is nothing', async () => {
  let seen = 0;
  const stopped = new Promise<void>((resolve) => {
    onAnswer = () => {
      if (++seen < 15) return;
      isHolding = true;
      resolve();
    };
  });
  const sleeper = task('backfill', PRODUCT);
  await stopped;
  onAnswer = () => undefined;
  isHolding = false;
  const [lease] = await leases();
  expect(lease).toBeDefined();
  const askedBySleeper = windows().length;
  expect(askedBySleeper).toBeGreaterThan(8);

  clock.set(WORLD_NOW + TTL_SECONDS * 1000 - 1000);
  const early = await task('backfill', PRODUCT);
  expect(early.code, early.err).toBe(exitCodes.held);
  expect(windows().length).toBe(askedBySleeper);
  expect(await leases()).toEqual([lease]);

  clock.set(WORLD_NOW + TTL_SECONDS * 1000 + 1000);
  const other = await task('backfill', PRODUCT);
  expect(other.code, other.err).toBe(exitCodes.complete);
  expect(other.err).toMatch(/complete: .* 0 missing/);
  const asked = windows();
  // Again only what had not landed: in flight, an object being filled and one being written, and the lowest window.
  expect(asked.length - new Set(asked).size).toBeLessThanOrEqual(IN_FLIGHT + 2 + 1);

  for (const release of held) release();
  const woken = await sleeper;
  expect([exitCodes.held, exitCodes.complete], woken.err).toContain(woken.code);
  expect(woken.err).toContain('its lease was lost to another run');
  expect(windows().slice(asked.length)).toEqual([]);
  expect(await leases()).toEqual([]);

  for (const args of [['transform'], ['verify', '--deep']]) {
    const run = await task(...args);
    expect(run.code, `${args.join(' ')}: ${run.out}${run.err}`).toBe(exitCodes.complete);
    if (args[0] === 'verify') expect(run.out).toMatch(/PROVEN: 1 product, 30,000 of 30,000 wanted trades in the table/);
  }
});
