import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type S3Sim, startS3Sim } from '@schemahub/aws-sim';
import { systemClock } from '@schemahub/connector-kit';
import type { Clock } from '@schemahub/core';
import { type CoinbaseSim, createCoinbaseSim } from '@schemahub/exchange-sim';
import type { ObjectStore } from '@schemahub/object-store';
import { createS3Store } from '@schemahub/object-store/s3';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createHandler } from './handler.js';

let skipped = Date.parse('2026-11-20T12:00:00Z') - Date.now();
/** The machine's clock, but the wait between two probes of a hole passes at once. Heartbeats and time-outs are longer. */
const clock: Clock = {
  now: () => Date.now() + skipped,
  sleep: async (ms, signal) => {
    if (ms > 10_000) return await systemClock.sleep(ms, signal);
    await setImmediate();
    skipped += ms;
  },
};
const minutes = (count: number) => ({ getRemainingTimeInMillis: () => count * 60_000 });
let [s3, sim, store]: [S3Sim?, CoinbaseSim?, (ObjectStore & { close: () => void })?] = [];

beforeAll(async () => {
  s3 = await startS3Sim({ now: clock.now });
  sim = createCoinbaseSim({
    seed: 'lambda',
    rateLimit: false,
    clock,
    products: [{ id: 'BTC-USD', trades: 3000, voids: [17], endTime: clock.now() - 900_000 }],
  });
  const { endpoint, credentials } = s3;
  const means = { sleep: clock.sleep, random: Math.random, createId: () => crypto.randomUUID() };
  store = createS3Store({ bucket: 'lake', prefix: 'schemahub', region: 'us-east-1', endpoint, credentials, ...means });
});
afterAll(async () => {
  store?.close();
  await s3?.close();
});

it('a call without time left fetches nothing and asks to be called again; the next one completes', async () => {
  const handler = createHandler({ store: store!, clock, fetch: sim!.fetch });
  const event = { products: ['BTC-USD'], mode: 'backfill' as const };
  expect(await handler(event, minutes(0.1))).toMatchObject({ complete: false });
  expect(await handler(event, minutes(15))).toEqual({
    complete: true,
    products: [{ id: 'BTC-USD', state: 'complete', missing: 0 }],
  });
  const raw = [...s3!.bucket('lake').objects.keys()].filter((key) => key.startsWith('schemahub/raw_coinbase_trades/'));
  const rows = raw.map((key) => Number(/_(\d+)_[0-9a-f]+\.jsonl\.gz$/.exec(key)?.[1]));
  expect(rows.reduce((sum, count) => sum + count, 0)).toBe(sim!.control.countOf('BTC-USD'));
});

it('a later call of the same container fetches what was traded since, and an unknown product is told', async () => {
  const handler = createHandler({ store: store!, clock, fetch: sim!.fetch });
  sim!.control.addTrades('BTC-USD', 40);
  const answer = await handler({ products: ['BTC-USD', 'NO-SUCH'] }, minutes(15));
  expect(answer).toMatchObject({ complete: false, products: [{ state: 'complete' }, { state: 'unknown' }] });
});

it('the entry is bundled into one file that starts with BUCKET and says so without', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'schemahub-handler-'));
  const outfile = join(folder, 'index.mjs');
  try {
    await build({
      entryPoints: [fileURLToPath(new URL('../index.mjs', import.meta.url))],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      conditions: ['@schemahub/source'],
      logLevel: 'silent',
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    });
    const code =
      "import('./index.mjs').then((m) => console.log(typeof m.handler), (error) => console.log(error.message))";
    const start = async (env: Record<string, string>): Promise<string> =>
      (await promisify(execFile)(process.execPath, ['-e', code], { cwd: folder, env })).stdout.trim();
    expect(await start({ BUCKET: 'my-trades' })).toBe('function');
    expect(await start({})).toBe('BUCKET: expected the name of a bucket, got nothing.');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
