import type { Certificate, CertificateProduct } from '@schemahub/audit/certificate';
import { RangeSet } from '@schemahub/coverage';
import { createLayout } from '@schemahub/lake';
import { createMemoryStore, type ObjectStore } from '@schemahub/object-store';
import { QueryError, type QueryResult } from '@schemahub/query';
import { readCertificates } from '@schemahub/runtime/certificates';
import type { TableMetric } from '@schemahub/runtime/quality-metrics';
import { beforeEach, describe, expect, it } from 'vitest';
import { createHandler, type HandlerParts, type QualityResponse } from './handler.js';
import { judgeTable } from './judge-table.js';

const nowMs = Date.parse('2026-02-01T12:00:00Z');
const layout = createLayout();

interface Answer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

/** What Athena answers to each question about a sound table of 1,000 rows. */
const sound: Readonly<Record<string, Answer>> = {
  total_records: { columns: ['total_records'], rows: [[1000n]] },
  daily_records: { columns: ['daily_records'], rows: [[40n]] },
  first_us: {
    columns: ['first_us', 'last_us'],
    rows: [[BigInt(nowMs - 365.25 * 2 * 86_400_000) * 1000n, BigInt(nowMs) * 1000n]],
  },
  duplicates: { columns: ['duplicates', 'duplicates_sample'], rows: [[0n, null]] },
  bad_rows: {
    columns: ['nulls', 'bad_numbers', 'unknown_sides', 'implausible_times', 'bad_rows'],
    rows: [[0n, 0n, 0n, 0n, 0n]],
  },
  newest_us: {
    columns: ['exchange', 'symbol', 'newest_us'],
    rows: [['COINBASE', 'BTC-USD', BigInt(nowMs - 60_000) * 1000n]],
  },
};

let answers: Record<string, Answer | Error>;
let asked: string[];
let store: ObjectStore;
let published: TableMetric[];
let told: { subject: string; text: string }[];

const counted = (text: string) => ({ count: RangeSet.parse(text).count, ids: text });
const probe = (date: string, isFresh: boolean) => ({
  request: 'GET /products/BTC-USD/trades?after=13&limit=2',
  ids: [12, 1],
  date,
  fresh_connection: isFresh,
});

interface Held {
  readonly inTable?: string;
  readonly missing?: string;
  readonly number?: number;
}

/** A certificate that holds: of ids 1 to 1010, 2 to 11 are void and the others in the table, unless said otherwise. */
function certificate({ inTable = '1,12-1010', missing = '', number = 7 }: Held = {}): Certificate {
  const account = {
    in_table: counted(inTable),
    void: counted('2-11'),
    quarantined: counted(''),
    raw_only: counted(''),
    missing: counted(missing),
  };
  const { count } = account.in_table;
  const verdict = missing === '' ? 'complete' : 'incomplete';
  const product: CertificateProduct = {
    exchange: 'coinbase',
    product_id: 'BTC-USD',
    symbol: 'BTC-USD',
    origin: 'https://api.exchange.coinbase.com',
    proof: 'id-contiguous',
    verdict,
    asked: '1-',
    anchor: 1,
    floor: null,
    head: { id: 1010, seen_at: '2026-02-01T11:00:00.000Z' },
    closed: null,
    wanted: counted('1-1010'),
    account,
    unsettled: counted(''),
    void_runs: [
      {
        first: 2,
        last: 11,
        lower: 1,
        upper: 12,
        probes: [probe('2026-02-01T10:00:00.000Z', true), probe('2026-02-01T10:00:06.000Z', false)],
      },
    ],
    epoch: 0,
    condemned: [],
    unnumbered: 0,
    raw: {
      rows: count,
      ids: counted(inTable),
      digest: 'd'.repeat(32),
      objects: [{ key: 'raw_coinbase_trades/BTC-USD/x.jsonl.gz', first: 1, last: 1010, count, revision: 1 }],
    },
    table: {
      rows: count,
      bytes: 12_000,
      files: [
        { path: 'unified_trades/v1/f.parquet', rows: count, bytes: 12_000, sha256: 'a'.repeat(64), ids: inTable },
      ],
    },
  };
  return {
    version: 1,
    verdict,
    commit: { number, sha256: 'a'.repeat(64), time: '2026-02-01T11:00:00.000Z' },
    table_version: 1,
    schema_hash: 'e'.repeat(64),
    mapping_hashes: {},
    verified_at: '2026-02-01T11:30:00.000Z',
    depth: 'names',
    totals: {
      products: 1,
      wanted: 1010,
      in_table: count,
      void: 10,
      quarantined: 0,
      raw_only: 0,
      missing: account.missing.count,
    },
    products: [product],
    findings: [],
  };
}

