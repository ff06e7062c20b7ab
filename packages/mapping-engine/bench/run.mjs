// Bundles scan.ts from the sources (no build needed) and runs it in this process.
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';

const outDir = fileURLToPath(new URL('../node_modules/.bench', import.meta.url));
await build({
  entry: { scan: fileURLToPath(new URL('scan.ts', import.meta.url)) },
  outDir,
  config: false,
  format: ['esm'],
  target: 'node20',
  silent: true,
  outExtension: () => ({ js: '.mjs' }),
  noExternal: [/^@schemahub\//],
  esbuildOptions: (options) => {
    options.conditions = ['@schemahub/source'];
    // The bundle lies elsewhere, but reads the mapping beside the sources.
    options.define = { 'import.meta.url': JSON.stringify(new URL('scan.ts', import.meta.url).href) };
  },
});
try {
  await import(new URL('../node_modules/.bench/scan.mjs', import.meta.url).href);
} finally {
  await rm(outDir, { recursive: true, force: true });
}
