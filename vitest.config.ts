import { defineConfig } from 'vitest/config';

// Tests resolve workspace packages to their sources, so that they need no build.
const conditions: string[] = ['@schemahub/source'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['{packages,internal,apps,examples}/*/src/**/*.test.ts', 'mappings/src/**/*.test.ts', 'bench/src/**/*.test.ts'],
    testTimeout: 60_000,
    coverage: {
      provider: 'v8',
      include: ['{packages,internal,apps}/*/src/**/*.ts'],
      exclude: ['**/*.test.ts', '**/testing/**'],
      reporter: ['text-summary', 'html'],
    },
  },
});
