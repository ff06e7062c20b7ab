import { createMemoryStore, currentProcess, type ProcessIdentity } from '@schemahub/object-store';
import { describe, expect, it } from 'vitest';
import {
  type Acquisition,
  CoordinationError,
  createDocuments,
  createLeases,
  type Lease,
  type Leases,
  updateDocument,
} from './index.js';
import { createManualClock, type ManualClock } from './testing/index.js';

const elsewhere: ProcessIdentity = { host: 'another host', pid: 7, startedAt: '77' };
const third: ProcessIdentity = { host: 'a third host', pid: 8, startedAt: '88' };

function setUp(): {
  store: ReturnType<typeof createMemoryStore>;
  clock: ManualClock;
  leasesOf: (holder: ProcessIdentity) => Leases;
} {
  const store = createMemoryStore();
  const clock = createManualClock();
  const documents = createDocuments(store);
  let ids = 0;
  const leasesOf = (holder: ProcessIdentity): Leases =>
    createLeases({ documents, clock, holder, createId: () => `lease ${ids++}`, keyOf: (name) => `locks/${name}.json` });
  return { store, clock, leasesOf };
}

function lease(acquisition: Acquisition): Lease {
  if (acquisition.kind !== 'held') throw new Error(`expected the lease, ${acquisition.holder.host} has it`);
  return acquisition.lease;
}

describe('documents', () => {
  it('merge concurrent updates without losing one', async () => {
    const documents = createDocuments(createMemoryStore());
    const add = (): Promise<number> =>
      updateDocument(documents, 'counter', (value) => {
        const next = ((value as { n: number } | undefined)?.n ?? 0) + 1;
        return { write: { n: next }, result: next };
      });
    const results = await Promise.all(Array.from({ length: 50 }, add));
    expect((await documents.read('counter'))?.value).toEqual({ n: 50 });
    expect([...results].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  });

  it('write nothing when nothing changes', async () => {
    const store = createMemoryStore();
    const documents = createDocuments(store);
    await updateDocument(documents, 'd', () => ({ result: 1 }));
    expect(await store.get('d')).toBeUndefined();
  });

  it('tell damage apart from absence', async () => {
    const store = createMemoryStore();
    await store.putIfAbsent('d', new TextEncoder().encode('{"half'));
    await expect(createDocuments(store).read('d')).rejects.toMatchObject({
      code: 'damaged-document',
      retryable: false,
    });
    await expect(createDocuments(store).read('d')).rejects.toThrow(CoordinationError);
  });

  it('give up with a sentence when writers never stop', async () => {
    const store = createMemoryStore();
    const documents = { ...createDocuments(store), write: async () => 'conflict' as const };
    await expect(updateDocument(documents, 'd', () => ({ write: {}, result: 1 }))).rejects.toMatchObject({
      code: 'too-many-conflicts',
    });
  });
});

describe('leases', () => {
  it('go to one of many at once', async () => {
    const { leasesOf } = setUp();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => leasesOf({ ...elsewhere, host: `host ${i}` }).acquire('job:transform')),
    );
    expect(answers.filter(({ kind }) => kind === 'held').length).toBe(1);
  });

  it('stay with a holder that beats, for many times its ttl', async () => {
    const { clock, leasesOf } = setUp();
    const held = lease(await leasesOf(elsewhere).acquire('p'));
    for (let i = 0; i < 50; i++) {
      await clock.advance(60_000);
      expect((await leasesOf(third).acquire('p')).kind).toBe('taken');
    }
    expect(held.lost.aborted).toBe(false);
    await held.release();
    expect(clock.sleepers()).toBe(0);
    const next = lease(await leasesOf(third).acquire('p'));
    await next.release();
  });

  it('are taken over after the ttl when the holder stopped, and the zombie learns it and frees nothing', async () => {
    const { store, clock, leasesOf } = setUp();
    const frozen = createManualClock();
    const zombieLeases = createLeases({
      documents: createDocuments(store),
      clock: { now: clock.now, sleep: frozen.sleep },
      holder: elsewhere,
      createId: () => 'zombie',
      keyOf: (name) => `locks/${name}.json`,
    });
    const zombie = lease(await zombieLeases.acquire('p'));
    await clock.advance(119_999);
    expect((await leasesOf(third).acquire('p')).kind).toBe('taken');
    await clock.advance(1);
    const taken = lease(await leasesOf(third).acquire('p'));
    await frozen.advance(30_000);
    expect(zombie.lost.aborted).toBe(true);
    await zombie.release();
    expect((await leasesOf(elsewhere).acquire('p')).kind).toBe('taken');
    await taken.release();
  });

  it('are free at once when the holder is dead on this host', async () => {
    const { leasesOf } = setUp();
    const self = currentProcess();
    lease(await leasesOf({ ...self, startedAt: '1' }).acquire('p'));
    expect((await leasesOf(self).acquire('p')).kind).toBe('held');
  });

  it('leave the same bytes whoever held them', async () => {
    const { store, leasesOf } = setUp();
    const bytes: string[] = [];
    for (const pid of [1, 2]) {
      await lease(await leasesOf({ ...elsewhere, host: `host ${pid}` }).acquire('p')).release();
      bytes.push(Buffer.from((await store.get('locks/p.json'))!.bytes).toString());
    }
    expect(bytes[0]).toBe(bytes[1]);
  });

  it('survive a store that fails for less than the ttl', async () => {
    const { store, clock, leasesOf } = setUp();
    const documents = createDocuments(store);
    let broken = false;
    const flaky = createLeases({
      documents: {
        ...documents,
        read: async (key) => {
          if (broken) throw new Error('503');
          return await documents.read(key);
        },
      },
      clock,
      holder: elsewhere,
      createId: () => 'x',
      keyOf: (name) => `locks/${name}.json`,
    });
    const held = lease(await flaky.acquire('p'));
    broken = true;
    await clock.advance(90_000);
    broken = false;
    await clock.advance(30_000);
    expect(held.lost.aborted).toBe(false);
    expect((await leasesOf(third).acquire('p')).kind).toBe('taken');
    broken = true;
    await clock.advance(200_000);
    expect(held.lost.aborted).toBe(true);
  });
});
