import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { chmod, link, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFolderStore, currentProcess, isProcessGone, type ObjectStore, type ProcessIdentity } from './index.js';

// What happens to a folder store in the real world: killed writers, stolen locks, full and read-only disks.

let base: string;
let script: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'folder-store-'));
  await chmod(base, 0o755); // some children run as another user
  script = join(base, 'child.mjs');
  await build({
    stdin: { contents: CHILD, resolveDir: import.meta.dirname, loader: 'ts' },
    outfile: script,
    bundle: true,
    platform: 'node',
    format: 'esm',
  });
});
afterAll(() => rm(base, { recursive: true, force: true }));

/** Increments a counter by compare-and-set, telling each success; or writes what it was told and says how it went. */
const CHILD = `
import { createFolderStore } from './folder.ts';
const [folder, task, count, uid] = process.argv.slice(2);
if (Number(uid) > 0) {
  process.setgid(Number(uid));
  process.setuid(Number(uid));
}
const store = createFolderStore({ folder, sleep: () => new Promise((done) => setTimeout(done, 1)) });
const tell = (message) => new Promise((done) => process.send(message, done));
if (task === 'count') {
  for (let i = 0; i < Number(count); i++) {
    for (;;) {
      const held = await store.get('counter');
      const next = Buffer.from(String(Number(held ? Buffer.from(held.bytes).toString() : '0') + 1));
      if ((await store.putIfMatch('counter', next, held?.version)) !== 'conflict') break;
    }
    await tell(i + 1);
  }
} else {
  const outcomes = [];
  for (const put of [() => store.putIfAbsent('big', Buffer.alloc(Number(count))), () => store.putIfMatch('big2', Buffer.alloc(Number(count)), undefined)])
    outcomes.push(await put().catch(({ name, code, message }) => ({ name, code, message })));
  await tell(outcomes);
}
process.disconnect();
`;

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const lockOf = (folder: string, key: string): string =>
  join(folder, '.schemahub', `${createHash('sha256').update(key).digest('hex')}.lock`);
const counterOf = async (store: ObjectStore): Promise<number> =>
  Number(Buffer.from((await store.get('counter'))?.bytes ?? text('0')).toString());
const ended = (child: ChildProcess): Promise<void> => new Promise((done) => child.once('exit', () => done()));
async function keysOf(store: ObjectStore, prefix = ''): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

describe('compare-and-set between processes', () => {
  it('stays exact while the locks of dead holders, and dead claims on them, are planted all the time', async () => {
    const folder = join(base, 'planted');
    const store = createFolderStore({ folder });
    await store.putIfMatch('counter', text('0'), undefined);
    const lock = lockOf(folder, 'counter');
    const dead = { ...currentProcess(), startedAt: '1' };
    const children = Array.from({ length: 3 }, () => fork(script, [folder, 'count', '40']));
    const running = Promise.all(children.map(ended));
    let isRunning = true;
    void running.then(() => {
      isRunning = false;
    });
    let planted = 0;
    for (let i = 0; isRunning; i++) {
      const [holder, claimer] = [`a${randomUUID()}`, `b${randomUUID()}`];
      const part = join(base, 'plant');
      if (i % 2 === 0) await writeFile(`${lock}.${holder}`, JSON.stringify({ ...dead, nonce: claimer }));
      await writeFile(part, JSON.stringify({ ...dead, nonce: holder }));
      await link(part, lock).then(
        () => planted++,
        () => rm(`${lock}.${holder}`, { force: true }),
      );
      await rm(part);
    }
    await running;
    expect(planted).toBeGreaterThan(5);
    expect(await counterOf(store)).toBe(120);
  });

  it('loses no increment that was told, however its writers are killed', async () => {
    const folder = join(base, 'killed');
    const store = createFolderStore({ folder });
    let told = 0;
    let kills = 0;
    const work = async (): Promise<void> => {
      for (let life = 0; life < 4; life++) {
        const child = fork(script, [folder, 'count', '1000']);
        const lifetime = 3 + ((life * 7 + told) % 5);
        child.on('message', (count) => {
          told++;
          if (Number(count) >= lifetime) child.kill('SIGKILL');
        });
        await ended(child);
        kills++;
      }
    };
    await Promise.all([work(), work(), work()]);
    const counted = await counterOf(store);
    expect(counted).toBeGreaterThanOrEqual(told);
    // A killed writer may have written once more than it could tell; messages on their way count as told or not.
    expect(counted).toBeLessThanOrEqual(told + 2 * kills);
    // The next writer is not held up by what the dead left, and no half object is seen.
    const held = await store.get('counter');
    expect(await store.putIfMatch('counter', text('done'), held?.version)).not.toBe('conflict');
    expect(await keysOf(store)).toEqual(['counter']);
  });

  it('gives up with a sentence, and does not spin, on a lock that nobody can read', async () => {
    const folder = join(base, 'unreadable');
    let waits = 0;
    const store = createFolderStore({ folder, sleep: async () => void waits++ });
    await store.putIfMatch('doc', text('1'), undefined);
    for (const content of ['', '{}', JSON.stringify({ ...currentProcess(), startedAt: '1', nonce: '../../x' })]) {
      await writeFile(lockOf(folder, 'doc'), content);
      waits = 0;
      await expect(store.putIfMatch('doc', text('2'), undefined)).rejects.toThrow(
        /^doc: locked by process 0 on an unknown host\. Try again; if that process is gone for good, delete .*\.lock$/,
      );
      expect(waits).toBe(1000);
    }
    await rm(lockOf(folder, 'doc'));
    expect(await store.putIfMatch('doc', text('2'), (await store.get('doc'))!.version)).not.toBe('conflict');
  });

  it('never takes the lock of a process on another host', async () => {
    const folder = join(base, 'elsewhere');
    const store = createFolderStore({ folder, sleep: async () => {} });
    await store.putIfMatch('doc', text('1'), undefined);
    const holder = { ...currentProcess(), host: 'elsewhere', startedAt: '1', nonce: 'n' };
    await writeFile(lockOf(folder, 'doc'), JSON.stringify(holder));
    await expect(store.putIfMatch('doc', text('2'), undefined)).rejects.toMatchObject({
      code: 'locked',
      retryable: true,
    });
    expect(JSON.parse(await readFile(lockOf(folder, 'doc'), 'utf8'))).toEqual(holder);
  });
});

