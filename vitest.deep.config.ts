import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { shared } from './vitest.config.js';

/** Heavy tests (millions of rows, real kills): one file at a time, run by `.ci/run` and `node tools/deep/run.mjs deep`. */
const config: ViteUserConfig = defineConfig({
  ...shared,
  test: {
    include: ['{packages,internal,apps,examples}/*/src/**/*.deep.test.ts', '{mappings,bench}/src/**/*.deep.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    fileParallelism: false,
    passWithNoTests: true,
    testTimeout: 600_000,
  },
});

export default config;
