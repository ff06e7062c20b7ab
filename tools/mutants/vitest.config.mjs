// biome-ignore-all lint/suspicious/noUndeclaredEnvVars: no task of turbo runs this.
// The unit tests on a tree with one bug in it: `MUTANT="its name" vitest run --config tools/mutants/vitest.config.mjs FILE`.
import { defineConfig } from 'vitest/config';
import { mutants } from './mutants.mjs';
import { vitestMutant } from './plugin.mjs';

const mutant = mutants.find(({ name }) => name === process.env.MUTANT);
if (mutant === undefined) throw new Error(`MUTANT: expected the name of a mutant, got ${process.env.MUTANT}`);
const conditions = ['@schemahub/source'];

export default defineConfig({
  plugins: [vitestMutant(mutant)],
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: { include: ['{packages,internal,apps}/*/src/**/*.test.ts'], testTimeout: 60_000 },
});