const put = async (key: string, value: unknown): Promise<void> => {
  await store.putIfMatch(key, Buffer.from(JSON.stringify(value)), (await store.get(key))?.version);
};

beforeEach(async () => {
  answers = { ...sound };
  asked = [];
  published = [];
  told = [];
  store = createMemoryStore({ now: () => nowMs });
  await put(layout.certificate(7), certificate());
  await put(layout.commit(7), {});
});

/** Answers by the column that the question asks for. */
async function run(sql: string): Promise<QueryResult> {
  asked.push(sql);
  const name = Object.keys(answers).find((column) => sql.includes(` AS ${column}`));
  const answer = answers[name ?? ''] ?? new Error(`nobody answers ${sql}`);
  if (answer instanceof Error) throw answer;
  const { columns, rows } = answer;
  async function* batches() {
    if (rows.length > 0) yield rows as never;
  }
  return {
    columns: columns.map((column) => ({ name: column, type: 'BIGINT' })),
    rows: batches(),
    rowCount: rows.length,
    truncated: false,
  };
}

function parts(change: Partial<HandlerParts> = {}): HandlerParts {
  return {
    engine: { run, catalog: async () => ({ tables: [], macros: [] }), close: async () => {} },
    store,
    layout,
    now: () => nowMs,
    staleMinutes: 360,
    publish: async (metrics) => void published.push(...metrics),
    tell: async (message) => void told.push(message),
    ...change,
  };
}

const invoke = (event?: { full?: boolean }, change: Partial<HandlerParts> = {}): Promise<QualityResponse> =>
  createHandler(() => parts(change))(event);
const bodyOf = ({ body }: QualityResponse) => JSON.parse(body);
const value = (name: string): number | undefined =>
  published.find((metric) => metric.name === name && !metric.product)?.value;

