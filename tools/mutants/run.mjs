// `pnpm mutants [--list] [--sample N] [WORD …]`: plants each deliberate bug and runs what must catch it.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle, scratchFolder } from '../run-source.mjs';
import { mutants } from './mutants.mjs';
import { esbuildMutant } from './plugin.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const vitest = join(root, 'node_modules/vitest/vitest.mjs');

function program(command, args, { env = {}, minutes = 5 } = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: minutes * 60_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  return { status, stdout: stdout ?? '', text: `${stdout}${stderr}${error?.message ?? ''}` };
}

/** Seeds from the mutant's own on, until one is broken. */
async function bySimulation(mutant, seeds) {
  const folder = scratchFolder();
  try {
    const path = await bundle('internal/simulation/src/main.ts', folder, { plugins: [esbuildMutant(mutant)] });
    const kind = mutant.kind ?? [];
    const args = [path, '--from', String(mutant.seed), '--seeds', String(seeds), '--until-broken', ...kind];
    const { status, stdout, text } = program(process.execPath, args, { minutes: 15 });
    // A mutant that only breaks its own source has shown nothing.
    if (/ReferenceError: /.test(stdout)) return { dead: false, by: stdout.slice(0, 600) };
    const found = /^seed (\d+): VIOLATION (\S+): (.{0,120})/m.exec(stdout);
    if (status === 1 && found !== null)
      return { dead: true, by: `seed ${found[1]}, ${found[2]}`, seed: Number(found[1]) };
    return { dead: false, by: text.slice(-600) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A test file of which at least one test fails; a file that does not load has caught nothing. */
function byTest(mutant) {
  const folder = scratchFolder();
  const report = join(folder, 'report.json');
  try {
    const args = [vitest, 'run', '--config', 'tools/mutants/vitest.config.mjs', mutant.test, '--bail=1'];
    const { text } = program(process.execPath, [...args, '--reporter=json', `--outputFile=${report}`], {
      env: { MUTANT: mutant.name },
    });
    if (!existsSync(report)) return { dead: false, by: text.slice(-600) };
    const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
    const failed = testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .find(({ status }) => status === 'failed');
    if (/ReferenceError: /.test(String(failed?.failureMessages))) return { dead: false, by: failed.failureMessages[0] };
    if (failed !== undefined) return { dead: true, by: `${mutant.test}: ${failed.fullName}` };
    return {
      dead: false,
      by: testResults
        .map(({ message }) => message)
        .join('\n')
        .slice(0, 600),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Spread over the list: a sample meets every part of it in turn. */
function sampleOf(list, count) {
  return Array.from({ length: Math.min(count, list.length) }, (_, i) => list[Math.floor((i * list.length) / count)]);
}

const args = process.argv.slice(2);
const numberAfter = (flag) => (args.includes(flag) ? Number(args.splice(args.indexOf(flag), 2)[1]) : undefined);
const sample = numberAfter('--sample');
/** How far a simulation goes on after the known seed. The known seed alone is asked for by default. */
const seeds = numberAfter('--search') ?? 40;
const isList = args.includes('--list');
const words = args.filter((word) => !word.startsWith('--'));
const named = mutants.filter(({ name }) => words.every((word) => name.includes(word)));
const chosen = sample === undefined ? named : sampleOf(named, sample);
let survivors = 0;
for (const [i, mutant] of chosen.entries()) {
  if (isList) {
    console.log(`${mutant.name}\n    ${mutant.file}: ${mutant.test ?? `seed ${mutant.seed}`}`);
    continue;
  }
  const begun = performance.now();
  // A mutant that does not build, or whose piece is gone, has shown nothing.
  const work = async () => (mutant.test === undefined ? await bySimulation(mutant, seeds) : byTest(mutant));
  const verdict = await work().catch((error) => ({ dead: false, by: error.message }));
  if (!verdict.dead) survivors++;
  const took = `${((performance.now() - begun) / 1000).toFixed(1)} s`;
  console.log(
    `${i + 1}/${chosen.length} ${verdict.dead ? 'dead' : 'ALIVE'}: ${mutant.name}\n    ${verdict.by} (${took})`,
  );
}
if (!isList) console.log(`${chosen.length - survivors} of ${chosen.length} mutants are dead`);
process.exitCode = survivors > 0 || chosen.length === 0 ? 1 : 0;
