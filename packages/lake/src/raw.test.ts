import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { RangeSet } from '@schemahub/coverage';
import { createMemoryStore } from '@schemahub/object-store';
import { faultyStore } from '@schemahub/object-store/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createIdReader,
  createLayout,
  decodeRawObject,
  digestOfRawNames,
  encodeRawObject,
  hashedPart,
  hashRows,
  idsOfRawObject,
  ingestTsOf,
  LakeError,
  landRawObject,
  listRawNames,
  MAX_OBJECT_SPAN,
  parseRawName,
  readRawObject,
} from './index.js';
import { idsBetween, keysOf, lineOf, overwrite, readId, rowsOf } from './test-support.js';

const layout = createLayout();
const prefix = layout.raw('coinbase', 'BTC-USD');
/** Ascending ids within one object's span. */
const someIds = fc
  .tuple(fc.nat(2 ** 40), fc.uniqueArray(fc.nat(4000), { minLength: 1, maxLength: 60 }))
  .map(([base, steps]) => steps.map((step) => base + step).sort((a, b) => a - b));

describe('a raw name', () => {
  it('reads back as it was written', async () => {
    await fc.assert(
      fc.asyncProperty(someIds, fc.integer({ min: 1, max: 9999 }), async (ids, revision) => {
        const { name } = await encodeRawObject(prefix, rowsOf(ids), revision);
        expect(parseRawName(name.key)).toEqual(name);
        expect([name.first, name.last, name.count, name.revision]).toEqual([ids[0], ids.at(-1), ids.length, revision]);
      }),
      { numRuns: 200 },
    );
  });

  it('that was made up is refused', () => {
    const h = '0123456789abcdef0123456789abcdef';
    const [one, nine] = ['00000000000000000001', '00000000000000000009'];
    expect(parseRawName(`x/${one}-${nine}_9_${h}.jsonl.gz`)?.count).toBe(9);
    for (const name of [
      `${nine}-${one}_1_${h}.jsonl.gz`, // last below first
      `${one}-${nine}_10_${h}.jsonl.gz`, // more rows than ids
      `${one}-${nine}_0_${h}.jsonl.gz`,
      `${one}-${nine}_09_${h}.jsonl.gz`,
      `${one}-${nine}_-1_${h}.jsonl.gz`,
      `${one}-${nine}_9_${h.slice(1)}.jsonl.gz`,
      `${one}-${nine}_9_${h.toUpperCase()}.jsonl.gz`,
      `${one}-${nine}_9_${h}.jsonl`,
      `${one}-${nine}_9_${h}.jsonl.gz.tmp`,
      `x${one}-${nine}_9_${h}.jsonl.gz`,
      `${one}-${nine}_9_${h}.r1.jsonl.gz`, // the first copy has no suffix
      `${one}-${nine}_9_${h}.r0.jsonl.gz`,
      `${one}-${nine}_9_${h}.r02.jsonl.gz`,
      `${one}-${nine}_9_${h}.r99999.jsonl.gz`,
      `1-9_9_${h}.jsonl.gz`,
      `${one}-00000000000001000001_9_${h}.jsonl.gz`, // spans 1,000,001 ids
      `${one}-00009007199254740992_9_${h}.jsonl.gz`, // above 2^53 − 1
      `99999999999999999999-99999999999999999999_1_${h}.jsonl.gz`,
      '',
      'unnumbered_x.jsonl.gz',
    ]) {
      expect(parseRawName(`raw/${name}`), name).toBeUndefined();
    }
    expect(parseRawName(`${one}-00000000000001000000_9_${h}.jsonl.gz`)?.last).toBe(1_000_000);
  });
});

