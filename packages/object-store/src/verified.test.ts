import { startS3Sim } from '@schemahub/aws-sim';
import { describe, expect, it } from 'vitest';
import { createMemoryStore } from './memory.js';
import type { ObjectStore } from './port.js';
import { createS3Store } from './s3.js';
import { objectStoreConformance } from './testing/index.js';
import { createVerifiedStore } from './verified.js';

const place = { marker: 'locks/store.json', probe: 'locks/store-probe' };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function counted(base: ObjectStore): { readonly store: ObjectStore; readonly calls: string[] } {
  const calls: string[] = [];
  const store: ObjectStore = {
    ...base,
    get: (key, options) => {
      calls.push(`get ${key}`);
      return base.get(key, options);
    },
    putIfAbsent: (key, body) => {
      calls.push(`create ${key}`);
      return base.putIfAbsent(key, body);
    },
    putIfMatch: (key, body, version) => {
      calls.push(`replace ${key}`);
      return base.putIfMatch(key, body, version);
    },
    delete: (keys) => {
      calls.push(`delete ${keys.join()}`);
      return base.delete(keys);
    },
  };
  return { store, calls };
}

describe('a store that is asked first', () => {
  it.each(objectStoreConformance())('$name', async ({ run }) => {
    await run(async () => {
      const store = createVerifiedStore(createMemoryStore(), place);
      // The cases look at everything that is there; its own marker is none of theirs.
      return {
        ...store,
        list: async function* (prefix, options) {
          for await (const entry of store.list(prefix, options)) if (!entry.key.startsWith('locks/')) yield entry;
        },
      };
    });
  });

  it('is asked before its first write, once for a place; reads ask nothing', async () => {
    const { store, calls } = counted(createMemoryStore());
    const first = createVerifiedStore(store, place);
    await first.get('a');
    expect(calls).toEqual(['get a']);
    await Promise.all([first.putIfAbsent('a', bytes('1')), first.putIfMatch('b', bytes('1'), undefined)]);
    await first.putIfAbsent('c', bytes('1'));
    expect(calls.slice(1).sort()).toEqual(
      [
        'get locks/store.json',
        'create locks/store-probe',
        'create locks/store-probe',
        'replace locks/store-probe',
        'create locks/store.json',
        'create a',
        'replace b',
        'create c',
      ].sort(),
    );
    const before = calls.length;
    await createVerifiedStore(store, place).putIfAbsent('d', bytes('1'));
    expect(calls.slice(before)).toEqual(['get locks/store.json', 'create d']);
  });

  it.each(['ignored', 'refused'] as const)(
    'is refused where conditions are %s, each time, and nothing of ours is kept',
    async (conditions) => {
      const sim = await startS3Sim({ conditions });
      const s3 = createS3Store({
        bucket: 'lake',
        region: 'us-east-1',
        endpoint: sim.endpoint,
        credentials: sim.credentials,
        sleep: async () => undefined,
        random: () => 1,
        createId: () => 'x',
      });
      try {
        const store = createVerifiedStore(s3, place);
        for (let time = 0; time < 2; time++)
          await expect(store.putIfAbsent('a', bytes('1'))).rejects.toMatchObject({ code: 'no-conditional-writes' });
        expect([...sim.bucket('lake').objects.keys()].filter((key) => key !== place.probe)).toEqual([]);
        // What a store does not know is not tried again and again.
        expect(sim.requests.filter(({ operation }) => operation === 'PutObject').length).toBeLessThanOrEqual(2 * 3);
      } finally {
        s3.close();
        await sim.close();
      }
    },
  );
});
