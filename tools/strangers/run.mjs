// Every published package as a stranger gets it: packed, installed by npm into an empty project, its types checked, its
// README's example run on every Node given; what publint and are-the-types-wrong say; its size against the budget.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brokenClaims, readExamples, readRecipes } from './examples.mjs';
import { startSimulator, startVenues } from './simulator.mjs';

/** Packed kilobytes that a package may have, maps and types included; a package without a row has the default. */
const BUDGET_KB = {
  default: 50,
  audit: 80,
  'connector-kit': 110,
  iceberg: 110,
  ingest: 107,
  lake: 55,
  'mapping-engine': 110,
  'object-store': 65,
  'parquet-sink': 110,
  query: 90,
  table: 95,
};
/** Examples that look at a lake which is already there; the others make their own. */
const READS_LAKE = new Set(['audit', 'data-quality', 'query', 'table', 'recipe-ohlcv-to-csv', 'recipe-backtest']);
const COINBASE = 'https://api.exchange.coinbase.com';
const DEV_DEPENDENCIES = ['typescript', '@types/node'];

function sh(command, args, options = {}) {
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: 300_000,
    maxBuffer: 64 * 1024 * 1024,
    ...options,
  });
  const text = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`;
  return { ok: result.status === 0, text };
}

/** `pnpm pack` of every published workspace; the tarball's path by package name. */
function pack(root, folder) {
  mkdirSync(folder);
  const filters = ['--filter', './packages/*', '--filter', './apps/cli'];
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { ok, text } = sh('npx', ['--yes', packageManager, '-r', ...filters, 'pack', '--pack-destination', folder], {
    cwd: root,
  });
  if (!ok) console.log(text);
  return new Map(
    readdirSync(folder).map((file) => [/^schemahub-(.+)-\d+\.\d+\.\d+.*\.tgz$/.exec(file)[1], join(folder, file)]),
  );
}

/** An empty project that depends on the tarballs, and on what the packages name as optional peers. */
function project(root, folder, tarballs) {
  const file = Object.fromEntries(
    [...tarballs].filter(([name]) => name !== 'cli').map(([name, path]) => [`@schemahub/${name}`, `file:${path}`]),
  );
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const cli = JSON.parse(readFileSync(join(root, 'apps/cli/package.json'), 'utf8'));
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({
      private: true,
      type: 'module',
      dependencies: {
        ...file,
        ...cli.dependencies,
        ...Object.fromEntries(DEV_DEPENDENCIES.map((name) => [name, devDependencies[name]])),
      },
      overrides: file,
    }),
  );
  const options = {
    module: 'nodenext',
    target: 'es2023',
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    types: ['node'],
    exactOptionalPropertyTypes: true,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['*/example.ts'] }));
  return sh('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder });
}

/** Sends what is meant for an exchange to its stand-in; loaded before an example. */
const PRELOAD = `const real = globalThis.fetch;
const venues = Object.entries(JSON.parse(process.env.VENUES));
globalThis.fetch = (input, init) => {
  const url = String(input instanceof Request ? input.url : input);
  const [from, to] = venues.find(([address]) => url.startsWith(address)) ?? ['', ''];
  return real(to + url.slice(from.length), init);
};
`;

/** Makes a fresh folder of an example, so that no run sees what another left. */
function enter({ root, folder, lake, transpile }, { name, code }) {
  const at = join(folder, name);
  rmSync(at, { recursive: true, force: true });
  mkdirSync(at);
  writeFileSync(join(at, 'example.ts'), code);
  writeFileSync(join(at, 'example.mjs'), transpile(code));
  cpSync(join(root, 'mappings/coinbase_trades.yaml'), join(at, 'coinbase_trades.yaml'));
  if (READS_LAKE.has(name)) cpSync(lake, join(at, 'lake'), { recursive: true });
  return at;
}

/** The compiler's errors in our types and in the examples; other people's declaration files are their own affair. */
function typeErrors(folder) {
  const { text } = sh(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'], { cwd: folder });
  return text.split('\n').filter((line) => /: error TS/.test(line) && !/^node_modules\/(?!@schemahub\/)/.test(line));
}

function runExample({ node, cwd, code, venues }) {
  const args = ['--disable-warning=ExperimentalWarning', '--import', '../preload.mjs', 'example.mjs'];
  const { ok, text } = sh(node, args, {
    cwd,
    env: { ...process.env, VENUES: JSON.stringify(venues) },
    timeout: 60_000,
  });
  const broken = brokenClaims(code, text);
  if (!ok || broken.length > 0) console.log(text, broken);
  return ok && broken.length === 0;
}

/** The command line's tarball alone in an empty project: nothing private in it, and it runs. */
function strangerCli({ scratch, tarball, nodes, one }) {
  const folder = join(scratch, 'stranger-cli');
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ private: true, dependencies: { '@schemahub/cli': `file:${tarball}` } }),
  );
  const installed = sh('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
  });
  if (!one('the command line installs from its tarball alone', installed.ok)) return console.log(installed.text);
  const { dependencies = {} } = JSON.parse(
    readFileSync(join(folder, 'node_modules/@schemahub/cli/package.json'), 'utf8'),
  );
  one(
    'it depends on no package of ours, and on no AWS SDK',
    Object.keys(dependencies).every((name) => !/^@(schemahub|aws-sdk)\//.test(name)),
  );
  const demo = sh('npx', ['schemahub', 'demo', '--lake', 'demo'], { cwd: folder });
  if (!one('npx schemahub demo proves its lake', demo.ok && demo.text.includes('PROVEN'))) console.log(demo.text);
  for (const [version, node] of nodes) {
    const ran = sh(node, ['node_modules/@schemahub/cli/bin/schemahub.mjs', 'demo'], { cwd: folder });
    if (!one(`the command line proves a lake on ${version}`, ran.ok && ran.text.includes('PROVEN')))
      console.log(ran.text);
    const rebuild = ['transform', '--rebuild', '--threads', '2', '-v', '--lake', 'demo'];
    const threaded = sh(node, ['node_modules/@schemahub/cli/bin/schemahub.mjs', ...rebuild], { cwd: folder });
    // A second thread names its files by the run's id and its number.
    if (!one(`its threads derive blocks on ${version}`, threaded.ok && /-1_\d+\.parquet/.test(threaded.text)))
      console.log(threaded.text);
  }
}

/** `nodes`: path of a Node by its name. `one(title, ok)` counts a test. */
export async function strangers({ root, scratch, nodes, one }) {
  const { transformSync } = await import('esbuild');
  const tarballs = pack(root, join(scratch, 'tarballs'));
  const examples = readExamples(root);
  for (const { name } of examples) {
    const bytes = tarballs.has(name) ? statSync(tarballs.get(name)).size : Number.NaN;
    const budget = (BUDGET_KB[name] ?? BUDGET_KB.default) * 1024;
    one(`@schemahub/${name} packs to ${Math.round(bytes / 1024)} KB, budget ${budget / 1024} KB`, bytes <= budget);
  }
  await lintPackages({ root, tarballs, examples, one });
  const folder = join(scratch, 'stranger');
  const installed = project(root, folder, tarballs);
  if (!one('all tarballs install into an empty project', installed.ok)) return console.log(installed.text);
  const cli = join(root, 'apps/cli/dist/schemahub.mjs');
  const lake = join(scratch, 'stranger-lake');
  one('a lake for the examples', sh(process.execPath, [cli, 'demo', '--lake', lake]).ok);
  const transpile = (code) => transformSync(code, { loader: 'ts', format: 'esm', target: 'node20' }).code;
  const place = { root, folder, lake, transpile };
  const programs = [...examples, ...readRecipes(root)];
  for (const program of programs) enter(place, program);
  const errors = typeErrors(folder);
  if (!one('the examples type-check against the packages as they are published', errors.length === 0))
    console.log(errors);
  writeFileSync(join(folder, 'preload.mjs'), PRELOAD);
  const [coinbase, others] = [await startSimulator(cli), await startVenues()];
  const venues = { [COINBASE]: coinbase.url, ...others.urls };
  try {
    for (const program of programs) {
      for (const [version, node] of nodes) {
        const ran = runExample({ node, cwd: enter(place, program), code: program.code, venues });
        one(`the example ${program.name} on ${version}`, ran);
      }
    }
  } finally {
    coinbase.stop();
    others.stop();
  }
  strangerCli({ scratch, tarball: tarballs.get('cli'), nodes, one });
}

async function lintPackages({ root, tarballs, examples, one }) {
  const { publint } = await import('publint');
  const { formatMessage } = await import('publint/utils');
  const attw = join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js');
  for (const { name } of examples) {
    const { messages, pkg } = await publint({
      pack: { tarball: new Uint8Array(readFileSync(tarballs.get(name))).buffer },
      strict: true,
    });
    const said = messages.map((message) => formatMessage(message, pkg));
    if (!one(`publint has nothing to say of @schemahub/${name}`, said.length === 0)) console.log(said.join('\n'));
    const types = sh(process.execPath, [attw, tarballs.get(name), '--profile', 'esm-only', '--no-color', '--no-emoji']);
    if (!one(`the types of @schemahub/${name} are right`, types.ok)) console.log(types.text);
  }
}
