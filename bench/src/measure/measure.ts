import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';

/** What one whole child process cost, from its start to its exit. */
export interface Usage {
  /** User and system seconds of all its threads. */
  readonly cpu: number;
  readonly wall: number;
  /** Peak resident memory, MB. */
  readonly memory: number;
}

/** One way to do the job; every run is a process of its own. */
export interface Contender {
  readonly name: string;
  readonly prepare: () => Promise<void>;
  readonly command: readonly string[];
  /** Called after each run; throws when its output is wrong. */
  readonly check?: (() => Promise<void>) | undefined;
}

export interface Measured {
  readonly contender: Contender;
  readonly runs: readonly Usage[];
}

/** Loaded into every child: writes what the process used when it exits. */
const HOOK = fileURLToPath(new URL('../../src/measure/report-usage.mjs', import.meta.url));

/**
 * What the shell tells Node is no part of a measurement: certificates of the caller's (NODE_EXTRA_CA_CERTS) are 30 ms of
 * CPU at every start of Node 20.
 */
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('NODE_')));

async function runChild(command: readonly string[], report: string): Promise<Usage> {
  const start = performance.now();
  const status = await new Promise<number | null>((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', HOOK, ...command], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...environment, BENCH_USAGE_FILE: report },
    });
    child.once('error', reject);
    child.once('exit', resolve);
  });
  if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}`);
  const wall = (performance.now() - start) / 1000;
  const usage = JSON.parse(await readFile(report, 'utf8'));
  await rm(report);
  return { cpu: (usage.userCPUTime + usage.systemCPUTime) / 1e6, wall, memory: usage.peakMemory / 1e6 };
}

/** Runs all contenders round by round, so that a busy minute hits all of them. */
export async function measure(
  contenders: readonly Contender[],
  options: { readonly rounds: number; readonly report: string },
): Promise<Measured[]> {
  const measured = contenders.map((contender) => ({ contender, runs: [] as Usage[] }));
  for (let round = 0; round < options.rounds; round += 1) {
    for (const { contender, runs } of measured) {
      await contender.prepare();
      runs.push(await runChild(contender.command, options.report));
      const { cpu, wall, memory } = runs.at(-1)!;
      console.error(
        `  round ${round + 1}: ${contender.name}: ${cpu.toFixed(2)} CPU s, ${wall.toFixed(2)} s, ${memory.toFixed(0)} MB`,
      );
      if (round === 0) await contender.check?.();
    }
  }
  return measured;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)]!;
}

export function machine(): string {
  const all = cpus();
  const date = new Date().toISOString().slice(0, 10);
  return `${all.length} × ${all[0]?.model.trim() ?? 'unknown'}, Node ${process.versions.node}, ${process.platform} ${process.arch}, ${date}`;
}

/** A table in Markdown; `--save` keeps it. */
export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
