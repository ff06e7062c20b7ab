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

/** Four lakes of other moments, two of them with clocks that jump: each dies 50 times before it is left in peace. */
it.each([
  [1, false],
  [2, true],
  [3, false],
  [4, true],
] as const)(
  'seed %d, clock jumps %s: 50 real SIGKILLs over backfill, transform and compact end in the same table',
  async (seed, clockJumps) => {
    const own = join(folder, String(seed));
    const soak = await killUntilComplete({ cli, folder: own, seed, kills: 50, trades: 60_000, clockJumps });
    process.stdout.write(`seed ${seed}: ${soak.runs} runs, killed: ${JSON.stringify(soak.killsOf)}\n`);
    expect(soak.kills).toBeGreaterThanOrEqual(50);
  },
);
