import { readFile, writeFile } from 'node:fs/promises';
import { strToU8, zipSync } from 'fflate';
import { defineConfig } from 'tsup';

const NAME = 'data-quality-lambda.zip';

/** The same sources give the same bytes, so that Terraform sees a change only where there is one. 1980 is where zip time begins. */
async function zip(folder: string): Promise<void> {
  const code = await readFile(`${folder}/index.mjs`, 'utf8');
  await writeFile(
    `${folder}/${NAME}`,
    zipSync({ 'index.mjs': strToU8(code) }, { mtime: '1980-01-01T00:00:00', level: 9 }),
  );
}

// One file with the SDK inside: a function whose code is complete starts the same whatever the runtime brings.
export default defineConfig((options) => ({
  entry: { index: 'src/index.ts' },
  format: ['esm'],
  outExtension: () => ({ js: '.mjs' }),
  target: 'node20',
  platform: 'node',
  clean: true,
  minify: true,
  splitting: false,
  noExternal: [/.*/],
  esbuildOptions: (esbuild) => {
    esbuild.conditions = ['@schemahub/source'];
    // The SDK holds CommonJS that asks for Node's modules.
    esbuild.banner = { js: "import{createRequire}from'module';const require=createRequire(import.meta.url);" };
    esbuild.legalComments = 'none';
  },
  onSuccess: () => zip(options.outDir ?? 'dist'),
}));
