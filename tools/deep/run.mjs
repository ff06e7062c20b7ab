// What `.ci/run` does: `npm test`, then the suites that take longer. Each step counts its tests; the last line sums them,
// and anything failed or skipped makes the exit code 1. A contributor may run single steps: `node tools/deep/run.mjs readers`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { strangers } from '../strangers/run.mjs';
import { startSimulator } from '../strangers/simulator.mjs';
import { snippets } from '../strangers/snippets.mjs';
import { isPictureFresh } from '../terminal-picture.mjs';
import { image } from './image.mjs';
import { motoSuites } from './moto.mjs';
import { terraform } from './terraform.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'schemahub-ci-'));
const cli = join(root, 'apps/cli/dist/schemahub.mjs');
const total = { passed: 0, failed: 0, skipped: 0 };
const started = performance.now();

const seconds = () => Math.round((performance.now() - started) / 1000);
const say = (text) => console.log(`\n== ${text} (${seconds()} s)`);

function count({ passed, failed, skipped }) {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}

/** Runs a program to its end, output passed on; true if it ended with 0 within the time. */
function run(command, args, { cwd = root, env = {}, minutes = 10, stdout = 'inherit' } = {}) {
  const result = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', stdout, 'inherit'],
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    timeout: minutes * 60_000,
    killSignal: 'SIGKILL',
  });
  if (result.error) console.log(`${command}: ${result.error.message}`);
  return { ok: result.status === 0, text: result.stdout ?? '' };
}

/** A step that is one test by itself. */
function one(title, ok) {
  console.log(`${ok ? 'ok' : 'FAILED'}: ${title}`);
  count({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 });
  return ok;
}

/** Adds what vitest wrote. A file that could not be loaded, and a run that failed without a failing test, count as failures. */
function countVitest(title, report, ok) {
  if (!existsSync(report)) return one(`${title} ended before its tests began`, false);
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(report, 'utf8'),
  );
  const unloadable = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  );
  const failed = numFailedTests + unloadable.length;
  count({ passed: numPassedTests, failed: failed === 0 && !ok ? 1 : failed, skipped: numPendingTests + numTodoTests });
}

const reporters = (report) => ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];

function treeIsClean(when) {
  const { ok, text } = run('git', ['status', '--porcelain'], { stdout: 'pipe' });
  if (text !== '') console.log(text);
  one(`the work tree is clean ${when}`, ok && text === '');
}

function unit() {
  say('npm test');
  const report = join(scratch, 'unit.json');
  const { ok } = run('npm', ['test', '--', ...reporters(report)], { minutes: 15 });
  countVitest('npm test', report, ok);
}

/** Heavy tests of the workspaces: files named *.deep.test.ts. */
function deep() {
  say('deep tests (*.deep.test.ts)');
  const report = join(scratch, 'deep.json');
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const args = ['run', '--config', 'vitest.deep.config.ts', ...reporters(report)];
  const { ok } = run(process.execPath, [vitest, ...args], { minutes: 20 });
  countVitest('the deep tests', report, ok);
}

/** Whole pipelines under seeded disaster: `pnpm sim --seeds 300`. */
function simulation() {
  for (const kind of [
    ['--seeds', '300'],
    ['--seeds', '100', '--iceberg'],
    ['--seeds', '100', '--iceberg', '--exchange', 'binance'],
    ['--seeds', '100', '--iceberg', '--exchange', 'kraken'],
    ['--seeds', '150', '--s3'],
  ]) {
    say(`simulation ${kind.join(' ')}`);
    const args = ['tools/run-source.mjs', 'internal/simulation/src/main.ts', ...kind];
    one(`random runs ${kind.join(' ')} break no promise`, run(process.execPath, args, { minutes: 10 }).ok);
  }
  say('every command killed at every call to the store');
  const matrix = ['tools/run-source.mjs', 'internal/simulation/src/main.ts', '--crash-matrix', '--pairs', '10'];
  one('no crash, and no drawn pair of crashes, breaks a promise', run(process.execPath, matrix, { minutes: 10 }).ok);
}

