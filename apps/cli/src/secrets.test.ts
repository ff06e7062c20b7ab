import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { filesBelow } from './testing/lake-files.js';
import { createWorld, type World } from './testing/virtual-run.js';

/** Words that are found wherever they turn up; the secret is base64 of one, as the exchange gives them. */
const CANARY = 'canary-4f1c';
const secrets = {
  COINBASE_API_KEY: `key-${CANARY}`,
  COINBASE_API_SECRET: Buffer.from(`secret-${CANARY}`).toString('base64'),
  COINBASE_API_PASSPHRASE: `phrase-${CANARY}`,
};
const hidden: readonly string[] = [...Object.values(secrets), CANARY];

let world: World;
let isRefusing = false;
beforeAll(async () => {
  world = await createWorld({
    products: [{ id: 'BTC-USD', trades: 1500, voids: [700] }],
    alter: (answer) =>
      isRefusing ? new Response('{"message":"invalid signature"}', { status: 401, headers: answer.headers }) : answer,
  });
});
afterAll(() => world.remove());

function requireNone(where: string, text: string): void {
  for (const secret of hidden) expect(text.includes(secret), `${where} shows ${secret}`).toBe(false);
}

it('no key, secret or passphrase is in an output, a log, an error, a report or any object of the lake', async () => {
  const report = join(world.folder, 'report.json');
  const runs = [
    ['backfill', 'BTC-USD', '-v', '--report', report],
    ['transform', '-v'],
    ['verify', '--deep', '--head', '--json'],
    ['status', '--json'],
    ['config', 'print'],
    ['config', 'print', '--json'],
    ['query', 'SELECT count(*) FROM trades_unified'],
    ['quality', '--json'],
    ['doctor'],
  ];
  let signed = 0;
  for (const args of runs) {
    const { out, err } = await world.run(args, { environment: secrets });
    requireNone(`${args.join(' ')}: stdout`, out);
    requireNone(`${args.join(' ')}: stderr`, err);
    signed += out.length + err.length;
  }
  expect(signed).toBeGreaterThan(1000);
  isRefusing = true;
  const refused = await world.run(['ingest', 'BTC-USD', '-v', '--json'], { environment: secrets });
  expect(refused.code).not.toBe(0);
  requireNone('a refusal', refused.out + refused.err);
  const wrong = await world.run(['config', 'print'], { environment: { ...secrets, SCHEMAHUB_WORKERS: 'x' } });
  requireNone('a configuration error', wrong.out + wrong.err);
  requireNone('the report', await readFile(report, 'utf8'));
  const files = await filesBelow(world.lake);
  expect(files.length).toBeGreaterThan(5);
  for (const path of files) {
    const bytes = await readFile(join(world.lake, path));
    requireNone(path, bytes.toString('latin1'));
    if (path.endsWith('.gz')) requireNone(path, gunzipSync(bytes).toString('latin1'));
  }
});
