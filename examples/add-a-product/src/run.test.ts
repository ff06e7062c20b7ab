import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

const example = fileURLToPath(new URL('../run.mjs', import.meta.url));
const app = fileURLToPath(new URL('../../../apps/cli/', import.meta.url));
const tsup = join(dirname(createRequire(import.meta.url).resolve('tsup')), 'cli-default.js');
let build: string;

beforeAll(async () => {
  // A build of its own below the app, where the native DuckDB package is found: other tests build there as well.
  const cache = join(app, 'node_modules/.cache/schemahub-tests');
  await mkdir(cache, { recursive: true });
  build = await mkdtemp(join(cache, 'example-'));
  await promisify(execFile)(process.execPath, [tsup, '--out-dir', build, '--silent'], { cwd: app });
});
afterAll(() => rm(build, { recursive: true, force: true }));

it('raw layer and table agree after every step', { timeout: 180_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [example], {
    env: { PATH: process.env.PATH, SCHEMAHUB_PROGRAM: join(build, 'schemahub.mjs') },
  });
  expect(stdout.match(/^ {2}ok {2}/gm)).toHaveLength(15);
  expect(stdout).toMatch(/^quality: every check holds$/m);
  expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^PROVEN: 1 product, /);
});
