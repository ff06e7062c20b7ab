import { type S3Fault, type S3Request, type S3Sim, type S3SimOptions, startS3Sim } from '@schemahub/aws-sim';
import { afterEach, describe, expect, it } from 'vitest';
import { StoreError } from './errors.js';
import type { ObjectStore } from './port.js';
import { startRace } from './race/test-support.js';
import { createS3Store, type S3RequestFacts, type S3StoreOptions } from './s3.js';
import { failureOf } from './s3-failure.js';
import { createWireStore } from './s3-store.js';
import type { S3Wire } from './s3-wire.js';
import { objectStoreConformance } from './testing/index.js';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: { bytes: Uint8Array } | undefined): string | undefined =>
  value && Buffer.from(value.bytes).toString();

interface Place {
  readonly sim: S3Sim;
  readonly store: ObjectStore;
  readonly sent: S3RequestFacts[];
  readonly waits: number[];
}

let ids = 0;

async function place(simOptions: S3SimOptions = {}, options: Partial<S3StoreOptions> = {}): Promise<Place> {
  const sim = await startS3Sim(simOptions);
  closers.push(sim.close);
  const sent: S3RequestFacts[] = [];
  const waits: number[] = [];
  const store = createS3Store({
    bucket: 'lake',
    prefix: 'schemahub',
    region: 'us-east-1',
    endpoint: sim.endpoint,
    credentials: sim.credentials,
    sleep: async (ms) => void waits.push(ms),
    random: () => 1,
    createId: () => `write ${ids++}`,
    timeoutMs: 2000,
    onRequest: (facts) => void sent.push(facts),
    ...options,
  });
  closers.push(store.close);
  return { sim, store, sent, waits };
}

/** Faults for the given requests of an operation, counted from 0. */
function faults(operation: string, by: Readonly<Record<number, S3Fault>>): S3SimOptions['fault'] {
  let seen = 0;
  return (request) => (request.operation === operation ? by[seen++] : undefined);
}

const operations = (sim: S3Sim): string[] => sim.requests.map(({ operation }: S3Request) => operation);

describe.each([
  ['as it is', {}, {}],
  ['without checksums that the store does not ask for', {}, { checksums: 'when-required' }],
  ['with three keys in a page of a listing', { pageKeys: 3 }, {}],
  ['at the bucket’s root', {}, { prefix: '' }],
  ['with parts of two bytes', { minPartBytes: 1 }, { partBytes: 2 }],
] as const)('S3 store on the stand-in, %s', (_what, simOptions, options) => {
  it.each(objectStoreConformance())('$name', async ({ run }) => {
    await run(async () => (await place(simOptions, options)).store);
  });
});

const busy: S3Fault = { when: 'before', status: 503, code: 'SlowDown' };
const lost: readonly (readonly [string, S3Fault])[] = [
  ['a reset', { when: 'after', reset: true }],
  ['a 500', { when: 'after', status: 500, code: 'InternalError' }],
  ['silence', { when: 'after', hang: true }],
];

describe('a write whose answer is lost', () => {
  it.each(lost)('by %s: a create is known to be ours', async (_what, fault) => {
    const { store, sim } = await place({ fault: faults('PutObject', { 0: fault }) }, { timeoutMs: 200 });
    expect(await store.putIfAbsent('a', bytes('one'))).toBe('created');
    expect(operations(sim)).toEqual(['PutObject', 'PutObject', 'HeadObject']);
    expect(await store.putIfAbsent('a', bytes('one'))).toBe('exists');
  });

  it.each(lost)(
    'by %s: a compare-and-set is known to be ours, with the version to go on from',
    async (_what, fault) => {
      const { store } = await place({ fault: faults('PutObject', { 1: fault }) }, { timeoutMs: 200 });
      const first = await store.putIfMatch('doc', bytes('1'), undefined);
      if (first === 'conflict') throw new Error('the first write has no rival');
      const second = await store.putIfMatch('doc', bytes('2'), first.version);
      if (second === 'conflict') throw new Error('the second write is ours');
      expect(await store.putIfMatch('doc', bytes('3'), second.version)).not.toBe('conflict');
      expect(text(await store.get('doc'))).toBe('3');
    },
  );

  it('that lost against another writer says so', async () => {
    const { store, sim } = await place({ fault: faults('PutObject', { 0: { when: 'before', reset: true } }) });
    sim
      .bucket('lake')
      .put(
        'schemahub/a',
        { bytes: bytes('theirs'), checksum: undefined },
        {},
        { ifNoneMatch: undefined, ifMatch: undefined },
      );
    expect(await store.putIfAbsent('a', bytes('ours'))).toBe('exists');
    expect(text(await store.get('a'))).toBe('theirs');
  });

  it('on its last try is settled by reading back', async () => {
    const { store } = await place(
      { fault: faults('PutObject', { 0: busy, 1: { when: 'after', reset: true } }) },
      { maxAttempts: 2 },
    );
    expect(await store.putIfAbsent('a', bytes('one'))).toBe('created');
  });

  it('of which nothing is there ends with an error that may be tried again', async () => {
    const { store, waits } = await place({ fault: ({ operation }) => (operation === 'PutObject' ? busy : undefined) });
    await expect(store.putIfAbsent('a', bytes('one'))).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
      message: expect.stringMatching(
        /write a in s3:\/\/lake\/schemahub: S3 asks to slow down \(SlowDown\).*nothing is lost/,
      ),
    });
    expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 6400]);
    expect(await store.get('a')).toBeUndefined();
  });

  it('409 is asked again: nothing was written', async () => {
    const conflict: S3Fault = { when: 'before', status: 409, code: 'ConditionalRequestConflict' };
    const { store, sim } = await place({ fault: faults('PutObject', { 0: conflict, 1: conflict }) });
    expect(await store.putIfAbsent('a', bytes('one'))).toBe('created');
    expect(operations(sim)).toEqual(['PutObject', 'PutObject', 'PutObject']);
  });
});

