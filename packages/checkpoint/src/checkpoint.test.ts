import { createDocuments } from '@schemahub/coordination';
import type { TradeFacts } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import { createMemoryStore } from '@schemahub/object-store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  applyChange,
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
    ];
    for (const [member, value] of wrong) {
      const stored = { ...(JSON.parse(good) as object), [member]: value };
      expect(() => parseCheckpoint(stored, 'checkpoints/x.json'), member).toThrow(CheckpointError);
    }
    for (const value of [null, 1, 'x', []]) expect(() => parseCheckpoint(value, 'x')).toThrow(CheckpointError);
  });
});
