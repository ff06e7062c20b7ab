// `pnpm bench NAME [arguments]`: bundles bench/src/NAME.ts (or .mjs) from the sources, so that no build is needed, and
// runs it in a process of its own. With `--save` the tables that it prints become bench/results/NAME.json (with `--save=AS`
// bench/results/AS.json), with command, date and machine, and from that the tables of docs/performance.md are made.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, availableParallelism, loadavg, type } from 'node:os';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { pagePath, readResults, tablesOf, withResults } from './page.mjs';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const [name, ...given] = process.argv.slice(2);
const args = given.filter((each) => !/^--save(=|$)/.test(each));
const isSaved = args.length < given.length;
const savedAs = given.find((each) => each.startsWith('--save='))?.slice('--save='.length) ?? name;
const files = readdirSync(path('src')).filter((file) => /^[\w-]+\.(ts|mjs)$/.test(file));
const file = files.find((each) => each === `${name}.ts` || each === `${name}.mjs`);
if (file === undefined) {
  console.error(
    `Usage: pnpm bench NAME [arguments] [--save]. NAME is one of: ${files.map((each) => each.replace(/\.\w+$/, '')).join(', ')}`,
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
const [load] = loadavg();
const { status, stdout } = spawnSync(process.execPath, ['--expose-gc', outfile, ...args], {
  stdio: ['inherit', isSaved ? 'pipe' : 'inherit', 'inherit'],
  encoding: 'utf8',
  maxBuffer: 64 * 1024 * 1024,
});
if (isSaved) process.stdout.write(stdout ?? '');
if (isSaved && status === 0) save(tablesOf(stdout));
process.exit(status ?? 1);

/** Keeps what was measured, and shows it on the page. */
function save(tables) {
  if (tables.length === 0) throw new Error(`${name} printed no table: nothing to save.`);
  // Where the input lies is this machine's own business.
  const told = args.filter((each, at) => each !== '--folder' && args[at - 1] !== '--folder');
  const result = {
    command: ['pnpm bench', name, ...told.map((each) => (each.includes(' ') ? `"${each}"` : each))].join(' '),
    date: new Date().toISOString().slice(0, 10),
    machine: `${availableParallelism()} CPUs, ${type()} ${arch()}, Node ${process.versions.node}, load ${load.toFixed(1)} before`,
    tables,
  };
  writeFileSync(path(`results/${savedAs}.json`), `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(pagePath, withResults(readFileSync(pagePath, 'utf8'), readResults()));
}