describe('a process that ended', () => {
  it.runIf(process.platform === 'linux')('but was not buried is gone, although a signal still reaches it', async () => {
    // The shell becomes a `sleep` that never looks after the child it was left with.
    const parent = spawn('sh', ['-c', 'sleep 600 & echo $!; exec sleep 600'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const fieldsOf = (pid: number): string[] => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    const until = async (isSo: () => boolean): Promise<void> => {
      while (!isSo()) await new Promise<void>((turn) => setImmediate(turn));
    };
    const identityOf = (pid: number): ProcessIdentity => ({ ...currentProcess(), pid, startedAt: fieldsOf(pid)[19]! });
    try {
      const told = await new Promise<string>((done) => parent.stdout.once('data', (data) => done(String(data))));
      await until(() => readFileSync(`/proc/${parent.pid}/comm`, 'utf8') === 'sleep\n');
      const zombie = identityOf(Number(told));
      expect(isProcessGone(zombie)).toBe(false);
      process.kill(zombie.pid, 'SIGKILL');
      await until(() => fieldsOf(zombie.pid)[0] === 'Z');
      expect(process.kill(zombie.pid, 0)).toBe(true);
      expect(isProcessGone(zombie)).toBe(true);
      expect(isProcessGone(identityOf(parent.pid!))).toBe(false);
    } finally {
      parent.kill('SIGKILL');
    }
  });
});

/** Runs the child's two writes; `shell` may lower limits first, `uid` is who it runs as. */
async function writeAs(
  folder: string,
  bytes: number,
  options: { shell?: string; uid?: number } = {},
): Promise<unknown> {
  const command = `${options.shell ?? ''} exec "$0" "$@"`;
  // The child changes its user itself: another user may not be allowed to start this Node (npx keeps it in a home folder).
  const args = [script, folder, 'write', String(bytes), String(options.uid ?? 0)];
  const child = spawn('sh', ['-c', command, process.execPath, ...args], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  return await new Promise((done, fail) => {
    child.once('message', done);
    child.once('exit', (code, signal) => fail(new Error(`child ended with ${code ?? signal} and no answer`)));
  });
}

describe('a disk that refuses', () => {
  const isRoot = process.getuid?.() === 0;

  it('more bytes: a sentence with the remedy, nothing half written, and all is well with room again', async () => {
    const folder = join(base, 'full');
    const store = createFolderStore({ folder });
    await store.putIfAbsent('before', text('kept'));
    // A limit on file size fails a write in its middle as a full disk does, and needs no disk of its own.
    const outcomes = await writeAs(folder, 300_000, { shell: `trap '' XFSZ; ulimit -f 64;` });
    const error = {
      name: 'StoreError',
      code: 'no-space',
      message: expect.stringMatching(
        /^write big2? in .*: the disk is full .*run the same command again; nothing is lost\.$/,
      ),
    };
    expect(outcomes).toEqual([error, error]);
    expect(await keysOf(store)).toEqual(['before']);
    expect(await readdir(join(folder, '.schemahub'))).toEqual([]);
    expect(await writeAs(folder, 300_000)).toEqual(['created', { version: expect.any(String) }]);
    expect(await keysOf(store)).toEqual(['before', 'big', 'big2']);
  });

  it.runIf(isRoot)('more bytes, on a real full tmpfs', async ({ skip }) => {
    const folder = join(base, 'tmpfs');
    await mkdir(folder);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]).status !== 0)
      skip('mounting is not allowed here');
    try {
      const store = createFolderStore({ folder });
      await store.putIfAbsent('before', text('kept'));
      await expect(store.putIfAbsent('big', Buffer.alloc(400_000))).rejects.toMatchObject({ code: 'no-space' });
      await expect(store.putIfMatch('big', Buffer.alloc(400_000), undefined)).rejects.toMatchObject({
        code: 'no-space',
      });
      expect(await keysOf(store)).toEqual(['before']);
      expect(await readdir(join(folder, '.schemahub'))).toEqual([]);
      expect(await store.putIfAbsent('small', Buffer.alloc(1000))).toBe('created');
    } finally {
      spawnSync('umount', [folder]);
    }
  });

  it('any write: read-only, with a sentence, and reading goes on', async () => {
    const folder = join(base, 'read-only');
    const store = createFolderStore({ folder });
    await store.putIfAbsent('a/b', text('kept'));
    for (const path of ['.', 'a', '.schemahub']) await chmod(join(folder, path), 0o555);
    const outcomes = await writeAs(folder, 10, isRoot ? { uid: 65534 } : {}); // root may write anywhere
    const error = {
      name: 'StoreError',
      code: 'read-only',
      message: expect.stringContaining('Make the folder writable'),
    };
    expect(outcomes).toEqual([error, error]);
    for (const path of ['.', 'a', '.schemahub']) await chmod(join(folder, path), 0o755);
    expect(await keysOf(store)).toEqual(['a/b']);
  });

  it('links between its parts: a sentence, and no object', async ({ skip }) => {
    const folder = join(base, 'two-disks');
    const other = '/dev/shm';
    if (!existsSync(other) || statSync(other).dev === statSync(base).dev)
      return skip(`${other} is not another file system here`);
    const away = await mkdtemp(join(other, 'folder-store-'));
    try {
      await mkdir(folder);
      await symlink(away, join(folder, 'raw'));
      const store = createFolderStore({ folder });
      await expect(store.putIfAbsent('raw/x', text('x'))).rejects.toMatchObject({
        code: 'no-hard-links',
        message: expect.stringContaining('A lake lies on one file system'),
      });
      expect(await keysOf(store)).toEqual([]);
    } finally {
      await rm(away, { recursive: true });
    }
  });
});