describe('the hash of rows', () => {
  it('depends on the trades alone: not on ingest time, nor on how windows were grouped or ordered', async () => {
    await fc.assert(
      fc.asyncProperty(someIds, someIds, fc.nat(7), async (ids, other, cut) => {
        const whole = await encodeRawObject(prefix, rowsOf(ids, '2026-01-01T00:00:00.000001Z'));
        const mixed = rowsOf(ids);
        const times = ids.map((_, i) => (i < cut ? '2031-01-01T00:00:00.000000Z' : '2029-09-09T09:09:09.999999Z'));
        expect((await encodeRawObject(prefix, { ...mixed, ingestTs: times })).name.key).toBe(whole.name.key);
        const another = await encodeRawObject(prefix, rowsOf(other));
        expect(another.name.hash === whole.name.hash).toBe(String(other) === String(ids));
        expect((await encodeRawObject(prefix, rowsOf(ids, undefined, '1716.1234501'))).name.hash).not.toBe(
          whole.name.hash,
        );
      }),
      { numRuns: 150 },
    );
  });

  it('tells where a row ends, and in which cell of the grid it lies', () => {
    const bytes = (...texts: string[]): Uint8Array[] => texts.map((text) => Buffer.from(text));
    expect(hashRows(Float64Array.of(1, 2), bytes('ab', 'c'))).not.toBe(
      hashRows(Float64Array.of(1, 2), bytes('a', 'bc')),
    );
    expect(hashRows(Float64Array.of(999, 1000), bytes('a', 'b'))).not.toBe(
      hashRows(Float64Array.of(998, 999), bytes('a', 'b')),
    );
    // Fixed for ever: stored names were made with it.
    expect(hashRows(Float64Array.of(999, 1000), bytes('a', 'b'))).toBe('6ec7b73f58839768f5eb006d96b02eba');
    const sha = (...parts: (string | Buffer)[]): Buffer => {
      const hash = createHash('sha256');
      for (const part of parts) hash.update(part);
      return hash.digest();
    };
    const ids = [0, 499, 500, 999, 1000, 1999, 2000];
    const windows = [sha('0\n499\n500\n999\n'), sha('1000\n1999\n'), sha('2000\n')];
    expect(hashRows(Float64Array.from(ids), bytes(...ids.map(String)))).toBe(sha(...windows).toString('hex', 0, 16));
  });
});

