import { rowAt } from '@schemahub/columns';
import { openIcebergTable } from '@schemahub/iceberg';
import { createIdReader, landRawObject, type RawName, writeEvidence } from '@schemahub/lake';
import { createMemoryStore } from '@schemahub/object-store';
import { faultyStore } from '@schemahub/object-store/testing';
import { openParquet } from '@schemahub/parquet-sink/read';
import { describe, expect, it } from 'vitest';
import { publishRaw, rawMapping, rawTrades } from './iceberg-raw.js';
import { createTestLake, type TestLake } from './iceberg-test-lake.js';
import { venues } from './venues.js';

const readId = createIdReader('trade_id');
const INGESTED = '2026-01-01T00:00:00.000001Z';

function line(id: number, more = ''): Uint8Array {
  return Buffer.from(
    `{"trade_id":${id},"side":"buy","size":"0.5","price":"${id}.25","time":"2025-12-01T00:00:${String(id % 60).padStart(2, '0')}.123456Z","product_id":"BTC-USD","_source":"coinbase","_symbol":"BTC-USD"${more}`,
  );
}

async function land(
  { store, lake }: TestLake,
  first: number,
  last: number,
  more?: (id: number) => string,
): Promise<RawName> {
  // Every run that fetches leaves evidence; products are known by it.
  const time = '2026-01-01T00:00:00.000Z';
  await writeEvidence(store, lake.layout, {
    version: 1,
    exchange: 'coinbase',
    product_id: 'BTC-USD',
    time,
    asked: '1-',
  });
  const ids = Array.from({ length: last - first + 1 }, (_, at) => first + at);
  const rows = {
    ids: Float64Array.from(ids),
    lines: ids.map((id) => line(id, more?.(id))),
    ingestTs: ids.map(() => INGESTED),
  };
  return (await landRawObject(store, lake.layout.raw('coinbase', 'BTC-USD'), rows, readId)).name;
}

async function rowsOf({ store }: TestLake): Promise<Record<string, unknown>[]> {
  const table = openIcebergTable({ store, prefix: 'raw_iceberg/raw_coinbase_trades' });
  const rows: Record<string, unknown>[] = [];
  for (const { key } of await table.files((await table.load())!)) {
    const parquet = await openParquet({ bytes: (await store.get(key))!.bytes });
    for await (const batch of parquet.batches(rawTrades))
      for (let at = 0; at < batch.rows; at += 1) rows.push(rowAt(batch, at));
  }
  return rows.sort((a, b) => Number(a.trade_id) - Number(b.trade_id));
}

describe('publish --raw', () => {
  it.each(venues.map(({ rawTable }) => rawTable))(
    '%s: the shipped mapping says how its records are typed',
    async (source) => {
      const mapping = rawMapping(source);
      expect(mapping.rules.map(({ column }) => column).sort()).toEqual(
        rawTrades.columns.map(({ name }) => name).sort(),
      );
    },
  );

  it('types each record, the side as the exchange said it, the payload where it was kept', async () => {
    const test = await createTestLake();
    await land(test, 1, 3, (id) => (id === 2 ? ',"_raw_payload":"{}"' : ''));
    expect(await publishRaw(test.options)).toMatchObject([
      { table: 'raw_coinbase_trades', objects: 1, rows: 3, refused: 0 },
    ]);
    const rows = await rowsOf(test);
    expect(rows.map(({ trade_id }) => trade_id)).toEqual(['1', '2', '3']);
    expect(rows[1]).toEqual({
      product_id: 'BTC-USD',
      trade_id: '2',
      side: 'buy',
      price: 2.25,
      size: 0.5,
      time: Date.UTC(2025, 11, 1, 0, 0, 2) * 1000 + 123_456,
      _source: 'coinbase',
      _source_ingest_ts: Date.UTC(2026, 0, 1) * 1000 + 1,
      _raw_payload: '{}',
    });
    expect(rows[0]!._raw_payload).toBeNull();
  });

  it('adds what is new, twice changes nothing, and a damaged object is named and passed over', async () => {
    const test = await createTestLake();
    await land(test, 1, 5);
    await publishRaw(test.options);
    await land(test, 6, 7);
    const torn = (await land(test, 8, 9)).key;
    const { version } = (await test.store.get(torn))!;
    await test.store.putIfMatch(torn, Uint8Array.of(1, 2, 3), version);
    expect(await publishRaw(test.options)).toMatchObject([{ objects: 1, rows: 2, unreadable: [torn] }]);
    const keys: string[] = [];
    for await (const { key } of test.store.list('')) keys.push(key);
    expect(await publishRaw(test.options)).toMatchObject([{ objects: 0, unreadable: [torn] }]);
    const after: string[] = [];
    for await (const { key } of test.store.list('')) after.push(key);
    expect(after).toEqual(keys);
    expect((await rowsOf(test)).map(({ trade_id }) => trade_id)).toEqual(['1', '2', '3', '4', '5', '6', '7']);
  });

  it.each(['before', 'after'] as const)('dies %s any store call and ends the same when run again', async (when) => {
    let calls = Number.POSITIVE_INFINITY;
    for (let at = 0; at < calls; at += 1) {
      const memory = createMemoryStore();
      const sound = await createTestLake(memory);
      await land(sound, 1, 3);
      await land(sound, 4, 5);
      let seen = 0;
      const error = new Error('the machine stops here');
      const broken = await createTestLake(faultyStore(memory, () => (seen++ === at ? { when, error } : undefined)));
      await publishRaw(broken.options).catch((reason: Error) => expect(reason).toBe(error));
      if (seen <= at) calls = at;
      await publishRaw(sound.options);
      expect((await rowsOf(sound)).map(({ trade_id }) => trade_id)).toEqual(['1', '2', '3', '4', '5']);
    }
    expect(calls).toBeGreaterThan(15);
  });
});
