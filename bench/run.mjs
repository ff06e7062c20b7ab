// `pnpm bench NAME [arguments]`: bundles bench/src/NAME.ts (or .mjs) from the sources, so that no build is needed, and
// runs it in a process of its own. What a bench prints is kept by hand in docs/performance.md, with machine and date.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const [name, ...args] = process.argv.slice(2);
const files = readdirSync(path('src')).filter((file) => /^[\w-]+\.(ts|mjs)$/.test(file));
const file = files.find((each) => each === `${name}.ts` || each === `${name}.mjs`);
if (file === undefined) {
  console.error(
    `Usage: pnpm bench NAME [arguments]. NAME is one of: ${files.map((each) => each.replace(/\.\w+$/, '')).join(', ')}`,
  );
  process.exit(2);
}
const { dependencies } = JSON.parse(readFileSync(path('package.json'), 'utf8'));
const outfile = path(`node_modules/.cache/${name}.mjs`);
await build({
  entryPoints: [path(`src/${file}`)],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  conditions: ['@schemahub/source'],
  // Our packages are bundled; what the bench itself depends on besides them (peers, native code) is loaded as it is.
  external: Object.keys(dependencies).filter((each) => !each.startsWith('@schemahub/')),
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
const { status } = spawnSync(process.execPath, ['--expose-gc', outfile, ...args], { stdio: 'inherit' });
process.exit(status ?? 1);
