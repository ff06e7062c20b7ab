import { createDocuments } from '@schemahub/coordination';
import type { TradeFacts } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import { createMemoryStore } from '@schemahub/object-store';
import { faultyStore } from '@schemahub/object-store/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  applyChange,
  type Checkpoint,
  type CheckpointChange,
  CheckpointError,
  type CheckpointStore,
  createCheckpointStore,
  cursorOf,
  emptyCheckpoint,
  encodeCheckpoint,
  parseCheckpoint,
} from './index.js';

const trade = (id: number): TradeFacts => ({
  id,
  ts: '2026-01-01T00:00:00Z',
  side: 'buy',
  price: '1.0',
  quantity: '2.0',
});
const set = fc
  .array(fc.tuple(fc.nat(200), fc.nat(20)), { maxLength: 6 })
  .map((list) => RangeSet.fromRanges(list.map(([first, width]) => ({ first, last: first + width }))));
const stamp = fc.integer({ min: 10, max: 59 }).map((s) => `2026-01-01T00:00:${s}.000Z`);
const change: fc.Arbitrary<CheckpointChange> = fc.record(
  {
    asked: set,
    anchor: fc.constant(40),
    head: fc.record({ id: fc.nat(300) }).map(({ id }) => ({ id, seenAt: `2026-01-01T00:0${id % 10}:00.000Z` })),
    lastTrade: fc.nat(200).map(trade),
    fetched: set,
    void: set,
    lastUpdated: stamp,
  },
  { requiredKeys: [] },
);

function open(): { checkpoints: CheckpointStore; store: ReturnType<typeof createMemoryStore> } {
  const store = createMemoryStore();
  const checkpoints = createCheckpointStore({
    documents: createDocuments(store),
    keyOf: (exchange, product) => `checkpoints/${exchange}/${product}.json`,
  });
  return { checkpoints, store };
}

