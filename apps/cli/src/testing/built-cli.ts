import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type CliRun, cliRun } from './virtual-run.js';

/** Below the app, so that the native DuckDB package is found; ignored by git. */
const app = fileURLToPath(new URL('../../', import.meta.url));
const cache = join(app, 'node_modules/.cache/schemahub-tests');
const tsup = join(dirname(createRequire(import.meta.url).resolve('tsup')), 'cli-default.js');

export interface SpawnOptions {
  readonly environment?: Readonly<Record<string, string>> | undefined;
  readonly folder?: string | undefined;
  readonly nodeOptions?: readonly string[] | undefined;
  /** Another build's program. Default: the one that was built. */
  readonly program?: string | undefined;
  /** Has no more rights than a user: root may write everywhere, and becomes nobody for this. */
  readonly asUser?: boolean | undefined;
}

/** A program under way. */
export interface StartedCli {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Resolves when stderr has shown something that fits, with all text so far; rejects when the program ends first. */
  readonly seen: (pattern: RegExp, stream?: 'out' | 'err') => Promise<string>;
  /** Resolves at its end; a program that was killed has code -1. */
  readonly ended: Promise<CliRun>;
}

/** The command line as users run it: built, in a process of its own. */
export interface BuiltCli {
  readonly program: string;
  readonly start: (args: readonly string[], options?: SpawnOptions) => StartedCli;
  readonly run: (args: readonly string[], options?: SpawnOptions) => Promise<CliRun>;
  /** Ends what still runs and removes the build. */
  readonly remove: () => Promise<void>;
}

/** Loaded before the program by a Node that is still root's: nobody may not even be allowed to read Node. */
const becomeNobody = 'data:text/javascript,process.setgroups([]);process.setgid(65534);process.setuid(65534);';

/** The build where everybody can read it: the checkout may be its owner's alone. */
function copyForNobody(build: string): string {
  const copy = mkdtempSync(join(tmpdir(), 'schemahub-cli-'));
  cpSync(build, copy, { recursive: true });
  chmodSync(copy, 0o755);
  return copy;
}

/** Builds the CLI with its own build settings into a folder of its own. */
export async function buildCli(): Promise<BuiltCli> {
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'cli-'));
  await promisify(execFile)(process.execPath, [tsup, '--out-dir', folder, '--silent'], { cwd: app });
  if (!(await readdir(folder)).includes('schemahub.mjs'))
    throw new Error(`the build left no schemahub.mjs in ${folder}`);
  const program = join(folder, 'schemahub.mjs');
  const isRoot = process.getuid?.() === 0;
  let copy: string | undefined;
  const running = new Set<ChildProcess>();
  const start: BuiltCli['start'] = (args, options = {}) => {
    if (options.asUser === true && isRoot) copy ??= copyForNobody(folder);
    const started =
      options.asUser === true && copy !== undefined
        ? startProgram(join(copy, 'schemahub.mjs'), args, { ...options, nodeOptions: ['--import', becomeNobody] })
        : startProgram(options.program ?? program, args, options);
    running.add(started.child);
    started.child.once('exit', () => running.delete(started.child));
    return started;
  };
  return {
    program,
    start,
    run: (args, options) => start(args, options).ended,
    remove: async () => {
      for (const child of running) child.kill('SIGKILL');
      for (const made of [folder, copy]) if (made !== undefined) await rm(made, { recursive: true, force: true });
    },
  };
}

function startProgram(program: string, args: readonly string[], options: SpawnOptions): StartedCli {
  const { environment = {}, nodeOptions = [] } = options;
  const child = spawn(process.execPath, [...nodeOptions, program, ...args], {
    cwd: options.folder,
    // Nothing of the caller's settings reaches the program.
    env: { PATH: process.env.PATH ?? '', HOME: options.folder ?? '/', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { out: '', err: '' };
  const watchers = new Set<() => void>();
  const listen = (stream: 'out' | 'err', from: NodeJS.ReadableStream | null): void => {
    from?.setEncoding('utf8').on('data', (part: string) => {
      text[stream] += part;
      for (const watcher of watchers) watcher();
    });
  };
  listen('out', child.stdout);
  listen('err', child.stderr);
  const ended = new Promise<CliRun>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(cliRun(code ?? -1, text.out, text.err)));
  });
  return {
    child,
    pid: child.pid ?? -1,
    kill: (signal) => void child.kill(signal),
    ended,
    seen: (pattern, stream = 'err') =>
      new Promise((resolve, reject) => {
        const watcher = (): void => {
          if (!pattern.test(text[stream])) return;
          watchers.delete(watcher);
          resolve(text[stream]);
        };
        watchers.add(watcher);
        watcher();
        void ended.then(() =>
          reject(new Error(`the program ended before it showed ${pattern}: ${text.out}${text.err}`)),
        );
      }),
  };
}
