// Bundles a program of a private workspace from the sources (no build needed) and runs it in this process's place.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Bundles `entry` (a path from the root) into `folder` and gives the program's path. `plugins` may change sources on the way. */
export async function bundle(entry, folder, { plugins = [] } = {}) {
  // Imported late: `.ci/run` loads this file before anything is installed.
  const { build } = await import('esbuild');
  const outfile = join(folder, 'program.mjs');
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    conditions: ['@schemahub/source'],
    sourcemap: 'inline',
    logLevel: 'warning',
    // What a bundled CommonJS module asks of Node.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    // They load files that lie beside them; who may need zstd has it among its dependencies.
    external: ['@duckdb/*', '@bokuweb/zstd-wasm'],
    plugins,
  });
  return outfile;
}

/** Below node_modules, of the workspace of `entry` if given: ignored by git, and what is not bundled is found from there. */
export function scratchFolder(entry = '') {
  const own = join(entry.split('/').slice(0, 2).join('/'), 'node_modules');
  const parent = join(
    root,
    entry !== '' && existsSync(join(root, own)) ? own : 'node_modules',
    '.cache/schemahub-programs',
  );
  mkdirSync(parent, { recursive: true });
  return mkdtempSync(join(parent, 'run-'));
}

/** Runs `entry` with the arguments; gives its exit code. */
export async function runSource(entry, args, options = {}) {
  const folder = scratchFolder(entry);
  try {
    const program = await bundle(entry, folder, options);
    const { status } = spawnSync(process.execPath, ['--enable-source-maps', program, ...args], {
      cwd: root,
      stdio: 'inherit',
    });
    return status ?? 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [entry, ...args] = process.argv.slice(2);
if (process.argv[1] === fileURLToPath(import.meta.url) && entry !== undefined)
  process.exitCode = await runSource(entry, args);
