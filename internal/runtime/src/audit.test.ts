import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { judgeFloor, judgeVoidRun } from '@schemahub/audit/certificate';
import { createCheckpointStore } from '@schemahub/checkpoint';
import { areAnswersApart } from '@schemahub/connector-kit';
import { createDocuments, createLeases } from '@schemahub/coordination';
import type { Clock } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import { isVoidProven } from '@schemahub/ingest';
import { createLayout, encodeRawObject, type RawName, writeEvidence } from '@schemahub/lake';
import { createMemoryStore, currentProcess, type ObjectStore } from '@schemahub/object-store';
import { createTable } from '@schemahub/table';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readStatus, runVerify, type VerifyOptions, type VerifyResult } from './audit.js';
import { type Config, loadConfig } from './config.js';
import { documentCircuits, type OpenLake } from './lake.js';
import { mappingFor, tableSchemas } from './table.js';

const PRODUCT = 'BTC-USD';
const SOURCE = 'raw_coinbase_trades';
const START = Date.parse('2026-11-21T12:00:00Z');
const layout = createLayout();

interface TestLake {
  readonly lake: OpenLake;
  readonly config: Config;
  readonly clock: Clock & { time: number };
  readonly raw: readonly RawName[];
  readonly verify: (options?: Partial<VerifyOptions>) => Promise<VerifyResult>;
  readonly dump: () => Promise<Record<string, string>>;
  readonly flip: (key: string) => Promise<void>;
}

function lineOf(id: number): Buffer {
  const time = new Date(START - 86_400_000 + id * 1000).toISOString();
  return Buffer.from(
    `{"trade_id":${id},"side":"buy","size":"0.5","price":"${100 + id}","time":"${time}","product_id":"${PRODUCT}","_source":"coinbase","_symbol":"${PRODUCT}"`,
  );
}

async function land(store: ObjectStore, first: number, last: number): Promise<RawName> {
  const ids = Float64Array.from({ length: last - first + 1 }, (_, at) => first + at);
  const rows = { ids, lines: [...ids].map(lineOf), ingestTs: [...ids].map(() => '2026-11-21T11:59:00.000000Z') };
  const { name, bytes } = await encodeRawObject(layout.raw('coinbase', PRODUCT), rows);
  await store.putIfAbsent(name.key, bytes);
  return name;
}

/** 20 trades in two raw objects, ids 1 … 20, all in the table. */
async function testLake(): Promise<TestLake> {
  const clock = { time: START, now: (): number => clock.time, sleep: async (): Promise<void> => undefined };
  const store = createMemoryStore({ now: clock.now });
  const documents = createDocuments(store);
  const holder = currentProcess();
  const lake: OpenLake = {
    store,
    layout,
    documents,
    checkpoints: createCheckpointStore({ documents, keyOf: layout.checkpoint }),
    leases: createLeases({ documents, clock, holder, createId: () => 'lease', keyOf: layout.lock }),
    circuits: documentCircuits(documents, layout),
    clock,
  };
  const config = await loadConfig({ flags: {}, environment: {}, folder: mkdtempSync(join(tmpdir(), 'schemahub-')) });
  const time = new Date(START).toISOString();
  const empty = { request: 'after=1', ids: [], date: time };
  await writeEvidence(store, layout, {
    version: 1,
    exchange: 'coinbase',
    product_id: PRODUCT,
    time,
    symbol: PRODUCT,
    origin: 'https://sim.test',
    asked: '0-',
    head: { id: 20, seen_at: time },
    floor: { id: 1, requests: [empty, { ...empty, date: new Date(START + 5000).toISOString() }] },
  });
  const raw = [await land(store, 1, 10), await land(store, 11, 20)];
  const mapping = await mappingFor(config, SOURCE);
  const table = createTable({
    store,
    layout,
    schema: tableSchemas[0]!,
    mappings: { [SOURCE]: mapping },
    runId: 'run',
    clock,
  });
  const product = {
    exchange: 'coinbase',
    productId: PRODUCT,
    symbol: PRODUCT,
    source: SOURCE,
    names: raw,
    state: 'complete',
  } as const;
  await table.transform({ products: [{ ...product, fetched: RangeSet.of(1, 20) }] });
  return {
    lake,
    config,
    clock,
    raw,
    verify: (options) =>
      runVerify({
        lake,
        config,
        deep: false,
        head: false,
        write: true,
        stop: new AbortController().signal,
        onLine: () => undefined,
        ...options,
      }),
    dump: async () => {
      const objects: Record<string, string> = {};
      for await (const { key } of store.list(''))
        objects[key] = Buffer.from((await store.get(key))!.bytes).toString('base64');
      return objects;
    },
    flip: async (key) => {
      const held = (await store.get(key))!;
      const bytes = Buffer.from(held.bytes);
      bytes[bytes.length - 6]! ^= 1; // within the checksum of gzip, and of Parquet's footer length
      await store.putIfMatch(key, bytes, held.version);
    },
  };
}

