// How long the built command line takes to say what it can do: `pnpm build`, then `pnpm bench help`. Twenty rounds, the
// programs one after the other in each; CPU is user + system of the child, and the ratio is to Node doing nothing.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const ROUNDS = 20;
const cli = join(process.cwd(), 'apps/cli/dist/schemahub.mjs');
if (!existsSync(cli)) throw new Error('apps/cli is not built: pnpm build');

const programs = [
  ['node, an empty program', ['-e', '0'], ''],
  ['schemahub --help', [cli, '--help'], 'Usage: schemahub'],
  ['schemahub backfill --help', [cli, 'backfill', '--help'], 'Usage: schemahub backfill'],
  ['schemahub --version', [cli, '--version'], ''],
].map(([name, args, says]) => ({ name, args, says, wall: [], cpu: [] }));

/** CPU of ended children, ms: only the kernel knows, so a process of its own asks. */
const MEASURE = `
const { spawnSync } = require('node:child_process');
const begun = performance.now();
const { stdout, status } = spawnSync(process.execPath, process.argv.slice(1), { encoding: 'utf8' });
const wall = performance.now() - begun;
const { readFileSync } = require('node:fs');
// Fields 16 and 17 of /proc/self/stat: time of waited-for children in ticks of 10 ms. See proc(5).
const fields = process.platform === 'linux' ? readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ') : [];
const cpu = process.platform === 'linux' ? 10 * (Number(fields[13]) + Number(fields[14])) : NaN;
console.log(JSON.stringify({ wall, cpu, status, stdout }));`;

for (let round = 0; round < ROUNDS; round++) {
  for (const program of programs) {
    const { stdout } = spawnSync(process.execPath, ['-e', MEASURE, '--', ...program.args], { encoding: 'utf8' });
    const { wall, cpu, status, stdout: said } = JSON.parse(stdout);
    if (status !== 0 || !said.includes(program.says)) throw new Error(`${program.name} ended with ${status}: ${said}`);
    program.wall.push(wall);
    program.cpu.push(cpu);
  }
}

const sorted = (values) => [...values].sort((a, b) => a - b);
const median = (values) => sorted(values)[values.length >> 1];
const [nothing] = programs;
console.log('| program | wall ms, median | least | CPU ms, median | ÷ Node alone, CPU |\n|---|---|---|---|---|');
for (const { name, wall, cpu } of programs)
  console.log(
    `| ${name} | ${median(wall).toFixed(0)} | ${sorted(wall)[0].toFixed(0)} | ${median(cpu).toFixed(0)} | ${(median(cpu) / median(nothing.cpu)).toFixed(2)} |`,
  );
