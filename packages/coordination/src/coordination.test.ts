import { createMemoryStore, currentProcess, type ProcessIdentity } from '@schemahub/object-store';
import { faultyStore } from '@schemahub/object-store/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Acquisition,
  CoordinationError,
  createDocuments,
  createLeases,
  type Documents,
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

describe('an update whose answer was lost', () => {
  it('is told as an error, and applying the same merge again is harmless', async () => {
    const store = createMemoryStore();
    let isLosing = true;
    const documents = createDocuments(
      faultyStore(store, ({ verb }) =>
        isLosing && verb === 'putIfMatch' ? { when: 'after', error: new Error('reset') } : undefined,
      ),
    );
    const credit = (): Promise<number[]> =>
      updateDocument(documents, 'd', (value) => {
        const ids = [...new Set([...((value as number[] | undefined) ?? []), 7])];
        return { write: ids, result: ids };
      });
    await expect(credit()).rejects.toThrow('reset');
    isLosing = false;
    expect(await credit()).toEqual([7]);
    expect((await documents.read('d'))?.value).toEqual([7]);
  });

  it('replaces a damaged document only as long as it is the one that was seen', async () => {
    const store = createMemoryStore();
    const documents = createDocuments(store);
    await store.putIfAbsent('d', new TextEncoder().encode('{"half'));
    const version = await documents.versionOfDamaged('d');
    expect(await documents.write('d', { healed: 1 }, version)).not.toBe('conflict');
    expect(await documents.write('d', { healed: 2 }, version)).toBe('conflict');
    expect((await documents.read('d'))?.value).toEqual({ healed: 1 });
    expect(await documents.versionOfDamaged('none')).toBeUndefined();
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

  it('are lost to a holder that slept past them before anything else of it wakes: the store is not asked', async () => {
    const { store, clock } = setUp();
    const frozen = createManualClock();
    const base = createDocuments(store);
    let asked = 0;
    const documents: Documents = {
      ...base,
      read: (key) => {
        asked++;
        return base.read(key);
      },
    };
    const held = lease(
      await createLeases({
        documents,
        clock: { now: clock.now, sleep: frozen.sleep },
        holder: elsewhere,
        createId: () => 'sleeper',
        keyOf: (name) => `locks/${name}.json`,
      }).acquire('p'),
    );
    asked = 0;
    await clock.advance(120_001);
    await frozen.advance(30_000);
    expect([held.lost.aborted, asked]).toEqual([true, 0]);
  });

  it('are lost by a check to a holder whose timers have not told yet, and only those that ran out', async () => {
    const { store, clock } = setUp();
    const frozen = createManualClock();
    const leases = createLeases({
      documents: createDocuments(store),
      // Its timers stand still: nothing but the check can tell.
      clock: { now: clock.now, sleep: frozen.sleep },
      holder: elsewhere,
      createId: () => 'sleeper',
      keyOf: (name) => `locks/${name}.json`,
    });
    const old = lease(await leases.acquire('old'));
    const given = lease(await leases.acquire('given-back'));
    await given.release();
    await clock.advance(120_000);
    const young = lease(await leases.acquire('young'));
    leases.check();
    expect([old.lost.aborted, young.lost.aborted]).toEqual([false, false]);
    await clock.advance(1);
    leases.check();
    expect([old.lost.aborted, given.lost.aborted, young.lost.aborted]).toEqual([true, false, false]);
  });

  it('are free at once when the holder is dead on this host', async () => {
    const { leasesOf } = setUp();
    const self = currentProcess();
    lease(await leasesOf({ ...self, startedAt: '1' }).acquire('p'));
    expect((await leasesOf(self).acquire('p')).kind).toBe('held');
  });

  it('are free when their holder wrote them far in the future: its clock had jumped', async () => {
    const { clock, leasesOf, store } = setUp();
    const ahead = createLeases({
      documents: createDocuments(store),
      clock: { now: () => clock.now() + 49 * 3_600_000, sleep: clock.sleep },
      holder: elsewhere,
      createId: () => 'ahead',
      keyOf: (name) => `locks/${name}.json`,
    });
    const zombie = lease(await ahead.acquire('p'));
    const taken = lease(await leasesOf(third).acquire('p'));
    await taken.release();
    await zombie.release();
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

  it('go to the first that asks when their document is damaged or says nothing', async () => {
    for (const text of [
      '{"half',
      '',
      'null',
      '[]',
      '{"lock_id":5}',
      '{"lock_name":"p","free":true}',
      '{"lock_id":"x","holder":{"host":"h"}}',
    ]) {
      const { store, leasesOf } = setUp();
      await store.putIfAbsent('locks/p.json', new TextEncoder().encode(text));
      const answers = await Promise.all([elsewhere, third].map((holder) => leasesOf(holder).acquire('p')));
      expect(answers.map(({ kind }) => kind).sort(), text).toEqual(['held', 'taken']);
    }
  });

  it('whose document is damaged while they are held are lost, and said so', async () => {
    const { store, clock, leasesOf } = setUp();
    const held = lease(await leasesOf(elsewhere).acquire('p'));
    await store.delete(['locks/p.json']);
    await store.putIfAbsent('locks/p.json', new TextEncoder().encode('{'));
    await clock.advance(30_000);
    expect(held.lost.aborted).toBe(true);
    await held.release();
    expect((await leasesOf(third).acquire('p')).kind).toBe('held');
  });

  it('whose answer was lost are held, not waited for', async () => {
    const { store, leasesOf, clock } = setUp();
    let isLosing = true;
    const losing = faultyStore(store, ({ verb }) =>
      isLosing && verb === 'putIfMatch' ? { when: 'after', error: new Error('timeout') } : undefined,
    );
    const leases = createLeases({
      documents: createDocuments(losing),
      clock,
      holder: elsewhere,
      createId: () => 'lost answer',
      keyOf: (name) => `locks/${name}.json`,
    });
    const held = lease(await leases.acquire('p'));
    isLosing = false;
    expect((await leasesOf(third).acquire('p')).kind).toBe('taken');
    await held.release();
    expect((await leasesOf(third).acquire('p')).kind).toBe('held');
    const failing = faultyStore(createMemoryStore(), ({ verb }) =>
      verb === 'putIfMatch' ? { when: 'before', error: new Error('disk full') } : undefined,
    );
    const none = createLeases({
      documents: createDocuments(failing),
      clock,
      holder: elsewhere,
      createId: () => 'x',
      keyOf: (name) => name,
    });
    await expect(none.acquire('p')).rejects.toThrow('disk full');
  });

  it('of hosts whose clocks differ: the one ahead may take over early, and both learn the truth', async () => {
    const { store, clock } = setUp();
    const leasesAt = (holder: ProcessIdentity, skewMs: number): Leases =>
      createLeases({
        documents: createDocuments(store),
        clock: { now: () => clock.now() + skewMs, sleep: clock.sleep },
        holder,
        createId: () => `lease of ${holder.host} at ${clock.now()}`,
        keyOf: (name) => `locks/${name}.json`,
      });
    const behind = lease(await leasesAt(elsewhere, 0).acquire('p'));
    // 119 s ahead: still refused. From 120 s on the lease looks expired: double work, and the first holder learns it.
    expect((await leasesAt(third, 119_999).acquire('p')).kind).toBe('taken');
    const ahead = lease(await leasesAt(third, 120_000).acquire('p'));
    await clock.advance(30_000);
    expect([behind.lost.aborted, ahead.lost.aborted]).toEqual([true, false]);
    await behind.release();
    // To a clock behind, a living lease looks longer than it is: it waits, and takes nothing that is not free.
    expect((await leasesAt(elsewhere, -3_600_000).acquire('p')).kind).toBe('taken');
    await ahead.release();
    expect((await leasesAt(elsewhere, -3_600_000).acquire('p')).kind).toBe('held');
  });

  it('under random skews, sleeps and deaths: of unskewed hosts never two hold one at once', async () => {
    const step = fc.tuple(
      fc.nat(3),
      fc.constantFrom('acquire', 'release', 'wait', 'die'),
      fc.integer({ min: 1, max: 150_000 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const { store, clock } = setUp();
        let ids = 0;
        const holders = Array.from({ length: 4 }, (_, i) => {
          const own = { isAlive: true };
          // The dead never wake: their sleeps end, and their store does not answer.
          const documents = createDocuments(
            faultyStore(store, () => (own.isAlive ? undefined : { when: 'before', error: new Error('dead') })),
          );
          const leases = createLeases({
            documents,
            clock,
            holder: { ...elsewhere, host: `host ${i}` },
            createId: () => `${ids++}`,
            keyOf: (name) => name,
          });
          return { own, leases, held: undefined as Lease | undefined };
        });
        for (const [who, what, ms] of steps) {
          const holder = holders[who]!;
          if (what === 'wait') await clock.advance(ms);
          if (what === 'die') holder.own.isAlive = false;
          if (!holder.own.isAlive) continue;
          if (what === 'release') {
            await holder.held?.release();
            holder.held = undefined;
          }
          if (what === 'acquire' && (holder.held === undefined || holder.held.lost.aborted)) {
            const answer = await holder.leases.acquire('p');
            holder.held = answer.kind === 'held' ? answer.lease : undefined;
          }
          const holding = holders.filter(({ own, held }) => own.isAlive && held !== undefined && !held.lost.aborted);
          expect(holding.length).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('refuse a ttl that no heartbeat could keep', () => {
    const { clock, store } = setUp();
    for (const ttlMs of [0, 999, -1, Number.NaN]) {
      const options = {
        documents: createDocuments(store),
        clock,
        holder: elsewhere,
        createId: () => 'x',
        keyOf: (name: string) => name,
        ttlMs,
      };
      expect(() => createLeases(options), String(ttlMs)).toThrow('lease ttlMs: expected at least 1000');
    }
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
