import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ObjectStore } from './port.js';
import { startRace } from './race/test-support.js';
import { createS3Store, type S3StoreOptions } from './s3.js';
import { objectStoreConformance } from './testing/index.js';

const endpoint = process.env.MOTO_URL ?? '';
const bucket = 'object-store-suite';

const place = (): Pick<S3StoreOptions, 'bucket' | 'prefix' | 'region' | 'endpoint' | 'credentials'> => ({
  bucket,
  prefix: randomUUID(),
  region: 'us-east-1',
  endpoint,
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});

function open(options: ReturnType<typeof place>, more: Partial<S3StoreOptions> = {}): ObjectStore {
  return createS3Store({
    ...options,
    sleep: (ms) => wait(ms),
    random: Math.random,
    createId: randomUUID,
    ...more,
  });
}

/** Makes the bucket; moto takes it unsigned. */
await fetch(`${endpoint}/${bucket}`, { method: 'PUT' });

describe('S3 store on moto', () => {
  it.each(objectStoreConformance())('$name', async ({ run }) => {
    await run(async () => open(place()));
  });

  it('a streamed body goes up in parts and comes down equal', async () => {
    const store = open(place(), { partBytes: 5 * 1024 * 1024, partsInFlight: 2 });
    async function* source(): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < 17; index++) yield Buffer.alloc(1_000_000, index);
    }
    expect(await store.putIfAbsent('big', source())).toBe('created');
    expect(await store.putIfAbsent('big', source())).toBe('exists');
    const { bytes } = (await store.get('big'))!;
    expect([bytes.length, bytes[0], bytes[16_500_000]]).toEqual([17_000_000, 0, 16]);
    expect((await store.get('big', { range: { start: -3 } }))?.bytes).toEqual(new Uint8Array([16, 16, 16]));
  });

  it('lists over pages of a thousand, and deletes as many', async () => {
    const store = open(place());
    const keys = Array.from({ length: 1005 }, (_, index) => `many/${String(index).padStart(5, '0')}`);
    for (let at = 0; at < keys.length; at += 50)
      await Promise.all(keys.slice(at, at + 50).map((key) => store.putIfAbsent(key, Buffer.from(key))));
    const seen: string[] = [];
    for await (const { key } of store.list('many/', { startAfter: 'many/00001' })) seen.push(key);
    expect(seen).toEqual(keys.slice(2));
    await store.delete(keys);
    for await (const { key } of store.list('')) expect(key).toBeUndefined();
  });

  it('of 50 writers in two processes exactly one wins, and its bytes stay', async () => {
    const where = place();
    const store = open(where);
    const race = await startRace();
    try {
      for (let round = 0; round < 20; round++) {
        const key = `race/${round}`;
        const created = await race.run({ place: where, verb: 'create', key });
        expect(created.length).toBe(1);
        const held = await store.get(key);
        expect(Buffer.from(held!.bytes).toString()).toBe(created[0]);
        const replaced = await race.run({ place: where, verb: 'replace', key, version: held?.version });
        expect(replaced.length).toBe(1);
        expect(Buffer.from((await store.get(key))!.bytes).toString()).toBe(replaced[0]);
      }
    } finally {
      await race.close();
    }
  });
});
