// Bundles memory.ts from the sources (no build needed) and runs it: node bench/run.mjs [trades …]
import { execFileSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';

const outDir = fileURLToPath(new URL('../node_modules/.bench', import.meta.url));
await build({
  entry: { memory: fileURLToPath(new URL('memory.ts', import.meta.url)) },
  outDir,
  config: false,
  format: ['esm'],
  target: 'node20',
  silent: true,
  outExtension: () => ({ js: '.mjs' }),
  noExternal: [/^@schemahub\//],
  esbuildOptions: (options) => {
    options.conditions = ['@schemahub/source'];
  },
});
const sizes = process.argv.length > 2 ? process.argv.slice(2) : ['100000', '10000000'];
try {
  // A process for each size: memory that one leaves behind must not count for the next.
  for (const trades of sizes) execFileSync(process.execPath, [`${outDir}/memory.mjs`, trades], { stdio: 'inherit' });
} finally {
  await rm(outDir, { recursive: true, force: true });
}
