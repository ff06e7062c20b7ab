// What AWS refuses in the midst of a run, as the built program tells it; the sources alone are tested in aws.test.ts.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type S3Fault, type S3Request, type S3Sim, type S3SimOptions, startS3Sim } from '@schemahub/aws-sim';
import { createCoinbaseSim, type SimServer, serve } from '@schemahub/exchange-sim';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from './exit-codes.js';
import { type BuiltCli, buildCli, type SpawnOptions } from './testing/built-cli.js';

const TRADES = 4000;
const HOUR = 3_600_000;
/** Loaded before the program: its clock is an hour behind. */
const LATE = `data:text/javascript,const now=Date.now.bind(Date);const Real=Date;globalThis.Date=class extends Real{constructor(...a){if(a.length===0)super(now()-${HOUR});else super(...a)}static now(){return now()-${HOUR}}}`;

/** The jitter of waiting at its low end: half a minute of tries becomes a second. */
const SHORT_WAITS = 'data:text/javascript,const any=Math.random;Math.random=()=>any()*0.05';

let cli: BuiltCli;
let folder: string;
let exchange: SimServer;
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  cli = await buildCli();
  folder = await mkdtemp(join(tmpdir(), 'schemahub-trouble-'));
  exchange = await serve(
    createCoinbaseSim({
      seed: 'trouble',
      rateLimit: false,
      products: [{ id: 'BTC-USD', trades: TRADES, endTime: Date.now() - 15 * 60_000 }],
    }),
  );
});
afterAll(async () => {
  await exchange.close();
  for (const close of closers) await close();
  await cli.remove();
  await rm(folder, { recursive: true, force: true });
});

interface Scene {
  readonly s3: S3Sim;
  readonly options: SpawnOptions;
  /** Ends what is wrong with the store. */
  readonly mend: () => void;
}

async function createScene(
  trouble: S3Fault | undefined,
  more: Record<string, string>,
  sim: S3SimOptions,
): Promise<Scene> {
  let isWrong = trouble !== undefined;
  let writes = 0;
  const fault = ({ operation }: S3Request): S3Fault | undefined => {
    // After some writes, of which the first four ask whether the store keeps conditions: something is in hand.
    if (operation === 'PutObject') writes++;
    return isWrong && writes > 6 ? trouble : undefined;
  };
  const s3 = await startS3Sim({ fault, ...sim });
  closers.push(s3.close);
  const environment = {
    COINBASE_API_URL: exchange.url,
    SCHEMAHUB_COINBASE_RATE: '1000',
    SCHEMAHUB_OBJECT_TRADES: '1000',
    SCHEMAHUB_LAKE: 's3://lake/schemahub',
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
    ...more,
  };
  return {
    s3,
    options: { folder, environment, nodeOptions: ['--import', SHORT_WAITS] },
    mend: () => (isWrong = false),
  };
}

const held = ({ s3 }: Scene): number =>
  [...s3.bucket('lake').objects.keys()].reduce(
    (sum, key) => sum + Number(/raw_.*_(\d+)_[0-9a-f]+\.jsonl\.gz$/.exec(key)?.[1] ?? 0),
    0,
  );

const { usage, error } = exitCodes;
const refused = (status: number, code: string): S3Fault => ({ when: 'before', status, code });

describe.concurrent('the built program against S3', () => {
  it.each([
    ['access denied', usage, /access denied.*Allow s3:ListBucket/, refused(403, 'AccessDenied'), {}],
    ['expired credentials', usage, /have expired: sign in again/, refused(400, 'ExpiredToken'), {}],
    ['throttling', error, /asks to slow down.*nothing is lost/, refused(503, 'SlowDown'), {}],
    ['clock skew', usage, /clock differs from AWS’s.*Set the clock/, refused(403, 'RequestTimeTooSkewed'), {}],
    ['no such bucket', usage, /no bucket nowhere.*aws s3 mb/, undefined, { SCHEMAHUB_LAKE: 's3://nowhere/x' }],
    ['another region', usage, /but in us-east-1.*AWS_REGION=us-east-1/, undefined, { AWS_REGION: 'eu-west-1' }],
    ['unknown keys', usage, /InvalidAccessKeyId.*AWS_PROFILE/, undefined, { AWS_ACCESS_KEY_ID: 'NOBODY' }],
  ] as const)(
    '%s: a sentence with the remedy, exit %i, no stack; mended, the next run has it all',
    async (_what, code, sentence, trouble, more) => {
      const scene = await createScene(trouble, more, {});
      const { code: ended, err } = await cli.run(['backfill', 'BTC-USD'], scene.options);
      expect(ended, err).toBe(code);
      expect(err).toMatch(sentence);
      expect(err).not.toMatch(/^\s+at .*:\d+:\d+/m);
      expect(held(scene)).toBeLessThan(TRADES);
      scene.mend();
      const environment = { ...scene.options.environment };
      for (const name of Object.keys(more)) delete environment[name];
      if ('AWS_ACCESS_KEY_ID' in more) environment.AWS_ACCESS_KEY_ID = scene.s3.credentials.accessKeyId;
      if ('SCHEMAHUB_LAKE' in more) environment.SCHEMAHUB_LAKE = 's3://lake/schemahub';
      const again = await cli.run(['backfill', 'BTC-USD'], { ...scene.options, environment });
      expect(again.code, again.err).toBe(exitCodes.complete);
      expect(held(scene)).toBe(TRADES);
    },
  );

  it.each([
    ['ignored', /takes writes whose condition does not hold.*No trade was written.*AWS S3/],
    ['refused', /needs conditional writes.*AWS S3/],
  ] as const)(
    'a store that only looks like S3, conditions %s: refused with a sentence before anything is written',
    async (conditions, sentence) => {
      const scene = await createScene(undefined, {}, { conditions });
      for (const args of [
        ['backfill', 'BTC-USD'],
        ['doctor', '--offline'],
      ]) {
        const { code, out, err } = await cli.run(args, scene.options);
        expect(code, err).toBe(args[0] === 'doctor' ? error : usage);
        expect((out + err).replace(/\s+/g, ' ')).toMatch(sentence);
      }
      const kept = [...scene.s3.bucket('lake').objects.keys()];
      expect(kept.filter((key) => key !== 'schemahub/locks/store-probe')).toEqual([]);
    },
  );

  it('a clock that is an hour late is put right by the store’s answer: nothing is refused, nothing is lost', async () => {
    const scene = await createScene(undefined, {}, {});
    const options = { ...scene.options, nodeOptions: ['--import', LATE] };
    const { code, err } = await cli.run(['backfill', 'BTC-USD'], options);
    expect(code, err).toBe(exitCodes.complete);
    expect(held(scene)).toBe(TRADES);
  });
});
