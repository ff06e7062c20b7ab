import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BuiltCli, buildCli } from './testing/built-cli.js';
import { killUntilComplete } from './testing/kill-soak.js';

let cli: BuiltCli;
let folder: string;
beforeAll(async () => {
  cli = await buildCli();
  folder = await mkdtemp(join(tmpdir(), 'schemahub-soak-'));
});
afterAll(async () => {
  await cli.remove();
  await rm(folder, { recursive: true, force: true });
});

/** Three lakes of other moments: each dies 24 times before it is left in peace. */
it.each([1, 2, 3])(
  'seed %d: 24 real SIGKILLs over backfill, transform and compact end in the same table',
  async (seed) => {
    const own = join(folder, String(seed));
    const { kills, killsOf, runs } = await killUntilComplete({ cli, folder: own, seed, kills: 24, trades: 100_000 });
    process.stdout.write(`seed ${seed}: ${runs} runs, killed: ${JSON.stringify(killsOf)}\n`);
    expect(kills).toBeGreaterThanOrEqual(24);
  },
);
