import { gunzipSync, gzipSync } from 'node:zlib';
import { tradesUnified, tradesUnifiedWithDecimals } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import { BLOCK_IDS, digestOfRawNames } from '@schemahub/lake';
import type { ObjectStore } from '@schemahub/object-store';
import { describe, expect, test } from 'vitest';
import type { TableEvent } from './context.js';
import {
  createTestLake,
  DAY,
  DECEMBER,
  lineOf,
  rowOf,
  rowsOf,
  SOURCE,
  sortRows,
  type TestLake,
  testMapping,
  tradeOf,
  tradesOf,
  truthOf,
} from './test-lake.js';
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

describe('transform', () => {
  test('raw becomes rows, sorted, with the taker side, and the commit says how far', async () => {
    const lake = createTestLake();
    const first = await lake.put(tradesOf(1, 500));
    const second = await lake.put(tradesOf(501, 800));
    const result = await transform(lake);
    expect(result.commit).toBe(1);
    expect(result.totals).toEqual({ rows: 800, dropped: 0, duplicates: 0, conflicts: 0, refused: 0 });
    expect(await lake.rows()).toEqual(truthOf(tradesOf(1, 800)));
    const head = await lake.head();
    const [list] = head!.products;
    expect(list?.present.toString()).toBe('1-800');
    expect(list?.files).toHaveLength(1);
    expect(list?.files[0]).toMatchObject({
      month: '2025-12',
      block: 0,
      rawDigest: digestOfRawNames([first, second]),
      minTs: tradeOf(1).ts,
      maxTs: tradeOf(800).ts,
      columns: tradesUnified.columns.map(({ name }) => name),
    });
    expect(list?.files[0]?.path).toMatch(
      /^unified_trades\/v1\/exchange=COINBASE\/symbol=BTC-USD\/month=2025-12\/unified_trades_0_run-\d+_0\.parquet$/,
    );
    expect(head?.commit.sources).toEqual({ [SOURCE]: { state: 'complete', wanted_end: { 'BTC-USD': 800 } } });
  });

  test('a second run makes no commit and writes nothing', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 50));
    await transform(lake);
    const before = await lake.hashes();
    expect((await transform(lake)).commit).toBeUndefined();
    expect(await lake.hashes()).toEqual(before);
  });

  test('an object that overlaps the table adds only its new ids and counts the others', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 50));
    await transform(lake);
    await lake.put(tradesOf(41, 70));
    const result = await transform(lake);
    expect(result.totals).toMatchObject({ rows: 20, dropped: 10 });
    expect(sortRows(await lake.rows())).toEqual(truthOf(tradesOf(1, 70)));
  });

  test('ids on both sides of a block border, and a month border within a block, go to their own cells', async () => {
    const lake = createTestLake();
    const trades = [
      ...tradesOf(BLOCK_IDS - 40, BLOCK_IDS - 21, { ts: DECEMBER - 1 }),
      ...tradesOf(BLOCK_IDS - 20, BLOCK_IDS + 19, { ts: DECEMBER }),
      ...tradesOf(BLOCK_IDS + 20, BLOCK_IDS + 25, { ts: DECEMBER + 31 * DAY }),
    ];
    await lake.put(trades);
    await transform(lake);
    const [list] = (await lake.head())!.products;
    expect(list?.files.map(({ block, month, rows }) => [block, month, rows])).toEqual([
      [0, '2025-11', 20],
      [0, '2025-12', 20],
      [1, '2025-12', 20],
      [1, '2026-01', 6],
    ]);
    expect(sortRows(await lake.rows())).toEqual(truthOf(trades));
  });

  test('rows of one time are sorted by id as a number, not as text', async () => {
    const lake = createTestLake();
    const trades = [9, 10, 99, 100, 1000].map((id) => tradeOf(id, { ts: DECEMBER }));
    await lake.put(trades);
    await transform(lake);
    expect((await lake.rows()).map(({ trade_id }) => trade_id)).toEqual(['9', '10', '99', '100', '1000']);
  });

  test('a late trade goes into its old block and month as a second file', async () => {
    const lake = createTestLake();
    await lake.put([...tradesOf(1, 10), ...tradesOf(12, 20)]);
    await transform(lake);
    await lake.put([tradeOf(11)]);
    await transform(lake);
    expect((await lake.head())?.products[0]?.files).toHaveLength(2);
    expect(sortRows(await lake.rows())).toEqual(truthOf(tradesOf(1, 20)));
  });

  test('of equal keys the least (ingest_ts, trade_ts, side, price, quantity) wins, and equal trades are no conflict', async () => {
    const lake = createTestLake();
    const early = tradesOf(1, 9, { ingest: DECEMBER + DAY });
    const late = tradesOf(5, 15, { ingest: DECEMBER + 2 * DAY });
    await lake.put(late);
    await lake.put(early);
    const result = await transform(lake);
    expect(result.totals).toMatchObject({ rows: 15, duplicates: 5, conflicts: 0 });
    expect(await lake.rows()).toEqual(truthOf([...late, ...early]));
  });

  test('equal keys with different trades are a conflict, counted once an id and shown', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 9));
    await lake.put([tradeOf(3, { price: '1.5' }), tradeOf(4)]);
    await lake.put([tradeOf(3, { price: '2.5', ingest: DECEMBER }), tradeOf(4, { ts: tradeOf(4).ts + 7 })]);
    const result = await transform(lake);
    expect(result.totals).toMatchObject({ rows: 9, duplicates: 4, conflicts: 2 });
    expect(result.conflictSamples.map(({ id }) => id)).toEqual([3, 4]);
    expect(result.conflictSamples[0]?.kept).toEqual(rowOf(tradeOf(3, { price: '2.5', ingest: DECEMBER })));
  });

  test('two transforms at once add every row once', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 300));
    const product = await lake.product();
    const events: TableEvent[] = [];
    const onEvent = (event: TableEvent): void => void events.push(event);
    const results = await Promise.all([1, 2, 3].map(() => lake.table({ onEvent }).transform({ products: [product] })));
    expect(results.filter(({ commit }) => commit !== undefined)).toHaveLength(1);
    expect(events.filter(({ type }) => type === 'planned-again')).toHaveLength(2);
    expect(await lake.rows()).toEqual(truthOf(tradesOf(1, 300)));
  });

  test('transforms of different products at once are all committed, each without being derived again', async () => {
    const lake = createTestLake();
    const products = ['BTC-USD', 'ETH-USD', 'SOL-USD'];
    for (const productId of products) await lake.put(tradesOf(1, 30), { productId });
    const events: TableEvent[] = [];
    const onEvent = (event: TableEvent): void => void events.push(event);
    const run = async (productId: string): Promise<TransformResult> =>
      await lake.table({ onEvent }).transform({ products: [await lake.product(productId)] });
    await Promise.all(products.map(run));
    expect(events.filter(({ type }) => type === 'planned-again')).toEqual([]);
    for (const productId of products) expect(await lake.rows(productId)).toEqual(truthOf(tradesOf(1, 30), productId));
    expect((await lake.head())?.number).toBe(3);
  });

  test('a run that always loses its number gives up with a retryable error', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 5));
    // Another run adds the same ids just before the commit.
    let rival = 0;
    const store: ObjectStore = {
      ...lake.store,
      putIfAbsent: async (key, body) => {
        if (key.startsWith(lake.layout.commits) && rival < 1) {
          rival += 1;
          await lake.put([tradeOf(1000 + rival)]);
          await lake.table().transform({ products: [await lake.product()] });
        }
        return await lake.store.putIfAbsent(key, body);
      },
    };
    const own = lake.table({ store, maxPlans: 1 });
    await expect(own.transform({ products: [await lake.product()] })).rejects.toMatchObject({
      code: 'too-many-conflicts',
      retryable: true,
    });
    expect((await lake.rows()).length).toBe(6);
  });

  test('dry run plans and counts, and touches nothing', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 50));
    const before = await lake.hashes();
    const result = await lake.table().transform({ products: [await lake.product()], dryRun: true });
    expect(result.commit).toBeUndefined();
    expect(result.products[0]).toMatchObject({ blocks: 1, objects: 1, newIds: RangeSet.of(1, 50) });
    expect(await lake.hashes()).toEqual(before);
  });

  test('exact decimals when the schema has them; without them first, older rows read null', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 2));
    await transform(lake);
    await lake.put([tradeOf(3, { price: '0.1234567890123456789'.slice(0, 20), size: '12345678901.123456789' })]);
    const product = await lake.product();
    const result = await lake.table({ schema: tradesUnifiedWithDecimals }).transform({ products: [product] });
    expect(result.fields).toMatchObject([{ source: SOURCE, inexactDecimals: 2 }]);
    const rows = await rowsOf(lake.store, await lake.head(), 'BTC-USD', tradesUnifiedWithDecimals);
    expect(rows.map(({ price_dec, quantity_dec }) => [price_dec, quantity_dec])).toEqual([
      [null, null],
      [null, null],
      ['0.123456789012345678', '12345678901.123456789'],
    ]);
    // Going back would leave rows without what others have.
    await lake.put([tradeOf(4)]);
    await expect(transform(lake)).rejects.toMatchObject({ code: 'schema-changed', message: /price_dec/ });
  });

  test('new and vanished raw fields are reported', async () => {
    const lake = createTestLake();
    const line = `${lineOf(tradeOf(1))},"liquidity":"T","_source_ingest_ts":"2026-01-10T00:00:00.000000Z"}\n`;
    await lake.putText([tradeOf(1)], line);
    expect((await transform(lake)).fields).toMatchObject([{ newFields: ['liquidity'], vanishedFields: [] }]);
  });

  test('a cell with more than 32 files is made one by the transform itself', async () => {
    const lake = createTestLake();
    for (let id = 1; id <= 33; id += 1) {
      await lake.put([tradeOf(id)]);
      await transform(lake);
      const files = (await lake.head())!.products[0]!.files.length;
      expect(files).toBe(id <= 32 ? id : 1);
    }
    expect(await lake.rows()).toEqual(truthOf(tradesOf(1, 33)));
    const compacted = await lake.table().compact({ products: [await lake.product()] });
    expect(compacted.commit).toBeUndefined();
  });

  test('rows of another symbol than the product end the run', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 3));
    const product = { ...(await lake.product()), symbol: 'ETH-USD' };
    await expect(lake.table().transform({ products: [product] })).rejects.toMatchObject({
      code: 'wrong-partition',
      message: /symbol "BTC-USD", expected "ETH-USD"/,
    });
    expect(await lake.head()).toBeUndefined();
  });

  test('a source without a mapping, a wrong share and a wrong run id are refused at the door', async () => {
    const lake = createTestLake();
    const product = { ...(await lake.product()), source: 'raw_kraken_trades' };
    await expect(lake.table().transform({ products: [product] })).rejects.toMatchObject({ code: 'unknown-source' });
    await expect(lake.table().transform({ products: [], maxBad: 2 })).rejects.toMatchObject({ code: 'invalid-option' });
    expect(() => lake.table({ runId: 'a/b' })).toThrow(/runId/);
    expect(() => lake.table({ schema: { ...tradesUnified, columns: tradesUnified.columns.slice(1) } })).toThrow(
      /exchange/,
    );
  });

  test('an aborted run ends with its reason and commits nothing', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 3));
    const signal = AbortSignal.abort(new Error('stop'));
    await expect(lake.table({ signal }).transform({ products: [await lake.product()] })).rejects.toThrow('stop');
    expect(await lake.head()).toBeUndefined();
  });
});

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

  test('a run in which everything is damaged commits nothing', async () => {
    const lake = createTestLake();
    await lake.putText(tradesOf(1, 3), 'x\n');
    const result = await transform(lake);
    expect(result).toMatchObject({ commit: undefined, totals: { rows: 0 } });
    expect(result.unreadable).toHaveLength(1);
  });
});