describe('a raw object', () => {
  it('gives back what was put in', async () => {
    await fc.assert(
      fc.asyncProperty(someIds, fc.string({ maxLength: 30 }), async (ids, note) => {
        const lines = ids.map((id) => Buffer.from(`{"trade_id":"${id}","note":${JSON.stringify(note)}`));
        const ingestTs = ids.map((_, i) => `2026-01-01T00:00:00.${String(i).padStart(6, '0')}Z`);
        const { name, bytes } = await encodeRawObject(prefix, { ids: Float64Array.from(ids), lines, ingestTs });
        const held = await decodeRawObject(name, bytes, readId, { deep: true });
        expect([...held.ids]).toEqual(ids);
        expect(held.lines.map((line) => Buffer.from(hashedPart(line)).toString())).toEqual(lines.map(String));
        expect(held.lines.map(ingestTsOf)).toEqual(ingestTs);
        for (const line of held.lines) JSON.parse(Buffer.from(line).toString());
      }),
      { numRuns: 150 },
    );
  });

  it('whose byte was flipped, or whose end is missing, is found, or says the same as before', async () => {
    const { name, bytes } = await encodeRawObject(prefix, rowsOf([5, 6, 9, 1000, 1001]));
    const text = gunzipSync(bytes).toString();
    let told = 0;
    const check = async (damaged: Uint8Array): Promise<void> => {
      try {
        expect(Buffer.from((await decodeRawObject(name, damaged, readId)).text).toString()).toBe(text);
      } catch (error) {
        if (!(error instanceof LakeError)) throw error;
        expect([error.code, error.key, error.retryable]).toEqual(['damaged-raw', name.key, false]);
        expect(error.message).toContain(name.key);
        told++;
      }
    };
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 16, 128]) {
        const flipped = Uint8Array.from(bytes);
        flipped[at] = flipped[at]! ^ bit;
        await check(flipped);
      }
      await check(bytes.subarray(0, at));
    }
    await check(Buffer.concat([bytes, Buffer.from('tail')]));
    await check(Buffer.concat([bytes, bytes]));
    // Only bits of the gzip header that mean nothing (time, system) may go unnoticed.
    expect(told).toBeGreaterThan(4 * bytes.length - 3 * 10);
  });

  it('that was repacked with other rows is found: by name at once, by its hash with deep', async () => {
    const { name, bytes } = await encodeRawObject(prefix, rowsOf([5, 6, 9]));
    const lines = gunzipSync(bytes).toString().trimEnd().split('\n');
    const read = (texts: readonly string[], deep = false): Promise<unknown> =>
      decodeRawObject(name, gzipSync(texts.map((text) => `${text}\n`).join('')), readId, { deep });
    await expect(read(lines)).resolves.toBeDefined();
    await expect(read(lines.slice(1))).rejects.toThrow('holds 2 rows, its name says 3');
    await expect(read([...lines, lines[2]!])).rejects.toThrow('more than the 3 rows');
    await expect(read([])).rejects.toThrow('holds 0 rows');
    await expect(read([lines[0]!, lines[0]!, lines[2]!])).rejects.toThrow('line 2: id 5 does not ascend');
    await expect(read([lines[1]!, lines[0]!, lines[2]!])).rejects.toThrow('does not ascend');
    await expect(read([lines[0]!, 'no json', lines[2]!])).rejects.toThrow('line 2 has no readable id');
    await expect(read([lines[0]!, '', lines[2]!])).rejects.toThrow('line 2 has no readable id');
    await expect(read([lines[0]!.replace('"trade_id":5', '"trade_id":4'), lines[1]!, lines[2]!])).rejects.toThrow(
      'holds ids 4 … 9, its name says 5 … 9',
    );
    await expect(read([lines[0]!, lines[1]!, lines[2]!.replace('"trade_id":9', '"trade_id":8')])).rejects.toThrow(
      'holds ids 5 … 8',
    );
    const cheaper = lines.map((line) => line.replace('1716.1234500', '1716.1234501'));
    await expect(read(cheaper)).resolves.toBeDefined();
    await expect(read(cheaper, true)).rejects.toThrow('hash differs');
    await expect(read([lines[0]!, lines[1]!.replace('"trade_id":6', '"trade_id":7'), lines[2]!], true)).rejects.toThrow(
      'hash differs',
    );
  });

  it('is not written when it could not be read back or found', async () => {
    const bad: [string, Parameters<typeof encodeRawObject>[1]][] = [
      ['at least one', rowsOf([])],
      ['as many lines', { ...rowsOf([1, 2]), lines: [lineOf(1)] }],
      ['as many lines', { ...rowsOf([1, 2]), ingestTs: ['x'] }],
      ['must ascend', rowsOf([1, 3, 2, 4])],
      ['must ascend', rowsOf([1, 1])],
      ['must ascend', rowsOf([1, 1.5, 2])],
      ['span', rowsOf([-1, 1])],
      ['span', rowsOf([2 ** 53])],
      ['span', rowsOf([1, 1 + MAX_OBJECT_SPAN])],
      ['line feed', { ...rowsOf([1]), lines: [Buffer.from('{"trade_id":1,\n"a":1')] }],
    ];
    for (const [sentence, rows] of bad) await expect(encodeRawObject(prefix, rows)).rejects.toThrow(sentence);
    const { name } = await encodeRawObject(prefix, rowsOf([1, MAX_OBJECT_SPAN]));
    expect(parseRawName(name.key)).toEqual(name);
  });
});

describe('an id reader', () => {
  const viaJson = createIdReader('other');
  it('says on its fast path what parsing says', () => {
    const text = fc.constantFrom(
      '0',
      '7',
      '007',
      '00',
      '12',
      '9007199254740991',
      '9007199254740992',
      '1e3',
      '-1',
      '1.5',
      '',
      '"12"',
      '"012"',
      'null',
      '99999999999999999',
    );
    fc.assert(
      fc.property(text, fc.constantFrom(',"a":1}', '}', ' ,"a":1}'), (id, tail) => {
        const outcome = (read: typeof readId, field: string): unknown => {
          try {
            return read(Buffer.from(`{"${field}":${id}${tail}`));
          } catch {
            return 'refused';
          }
        };
        const slow = outcome((line) => viaJson(Buffer.from(Buffer.from(line).toString().replace('{', '{ '))), 'other');
        expect(outcome(readId, 'trade_id')).toBe(slow);
      }),
    );
    expect(readId(Buffer.from('{"price":"1","trade_id":"12"}'))).toBe(12);
    expect(() => readId(Buffer.from('{"price":"1"}'))).toThrow('field trade_id: expected an id, got undefined');
  });
});