/** Every parser of foreign bytes, 20,000 damaged inputs each. */
function fuzzing() {
  say('fuzzing of every parser of foreign bytes');
  const args = ['tools/run-source.mjs', 'internal/fuzz/src/main.ts', 'all', '--inputs', '20000'];
  one('a value or a sentence for 20,000 inputs a parser', run(process.execPath, args, { minutes: 10 }).ok);
}

/** Deliberate bugs: a sample of them; all by `pnpm mutants`. */
function mutants() {
  say('mutants');
  const ok = run(process.execPath, ['tools/mutants/run.mjs', '--sample', '9', '--search', '3'], { minutes: 10 }).ok;
  one('nine deliberate bugs, spread over the list, are caught', ok);
}

/** A Python with the three readers, kept in .venv; undefined, and told, if it cannot be had. */
function python() {
  const folder = join(root, '.venv');
  const program = join(folder, 'bin/python');
  const readers = ['pyarrow', 'polars', 'duckdb', 'fastavro'];
  const complete = () => existsSync(program) && run(program, ['-c', `import ${readers.join(', ')}`], { minutes: 2 }).ok;
  if (complete()) return program;
  rmSync(folder, { recursive: true, force: true });
  if (!run('python3', ['-m', 'venv', folder]).ok) {
    console.log('python3 cannot make a venv; asking Debian for python3-venv.');
    run('apt-get', ['update', '-qq']);
    run('apt-get', ['install', '-y', '-qq', 'python3-venv']);
    rmSync(folder, { recursive: true, force: true });
    run('python3', ['-m', 'venv', folder]);
  }
  run(program, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...readers], { minutes: 15 });
  return complete() ? program : undefined;
}

