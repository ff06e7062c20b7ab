import { gunzipSync, gzipSync } from 'node:zlib';
import { BLOCK_IDS } from '@schemahub/lake';
import type { ObjectStore } from '@schemahub/object-store';
import { describe, expect, test } from 'vitest';
import { createTestLake, lineOf, SOURCE, sortRows, type TestLake, tradeOf, tradesOf, truthOf } from './test-lake.js';
import type { TransformResult } from './transform-result.js';

async function transform(lake: TestLake, maxBad?: number): Promise<TransformResult> {
  return await lake.table().transform({ products: [await lake.product()], maxBad });
}

/** A raw text whose line `at` (0-based) is replaced. */
function textWith(ids: readonly number[], replaced: Readonly<Record<number, string>>): string {
  return ids
    .map((id, at) => replaced[at] ?? `${lineOf(tradeOf(id))},"_source_ingest_ts":"2026-01-10T00:00:00.000000Z"}`)
    .map((line) => `${line}\n`)
    .join('');
}

describe('what the mapping refuses', () => {
  const zeroPrice = (id: number): string =>
    `${lineOf(tradeOf(id, { price: '0' }))},"_source_ingest_ts":"2026-01-10T00:00:00.000000Z"}`;

  test('goes to a quarantine object in the same commit, once, and its id is not tried again', async () => {
    const lake = createTestLake();
    const ids = [1, 2, 3, 4];
    const name = await lake.putText(tradesOf(1, 4), textWith(ids, { 1: zeroPrice(2) }));
    const result = await transform(lake);
    expect(result.totals).toMatchObject({ rows: 3, refused: 1 });
    expect(result.products[0]?.quarantined.toString()).toBe('2');
    const head = (await lake.head())!;
    expect(head.products[0]?.quarantined.toString()).toBe('2');
    expect(head.commit.quarantine).toEqual(result.quarantineKeys);
    expect(head.commit.quarantine[0]).toMatch(/^quarantine\/coinbase\/BTC-USD\/[0-9a-f]{32}\.jsonl\.gz$/);
    const stored = await lake.store.get(head.commit.quarantine[0]!);
    const line = JSON.parse(gunzipSync(stored!.bytes).toString('utf8')) as Record<string, unknown>;
    expect(line).toMatchObject({ object: name.key, line: 2, id: 2, record: zeroPrice(2) });
    expect(line.reason).toMatch(/price/);
    const before = await lake.hashes();
    expect((await transform(lake)).commit).toBeUndefined();
    expect(await lake.hashes()).toEqual(before);
  });

  test('a good copy of a refused record is taken, and its id is not quarantined', async () => {
    const lake = createTestLake();
    await lake.putText(tradesOf(1, 3), textWith([1, 2, 3], { 1: zeroPrice(2) }));
    await lake.put([tradeOf(2), tradeOf(4)]);
    const result = await transform(lake);
    expect(result.totals).toMatchObject({ rows: 4, refused: 1 });
    const head = (await lake.head())!;
    expect(head.products[0]?.quarantined.isEmpty).toBe(true);
    expect(head.commit.quarantine).toHaveLength(1);
  });

  test.each([
    { bad: 10, good: 5, maxBad: undefined, fails: false },
    { bad: 11, good: 9989, maxBad: undefined, fails: true },
    { bad: 11, good: 10_989, maxBad: undefined, fails: false },
    { bad: 11, good: 11, maxBad: 0.5, fails: false },
    { bad: 12, good: 11, maxBad: 0.5, fails: true },
  ])('$bad bad of $good good at $maxBad: fails $fails', async ({ bad, good, maxBad, fails }) => {
    const lake = createTestLake();
    const ids = Array.from({ length: bad + good }, (_, at) => at + 1);
    const replaced = Object.fromEntries(ids.slice(0, bad).map((id) => [id - 1, zeroPrice(id)]));
    await lake.putText(tradesOf(1, bad + good), textWith(ids, replaced));
    if (!fails) {
      expect((await transform(lake, maxBad)).totals).toMatchObject({ rows: good, refused: bad });
      return;
    }
    const error = await transform(lake, maxBad).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'too-many-bad', retryable: false });
    expect((error as { samples: unknown[] }).samples[0]).toMatchObject({ id: 1, line: 1 });
    expect(await lake.head()).toBeUndefined();
  });
});

test('the share is that of the records really read: a damaged object does not count', async () => {
  const lake = createTestLake();
  const ids = Array.from({ length: 500 }, (_, at) => at + 1);
  const refused = Object.fromEntries(
    ids
      .slice(0, 11)
      .map((id) => [id - 1, `${lineOf(tradeOf(id, { size: '0' }))},"_source_ingest_ts":"2026-01-10T00:00:00Z"}`]),
  );
  await lake.putText(tradesOf(1, 500), textWith(ids, refused));
  await lake.putText(tradesOf(501, 12_000), 'damaged\n');
  await expect(transform(lake)).rejects.toMatchObject({ code: 'too-many-bad', samples: { length: 10 } });
});

