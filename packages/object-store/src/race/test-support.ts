import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Below the package, so that its dependencies are found; ignored by git. */
const cache = join(root, 'node_modules/.cache/schemahub-tests');

/** One writer process: for each task it lets its writers loose and says how many of them won. */
const program = `
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { createS3Store } from './s3.ts';
process.on('message', async ({ place, verb, key, version, writers }) => {
  const store = createS3Store({ ...place, sleep: (ms) => wait(ms), random: Math.random, createId: randomUUID });
  const one = async (writer) => {
    const body = Buffer.from(verb + ' by ' + process.pid + ' writer ' + writer);
    return verb === 'create' ? await store.putIfAbsent(key, body) : await store.putIfMatch(key, body, version ?? undefined);
  };
  const answers = await Promise.all(Array.from({ length: writers }, (_, writer) => one(writer)));
  const winners = answers.flatMap((answer, writer) =>
    answer === 'exists' || answer === 'conflict' ? [] : [verb + ' by ' + process.pid + ' writer ' + writer]);
  store.close();
  process.send(winners);
});
process.send('ready');
`;

export interface RaceTask {
  /** Options of the store, as far as they can be sent to another process. */
  readonly place: object;
  readonly verb: 'create' | 'replace';
  readonly key: string;
  readonly version?: string | undefined;
}

/** Two processes with 25 writers each. */
export interface Race {
  /** Names of the writers that were told they had won. */
  readonly run: (task: RaceTask) => Promise<readonly string[]>;
  readonly close: () => Promise<void>;
}

const WRITERS = 25;

export async function startRace(): Promise<Race> {
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'race-'));
  const outfile = join(folder, 'writers.mjs');
  await build({
    stdin: { contents: program, resolveDir: join(root, 'src'), loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['@aws-sdk/*'],
    logLevel: 'silent',
  });
  const children: ChildProcess[] = [0, 1].map(() => fork(outfile, [], { execArgv: [] }));
  await Promise.all(children.map((child) => once(child, 'message')));
  return {
    run: async (task) => {
      const answers = children.map(async (child) => (await once(child, 'message'))[0] as string[]);
      for (const child of children) child.send({ ...task, writers: WRITERS });
      return (await Promise.all(answers)).flat();
    },
    close: async () => {
      for (const child of children) child.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
