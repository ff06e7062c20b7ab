import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const app = fileURLToPath(new URL('../', import.meta.url));
const tsup = join(dirname(createRequire(import.meta.url).resolve('tsup')), 'cli-default.js');
const MEGABYTE = 1_000_000;

let folder: string;
let built: string;
let alone: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'schemahub-lambda-'));
  built = join(folder, 'built');
  alone = join(folder, 'alone');
  await run(process.execPath, [tsup, '--out-dir', built, '--silent'], { cwd: app });
  await mkdir(alone);
  await copyFile(join(built, 'index.mjs'), join(alone, 'index.mjs'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs a line of code beside the function's one file, without anything of this process's settings. */
const beside = async (code: string, env: Record<string, string> = {}): Promise<string> => {
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code], { cwd: alone, env });
  return stdout.trim();
};
const call =
  "const { handler } = await import('./index.mjs'); handler({}).then(() => console.log('judged'), (error) => console.log(error.message));";

describe('the bundle', () => {
  it('is one file of at most a megabyte, and the zip holds just that', async () => {
    expect((await readdir(built)).sort()).toEqual(['data-quality-lambda.zip', 'index.mjs']);
    expect((await stat(join(built, 'index.mjs'))).size).toBeLessThanOrEqual(MEGABYTE);
    const zip = unzipSync(await readFile(join(built, 'data-quality-lambda.zip')));
    expect(Object.keys(zip)).toEqual(['index.mjs']);
    expect(Buffer.from(zip['index.mjs']!).equals(await readFile(join(built, 'index.mjs')))).toBe(true);
  });

  it('holds nothing that fetches, transforms or embeds an engine', async () => {
    const code = await readFile(join(built, 'index.mjs'), 'utf8');
    for (const foreign of ['@duckdb', 'hyparquet', 'snappy', 'bottleneck', 'api.exchange.coinbase.com', 'trades?limit'])
      expect(code.includes(foreign), foreign).toBe(false);
  });

  it('is imported alone in an empty folder, and starts nothing by that', async () => {
    expect(await beside("console.log(Object.keys(await import('./index.mjs')).join())")).toBe('handler');
  });

  it('says which variable it lacks', async () => {
    expect(await beside(call)).toBe('S3_BUCKET: expected a value, got nothing.');
    expect(await beside(call, { S3_BUCKET: 'b', SCHEMAHUB_STALE_MINUTES: 'x' })).toContain('SCHEMAHUB_STALE_MINUTES');
  });
});