describe('checkpoint', () => {
  it('is the same whatever the order of changes, and its cursor never falls', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 8 }), fc.infiniteStream(fc.nat(1000)), (changes, random) => {
        let forward = emptyCheckpoint('coinbase', 'BTC-USD');
        let cursor = -1;
        for (const one of changes) {
          forward = applyChange(forward, one);
          const next = cursorOf(forward) ?? -1;
          expect(next).toBeGreaterThanOrEqual(cursor);
          cursor = next;
        }
        const shuffled = changes
          .map((one) => [random.next().value as number, one] as const)
          .sort((a, b) => a[0] - b[0]);
        let other = emptyCheckpoint('coinbase', 'BTC-USD');
        for (const [, one] of shuffled) other = applyChange(other, one);
        expect(encodeCheckpoint(other)).toEqual(encodeCheckpoint(forward));
      }),
      { numRuns: 300 },
    );
  });

  it('reads back what it writes', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 5 }), (changes) => {
        const checkpoint = changes.reduce(applyChange, emptyCheckpoint('coinbase', 'BTC-USD'));
        const stored: unknown = JSON.parse(JSON.stringify(encodeCheckpoint(checkpoint)));
        expect(encodeCheckpoint(parseCheckpoint(stored, 'x'))).toEqual(stored);
      }),
    );
  });

  it('has the documented form', () => {
    const checkpoint = applyChange(emptyCheckpoint('coinbase', 'BTC-USD'), {
      symbol: 'BTC-USD',
      origin: 'https://api.exchange.coinbase.com',
      asked: RangeSet.parse('1-'),
      anchor: 5047,
      floor: 1,
      head: { id: 12_350_000, seenAt: '2026-11-21T12:00:00.000Z' },
      lastTrade: { id: 12_350_000, ts: '2026-11-21T11:59:59.123456Z', side: 'buy', price: '1.50', quantity: '2' },
      fetched: RangeSet.parse('1-5000,5046-12350000'),
      void: RangeSet.parse('5001-5045'),
      recheckAdded: RangeSet.parse('7-9'),
      closed: { status: 'delisted', seenAt: '2026-11-21T12:00:00.000Z' },
      lastUpdated: '2026-11-21T12:00:01.000Z',
    });
    expect(JSON.stringify(encodeCheckpoint(checkpoint))).toBe(
      '{"version":1,"epoch":0,"exchange":"coinbase","product_id":"BTC-USD","symbol":"BTC-USD",' +
        '"origin":"https://api.exchange.coinbase.com","asked":"1-","cursor":12350001,"anchor":5047,"floor":1,' +
        '"head":{"id":12350000,"seen_at":"2026-11-21T12:00:00.000Z"},' +
        '"last_trade":{"id":12350000,"ts":"2026-11-21T11:59:59.123456Z","side":"buy","price":"1.50","quantity":"2"},' +
        '"trades_processed":12349955,"fetched":"1-5000,5046-12350000","void":"5001-5045","recheck":"7-9",' +
        '"closed":{"status":"delisted","seen_at":"2026-11-21T12:00:00.000Z"},"last_updated":"2026-11-21T12:00:01.000Z"}',
    );
  });

  it.each(['fetched', 'void'] as const)(
    'refuses more than 100,000 ranges of %s ids, and keeps what is stored',
    async (set) => {
      const { checkpoints, store } = open();
      await checkpoints.restore(emptyCheckpoint('coinbase', 'X'));
      const many = RangeSet.fromIds(Float64Array.from({ length: 100_000 }, (_, i) => 2 * i));
      await checkpoints.update('coinbase', 'X', { [set]: many });
      const before = await store.get('checkpoints/coinbase/X.json');
      await expect(checkpoints.update('coinbase', 'X', { [set]: RangeSet.of(200_002) })).rejects.toThrow(
        `${set} ids of coinbase X: 100001 separate ranges`,
      );
      expect(await store.get('checkpoints/coinbase/X.json')).toEqual(before);
    },
  );

  it('loses ids only by a condemnation, which raises the epoch and finds another last trade', () => {
    const base = applyChange(emptyCheckpoint('coinbase', 'X'), {
      anchor: 1,
      fetched: RangeSet.of(1, 100),
      lastTrade: trade(100),
    });
    const next = applyChange(base, { condemned: { lost: RangeSet.of(51, 100), epoch: 1, lastTrade: trade(50) } });
    expect([next.fetched.toString(), next.epoch, cursorOf(next), next.lastTrade?.id]).toEqual(['1-50', 1, 51, 50]);
    const again = applyChange(next, { condemned: { lost: RangeSet.empty, epoch: 1, lastTrade: trade(50) } });
    expect(again).toEqual(next);
  });

  it('merges writers that know nothing of each other', async () => {
    const { checkpoints } = open();
    await checkpoints.restore(emptyCheckpoint('coinbase', 'X'));
    const writers = Array.from({ length: 40 }, (_, i) =>
      checkpoints.update('coinbase', 'X', { fetched: RangeSet.of(10 * i, 10 * i + 9) }),
    );
    await Promise.all(writers);
    expect((await checkpoints.read('coinbase', 'X'))?.fetched.toString()).toBe('0-399');
  });

  it('writes nothing when a change brings nothing', async () => {
    const { checkpoints, store } = open();
    await checkpoints.restore(applyChange(emptyCheckpoint('coinbase', 'X'), { fetched: RangeSet.of(1, 9) }));
    let writes = 0;
    const counting = createCheckpointStore({
      documents: {
        ...createDocuments(store),
        write: async () => {
          writes++;
          return 'conflict';
        },
      },
      keyOf: (exchange, product) => `checkpoints/${exchange}/${product}.json`,
    });
    await counting.update('coinbase', 'X', { fetched: RangeSet.of(3, 4) });
    expect(writes).toBe(0);
  });

  it('a rebuilt one replaces corrupt text, and merges into one that appeared meanwhile', async () => {
    const { checkpoints, store } = open();
    const rebuilt = applyChange(emptyCheckpoint('coinbase', 'X'), { fetched: RangeSet.of(1, 9) });
    await store.putIfAbsent('checkpoints/coinbase/X.json', new TextEncoder().encode('{"version":1,'));
    await expect(checkpoints.read('coinbase', 'X')).rejects.toThrow(CheckpointError);
    await checkpoints.restore(rebuilt);
    expect((await checkpoints.read('coinbase', 'X'))?.fetched.toString()).toBe('1-9');
  });

  it('one that becomes corrupt in the midst of a restore is replaced as well', async () => {
    const { checkpoints, store } = open();
    const key = 'checkpoints/coinbase/X.json';
    const rebuilt = applyChange(emptyCheckpoint('coinbase', 'X'), { fetched: RangeSet.of(1, 9) });
    await checkpoints.restore(rebuilt);
    let reads = 0;
    const documents = createDocuments(store);
    const spoilt = createCheckpointStore({
      documents: {
        ...documents,
        // Sound when the restore looks first, corrupt when it is about to merge.
        read: async (each) => {
          reads += 1;
          if (reads === 2) await store.putIfMatch(key, Buffer.from('{"version":1,'), (await store.get(key))?.version);
          return await documents.read(each);
        },
      },
      keyOf: () => key,
    });
    expect((await spoilt.restore(rebuilt)).fetched.toString()).toBe('1-9');
    expect((await checkpoints.read('coinbase', 'X'))?.fetched.toString()).toBe('1-9');
  });

  it('merges a rebuilt one into one that appeared meanwhile: neither loses ids, and the epoch stays below until what is condemned is taken from it', async () => {
    const { checkpoints, store } = open();
    const trades = (first: number, last: number, epoch: number): Checkpoint => ({
      ...applyChange(emptyCheckpoint('coinbase', 'X'), {
        anchor: 1,
        fetched: RangeSet.of(first, last),
        lastTrade: trade(last),
      }),
      epoch,
    });
    const racing = createCheckpointStore({
      documents: {
        ...createDocuments(store),
        // Somebody else restores between our read and our write.
        read: async (key) => {
          const held = await createDocuments(store).read(key);
          if (held === undefined) await checkpoints.restore(trades(1, 50, 1));
          return held;
        },
      },
      keyOf: (exchange, product) => `checkpoints/${exchange}/${product}.json`,
    });
    const merged = await racing.restore(trades(40, 90, 2));
    expect([merged.fetched.toString(), merged.epoch, merged.lastTrade?.id]).toEqual(['1-90', 1, 90]);
    expect(encodeCheckpoint((await checkpoints.read('coinbase', 'X'))!)).toEqual(encodeCheckpoint(merged));
  });

  it('a rebuilt one never replaces a sound one that another process restored and went on from', async () => {
    const { checkpoints, store } = open();
    const rebuilt = applyChange(emptyCheckpoint('coinbase', 'X'), { anchor: 1, fetched: RangeSet.of(1, 9) });
    await checkpoints.restore(rebuilt);
    await checkpoints.update('coinbase', 'X', { fetched: RangeSet.of(10, 99), void: RangeSet.of(100, 120) });
    const late = await checkpoints.restore(rebuilt);
    expect([late.fetched.toString(), late.void.toString()]).toEqual(['1-99', '100-120']);
    // One whose members are wrong is replaced, as one that is no JSON is.
    const key = 'checkpoints/coinbase/X.json';
    await store.delete([key]);
    await store.putIfAbsent(key, new TextEncoder().encode('{"version":7}'));
    expect((await checkpoints.restore(rebuilt)).fetched.toString()).toBe('1-9');
    expect((await checkpoints.read('coinbase', 'X'))?.fetched.toString()).toBe('1-9');
  });

  it('that is corrupt, vanished or of another product is never written over by an update', async () => {
    const { checkpoints, store } = open();
    const key = 'checkpoints/coinbase/X.json';
    const change = { fetched: RangeSet.of(1, 2) };
    await expect(checkpoints.update('coinbase', 'X', change)).rejects.toThrow(
      /vanished during the run; run the command again/,
    );
    await checkpoints.restore(emptyCheckpoint('coinbase', 'Y'));
    const foreign = (await store.get('checkpoints/coinbase/Y.json'))!.bytes;
    for (const bytes of [new TextEncoder().encode('{"half'), new TextEncoder().encode('{}'), foreign]) {
      await store.delete([key]);
      await store.putIfAbsent(key, bytes);
      await expect(checkpoints.update('coinbase', 'X', change)).rejects.toMatchObject({
        code: 'corrupt-checkpoint',
        retryable: false,
      });
      await expect(checkpoints.read('coinbase', 'X')).rejects.toThrow(CheckpointError);
      expect((await store.get(key))!.bytes).toEqual(bytes);
    }
    await expect(checkpoints.read('coinbase', 'X')).rejects.toThrow(
      'is the checkpoint of coinbase Y, expected coinbase X',
    );
  });

  it('after faults of any kind at any call holds every credit that was answered, whoever else wrote', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.infiniteStream(fc.nat(9)),
        fc.array(set, { minLength: 2, maxLength: 6 }),
        async (dice, credits) => {
          const { checkpoints, store } = open();
          await checkpoints.restore(emptyCheckpoint('coinbase', 'X'));
          const flaky = createCheckpointStore({
            documents: createDocuments(
              faultyStore(store, () => {
                const roll = dice.next().value as number;
                return roll < 2 ? { when: roll === 0 ? 'before' : 'after', error: new Error('flaky') } : undefined;
              }),
            ),
            keyOf: (exchange, product) => `checkpoints/${exchange}/${product}.json`,
          });
          const outcomes = await Promise.allSettled(
            credits.map((fetched) => flaky.update('coinbase', 'X', { fetched })),
          );
          const held = (await checkpoints.read('coinbase', 'X'))!.fetched;
          const all = credits.reduce((ids, one) => ids.union(one), RangeSet.empty);
          for (const [i, outcome] of outcomes.entries())
            if (outcome.status === 'fulfilled') expect(credits[i]!.difference(held).isEmpty).toBe(true);
          expect(held.difference(all).isEmpty).toBe(true);
          // Those that failed are simply told again.
          await Promise.all(credits.map((fetched) => checkpoints.update('coinbase', 'X', { fetched })));
          expect((await checkpoints.read('coinbase', 'X'))!.fetched.equals(all)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('a condemnation beside a credit of the good copy loses at worst what the next listing credits again', () => {
    const base = applyChange(emptyCheckpoint('coinbase', 'X'), {
      anchor: 1,
      fetched: RangeSet.of(1, 100),
      lastTrade: trade(100),
    });
    const condemned = { condemned: { lost: RangeSet.of(51, 100), epoch: 1, lastTrade: trade(50) } };
    const credit = { fetched: RangeSet.of(51, 100), lastTrade: trade(100) };
    const first = applyChange(applyChange(base, condemned), credit);
    const late = applyChange(applyChange(base, credit), condemned);
    expect([first.fetched.toString(), first.epoch, first.lastTrade?.id]).toEqual(['1-100', 1, 100]);
    expect([late.fetched.toString(), late.epoch, late.lastTrade?.id]).toEqual(['1-50', 1, 50]);
    // What a run that lists the raw names does with names the checkpoint lacks.
    expect(encodeCheckpoint(applyChange(late, credit))).toEqual(encodeCheckpoint(first));
    // Condemned again by another process, from the same evidence: nothing changes.
    expect(applyChange(late, condemned)).toEqual(late);
    const two = { condemned: { lost: RangeSet.of(1, 10), epoch: 2, lastTrade: trade(50) } };
    expect(applyChange(applyChange(base, condemned), two)).toEqual(applyChange(applyChange(base, two), condemned));
  });

  it('refuses every damage by naming the member', () => {
    const good = JSON.stringify(
      encodeCheckpoint(
        applyChange(emptyCheckpoint('coinbase', 'X'), { anchor: 1, fetched: RangeSet.of(1, 9), lastTrade: trade(9) }),
      ),
    );
    const wrong: [string, unknown][] = [
      ['version', 2],
      ['fetched', '9-1'],
      ['fetched', '1-8'],
      ['void', 5],
      ['anchor', -1],
      ['anchor', 1.5],
      ['cursor', 3],
      ['trades_processed', 10],
      ['head', { id: 'x' }],
      ['last_trade', { id: 3 }],
      ['exchange', null],
      ['closed', []],
      ['closed', { status: 5 }],
      ['epoch', null],
      ['epoch', -1],
      ['head', { id: null, seen_at: 'x' }],
      ['head', undefined],
      ['last_trade', { id: null, ts: 'x', side: 'buy', price: '1', quantity: '1' }],
      ['asked', '1-2,3'],
      ['recheck', null],
      ['floor', 2 ** 53],
      ['symbol', 5],
      ['last_updated', 5],
    ];
    for (const [member, value] of wrong) {
      const stored = { ...(JSON.parse(good) as object), [member]: value };
      expect(() => parseCheckpoint(stored, 'checkpoints/x.json'), member).toThrow(CheckpointError);
      expect(() => parseCheckpoint(stored, 'checkpoints/x.json'), member).toThrow(/^checkpoints\/x\.json: /);
    }
    for (const value of [null, 1, 'x', []]) expect(() => parseCheckpoint(value, 'x')).toThrow(CheckpointError);
  });
});

it('two anchors that raced end as the higher one, whichever came first, and no watermark falls', () => {
  const base = applyChange(emptyCheckpoint('coinbase', 'X'), { fetched: RangeSet.of(1, 5) });
  const both = [1, 6].map((anchor) => applyChange(base, { anchor }));
  expect(applyChange(both[0]!, { anchor: 6 })).toEqual(applyChange(both[1]!, { anchor: 1 }));
  expect(cursorOf(applyChange(both[1]!, { anchor: 1 }))).toBe(6);
});

it('ids seen before objects were condemned are not credited after it, and a stale restore does not raise the epoch', async () => {
  const { checkpoints } = open();
  const rebuilt = (epoch: number, fetched: RangeSet): Checkpoint => ({
    ...emptyCheckpoint('coinbase', 'X'),
    epoch,
    fetched,
  });
  await checkpoints.restore(rebuilt(1, RangeSet.of(1, 5)));
  const stale = await checkpoints.update('coinbase', 'X', { fetched: RangeSet.of(6, 9), seenEpoch: 0 });
  expect([stale.epoch, stale.fetched.toString()]).toEqual([1, '1-5']);
  expect((await checkpoints.restore(rebuilt(0, RangeSet.of(1, 9)))).fetched.toString()).toBe('1-5');
  // The other way round: what was restored first still claims what is condemned, so its epoch must stay below.
  const other = open();
  await other.checkpoints.restore(rebuilt(0, RangeSet.of(1, 9)));
  expect(await other.checkpoints.restore(rebuilt(1, RangeSet.of(1, 5)))).toMatchObject({ epoch: 0 });
});