describe('runVerify', () => {
  it('keeps the certificate once: the same facts later keep its bytes, a deeper look replaces it', async () => {
    const test = await testLake();
    const first = await test.verify();
    expect([first.codes, first.keptAt]).toEqual([[0], layout.certificate(1)]);
    const before = await test.dump();
    test.clock.time += 3_600_000;
    await test.verify();
    expect(await test.dump()).toEqual(before);
    await test.verify({ deep: true });
    const deep = await test.dump();
    expect(deep).not.toEqual(before);
    test.clock.time += 3_600_000;
    await test.verify({ deep: true });
    await test.verify();
    expect(await test.dump()).toEqual(deep);
  });

  it('condemns damaged raw, says the same again, and is content once the object is replaced', async () => {
    const test = await testLake();
    const [damaged] = test.raw;
    const good = (await test.lake.store.get(damaged!.key))!.bytes;
    await test.flip(damaged!.key);
    expect((await test.verify()).codes).toEqual([0]);
    const untouched = await test.dump();
    const told = await test.verify({ deep: true, write: false });
    expect(told.certificate.findings.map(({ code, key }) => [code, key])).toEqual([['damaged-raw', damaged!.key]]);
    expect(await test.dump()).toEqual(untouched);
    const first = await test.verify({ deep: true });
    expect([first.codes, first.condemned]).toEqual([[4], [damaged!.key]]);
    expect(first.certificate.findings.map(({ code, key }) => [code, key])).toEqual([['condemned-raw', damaged!.key]]);
    expect(first.certificate.products[0]!.epoch).toBe(1);
    const before = await test.dump();
    const again = await test.verify({ deep: true });
    expect([again.codes, again.condemned]).toEqual([[4], []]);
    expect((await test.verify()).codes).toEqual([4]);
    expect(await test.dump()).toEqual(before);
    await test.lake.store.putIfAbsent(damaged!.key.replace('.jsonl', '.r2.jsonl'), good);
    expect((await test.verify({ deep: true })).certificate.findings).toEqual([]);
  });

  it('repeats what only a deep look could find until another deep look takes it back', async () => {
    const test = await testLake();
    let path = '';
    for await (const { key } of test.lake.store.list('unified_trades/v1/')) path = key;
    await test.flip(path);
    expect((await test.verify()).codes).toEqual([0]);
    expect((await test.verify({ deep: true })).codes).toEqual([4]);
    const light = await test.verify();
    expect(light.codes).toEqual([4]);
    expect(light.certificate.findings.every(({ code, key }) => code === 'damaged-parquet' && key === path)).toBe(true);
    await test.flip(path);
    expect((await test.verify()).codes).toEqual([4]);
    expect((await test.verify({ deep: true })).codes).toEqual([0]);
    expect((await test.verify()).codes).toEqual([0]);
  });

  it('never replaces the certificate of a commit that was edited', async () => {
    const test = await testLake();
    await test.verify();
    const held = (await test.lake.store.get(layout.commit(1)))!;
    await test.lake.store.putIfMatch(
      layout.commit(1),
      Buffer.from(Buffer.from(held.bytes).toString().replace('"run"', '"ran"')),
      held.version,
    );
    for (let time = 0; time < 2; time++) {
      const result = await test.verify();
      expect([result.codes, result.certificate.findings.map(({ code }) => code)]).toEqual([[4], ['edited-commit']]);
    }
  });

  it('makes an unreadable certificate anew', async () => {
    const test = await testLake();
    const key = (await test.verify()).keptAt!;
    const good = (await test.dump())[key];
    for (const bad of ['{', '{"version":1}']) {
      const held = await test.lake.store.get(key);
      await test.lake.store.putIfMatch(key, Buffer.from(bad), held!.version);
      await test.verify();
      expect((await test.dump())[key]).toBe(good);
    }
  });

  it('names an unknown product, and keeps no certificate of a part', async () => {
    const test = await testLake();
    const result = await test.verify({ products: [PRODUCT, 'DOGE-USD'] });
    expect([result.codes, result.unknown, result.keptAt]).toEqual([[0, 3], ['DOGE-USD'], undefined]);
  });

  it('refuses another mapping for a deep look, and a place that holds nothing', async () => {
    const test = await testLake();
    const held = (await test.lake.store.get(layout.commit(1)))!;
    const text = Buffer.from(held.bytes)
      .toString()
      .replace(/"raw_coinbase_trades": "[0-9a-f]{8}/, '"raw_coinbase_trades": "00000000');
    await test.lake.store.putIfMatch(layout.commit(1), Buffer.from(text), held.version);
    await expect(test.verify({ deep: true })).rejects.toThrow(/not the one that the table was made with/);
    const store = createMemoryStore();
    const lake: OpenLake = { ...test.lake, store, documents: createDocuments(store) };
    await expect(test.verify({ lake })).rejects.toThrow(/there is no lake here/);
  });
});

describe('readStatus', () => {
  it('tells counts, times, lag and the breaker', async () => {
    const { lake, config, clock } = await testLake();
    const status = await readStatus({ lake, config });
    expect([status.commit, status.unknown]).toEqual([1, []]);
    expect(status.products[0]).toMatchObject({
      product_id: PRODUCT,
      wanted: 20,
      in_table: 20,
      missing: 0,
      coverage: 1,
      first_trade: '2026-11-20T12:00:01.000Z',
      last_trade: '2026-11-20T12:00:20.000Z',
      lag_seconds: 86_380,
    });
    const nothing = { exchange: 'coinbase', health: null, shared: null, eta_seconds: null };
    expect(status.exchanges).toEqual([{ ...nothing, breaker: 'closed', since: null, last_error: null }]);
    const open = {
      phase: 'open',
      updatedAt: clock.time,
      reopensAt: clock.time + 1,
      reason: '5 failures',
      lastError: 'HTTP 500',
    };
    await lake.documents.write(layout.lock('circuit:coinbase'), open, undefined);
    expect((await readStatus({ lake, config })).exchanges).toEqual([
      { ...nothing, breaker: 'open', since: '2026-11-21T12:00:00.000Z', last_error: 'HTTP 500' },
    ]);
    const key = layout.lock('health-coinbase');
    await lake.documents.write(key, { at: 'never', error_rate: 'many' }, undefined);
    expect((await readStatus({ lake, config })).exchanges[0]?.health).toBeNull();
  });
});

it.each([-1000, 0, 4000, 4999, 5000, 5001, undefined])(
  'a run attests what a certificate believes: answers %s ms apart',
  (apartMs) => {
    const answer = (date: number | undefined) => ({
      request: '',
      ids: [],
      date: date === undefined ? null : new Date(date).toISOString(),
    });
    const second = apartMs === undefined ? undefined : START + apartMs;
    const isBelieved = judgeFloor(1, [answer(START), answer(second)]) === undefined;
    expect(areAnswersApart(START, second)).toBe(isBelieved);
  },
);

it('a run asks again about exactly the voids that a certificate does not believe', () => {
  const near = fc.constantFrom(4, 5, 9, 10);
  const probe = fc.record(
    {
      request: fc.constant(''),
      ids: fc.oneof({ weight: 5, arbitrary: fc.constant([9, 4]) }, fc.array(near, { maxLength: 3 })),
      date: fc.constantFrom(null, ...[0, 1, 4999, 5000, 6000].map((ms) => new Date(START + ms).toISOString())),
      fresh_connection: fc.boolean(),
    },
    { requiredKeys: ['request', 'ids', 'date'] },
  );
  let proven = 0;
  fc.assert(
    fc.property(fc.oneof(fc.tuple(probe, probe), fc.array(probe, { maxLength: 3 })), (probes) => {
      const run = { first: 5, last: 8, lower: 4, upper: 9, probes };
      const isBelieved = judgeVoidRun(run) === undefined;
      if (isBelieved) proven++;
      expect(isVoidProven(run)).toBe(isBelieved);
    }),
    { numRuns: 10_000, seed: 1 },
  );
  expect(proven).toBeGreaterThan(50);
});