/** Makes a lake with the built CLI under the given Node. */
function demo(node, lake) {
  const env = { PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  return run(node, [cli, 'demo', '--lake', lake], { env }).ok;
}

/** DuckDB, pyarrow and polars open what the CLI wrote. */
function readers() {
  say('the lake in DuckDB, pyarrow and polars');
  const program = python();
  const [lake, listing, report] = ['lake', 'snapshots.json', 'readers.json'].map((name) => join(scratch, name));
  if (!one('Python has pyarrow, polars and duckdb', program !== undefined)) return;
  if (!one('schemahub demo makes a lake', demo(process.execPath, lake))) return;
  const snapshots = run(process.execPath, [cli, 'snapshots', '--files', '--json', '--lake', lake], { stdout: 'pipe' });
  writeFileSync(listing, snapshots.text);
  if (!one('schemahub snapshots lists the files', snapshots.ok)) return;
  const env = { SCHEMAHUB_LAKE: lake, SCHEMAHUB_SNAPSHOTS: listing };
  run(program, ['-B', join(root, 'tools/deep/run_tests.py'), 'test_lake', report], { env, minutes: 5 });
  if (existsSync(report)) count(JSON.parse(readFileSync(report, 'utf8')));
  else one('the Python tests could be loaded', false);
}

/** fastavro, pyarrow and DuckDB read the Iceberg face after commits, a new schema and a rollback. */
function iceberg() {
  say('the Iceberg face in fastavro, pyarrow and DuckDB');
  const program = python();
  const [lake, listing, report] = ['lake-iceberg', 'iceberg.json', 'iceberg-report.json'].map((name) =>
    join(scratch, name),
  );
  if (!one('Python has fastavro', program !== undefined)) return;
  if (!one('schemahub demo makes a lake', demo(process.execPath, lake))) return;
  const rebuild = ['transform', '--rebuild', '--decimals'];
  const commands = [['iceberg', 'publish'], rebuild, ['rollback', '1'], ['rollback', '--release'], rebuild];
  const ok = commands.every((command) => run(process.execPath, [cli, ...command, '--lake', lake]).ok);
  if (!one('schemahub publishes commits, a new schema and a rollback', ok)) return;
  const snapshots = run(process.execPath, [cli, 'snapshots', '--files', '--json', '--lake', lake], { stdout: 'pipe' });
  writeFileSync(listing, snapshots.text);
  const env = { SCHEMAHUB_LAKE: lake, SCHEMAHUB_SNAPSHOTS: listing };
  run(program, ['-B', join(root, 'tools/deep/run_tests.py'), 'test_iceberg', report], { env, minutes: 5 });
  if (existsSync(report)) count(JSON.parse(readFileSync(report, 'utf8')));
  else one('the Python tests of the Iceberg face could be loaded', false);
}

/** The path of another Node from the npm package `node`; undefined if it cannot be had. */
function otherNode(major) {
  const cwd = join(scratch, `node-${major}`);
  mkdirSync(cwd, { recursive: true });
  const { ok, text } = run('npx', ['--yes', '-p', `node@${major}`, '--', 'node', '-p', 'process.execPath'], {
    cwd,
    stdout: 'pipe',
  });
  const path = text.trim().split('\n').at(-1);
  return ok && existsSync(path) ? path : undefined;
}

/** The built CLI and the unit tests of all libraries on a newer Node. */
function newerNode(major) {
  say(`Node ${major}`);
  const node = otherNode(major);
  if (!one(`Node ${major} is there`, node !== undefined)) return;
  const lake = join(scratch, `lake-${major}`);
  if (one(`Node ${major}: schemahub demo`, demo(node, lake))) {
    one(`Node ${major}: schemahub verify`, run(node, [cli, 'verify', '--lake', lake, '--deep']).ok);
  }
  const report = join(scratch, `unit-${major}.json`);
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const env = { PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  const { ok } = run(node, [vitest, 'run', 'packages', 'internal', 'mappings', ...reporters(report)], { env });
  countVitest(`Node ${major}: unit tests`, report, ok);
}

/** What a stranger who installs a package from npm gets. */
async function packages() {
  say('the packages as strangers get them');
  const nodes = [20, 22, 24].map((major) => [
    `Node ${major}`,
    process.versions.node.startsWith(`${major}.`) ? process.execPath : otherNode(major),
  ]);
  if (
    !one(
      'Node 20, 22 and 24 are there',
      nodes.every(([, path]) => path !== undefined),
    )
  )
    return;
  await strangers({ root, scratch, nodes, one });
  const typedoc = join(root, 'node_modules/typedoc/bin/typedoc');
  const args = [typedoc, '--skipErrorChecking', '--out', join(scratch, 'docs-api')];
  one('the API reference has no warning', run(process.execPath, args).ok);
}

/** What README and how-tos tell a reader to type, against a simulated exchange that goes on trading. */
async function pages() {
  say('the commands of the pages');
  one('docs/demo.svg shows what the demo prints', isPictureFresh(cli));
  const { url, stop } = await startSimulator(cli, '--live');
  try {
    snippets({ root, scratch, cli, url, python: python(), one });
  } finally {
    stop();
  }
}

/** The built command line, DuckDB and a naive program transform the same raw lines: plain, gzip, with payloads, each codec. */
function equality() {
  say('transform beside DuckDB');
  const bench = [
    'bench/run.mjs',
    'transform',
    '--records',
    '300000',
    '--rounds',
    '1',
    '--folder',
    join(scratch, 'bench'),
  ];
  const { ok } = run(process.execPath, bench, { minutes: 8 });
  one("every transform gives the rows of DuckDB's own, both ways, on every variant", ok);
}

const steps = {
  unit,
  equality,
  deep,
  simulation,
  terraform: () => terraform({ root, scratch, cli, say, one, count }),
  image: () => image({ root, scratch, cli, say, one, run }),
  fuzzing,
  mutants,
  moto: () => motoSuites({ root, scratch, say, one, run, reporters, countVitest }),
  readers,
  iceberg,
  packages,
  pages,
  node22: () => newerNode(22),
  node24: () => newerNode(24),
};
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(steps, name));
if (unknown.length > 0) {
  console.error(
    `Unknown step ${unknown.join(', ')}. The steps are ${Object.keys(steps).join(', ')}; without one, all run.`,
  );
  process.exit(2);
}
const all = wanted.length === 0;
try {
  if (all) treeIsClean('before');
  for (const name of all ? Object.keys(steps) : wanted) await steps[name]();
  if (all) treeIsClean('after');
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
say('end');
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed + total.skipped > 0 || total.passed === 0 ? 1 : 0;