describe('landing rows', () => {
  const rows = rowsOf(idsBetween(100, 140));

  it('a second time, with other ingest times, finds the first object and credits it', async () => {
    const store = createMemoryStore();
    const first = await landRawObject(store, prefix, rows, readId);
    const again = await landRawObject(
      store,
      prefix,
      rowsOf(idsBetween(100, 140), '2030-01-01T00:00:00.000000Z'),
      readId,
    );
    expect([first.created, again.created]).toEqual([true, false]);
    expect(again.name).toEqual(first.name);
    expect(again.ids.toString()).toBe('100-140');
    expect(await keysOf(store)).toEqual([first.name.key]);
  });

  it('from 20 writers at once makes one object', async () => {
    const store = createMemoryStore();
    const landed = await Promise.all(Array.from({ length: 20 }, () => landRawObject(store, prefix, rows, readId)));
    expect(landed.filter(({ created }) => created).length).toBe(1);
    expect((await keysOf(store)).length).toBe(1);
  });

  it('whose answer was lost is settled by landing again', async () => {
    const store = createMemoryStore();
    const lost = faultyStore(store, ({ verb }) =>
      verb === 'putIfAbsent' ? { when: 'after', error: new Error('reset') } : undefined,
    );
    await expect(landRawObject(lost, prefix, rows, readId)).rejects.toThrow('reset');
    const again = await landRawObject(store, prefix, rows, readId);
    expect([again.created, again.ids.count]).toEqual([false, 41]);
  });

  it('beside a damaged object writes .r2, then .r3, and names what is to be condemned', async () => {
    const store = createMemoryStore();
    const { name } = await landRawObject(store, prefix, rows, readId);
    const good = (await store.get(name.key))!.bytes;
    await overwrite(store, name.key, good.subarray(0, good.length - 9));
    const second = await landRawObject(store, prefix, rows, readId);
    expect(second.name.key).toBe(name.key.replace('.jsonl', '.r2.jsonl'));
    expect(second.condemned.map(({ key }) => key)).toEqual([name.key]);
    expect(second.condemned[0]!.reason).toContain('does not unpack');
    // The next landing finds the good copy, and names the damaged one again.
    const found = await landRawObject(store, prefix, rows, readId);
    expect([found.name.key, found.created, found.condemned.length]).toEqual([second.name.key, false, 1]);
    const lines = gunzipSync(good).toString();
    await overwrite(store, second.name.key, gzipSync(lines.replaceAll('1716.1234500', '1.0')));
    const third = await landRawObject(store, prefix, rows, readId);
    expect(third.name.key).toBe(name.key.replace('.jsonl', '.r3.jsonl'));
    expect(third.condemned.map(({ reason }) => reason.replace(/^.*gz: /, ''))).toEqual([
      expect.stringContaining('does not unpack'),
      expect.stringContaining('hash differs'),
    ]);
  });

  it('passes over a condemned name, also when its object is sound again', async () => {
    const store = createMemoryStore();
    const { name } = await landRawObject(store, prefix, rows, readId);
    const condemned = new Set([name.key]);
    const second = await landRawObject(store, prefix, rows, readId, { condemned });
    expect([second.name.revision, second.created, second.condemned]).toEqual([2, true, []]);
    const listed = await listRawNames(store, layout, { exchange: 'coinbase', product: 'BTC-USD', condemned });
    expect(listed.map(({ key }) => key)).toEqual([second.name.key]);
  });

  it('credits what the stored object holds, never less or more than its rows', async () => {
    const store = createMemoryStore();
    const sparse = rowsOf([1, 2, 5, 9]);
    await landRawObject(store, prefix, sparse, readId);
    expect((await landRawObject(store, prefix, sparse, readId)).ids.toString()).toBe('1-2,5,9');
  });

  it('of an object that vanishes between create and read is an error, not a credit', async () => {
    const store = { ...createMemoryStore(), putIfAbsent: async () => 'exists' as const };
    await expect(landRawObject(store, prefix, rows, readId)).rejects.toMatchObject({ code: 'missing-object' });
  });
});

