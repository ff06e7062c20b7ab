import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict';
import type { ObjectStore } from '../port.js';

/** A named check of a driver; throws when the driver breaks the port's promise. Needs no test runner. */
export interface ConformanceCase {
  readonly name: string;
  readonly run: (createStore: () => Promise<ObjectStore>) => Promise<void>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (value: Uint8Array | undefined): string | undefined => value && new TextDecoder().decode(value);

async function keysOf(store: ObjectStore, prefix: string, startAfter?: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const entry of store.list(prefix, { startAfter })) keys.push(entry.key);
  return keys;
}

async function* pieces(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield bytes(part);
}

const cases: readonly ConformanceCase[] = [
  {
    name: 'an absent object is undefined, not an error',
    run: async (createStore) => {
      const store = await createStore();
      strictEqual(await store.get('a/b'), undefined);
      deepStrictEqual(await keysOf(store, ''), []);
    },
  },
  {
    name: 'create once: the second create says exists and changes nothing',
    run: async (createStore) => {
      const store = await createStore();
      strictEqual(await store.putIfAbsent('a/b.json', bytes('one')), 'created');
      strictEqual(await store.putIfAbsent('a/b.json', bytes('two')), 'exists');
      strictEqual(textOf((await store.get('a/b.json'))?.bytes), 'one');
    },
  },
  {
    name: 'of 50 concurrent creates exactly one wins, and its bytes stay',
    run: async (createStore) => {
      const store = await createStore();
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, i) => store.putIfAbsent('race', bytes(`writer ${i}`))),
      );
      strictEqual(answers.filter((answer) => answer === 'created').length, 1);
      strictEqual(textOf((await store.get('race'))?.bytes), `writer ${answers.indexOf('created')}`);
    },
  },
  {
    name: 'of 20 concurrent compare-and-sets exactly one wins',
    run: async (createStore) => {
      const store = await createStore();
      await store.putIfAbsent('doc', bytes('0'));
      const version = (await store.get('doc'))?.version;
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) => store.putIfMatch('doc', bytes(`w${i}`), version)),
      );
      const winners = answers.flatMap((answer, i) => (answer === 'conflict' ? [] : [i]));
      strictEqual(winners.length, 1);
      strictEqual(textOf((await store.get('doc'))?.bytes), `w${winners[0]}`);
    },
  },
  {
    name: 'compare-and-set against absence, a stale version, the right version',
    run: async (createStore) => {
      const store = await createStore();
      const first = await store.putIfMatch('doc', bytes('1'), undefined);
      ok(first !== 'conflict');
      strictEqual(await store.putIfMatch('doc', bytes('x'), undefined), 'conflict');
      strictEqual((await store.get('doc'))?.version, first.version);
      const second = await store.putIfMatch('doc', bytes('2'), first.version);
      ok(second !== 'conflict');
      strictEqual(await store.putIfMatch('doc', bytes('x'), first.version), 'conflict');
      strictEqual(await store.putIfMatch('absent', bytes('x'), first.version), 'conflict');
      strictEqual(textOf((await store.get('doc'))?.bytes), '2');
    },
  },
  {
    name: 'counters incremented by compare-and-set from many writers lose nothing',
    run: async (createStore) => {
      const store = await createStore();
      const increment = async (): Promise<void> => {
        for (;;) {
          const held = await store.get('counter');
          const next = bytes(String(Number(textOf(held?.bytes) ?? '0') + 1));
          if ((await store.putIfMatch('counter', next, held?.version)) !== 'conflict') return;
        }
      };
      await Promise.all(Array.from({ length: 8 }, increment));
      strictEqual(textOf((await store.get('counter'))?.bytes), '8');
    },
  },
  {
    name: 'a body given as a stream is stored whole',
    run: async (createStore) => {
      const store = await createStore();
      strictEqual(await store.putIfAbsent('stream', pieces('ab', '', 'cde')), 'created');
      strictEqual(textOf((await store.get('stream'))?.bytes), 'abcde');
      strictEqual(await store.putIfAbsent('stream', pieces('xyz')), 'exists');
    },
  },
  {
    name: 'a stream may use its buffer again for the next piece',
    run: async (createStore) => {
      const store = await createStore();
      async function* reusing(): AsyncGenerator<Uint8Array> {
        const buffer = Buffer.alloc(3);
        for (const part of ['abc', 'def', 'ghi']) {
          buffer.write(part);
          yield buffer;
        }
      }
      strictEqual(await store.putIfAbsent('stream', reusing()), 'created');
      strictEqual(textOf((await store.get('stream'))?.bytes), 'abcdefghi');
    },
  },
  {
    name: 'a body whose stream fails leaves nothing behind',
    run: async (createStore) => {
      const store = await createStore();
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield bytes('half');
        throw new Error('source failed');
      }
      await rejects(store.putIfAbsent('half', failing()), /source failed/);
      strictEqual(await store.get('half'), undefined);
      deepStrictEqual(await keysOf(store, ''), []);
    },
  },
  {
    name: 'ranges: closed, open, suffix, beyond the end, empty',
    run: async (createStore) => {
      const store = await createStore();
      await store.putIfAbsent('r', bytes('0123456789'));
      const read = async (start: number, end?: number): Promise<string | undefined> =>
        textOf((await store.get('r', { range: { start, end } }))?.bytes);
      strictEqual(await read(2, 5), '234');
      strictEqual(await read(7), '789');
      strictEqual(await read(-4), '6789');
      strictEqual(await read(8, 100), '89');
      strictEqual(await read(-100), '0123456789');
      strictEqual((await store.get('absent', { range: { start: 0, end: 1 } })) ?? 'none', 'none');
    },
  },
  {
    name: 'list: prefix that ends inside a name, byte order, startAfter that need not exist, sizes',
    run: async (createStore) => {
      const store = await createStore();
      const keys = ['a/1', 'a/10', 'a/2', 'a-b/1', 'a/sub/x', 'a/sub/y', 'ab', 'b'];
      for (const key of keys) await store.putIfAbsent(key, bytes(key));
      deepStrictEqual(await keysOf(store, ''), [...keys].sort());
      deepStrictEqual(await keysOf(store, 'a/'), ['a/1', 'a/10', 'a/2', 'a/sub/x', 'a/sub/y']);
      deepStrictEqual(await keysOf(store, 'a/1'), ['a/1', 'a/10']);
      deepStrictEqual(await keysOf(store, 'a/', 'a/11'), ['a/2', 'a/sub/x', 'a/sub/y']);
      deepStrictEqual(await keysOf(store, 'a/', 'a/sub/x'), ['a/sub/y']);
      deepStrictEqual(await keysOf(store, '', 'a/sub/z'), ['ab', 'b']);
      deepStrictEqual(await keysOf(store, 'nothing'), []);
      for await (const { key, size, modifiedAt } of store.list('a/sub/'))
        deepStrictEqual([size, Number.isInteger(modifiedAt)], [key.length, true], key);
    },
  },
  {
    name: 'list: a prefix never leaves the store, and one below an object holds nothing',
    run: async (createStore) => {
      const store = await createStore();
      await store.putIfAbsent('a', bytes('x'));
      deepStrictEqual(await keysOf(store, 'a/'), []);
      deepStrictEqual(await keysOf(store, 'a/b/c'), []);
      for (const prefix of ['../', '..', '/', '/etc/', 'a/../../', './', 'a/./b'])
        await rejects(keysOf(store, prefix), { code: 'invalid-key' }, prefix);
    },
  },
  {
    name: 'list: objects written while it runs do not disturb it, and those deleted are no error',
    run: async (createStore) => {
      const store = await createStore();
      for (const key of ['p/1', 'p/2', 'q/1', 'r']) await store.putIfAbsent(key, bytes(key));
      const seen: string[] = [];
      for await (const { key } of store.list('')) {
        seen.push(key);
        if (key === 'p/1') await store.delete(['q/1']);
        if (key === 'p/2') await store.putIfAbsent('p/0', bytes('late'));
      }
      ok(!seen.includes('p/0') && ['p/1', 'p/2', 'r'].every((key) => seen.includes(key)), seen.join());
      deepStrictEqual(seen, [...seen].sort());
    },
  },
  {
    name: 'compare-and-set of the same bytes by two: one of them learns that it lost, or neither changed anything',
    run: async (createStore) => {
      const store = await createStore();
      const first = await store.putIfMatch('doc', bytes('same'), undefined);
      ok(first !== 'conflict');
      strictEqual(await store.putIfMatch('doc', bytes('same'), undefined), 'conflict');
      await store.delete(['doc']);
      strictEqual(await store.putIfMatch('doc', bytes('x'), first.version), 'conflict');
      strictEqual(await store.get('doc'), undefined);
    },
  },
  {
    name: 'delete removes, and absent keys are no error',
    run: async (createStore) => {
      const store = await createStore();
      await store.putIfAbsent('d/1', bytes('x'));
      await store.putIfAbsent('d/2', bytes('x'));
      await store.delete(['d/1', 'd/none']);
      deepStrictEqual(await keysOf(store, 'd/'), ['d/2']);
      strictEqual(await store.putIfAbsent('d/1', bytes('again')), 'created');
    },
  },
  {
    name: 'bytes given and returned are copies',
    run: async (createStore) => {
      const store = await createStore();
      const body = Buffer.from('safe'); // whose slice would be no copy
      await store.putIfAbsent('copy', body);
      body.fill(0);
      const first = await store.get('copy');
      strictEqual(textOf(first?.bytes), 'safe');
      first?.bytes.fill(0);
      strictEqual(textOf((await store.get('copy'))?.bytes), 'safe');
    },
  },
  {
    name: 'keys that would leave the store or its folder are refused by every verb',
    run: async (createStore) => {
      const store = await createStore();
      const long = 'x'.repeat(256);
      for (const key of [
        '',
        '/a',
        'a//b',
        'a/',
        '..',
        'a/../b',
        './a',
        'a\\b',
        'ä',
        'a b',
        'a\nb',
        'a\0b',
        '.schemahub/x',
        long,
      ]) {
        const code = { code: 'invalid-key' };
        await rejects(store.get(key), code, JSON.stringify(key));
        await rejects(store.putIfAbsent(key, bytes('x')), code, JSON.stringify(key));
        await rejects(store.putIfMatch(key, bytes('x'), undefined), code, JSON.stringify(key));
        await rejects(store.delete([key]), code, JSON.stringify(key));
      }
      deepStrictEqual(await keysOf(store, ''), []);
    },
  },
];

/** What every driver must keep: run each case against a fresh, empty store. */
export function objectStoreConformance(): readonly ConformanceCase[] {
  return cases;
}
