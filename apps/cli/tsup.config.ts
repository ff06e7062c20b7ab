import { defineConfig } from 'tsup';

// The container image has the AWS SDK inside; who installs from npm adds what he uses.
const withAws = process.env.SCHEMAHUB_BUNDLE === 'aws';

// A folder, not one file: `--help` loads only what it prints. DuckDB and zstd stay outside: they load files beside themselves;
// so does the AWS SDK, which only those install who use it.
export default defineConfig({
  // The program, and what its further threads run.
  entry: { schemahub: 'src/main.ts', 'block-thread': 'src/block-thread.ts' },
  format: ['esm'],
  outExtension: () => ({ js: '.mjs' }),
  target: 'node20',
  platform: 'node',
  clean: true,
  silent: true,
  splitting: true,
  sourcemap: false,
  noExternal: [withAws ? /^(?!@duckdb\/|@bokuweb\/)/ : /^(?!@duckdb\/|@bokuweb\/|@aws-sdk\/)/],
  esbuildOptions: (options) => {
    // Workspace packages are bundled from their sources: the CLI needs no other build.
    options.conditions = ['@schemahub/source'];
  },
  banner: {
    js: "import { createRequire as schemahubRequire } from 'node:module';const require = schemahubRequire(import.meta.url);",
  },
});
