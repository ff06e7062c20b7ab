import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type BuiltCli, buildCli } from './testing/built-cli.js';
import { killUntilComplete } from './testing/kill-soak.js';

/** Seeded: which request or moment each run dies at. What the machine makes of it differs all the same. */
const SEED = 20_261_121;

it('killed with SIGKILL at a dozen random moments and resumed, it ends in the same table', {
  timeout: 240_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'schemahub-killed-'));
  let cli: BuiltCli | undefined;
  try {
    cli = await buildCli();
    const soak = await killUntilComplete({ cli, folder, seed: SEED, kills: 12, trades: 40_000 });
    expect(soak.kills).toBeGreaterThanOrEqual(12);
    expect(soak.killsOf.backfill).toBeGreaterThan(2);
    expect(soak.killsOf.transform).toBeGreaterThan(2);
  } finally {
    await cli?.remove();
    await rm(folder, { recursive: true, force: true });
  }
});