describe('damaged raw', () => {
  const damages: { name: string; text: (ids: number[]) => string | Uint8Array; reason: RegExp }[] = [
    { name: 'a line that is no JSON', text: (ids) => textWith(ids, { 2: '{"trade_id":3,oops' }), reason: /line 3/ },
    { name: 'a line without an id', text: (ids) => textWith(ids, { 2: '{"side":"buy"}' }), reason: /line 3/ },
    { name: 'a row too few', text: (ids) => textWith(ids.slice(0, -1), {}), reason: /holds 9 rows/ },
    { name: 'another first id', text: (ids) => textWith([0, ...ids.slice(1)], {}), reason: /holds ids 0/ },
    {
      name: 'ids out of order',
      text: (ids) => textWith([ids[0]!, ids[2]!, ids[1]!, ...ids.slice(3)], {}),
      reason: /ascend/,
    },
    {
      name: 'a truncated file',
      text: (ids) => gzipSync(textWith(ids, {})).subarray(0, -12),
      reason: /unpack/,
    },
    {
      name: 'a flipped bit',
      text: (ids) => {
        const bytes = gzipSync(textWith(ids, {}));
        bytes[bytes.length - 6]! ^= 1;
        return bytes;
      },
      reason: /unpack/,
    },
    { name: 'no gzip at all', text: () => Buffer.from('hello'), reason: /unpack/ },
  ];

  test.each(damages)('$name: nothing of the object is used, the others go on', async ({ text, reason }) => {
    const lake = createTestLake();
    await lake.put(tradesOf(11, 30));
    const ids = Array.from({ length: 10 }, (_, at) => at + 1);
    const name = await lake.putText(tradesOf(1, 10), text(ids));
    const result = await transform(lake);
    expect(result.unreadable).toMatchObject([{ key: name.key, code: 'damaged-raw', productId: 'BTC-USD' }]);
    expect(result.unreadable[0]?.reason).toMatch(reason);
    expect(await lake.rows()).toEqual(truthOf(tradesOf(11, 30)));
    expect((await lake.head())?.commit.sources[SOURCE]?.state).toBe('partial');
    // Condemned, and replaced by a good copy: the ids come, and the table is as if nothing had happened.
    lake.condemned.add(name.key);
    await lake.put(tradesOf(1, 10), { revision: 2 });
    const repaired = await transform(lake);
    expect(repaired.unreadable).toEqual([]);
    expect(sortRows(await lake.rows())).toEqual(truthOf(tradesOf(1, 30)));
  });

  test('an object that is gone is named, too', async () => {
    const lake = createTestLake();
    const name = await lake.put(tradesOf(1, 10));
    await lake.put(tradesOf(11, 12));
    const product = await lake.product();
    await lake.store.delete([name.key]);
    const result = await lake.table().transform({ products: [product] });
    expect(result.unreadable).toMatchObject([{ key: name.key, code: 'missing-object' }]);
    expect((await lake.head())?.products[0]?.present.toString()).toBe('11-12');
  });

  test('damage met in the second block takes the object out of the first block as well', async () => {
    const lake = createTestLake();
    const good = tradesOf(BLOCK_IDS - 30, BLOCK_IDS - 11);
    await lake.put(good);
    const trades = tradesOf(BLOCK_IDS - 10, BLOCK_IDS + 9);
    const name = await lake.put(trades);
    const product = await lake.product();
    // Sound when it is read for the first block, gone bad when it is read for the second.
    let reads = 0;
    const store: ObjectStore = {
      ...lake.store,
      get: async (key, options) => {
        const stored = await lake.store.get(key, options);
        if (key !== name.key || stored === undefined) return stored;
        reads += 1;
        return reads === 1 ? stored : { ...stored, bytes: stored.bytes.subarray(0, 20) };
      },
    };
    const result = await lake.table({ store }).transform({ products: [product] });
    expect(result.unreadable.map(({ key }) => key)).toEqual([name.key]);
    expect(await lake.rows()).toEqual(truthOf(good));
  });

  test('once damage is met, the rest is only read: nothing is written that the second reading writes again', async () => {
    const lake = createTestLake();
    await lake.putText(tradesOf(1, 3), 'x\n');
    await lake.put(tradesOf(BLOCK_IDS, BLOCK_IDS + 3));
    await transform(lake);
    expect(Object.keys(await lake.hashes('unified_trades/v1/'))).toHaveLength(1);
    expect((await lake.head())?.products[0]?.files).toHaveLength(1);
  });

  test('a run in which everything is damaged commits nothing', async () => {
    const lake = createTestLake();
    await lake.putText(tradesOf(1, 3), 'x\n');
    const result = await transform(lake);
    expect(result).toMatchObject({ commit: undefined, totals: { rows: 0 } });
    expect(result.unreadable).toHaveLength(1);
  });
});
