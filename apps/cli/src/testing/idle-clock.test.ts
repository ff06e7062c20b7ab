import { pbkdf2 } from 'node:crypto';
import { link, mkdir, mkdtemp, open, opendir, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createIdleClock } from './idle-clock.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'schemahub-idle-clock-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Keeps every thread that works on files busy for a while: what is asked of them next waits in their queue. */
async function holdThreads(): Promise<void> {
  const one = (): Promise<void> =>
    new Promise((done, failed) =>
      pbkdf2('held', 'salt', 100_000, 64, 'sha512', (error) => (error === null ? done() : failed(error))),
    );
  await Promise.all(Array.from({ length: Number(process.env.UV_THREADPOOL_SIZE ?? 4) }, one));
}

/** What the folder store asks of files. `prepare` makes the act that is watched. */
const acts: Readonly<Record<string, () => Promise<() => Promise<unknown>>>> = {
  open: async () => () => open(join(folder, 'opened'), 'w').then((file) => file.close()),
  write: async () => {
    const file = await open(join(folder, 'written'), 'w');
    return () => file.writeFile('bytes').then(() => file.close());
  },
  sync: async () => {
    const file = await open(join(folder, 'synced'), 'w');
    return () => file.sync().then(() => file.close());
  },
  close: async () => {
    const file = await open(join(folder, 'closed'), 'w');
    return () => file.close();
  },
  'mkdir, stat, readdir, opendir': async () => () =>
    mkdir(join(folder, 'below'))
      .then(() => stat(folder))
      .then(() => readdir(folder))
      .then(() => opendir(folder))
      .then((opened) => opened.close()),
  'link, rename, unlink, rm': async () => {
    const [from, beside, to] = ['from', 'beside', 'to'].map((name) => join(folder, name)) as [string, string, string];
    await open(from, 'w').then((file) => file.close());
    return () =>
      link(from, beside)
        .then(() => rename(beside, to))
        .then(() => unlink(to))
        .then(() => readFile(from))
        .then(() => rm(from));
  },
};

describe('the clock that jumps over waits', () => {
  it.each(Object.entries(acts))(
    'stands still while files are worked on, however long that takes: %s',
    async (_name, prepare) => {
      const act = await prepare();
      const clock = createIdleClock(0);
      const stop = new AbortController();
      const held = holdThreads();
      const worked = act().then(() => clock.now());
      const waited = clock.sleep(1000, stop.signal).then(
        () => 'time passed',
        () => 'stopped',
      );
      expect(await worked).toBe(0);
      stop.abort();
      await waited;
      await held;
    },
  );

  it('jumps from deadline to deadline, in their order, when all else rests', async () => {
    const clock = createIdleClock(500);
    const woken: number[] = [];
    await Promise.all([3000, 1000, 2000].map((ms) => clock.sleep(ms).then(() => woken.push(clock.now()))));
    expect(woken).toEqual([1500, 2500, 3500]);
  });
});
