import type { Options } from 'tsup';

/** The one library build: ESM for Node, with declarations. Extra entries are sub-paths of the package. */
export function library(entry: Record<string, string> = { index: 'src/index.ts' }): Options {
  return {
    entry,
    format: ['esm'],
    // tsup 8 sets baseUrl, which TypeScript 6 reports as deprecated; the source condition must not reach declarations.
    dts: { compilerOptions: { ignoreDeprecations: '6.0', noEmit: false, customConditions: [] } },
    clean: true,
    sourcemap: true,
    target: 'node20',
    treeshake: true,
    splitting: true,
  };
}