describe('reads', () => {
  it('are tried again after a reset, an error and half a body', async () => {
    const { store } = await place({
      fault: faults('GetObject', {
        0: { when: 'after', cutBody: true },
        1: busy,
        2: { when: 'before', reset: true },
      }),
    });
    await store.putIfAbsent('a', bytes('0123456789'));
    expect(text(await store.get('a'))).toBe('0123456789');
  });

  it('of a range ask for just that', async () => {
    const { store, sent } = await place();
    await store.putIfAbsent('a', Buffer.alloc(100_000, 'x'));
    await store.get('a', { range: { start: -8 } });
    expect(sent.at(-1)).toEqual({ operation: 'GetObject', sent: 0, received: 8 });
  });

  it('of a range with both ends from the end', async () => {
    const { store } = await place();
    await store.putIfAbsent('a', bytes('0123456789'));
    expect(text(await store.get('a', { range: { start: -4, end: -1 } }))).toBe('678');
    expect(text(await store.get('a', { range: { start: 12, end: 20 } }))).toBe('');
  });

  it('a listing goes over its pages, each tried again, and passes over what is none of ours', async () => {
    const { store, sim } = await place({ pageKeys: 2, fault: faults('ListObjectsV2', { 1: busy }) });
    for (const key of ['p/1', 'p/2', 'p/3', 'q']) await store.putIfAbsent(key, bytes(key));
    const anything = { ifNoneMatch: undefined, ifMatch: undefined };
    for (const key of ['schemahub/p/', 'schemahub/p/ä', 'elsewhere/p/4'])
      sim.bucket('lake').put(key, { bytes: bytes(''), checksum: undefined }, {}, anything);
    const keys: string[] = [];
    for await (const { key } of store.list('')) keys.push(key);
    expect(keys).toEqual(['p/1', 'p/2', 'p/3', 'q']);
  });
});