describe('listing raw names', () => {
  it('from an id begins with the object that can just reach it', async () => {
    const store = createMemoryStore();
    const from = 5_000_000;
    for (const first of [from - 1_000_000, from - 999_999])
      await landRawObject(store, prefix, rowsOf([first, first + 999_999]), readId);
    const listed: string[] = [];
    const counting = {
      ...store,
      list: async function* (...args: Parameters<typeof store.list>) {
        for await (const entry of store.list(...args)) {
          listed.push(entry.key);
          yield entry;
        }
      },
    };
    const names = await listRawNames(counting, layout, { exchange: 'coinbase', product: 'BTC-USD', from });
    expect(names.map(({ first, last }) => [first, last])).toContainEqual([from - 999_999, from]);
    // A listing that begins further down would cost a request for each thousand names of a long history.
    await landRawObject(store, prefix, rowsOf([from - 1_000_001]), readId);
    listed.length = 0;
    await listRawNames(counting, layout, { exchange: 'coinbase', product: 'BTC-USD', from });
    expect(listed.some((key) => key.includes(`/${String(from - 1_000_001).padStart(20, '0')}-`))).toBe(false);
  });

  it('from an id misses no object that can hold it', async () => {
    const store = createMemoryStore();
    const spans = fc.array(fc.tuple(fc.nat(5_000_000), fc.constantFrom(0, 1, 999, 500_000, 999_998, 999_999)), {
      minLength: 1,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(spans, fc.nat(6_000_000), async (objects, from) => {
        await store.delete(await keysOf(store));
        for (const [first, width] of objects)
          await landRawObject(store, prefix, rowsOf(width === 0 ? [first] : [first, first + width]), readId);
        const all = await listRawNames(store, layout, { exchange: 'coinbase', product: 'BTC-USD' });
        const some = await listRawNames(store, layout, { exchange: 'coinbase', product: 'BTC-USD', from });
        const holding = all.filter(({ last }) => last >= from);
        expect(some.filter(({ last }) => last >= from)).toEqual(holding);
        expect(all.map(({ first }) => first)).toEqual([...all.map(({ first }) => first)].sort((a, b) => a - b));
      }),
      { numRuns: 60 },
    );
  });

  it('leaves out the condemned, foreign files, copies in folders below, and other products', async () => {
    const store = createMemoryStore();
    const { name } = await landRawObject(store, prefix, rowsOf([1, 2, 3]), readId);
    const { name: bad } = await landRawObject(store, prefix, rowsOf([5]), readId);
    await landRawObject(store, layout.raw('coinbase', 'BTC-USDT'), rowsOf([7]), readId);
    const copy = name.key.replace(prefix, `${prefix}backup/`);
    for (const key of [copy, `${prefix}.DS_Store`, `${prefix}unnumbered_1.jsonl.gz`])
      await store.putIfAbsent(key, Buffer.from('x'));
    const foreign: string[] = [];
    const names = await listRawNames(store, layout, {
      exchange: 'coinbase',
      product: 'BTC-USD',
      condemned: new Set([bad.key]),
      onForeign: (key) => foreign.push(key),
    });
    expect(names).toEqual([name]);
    expect(foreign.sort()).toEqual([`${prefix}.DS_Store`, copy, `${prefix}unnumbered_1.jsonl.gz`].sort());
  });
});

describe('ids of a raw object', () => {
  it('come from its name when it is dense, else from the object', async () => {
    const store = createMemoryStore();
    const dense = await landRawObject(store, prefix, rowsOf([4, 5, 6]), readId);
    const sparse = await landRawObject(store, prefix, rowsOf([10, 12]), readId);
    const reads: string[] = [];
    const counting = faultyStore(store, ({ key }) => void reads.push(key));
    expect((await idsOfRawObject(counting, dense.name, readId)).equals(RangeSet.of(4, 6))).toBe(true);
    expect(reads).toEqual([]);
    expect((await idsOfRawObject(counting, sparse.name, readId)).toString()).toBe('10,12');
    await store.delete([sparse.name.key]);
    await expect(readRawObject(store, sparse.name, readId)).rejects.toMatchObject({
      code: 'missing-object',
      message: expect.stringContaining('not in memory'),
    });
  });

  it('and their digest do not depend on the order or folder of names', async () => {
    const a = (await encodeRawObject(prefix, rowsOf([1]))).name;
    const b = (await encodeRawObject(prefix, rowsOf([2]))).name;
    const moved = (await encodeRawObject('elsewhere/', rowsOf([2]))).name;
    expect(digestOfRawNames([a, b])).toBe(digestOfRawNames([moved, a]));
    expect(digestOfRawNames([a])).not.toBe(digestOfRawNames([a, b]));
    expect(digestOfRawNames([])).not.toBe(digestOfRawNames([a]));
  });
});