describe('the data-quality function', () => {
  it('judges a sound table, publishes every number, tells nobody', async () => {
    const response = await invoke();
    expect(response.statusCode).toBe(200);
    expect(bodyOf(response)).toEqual({
      health_score: 100,
      total_records: 1000,
      details: {
        duplicates: 0,
        missing: 0,
        void: 10,
        stale_products: 0,
        daily_records: 40,
        deductions: [],
        certificate: { commit: 7, verified_at: '2026-02-01T11:30:00.000Z', age_minutes: 30, verdict: 'complete' },
      },
    });
    expect(
      Object.fromEntries(published.filter(({ product }) => !product).map(({ name, value }) => [name, value])),
    ).toEqual({
      OverallHealthScore: 100,
      DuplicateTrades: 0,
      MissingTrades: 0,
      VoidTrades: 10,
      DataCompleteness: 100,
      StaleProducts: 0,
      TotalRecords: 1000,
      DailyRecords: 40,
      HistoryYears: 2,
      ParquetBytes: 12_000,
    });
    expect(published.filter(({ product }) => product)).toEqual([
      { name: 'MissingTrades', value: 0, product: { exchange: 'coinbase', id: 'BTC-USD' } },
    ]);
    expect(told).toEqual([]);
  });

  it('reads missing ids from the certificate, and tells below 80 with the remedy', async () => {
    await put(layout.certificate(7), certificate({ inTable: '1,112-1010', missing: '12-111' }));
    const { health_score, details } = bodyOf(await invoke());
    expect([health_score, details.missing]).toEqual([70, 100]);
    expect([value('MissingTrades'), value('DataCompleteness')]).toEqual([100, 90]);
    expect(told).toHaveLength(1);
    expect(told[0]?.subject).toBe('SchemaHub: health score 70 of 100 (degraded)');
    expect(told[0]?.text).toContain('Remedy: schemahub repair');
    expect(told[0]?.text).toContain('commit 7, 30 minutes old');
  });

  it('counts duplicates and stale products as the laptop does', async () => {
    answers.duplicates = { columns: ['duplicates', 'duplicates_sample'], rows: [[3n, 'COINBASE/BTC-USD/5']] };
    answers.newest_us = { columns: ['exchange', 'symbol', 'newest_us'], rows: [] };
    const { health_score, details } = bodyOf(await invoke());
    expect([health_score, details.duplicates, details.stale_products]).toEqual([30, 3, 1]);
    expect(told[0]?.subject).toContain('(critical)');
  });

  it.each(Object.keys(sound).filter((name) => name !== 'newest_us' && name !== 'first_us'))(
    'a query without rows (%s) is a failure, and nothing is published',
    async (name) => {
      answers[name] = { columns: sound[name]!.columns, rows: [] };
      await expect(invoke()).rejects.toThrow(/delivered no row/);
      expect([published, told]).toEqual([[], []]);
    },
  );

  it.each([
    new QueryError('invalid-query', "Athena: TABLE_NOT_FOUND: Table 'trades_unified' does not exist"),
    new QueryError('unavailable', 'Athena: too many requests at once; try again in a minute'),
  ])('a query that failed is told: %s', async (error) => {
    answers.duplicates = error;
    await expect(invoke()).rejects.toThrow(
      `The query duplicates failed, so the table was not judged. ${error.message}`,
    );
    expect(published).toEqual([]);
  });

  it('without a certificate nobody knows what is missing: a failure with the command', async () => {
    store = createMemoryStore({ now: () => nowMs });
    await expect(invoke()).rejects.toThrow(/there is no certificate.*schemahub verify/);
    expect(asked).toEqual([]);
  });

  it('a certificate that is no certificate is refused', async () => {
    await put(layout.certificate(7), { ...certificate(), products: 'none' });
    await expect(invoke()).rejects.toThrow();
  });

  it('takes the newest certificate, and the growth from the one of the day before', async () => {
    const early = createMemoryStore({ now: () => nowMs - 25 * 3_600_000 });
    store = early;
    await put(layout.certificate(7), certificate({ inTable: '1,612-1010', missing: '12-611' }));
    const old = await early.get(layout.certificate(7));
    store = createMemoryStore({ now: () => nowMs });
    await put(layout.certificate(8), certificate({ number: 8 }));
    await put(layout.commit(8), {});
    const both: ObjectStore = {
      ...store,
      get: async (key) => (key === layout.certificate(7) ? old : await store.get(key)),
      list: async function* (prefix, options) {
        if (prefix === layout.certificates) yield* early.list(prefix, options);
        yield* store.list(prefix, options);
      },
    };
    expect(bodyOf(await invoke({}, { store: both })).details.certificate.commit).toBe(8);
    expect(value('DailyGrowth')).toBe(600);
  });

  it('compares rows with the certificate, but not with one that the table has outrun', async () => {
    answers.total_records = { columns: ['total_records'], rows: [[1200n]] };
    const rowsFinding = async () => {
      const certificates = await readCertificates({ store, layout, nowMs });
      const { findings } = await judgeTable({
        engine: parts().engine,
        certificates,
        nowMs,
        staleMinutes: 360,
        full: false,
      });
      return findings.find(({ check }) => check === 'rows = present');
    };
    expect(await rowsFinding()).toMatchObject({ ok: false, count: 200 });
    await put(layout.commit(8), {});
    expect(await rowsFinding()).toMatchObject({ ok: null, fix: expect.stringContaining('the table is at 8') });
  });

  it('looks at every row when asked to', async () => {
    answers.records = { columns: ['exchange', 'symbol', 'records'], rows: [['COINBASE', 'BTC-USD', 1000n]] };
    await invoke({ full: true });
    expect(asked.find((sql) => sql.includes('AS copies'))).not.toContain('WHERE');
  });

  it('metrics that could not be published are an error, and the mail goes out all the same', async () => {
    answers.daily_records = { columns: ['daily_records'], rows: [[0n]] };
    answers.duplicates = { columns: ['duplicates', 'duplicates_sample'], rows: [[1n, 'x']] };
    const publish = async (): Promise<void> => {
      throw new Error('no right to put metrics');
    };
    await expect(invoke({}, { publish })).rejects.toThrow('no right to put metrics');
    expect(told).toHaveLength(1);
  });

  it('opens its parts once', async () => {
    let opened = 0;
    const handler = createHandler(() => {
      opened += 1;
      return parts();
    });
    await handler();
    await handler();
    expect(opened).toBe(1);
  });
});