describe('a body that is a stream', () => {
  const part = 5 * 1024 * 1024;
  async function* source(pieces: number, size: number, onPiece?: (index: number) => void): AsyncGenerator<Uint8Array> {
    const buffer = Buffer.alloc(size);
    for (let index = 0; index < pieces; index++) {
      onPiece?.(index);
      buffer.fill(index % 251); // used again: a driver that keeps it uploads the wrong bytes
      yield buffer;
    }
  }
  const whole = (pieces: number, size: number): Buffer =>
    Buffer.concat(Array.from({ length: pieces }, (_, index) => Buffer.alloc(size, index % 251)));

  it('goes up in parts, some at a time and never more than a few ahead, and comes down equal', async () => {
    const { store, sim } = await place({}, { partBytes: part, partsInFlight: 2 });
    let ahead = 0;
    const onPiece = (index: number): void => {
      const done = sim.requests.filter(({ operation }) => operation === 'UploadPart').length;
      ahead = Math.max(ahead, ((index + 1) * 1_000_000) / part - done);
    };
    expect(await store.putIfAbsent('big', source(22, 1_000_000, onPiece))).toBe('created');
    expect(Buffer.compare((await store.get('big'))!.bytes, whole(22, 1_000_000))).toBe(0);
    expect(operations(sim).filter((operation) => operation === 'UploadPart').length).toBe(5);
    // One part being filled, and two on their way of which the stand-in may not have seen either yet.
    expect(ahead).toBeLessThan(3);
    expect(sim.bucket('lake').uploads.size).toBe(0);
  });

  it('is created once: of two uploads one wins, the other leaves nothing behind', async () => {
    const { store, sim } = await place({}, { partBytes: part });
    const answers = await Promise.all([0, 1].map(() => store.putIfAbsent('big', source(6, 1_000_000))));
    expect(answers.sort()).toEqual(['created', 'exists']);
    expect(sim.bucket('lake').uploads.size).toBe(0);
  });

  it('survives a lost answer at every step', async () => {
    for (const operation of ['CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload']) {
      for (const [, fault] of lost.slice(0, 2)) {
        const { store } = await place({ fault: faults(operation, { 0: fault }) }, { partBytes: part });
        expect(await store.putIfAbsent('big', source(6, 1_000_000)), operation).toBe('created');
        expect(Buffer.compare((await store.get('big'))!.bytes, whole(6, 1_000_000)), operation).toBe(0);
      }
    }
  });

  it('whose parts cannot be written ends with the store’s error, stops reading, and takes the upload back', async () => {
    const { store, sim } = await place(
      { fault: ({ operation }) => (operation === 'UploadPart' ? busy : undefined) },
      { partBytes: part, partsInFlight: 1 },
    );
    let read = 0;
    const counted = source(1000, 1_000_000, () => read++);
    await expect(store.putIfAbsent('big', counted)).rejects.toMatchObject({ code: 'unavailable' });
    expect(read).toBeLessThan(20);
    expect(sim.bucket('lake').uploads.size).toBe(0);
  });

  it('that fails in the middle leaves nothing behind and passes its own error on', async () => {
    const { store, sim } = await place({}, { partBytes: part });
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield* source(12, 1_000_000);
      throw Object.assign(new Error('the source failed'), { $metadata: { httpStatusCode: 404 } });
    }
    await expect(store.putIfAbsent('big', failing())).rejects.toThrow('the source failed');
    expect(sim.bucket('lake').uploads.size).toBe(0);
    expect(await store.get('big')).toBeUndefined();
  });
});

describe('what AWS refuses becomes a sentence with the remedy', () => {
  const now = Date.now();
  const cases: readonly (readonly [string, S3SimOptions, Partial<S3StoreOptions>, string, RegExp])[] = [
    ['access denied', { allows: () => false }, {}, 'access-denied', /access denied.*s3:PutObject/],
    ['no such bucket', { buckets: ['other'] }, {}, 'not-found', /no bucket lake.*aws s3 mb s3:\/\/lake/],
    [
      'another region',
      { region: 'eu-west-1' },
      {},
      'wrong-region',
      /not in us-east-1 but in eu-west-1.*AWS_REGION=eu-west-1/,
    ],
    [
      'an unknown key',
      {},
      { credentials: { accessKeyId: 'NOBODY', secretAccessKey: 'x' } },
      'credentials',
      /InvalidAccessKeyId.*AWS_PROFILE/,
    ],
    [
      'a wrong secret',
      {},
      { credentials: { accessKeyId: 'SIMULATED', secretAccessKey: 'x' } },
      'credentials',
      /SignatureDoesNotMatch/,
    ],
    [
      'expired credentials',
      { credentials: { accessKeyId: 'A', secretAccessKey: 'B', sessionToken: 'C', expiresAt: now - 1000 } },
      { credentials: { accessKeyId: 'A', secretAccessKey: 'B', sessionToken: 'C' } },
      'credentials',
      /have expired: sign in again/,
    ],
    ['throttling', { fault: () => busy }, {}, 'unavailable', /asks to slow down \(SlowDown\)/],
    [
      'a clock that cannot be corrected',
      { fault: () => ({ when: 'before', status: 403, code: 'RequestTimeTooSkewed' }) },
      {},
      'clock-skew',
      /clock differs from AWS’s by more than 15 minutes.*Set the clock/,
    ],
    ['nobody there', {}, { endpoint: 'http://127.0.0.1:1' }, 'unavailable', /cannot be reached.*AWS_ENDPOINT_URL/],
  ];

  it.each(cases)('%s', async (_what, simOptions, options, code, sentence) => {
    const { store } = await place(simOptions, options);
    const attempts = [
      () => store.putIfAbsent('a', bytes('x')),
      () => store.putIfMatch('a', bytes('x'), undefined),
      async () => {
        for await (const _entry of store.list('')) throw new Error('nothing can be listed');
      },
      () => store.delete(['a']),
      () => store.get('a'),
    ];
    for (const attempt of attempts) {
      const error = await attempt().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(StoreError);
      expect(error).toMatchObject({ code, message: expect.stringMatching(sentence) });
    }
  });

  it('a clock an hour behind is corrected by the answer, without a word', async () => {
    const { store } = await place({ now: () => Date.now() + 3_600_000 });
    expect(await store.putIfAbsent('a', bytes('x'))).toBe('created');
    expect(text(await store.get('a'))).toBe('x');
  });

  it('options that make no sense are refused at the door', () => {
    const options = {
      bucket: 'lake',
      region: 'us-east-1',
      sleep: async () => undefined,
      random: () => 0,
      createId: () => '',
    };
    for (const wrong of [
      { bucket: 'Lake' },
      { bucket: '' },
      { region: '' },
      { endpoint: 'localhost:9000' },
      { partBytes: 0 },
      { prefix: 'a/../b' },
    ])
      expect(() => createS3Store({ ...options, ...wrong }), JSON.stringify(wrong)).toThrow(StoreError);
  });
});

