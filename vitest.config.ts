import { defineConfig, type ViteUserConfig } from 'vitest/config';

// Tests resolve workspace packages to their sources, so that they need no build.
const conditions: string[] = ['@schemahub/source'];

/** What both suites share: this one, run by `npm test`, and the heavy one of vitest.deep.config.ts. */
export const shared: ViteUserConfig = {
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
};

const config: ViteUserConfig = defineConfig({
  ...shared,
  test: {
    include: [
      '{packages,internal,apps,examples}/*/src/**/*.test.ts',
      '{mappings,bench}/src/**/*.test.ts',
      'tools/**/*.test.mjs',
    ],
    exclude: ['**/node_modules/**', '**/dist/**', '**/*.deep.test.ts', '**/*.moto.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    coverage: {
      provider: 'v8',
      include: ['{packages,internal,apps}/*/src/**/*.ts'],
      exclude: ['**/*.test.ts', '**/testing/**', '**/test-support.ts'],
      reporter: ['text-summary', 'html'],
    },
  },
});

export default config;