describe('a folder that others touch', () => {
  it.runIf(existsSync('/proc/self'))(
    'is refused where the file system makes no folders, and does not spin',
    async () => {
      const store = createFolderStore({ folder: '/proc/schemahub/lake' });
      await expect(store.putIfAbsent('a/b', text('x'))).rejects.toMatchObject({ name: 'StoreError', code: 'io' });
    },
  );

  it('makes its folders again when a cleaner of empty folders took them', async () => {
    const folder = await mkdtemp(join(base, 'cleaned-'));
    const store = createFolderStore({ folder });
    for (const round of [1, 2, 3]) {
      expect(await store.putIfAbsent(`a/b/${round}`, text('x'))).toBe('created');
      expect(await store.putIfMatch(`c/${round}`, text('x'), undefined)).not.toBe('conflict');
      for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true });
    }
    await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        expect(await store.putIfAbsent(`deep/${i % 7}/${i % 3}/${i}`, text('x'))).toBe('created');
      }),
    );
  });

  it('lists what lies behind a link to a folder, and neither foreign names nor dangling links', async () => {
    const folder = join(base, 'touched');
    const store = createFolderStore({ folder });
    await store.putIfAbsent('raw/a', text('1'));
    await mkdir(join(base, 'moved'));
    await writeFile(join(base, 'moved', 'x'), '1');
    await symlink(join(base, 'moved'), join(folder, 'raw', 'linked'));
    await symlink(join(base, 'nowhere'), join(folder, 'raw', 'dangling'));
    for (const name of ['résumé', 'a b', 'back\\slash']) await writeFile(join(folder, 'raw', name), 'x');
    expect(await keysOf(store)).toEqual(['raw/a', 'raw/linked/x']);
    expect(await keysOf(store, 'raw/linked/')).toEqual(['raw/linked/x']);
  });

  it('is swept of private files a day after their writer, and of nothing else', async () => {
    const folder = join(base, 'swept');
    const store = createFolderStore({ folder });
    await store.sweep(0);
    await store.putIfAbsent('a.part', text('1'));
    const part = join(folder, '.schemahub', 'dead.part');
    await writeFile(part, 'half');
    const { mtimeMs } = statSync(part);
    await store.sweep(mtimeMs + 24 * 3_600_000);
    expect(existsSync(part)).toBe(true);
    await store.sweep(mtimeMs + 24 * 3_600_000 + 1);
    expect(existsSync(part)).toBe(false);
    expect(await keysOf(store)).toEqual(['a.part']);
  });

  it('refuses an empty path', () => {
    expect(() => createFolderStore({ folder: '' })).toThrow('expected a folder, got an empty path');
  });
});
