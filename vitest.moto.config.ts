import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { shared } from './vitest.config.js';

/** The AWS suites against moto, an independent implementation of AWS: `node tools/deep/run.mjs moto` starts it and sets MOTO_URL. */
const config: ViteUserConfig = defineConfig({
  ...shared,
  test: {
    include: ['{packages,internal,apps}/*/src/**/*.moto.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    fileParallelism: false,
    testTimeout: 240_000,
  },
});

export default config;
