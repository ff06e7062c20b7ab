import { MAX_ID } from '@schemahub/coverage';
import { createMemoryStore, type ObjectStore } from '@schemahub/object-store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createLayout,
  type Evidence,
  foldEvidence,
  LakeError,
  listProducts,
  parseEvidence,
  readCondemned,
  readEvidence,
  type VoidRun,
  writeEvidence,
} from './index.js';
import { edit, evidenceOf, keysOf, overwrite } from './test-support.js';

const layout = createLayout();
const request = { request: '/products/BTC-USD/trades?after=51&limit=2', ids: [50, 40], date: '2026-01-01T00:00:00Z' };
const hole: VoidRun = {
  first: 41,
  last: 49,
  lower: 40,
  upper: 50,
  probes: [request, { ...request, fresh_connection: true }],
};
const full: Evidence = evidenceOf(1, {
  symbol: 'BTC-USD',
  origin: 'https://api.exchange.coinbase.com',
  asked: '1-100,200-',
  anchor: 77,
  floor: { id: 1, requests: [request] },
  head: { id: 300, seen_at: '2026-01-01T00:00:01.000Z' },
  void: [hole],
  condemned: [{ key: 'raw/x', reason: 'does not unpack' }],
  closed: { status: 'delisted', seen_at: '2026-01-01T00:00:01.000Z' },
  unnumbered: 3,
});
const encode = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const fold = (store: ObjectStore): ReturnType<typeof readEvidence> =>
  readEvidence(store, layout, 'coinbase', 'BTC-USD');

describe('reading one evidence object', () => {
  it('takes what was written, whole and in every part', () => {
    expect(parseEvidence('k', encode(full))).toEqual(full);
    expect(parseEvidence('k', encode(evidenceOf(1, { closed: null })))).toEqual(evidenceOf(1, { closed: null }));
    for (const member of Object.keys(full).slice(4)) {
      const one = { ...evidenceOf(1), [member]: full[member as keyof Evidence] };
      expect(parseEvidence('k', encode(one)), member).toEqual(one);
    }
  });

  const damages: [string, string, unknown][] = [
    ['version 1', 'version', 2],
    ['exchange or product_id', 'exchange', 5],
    ['exchange or product_id', 'product_id', null],
    ['time', 'time', '2026-01-01'],
    ['time', 'time', 1_767_225_600_000],
    ['time', 'time', '2026-01-01T00:00:00.000+01:00'],
    ['symbol', 'symbol', 5],
    ['origin', 'origin', ['x']],
    ['asked', 'asked', '9-1'],
    ['asked', 'asked', 5],
    ['anchor', 'anchor', -1],
    ['anchor', 'anchor', 1.5],
    ['anchor', 'anchor', '77'],
    ['anchor', 'anchor', MAX_ID + 1],
    ['anchor', 'anchor', null],
    ['floor', 'floor', 1],
    ['floor', 'floor', null],
    ['floor', 'floor', { id: 1 }],
    ['floor', 'floor', { id: 1, requests: [{ ...request, ids: ['50'] }] }],
    ['head', 'head', null],
    ['head', 'head', { id: 1 }],
    ['head', 'head', { id: 1, seen_at: 'now' }],
    ['void run', 'void', {}],
    ['void run', 'void', [null]],
    ['void run', 'void', [{ ...hole, lower: 39 }]],
    ['void run', 'void', [{ ...hole, upper: 51 }]],
    ['void run', 'void', [{ ...hole, first: 50, last: 40, lower: 49, upper: 41 }]],
    ['void run', 'void', [{ ...hole, first: 0, lower: -1 }]],
    ['void run', 'void', [{ ...hole, probes: undefined }]],
    ['void run', 'void', [{ ...hole, probes: [{ request: 'x', ids: [], date: 5 }] }]],
    ['condemned', 'condemned', {}],
    ['condemned', 'condemned', [null]],
    ['condemned', 'condemned', [{ key: 5, reason: 'x' }]],
    ['condemned', 'condemned', [{ key: 'x' }]],
    ['closed', 'closed', 'delisted'],
    ['closed', 'closed', { status: 'x', seen_at: 5 }],
    ['unnumbered', 'unnumbered', '3'],
    ['unnumbered', 'unnumbered', -3],
  ];
  it.each(damages)('refuses damage by name: %s (%s = %j)', (name, member, value) => {
    const read = (): Evidence => parseEvidence('coverage/x.json', encode({ ...full, [member]: value }));
    expect(read).toThrow(LakeError);
    expect(read).toThrow(name);
    expect(read).toThrow(/^coverage\/x\.json: .*restore this object from a backup, or delete it and run repair\.$/s);
  });

  it('refuses what is no object', () => {
    for (const text of ['', '{', 'null', '[]', '5', '"x"']) {
      expect(() => parseEvidence('k', Buffer.from(text)), text).toThrow(LakeError);
    }
  });
});