describe('the mapping guard', () => {
  test('another mapping is refused, also when nothing is new; rebuild is the way', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 5));
    await transform(lake);
    const other = await testMapping((text) => text.replace('side: maker_to_taker', 'side: upper'));
    const table = lake.table({ mappings: { [SOURCE]: other } });
    const products = [await lake.product()];
    await expect(table.transform({ products })).rejects.toMatchObject({ code: 'mapping-changed' });
    await expect(table.compact({ products })).rejects.toMatchObject({ code: 'mapping-changed' });
    await table.rebuild({ products });
    expect((await lake.rows()).map(({ side }) => side)).toEqual(tradesOf(1, 5).map(({ side }) => side.toUpperCase()));
    expect((await table.transform({ products })).commit).toBeUndefined();
    await expect(transform(lake)).rejects.toMatchObject({ code: 'mapping-changed' });
  });

  test('a mapping that was only written differently is the same', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 5));
    await transform(lake);
    const same = await testMapping((text) => `# a comment\n${text.replace('validation:', '\nvalidation:')}`);
    const table = lake.table({ mappings: { [SOURCE]: same } });
    expect((await table.transform({ products: [await lake.product()] })).commit).toBeUndefined();
  });

  test('a rule for a nullable column that came later is no other mapping', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 2));
    const without = await testMapping((text) => text.slice(0, text.indexOf('decimals:')));
    await lake.table({ mappings: { [SOURCE]: without } }).transform({ products: [await lake.product()] });
    await lake.put(tradesOf(3, 4));
    const table = lake.table({ schema: tradesUnifiedWithDecimals });
    expect((await table.transform({ products: [await lake.product()] })).totals.rows).toBe(2);
  });

  test('a mapping that changes while a run is under way is met before its rows are added', async () => {
    const lake = createTestLake();
    await lake.put(tradesOf(1, 5));
    await transform(lake);
    const other = await testMapping((text) => text.replace('side: maker_to_taker', 'side: upper'));
    const before = await lake.product();
    await lake.put(tradesOf(6, 9));
    let isDone = false;
    const store: ObjectStore = {
      ...lake.store,
      putIfAbsent: async (key, body) => {
        if (key.startsWith(lake.layout.commits) && !isDone) {
          isDone = true;
          await lake.table({ mappings: { [SOURCE]: other } }).rebuild({ products: [before] });
        }
        return await lake.store.putIfAbsent(key, body);
      },
    };
    const run = lake.table({ store }).transform({ products: [await lake.product()] });
    await expect(run).rejects.toMatchObject({ code: 'mapping-changed' });
    expect((await lake.head())?.products[0]?.present.toString()).toBe('1-5');
  });
});
