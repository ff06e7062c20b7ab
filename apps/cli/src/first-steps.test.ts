// What a newcomer meets: a folder made by `init`, an old Node, no network.
import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { exitCodes } from './exit-codes.js';
import { type CliRun, createWorld, type World } from './testing/virtual-run.js';

let world: World | undefined;
afterEach(() => world?.remove());

async function ends(code: number, ...args: string[]): Promise<CliRun> {
  const run = await world!.run(args, { plain: true });
  expect(run.code, `${args.join(' ')}: ${run.out}${run.err}`).toBe(code);
  return run;
}

describe('schemahub init in an empty folder', () => {
  it('writes files that are all valid, and with which ingest, transform and verify work', async () => {
    world = await createWorld({
      products: [
        { id: 'BTC-USD', trades: 1500 },
        { id: 'WLD-USD', trades: 40 },
      ],
    });
    await ends(0, 'init');
    const path = (name: string): string => join(world!.folder, name);
    const names = await readdir(path('mappings'));
    for (const name of names.filter((each) => each.endsWith('_trades.yaml')))
      expect((await ends(0, 'mapping', 'lint', path(`mappings/${name}`))).out).toContain('clean');
    for (const name of names.filter((each) => each.startsWith('product_ids_seed'))) {
      const products = (await readFile(path(`mappings/${name}`), 'utf8')).match(/^ *- \S+$/gm);
      expect(products?.length, name).toBeGreaterThan(2);
    }
    expect((await ends(0, 'ingest')).err).toContain('from mappings/product_ids_seed.yaml');
    await ends(0, 'backfill');
    await ends(0, 'transform');
    expect((await ends(0, 'verify')).out).toMatch(/^PROVEN: 2 products, 1,540 of 1,540/m);
  });

  it('every line of schemahub.yaml may be taken out of its comment as it is', async () => {
    world = await createWorld({ products: [{ id: 'BTC-USD', trades: 10 }] });
    await ends(0, 'init');
    const file = join(world.folder, 'schemahub.yaml');
    const text = (await readFile(file, 'utf8')).replace(/^# ([a-z][a-z0-9-]*): (\S.*)$/gm, '$1: $2');
    const members = text.match(/^[a-z][a-z0-9-]*: /gm) ?? [];
    expect(members.length).toBeGreaterThan(15);
    await writeFile(file, text);
    const { out } = await ends(0, 'config', 'print');
    expect(out.match(/\sschemahub\.yaml\s/g)?.length).toBe(members.length);
  });

  it('run again, it keeps what is there', async () => {
    world = await createWorld({ products: [{ id: 'BTC-USD', trades: 10 }] });
    await ends(0, 'init');
    await writeFile(join(world.folder, 'schemahub.yaml'), 'lake: ./mine\n');
    expect((await ends(0, 'init')).out).toContain('kept  schemahub.yaml');
    expect(await readFile(join(world.folder, 'schemahub.yaml'), 'utf8')).toBe('lake: ./mine\n');
  });
});

it('demo fits a terminal of 80 columns and 24 lines, the lines of npm and the prompt counted', async () => {
  world = await createWorld({ products: [{ id: 'BTC-USD', trades: 10 }] });
  const { code, out } = await world.run(['demo'], { plain: true, isTerminal: true, columns: 80 });
  expect(code).toBe(0);
  const lines = out.trimEnd().split('\n');
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  expect(lines.length).toBeLessThanOrEqual(24 - 5);
  expect(out).toMatch(/^PROVEN: 5 products, 100,640 of 100,640/m);
});

it('plan without network says so in one sentence and shows no numbers', async () => {
  world = await createWorld({
    products: [{ id: 'BTC-USD', trades: 10 }],
    alter: () => Promise.reject(new TypeError('fetch failed')),
  });
  const { out, err } = await ends(exitCodes.unavailable, 'plan', 'BTC-USD');
  expect(out).toBe('');
  expect(err).toMatch(
    /^error: coinbase cannot be reached at https:\/\/simulated\.exchange: .*run the same command again/m,
  );
});

it.each(['18.20.8', '20.18.3'])('on Node %s it says which one it needs', async (version) => {
  const bin = fileURLToPath(new URL('../bin/schemahub.mjs', import.meta.url));
  const fake = `data:text/javascript,Object.defineProperty(process.versions,"node",{value:"${version}"})`;
  const run = promisify(execFile)(process.execPath, ['--import', fake, bin, '--help']);
  await expect(run).rejects.toMatchObject({
    code: exitCodes.usage,
    stderr: `schemahub needs Node 20.19 or newer; this is ${version}. Install a newer one: https://nodejs.org\n`,
  });
});