const runOf = ([first, width]: readonly [number, number]): VoidRun => {
  const last = first + width;
  return { first, last, lower: first - 1, upper: last + 1, probes: [] };
};
/** News of any kind at few different times, so that clocks tie. */
const news: fc.Arbitrary<Evidence> = fc
  .tuple(
    fc.integer({ min: 0, max: 3 }),
    fc.record(
      {
        asked: fc.tuple(fc.nat(50), fc.nat(9)).map(([first, width]) => `${first}-${first + width + 1}`),
        anchor: fc.nat(50),
        floor: fc.nat(9).map((id) => ({ id, requests: [] })),
        head: fc.tuple(fc.nat(60), fc.nat(9)).map(([id, s]) => ({ id, seen_at: `2026-01-01T00:00:0${s}.000Z` })),
        void: fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.nat(5)).map(runOf), { maxLength: 2 }),
        condemned: fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), reason: fc.constantFrom('r', 's') }), {
          maxLength: 2,
        }),
        closed: fc.constantFrom(null, { status: 'delisted', seen_at: '2026-01-01T00:00:00.000Z' }),
        unnumbered: fc.nat(3),
        symbol: fc.constantFrom('BTC-USD', 'XBT-USD'),
        origin: fc.constantFrom('https://a', 'https://b'),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([second, change]) => evidenceOf(second, change));

