import { fork } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createFolderStore,
  createMemoryStore,
  createOverlayStore,
  currentProcess,
  isProcessGone,
  type ObjectStore,
  StoreError,
} from './index.js';
import { objectStoreConformance } from './testing/index.js';

/** Two of these run at once: 30 increments each, and a try at the same 40 creates. */
const RACE = `
import { createFolderStore } from './folder.ts';
const [folder, who] = process.argv.slice(2);
const store = createFolderStore({ folder });
const won = [];
for (let i = 0; i < 40; i++) {
  if ((await store.putIfAbsent('once/' + i, Buffer.from(who))) === 'created') won.push('once/' + i);
}
for (let i = 0; i < 30; i++) {
  for (;;) {
    const held = await store.get('counter');
    const next = Buffer.from(String(Number(held ? Buffer.from(held.bytes).toString() : '0') + 1));
    if ((await store.putIfMatch('counter', next, held?.version)) !== 'conflict') break;
  }
}
process.send(won);
process.disconnect();
`;

let base: string;
let made = 0;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'object-store-'));
});
afterAll(() => rm(base, { recursive: true, force: true }));

const drivers: Record<string, () => Promise<ObjectStore>> = {
  memory: async () => createMemoryStore(),
  overlay: async () => createOverlayStore(createMemoryStore()),
  folder: async () => createFolderStore({ folder: join(base, String(made++)) }),
};

for (const [name, createStore] of Object.entries(drivers)) {
  describe(`${name} store`, () => {
    for (const check of objectStoreConformance()) it(check.name, () => check.run(createStore));
  });
}

describe('overlay store', () => {
  it('shows the base and its own writes in one order, and never changes the base', async () => {
    const base = createMemoryStore();
    const bytes = new TextEncoder().encode('x');
    for (const key of ['a', 'c', 'e']) await base.putIfAbsent(key, bytes);
    const overlay = createOverlayStore(base);
    expect(await overlay.putIfAbsent('c', bytes)).toBe('exists');
    for (const key of ['b', 'f']) expect(await overlay.putIfAbsent(key, bytes)).toBe('created');
    expect(await overlay.putIfMatch('e', new TextEncoder().encode('y'), (await base.get('e'))?.version)).not.toBe(
      'conflict',
    );
    await overlay.delete(['a']);
    const keysOf = async (store: ObjectStore): Promise<string> => {
      const keys: string[] = [];
      for await (const { key } of store.list('')) keys.push(`${key}=${Buffer.from((await store.get(key))!.bytes)}`);
      return keys.join(' ');
    };
    expect(await keysOf(overlay)).toBe('b=x c=x e=y f=x');
    expect(await keysOf(base)).toBe('a=x c=x e=x');
  });
});

describe('folder store', () => {
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);

  it('leaves no private file behind after writes, conflicts and failures', async () => {
    const folder = join(base, 'tidy');
    const store = createFolderStore({ folder });
    await store.putIfAbsent('a/b', text('1'));
    await store.putIfAbsent('a/b', text('2'));
    await store.putIfMatch('c', text('1'), undefined);
    await store.putIfMatch('c', text('1'), 'wrong');
    expect(await readdir(join(folder, '.schemahub'))).toEqual([]);
  });

  it('frees a lock whose holder died, and the claim of a claimer that died too', async () => {
    const folder = join(base, 'dead');
    const self = currentProcess();
    const store = createFolderStore({ folder });
    await store.putIfMatch('doc', text('1'), undefined);
    const dead = { ...self, startedAt: '1' };
    const lock = join(folder, '.schemahub', `${await lockName('doc')}.lock`);
    await writeFile(lock, JSON.stringify({ ...dead, nonce: 'n1' }));
    await writeFile(`${lock}.n1`, JSON.stringify({ ...dead, nonce: 'n2' }));
    const held = await store.get('doc');
    expect(await store.putIfMatch('doc', text('2'), held?.version)).not.toBe('conflict');
    expect(await readFile(join(folder, 'doc'), 'utf8')).toBe('2');
    expect(await readdir(join(folder, '.schemahub'))).toEqual([]);
  });

  it('waits for a live holder and gives up with a sentence', async () => {
    const folder = join(base, 'live');
    let waits = 0;
    const store = createFolderStore({ folder, sleep: async () => void waits++ });
    await store.putIfMatch('doc', text('1'), undefined);
    const lock = join(folder, '.schemahub', `${await lockName('doc')}.lock`);
    await writeFile(lock, JSON.stringify({ ...currentProcess(), nonce: 'n1' }));
    await expect(store.putIfMatch('doc', text('2'), undefined)).rejects.toMatchObject({
      code: 'locked',
      retryable: true,
    });
    expect(waits).toBe(1000);
  });

  it('says what stands in the way when a file is where a folder must be', async () => {
    const folder = join(base, 'blocked');
    const store = createFolderStore({ folder });
    await store.putIfAbsent('a', text('file'));
    await expect(store.putIfAbsent('a/b', text('x'))).rejects.toThrow(StoreError);
  });

  it('keeps counters exact between two processes, and one winner per create', async () => {
    const folder = join(base, 'processes');
    const script = join(base, 'race.mjs');
    await build({
      stdin: { contents: RACE, resolveDir: import.meta.dirname, loader: 'ts' },
      outfile: script,
      bundle: true,
      platform: 'node',
      format: 'esm',
    });
    const run = (who: string): Promise<string[]> =>
      new Promise((done, fail) => {
        const child = fork(script, [folder, who]);
        child.on('message', (message) => done(message as string[]));
        child.on('error', fail);
        child.on('exit', (code) => code !== 0 && fail(new Error(`child ended with ${code}`)));
      });
    const [left, right] = await Promise.all([run('left'), run('right')]);
    const store = createFolderStore({ folder });
    expect(Buffer.from((await store.get('counter'))!.bytes).toString()).toBe('60');
    expect(left!.length + right!.length).toBe(40);
    expect(left!.filter((key) => right!.includes(key))).toEqual([]);
  });
});

describe('process identity', () => {
  it('knows itself alive, another start time dead, another host unknown', () => {
    const self = currentProcess();
    expect(isProcessGone(self)).toBe(false);
    expect(isProcessGone({ ...self, startedAt: '1' })).toBe(true);
    expect(isProcessGone({ ...self, host: 'elsewhere', startedAt: '1' })).toBe(false);
    expect(isProcessGone({ ...self, pid: 2 ** 22 + 1 })).toBe(true);
  });
});

async function lockName(key: string): Promise<string> {
  const { createHash } = await import('node:crypto');
  return createHash('sha256').update(key).digest('hex');
}