describe('a deletion that S3 did in part', () => {
  const wireThat = (answers: (readonly { key: string; code: string; message: string }[])[]) => {
    const asked: (readonly string[])[] = [];
    const wire = {
      delete: async (keys: readonly string[]) => {
        asked.push(keys);
        return answers.shift() ?? [];
      },
    } as unknown as S3Wire;
    const retry = { maxAttempts: 3, sleep: async () => undefined, random: () => 1 };
    const createId = (): string => 'x';
    const place = { bucket: 'lake', region: 'us-east-1', prefix: '', fromRoot: [], partBytes: 1, partsInFlight: 1 };
    return { store: createWireStore({ wire, retry, createId, ...place }), asked };
  };

  it('is done again where it may succeed', async () => {
    const { store, asked } = wireThat([[{ key: 'b', code: 'InternalError', message: 'We encountered an error' }]]);
    await store.delete(['a', 'b']);
    expect(asked).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
  });

  it('is told where it may not', async () => {
    const { store, asked } = wireThat([[{ key: 'b', code: 'AccessDenied', message: 'Access Denied' }]]);
    await expect(store.delete(['a', 'b'])).rejects.toMatchObject({ code: 'access-denied' });
    expect(asked.length).toBe(1);
  });
});

it('bytes that changed on their way are asked for again', () => {
  expect(failureOf(new Error('Checksum mismatch: expected "AA==" but received "BB==" in response header'))).toBe(
    'unsure',
  );
});

describe('keys from the bucket’s root', () => {
  it('lie beside the prefix, and only those', async () => {
    const { store, sim } = await place({}, { fromRoot: ['archive/raw'] });
    for (const key of ['archive/raw/1', 'archive/rawer/1', 'own/1']) await store.putIfAbsent(key, bytes(key));
    expect([...sim.bucket('lake').objects.keys()].sort()).toEqual([
      'archive/raw/1',
      'schemahub/archive/rawer/1',
      'schemahub/own/1',
    ]);
    const keys: string[] = [];
    for await (const { key } of store.list('archive/raw/')) keys.push(key);
    expect(keys).toEqual(['archive/raw/1']);
    expect([store.urlOf?.('archive/raw/1'), store.urlOf?.('own/1')]).toEqual([
      's3://lake/archive/raw/1',
      's3://lake/schemahub/own/1',
    ]);
  });
});

describe('50 writers in two processes', () => {
  it('of each create and of each compare-and-set exactly one wins, and its bytes stay', async () => {
    const { sim, store } = await place();
    const race = await startRace();
    closers.push(race.close);
    const { endpoint, credentials } = sim;
    const where = { bucket: 'lake', prefix: 'schemahub', region: 'us-east-1', endpoint, credentials };
    for (let round = 0; round < 5; round++) {
      const key = `race/${round}`;
      const created = await race.run({ place: where, verb: 'create', key });
      expect(created.length).toBe(1);
      const held = await store.get(key);
      expect(text(held)).toBe(created[0]);
      const replaced = await race.run({ place: where, verb: 'replace', key, version: held?.version });
      expect(replaced.length).toBe(1);
      expect(text(await store.get(key))).toBe(replaced[0]);
    }
  });
});