describe('the evidence of a product', () => {
  it('folds to the same whoever wrote first, however often it was written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(news, { maxLength: 8 }), fc.infiniteStream(fc.nat(1000)), async (list, random) => {
        const straight = createMemoryStore();
        for (const one of list) await writeEvidence(straight, layout, one);
        const mixed = createMemoryStore();
        const shuffled = [...list, ...list.slice(0, 3)]
          .map((one) => [random.next().value as number, one] as const)
          .sort((a, b) => a[0] - b[0]);
        await Promise.all(shuffled.map(([, one]) => writeEvidence(mixed, layout, one)));
        expect(await keysOf(mixed)).toEqual(await keysOf(straight));
        expect(await fold(mixed)).toEqual(await fold(straight));
      }),
      { numRuns: 150 },
    );
  });

  it('only grows: asked, void, condemned, head and anchor never lose', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(news, { minLength: 1, maxLength: 8 }), async (list) => {
        const store = createMemoryStore();
        const later = list.map((one, i) => ({ ...one, time: evidenceOf(i).time })); // time order, as one run writes
        let before = await fold(store);
        for (const one of later) {
          await writeEvidence(store, layout, one);
          const now = await fold(store);
          expect(before.asked.difference(now.asked).isEmpty).toBe(true);
          expect(before.void.difference(now.void).isEmpty).toBe(true);
          expect([...now.condemned]).toEqual(expect.arrayContaining([...before.condemned]));
          expect(now.head?.id ?? -1).toBeGreaterThanOrEqual(before.head?.id ?? -1);
          expect(now.anchor ?? -1).toBeGreaterThanOrEqual(before.anchor ?? -1);
          before = now;
        }
        expect(before.lastUpdated).toBe(later.at(-1)!.time);
        expect(before.unnumbered).toBe(later.reduce((sum, { unnumbered }) => sum + (unnumbered ?? 0), 0));
        expect([...(await readCondemned(store, layout, 'coinbase', 'BTC-USD'))].sort()).toEqual(
          [...before.condemned].sort(),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('says what the newest said of symbol, floor and state; null takes a closing back', async () => {
    const store = createMemoryStore();
    await writeEvidence(store, layout, full);
    await writeEvidence(store, layout, evidenceOf(2, { floor: { id: 5, requests: [] }, anchor: 1, closed: null }));
    const held = await fold(store);
    expect([held.floor, held.anchor, held.closed, held.symbol, held.objects]).toEqual([5, 77, undefined, 'BTC-USD', 2]);
    expect(held.asked.toString()).toBe('1-100,200-');
    expect(held.voidRuns).toEqual([hole]);
  });

  it('that condemns is found by name alone: damage elsewhere does not hide it', async () => {
    const store = createMemoryStore();
    await writeEvidence(store, layout, evidenceOf(1, { asked: '1-5' }));
    await writeEvidence(store, layout, evidenceOf(2, { condemned: [{ key: 'raw/x', reason: 'r' }] }));
    const [progress] = await keysOf(store);
    await overwrite(store, progress!, Buffer.from('{'));
    expect([...(await readCondemned(store, layout, 'coinbase', 'BTC-USD'))]).toEqual([['raw/x', 'r']]);
    await expect(fold(store)).rejects.toMatchObject({ code: 'damaged-evidence', key: progress });
  });

  it('that was edited, or lies with another product, is refused by name', async () => {
    const store = createMemoryStore();
    const key = await writeEvidence(store, layout, evidenceOf(1, { void: [hole] }));
    await edit(store, key, '40,', '40, ');
    await expect(fold(store)).rejects.toThrow(`${key}: its content does not fit its name: it was edited. Restore`);
    const other = createMemoryStore();
    const moved = await writeEvidence(other, layout, evidenceOf(1, { product_id: 'ETH-USD', asked: '1-5' }));
    const bytes = (await other.get(moved))!.bytes;
    await other.putIfAbsent(moved.replace('ETH-USD', 'BTC-USD'), bytes);
    await expect(fold(other)).rejects.toThrow('is evidence of coinbase ETH-USD, but lies with coinbase BTC-USD');
  });

  it('is not disturbed by what folder views leave, and never written when it is wrong', async () => {
    const store = createMemoryStore();
    await writeEvidence(store, layout, full);
    for (const name of ['.DS_Store', 'Thumbs.db'])
      await store.putIfAbsent(`coverage_coinbase/BTC-USD/${name}`, Buffer.from('x'));
    expect((await fold(store)).objects).toBe(1);
    await expect(writeEvidence(store, layout, { ...full, anchor: -1 })).rejects.toThrow('anchor is no id');
    expect((await keysOf(store)).length).toBe(3);
  });
});

describe('the products of an exchange', () => {
  it('are found by one key each, whatever they are called', async () => {
    const names = fc.uniqueArray(
      fc.oneof(
        fc.constantFrom('BTC', 'BTC-USD', 'BTC-USDT', 'BTC0', 'BTC.X', '~', '..'),
        fc.string({ minLength: 1, maxLength: 12 }),
        fc.constant('long'.repeat(80)),
      ),
      { maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(names, async (products) => {
        const store = createMemoryStore();
        for (const product_id of products)
          for (const second of [1, 2]) await writeEvidence(store, layout, evidenceOf(second, { product_id }));
        await writeEvidence(store, layout, evidenceOf(1, { exchange: 'coinbase2', product_id: 'OTHER' }));
        expect(await listProducts(store, layout, 'coinbase')).toEqual([...products].sort());
      }),
      { numRuns: 100 },
    );
  });

  it('are found beside stray files and foreign folders, and although evidence is damaged', async () => {
    const store = createMemoryStore();
    const key = await writeEvidence(store, layout, evidenceOf(1));
    const cut = await writeEvidence(store, layout, evidenceOf(1, { product_id: 'x'.repeat(300) }));
    await overwrite(store, key, Buffer.from('{'));
    for (const name of ['.DS_Store', 'zz.json', 'a%/x', 'BTC%2dUSD/x', `${cut.split('/')[1]}/.DS_Store`])
      await store.putIfAbsent(`coverage_coinbase/${name}`, Buffer.from('x'));
    expect(await listProducts(store, layout, 'coinbase')).toEqual(['BTC-USD', 'x'.repeat(300)]);
  });
});

it('of two anchors that raced the higher one counts, in whatever order their evidence is read', () => {
  const of = (anchor: number): Evidence => ({
    version: 1,
    exchange: 'coinbase',
    product_id: 'X',
    time: '2026-01-01T00:00:00.000Z',
    anchor,
  });
  expect(foldEvidence('coinbase', 'X', [of(1), of(6)]).anchor).toBe(6);
  expect(foldEvidence('coinbase', 'X', [of(6), of(1)]).anchor).toBe(6);
});
