import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluate } from './evaluate.js';
import { checkNames } from './findings.js';
import { lambdaBody } from './lambda-body.js';
import type { Measured, QualitySummary } from './summary.js';

const none: Measured = { count: 0, sample: [] };
const fresh = { exchange: 'COINBASE', symbol: 'BTC-USD', ageMinutes: 3, active: true };

const sound: QualitySummary = {
  totalRecords: 1_000_000,
  dailyRecords: 5000,
  duplicates: none,
  wanted: 1_000_010,
  missing: none,
  void: 10,
  nulls: none,
  badNumbers: none,
  unknownSides: none,
  implausibleTimes: none,
  badRows: 0,
  quarantined: 0,
  rowsAgainstPresent: none,
  filesAgainstCommit: none,
  products: [fresh],
};

const seen = (count: number, ...sample: string[]): Measured => ({ count, sample });
const stale = (ageMinutes: number | null) => ({ ...fresh, symbol: 'ABT-USD', ageMinutes });

const measuredArbitrary = fc.record({
  count: fc.nat({ max: 1000 }),
  sample: fc.array(fc.string(), { maxLength: 7 }),
});

const summaryArbitrary: fc.Arbitrary<QualitySummary> = fc
  .record({
    totalRecords: fc.nat({ max: 1_000_000 }),
    daily: fc.double({ min: 0, max: 1, noNaN: true }),
    duplicates: measuredArbitrary,
    missing: measuredArbitrary,
    void: fc.nat({ max: 1000 }),
    further: fc.nat({ max: 10_000_000 }),
    nulls: measuredArbitrary,
    badNumbers: measuredArbitrary,
    unknownSides: measuredArbitrary,
    implausibleTimes: measuredArbitrary,
    badShare: fc.double({ min: 0, max: 0.002, noNaN: true }),
    quarantined: fc.nat({ max: 1000 }),
    rowsAgainstPresent: measuredArbitrary,
    filesAgainstCommit: measuredArbitrary,
    products: fc.array(
      fc.record({
        exchange: fc.constant('COINBASE'),
        symbol: fc.constantFrom('BTC-USD', 'ETH-USD'),
        ageMinutes: fc.option(fc.double({ min: -10, max: 1000, noNaN: true })),
        active: fc.boolean(),
      }),
      { maxLength: 8 },
    ),
  })
  .map(({ daily, badShare, further, ...rest }) => ({
    ...rest,
    dailyRecords: Math.floor(rest.totalRecords * daily),
    badRows: Math.floor(rest.totalRecords * badShare),
    wanted: rest.missing.count + rest.void + further,
  }));

describe('evaluate', () => {
  it('gives 100 points and ten passed checks to a sound table', () => {
    const result = evaluate(sound);
    expect(result).toMatchObject({ score: 100, grade: 'healthy', deductions: [], staleProducts: 0, activeProducts: 1 });
    expect(result.findings.map((finding) => finding.check)).toEqual(checkNames);
    expect(result.findings.every((finding) => finding.ok === true && finding.fix === '')).toBe(true);
  });

  const cases: [string, Partial<QualitySummary>, number, string][] = [
    ['one duplicate', { duplicates: seen(1) }, 60, 'duplicates'],
    ['many duplicates cost no more', { duplicates: seen(900_000) }, 60, 'duplicates'],
    ['1 of 10,001 ids missing', { wanted: 10_001, missing: seen(1) }, 90, 'missing'],
    ['1 of 10,000 ids missing is 0.01 %', { wanted: 10_000, missing: seen(1) }, 70, 'missing'],
    ['all ids missing', { wanted: 10, void: 0, missing: seen(10) }, 70, 'missing'],
    ['one of two products stale', { products: [fresh, stale(361)] }, 85, 'stale_products'],
    ['a product without any trade is stale', { products: [fresh, stale(null)] }, 85, 'stale_products'],
    ['all products stale', { products: [stale(1e9)] }, 70, 'stale_products'],
    ['no record in a day', { dailyRecords: 0 }, 80, 'no_daily_records'],
    ['1,001 of 1,000,000 rows bad', { badRows: 1001 }, 90, 'bad_records'],
    ['quarantined records count as bad', { badRows: 501, quarantined: 501 }, 90, 'bad_records'],
  ];
  it.each(cases)('takes points for: %s', (_, change, score, name) => {
    const result = evaluate({ ...sound, ...change });
    expect(result.score).toBe(score);
    expect(result.deductions.map((deduction) => deduction.name)).toEqual([name]);
    expect(result.deductions[0]?.points).toBe(100 - score);
    expect(result.deductions[0]?.reason).toMatch(/\d/);
    expect(result.deductions[0]?.remedy).toContain('schemahub ');
  });

  it('takes nothing at the limits themselves', () => {
    expect(evaluate({ ...sound, badRows: 1000 }).score).toBe(100);
    expect(evaluate({ ...sound, products: [stale(360)] }).score).toBe(100);
    expect(evaluate({ ...sound, products: [{ ...stale(null), active: false }] }).score).toBe(100);
    expect(evaluate({ ...sound, products: [] }).score).toBe(100);
  });

  it('divides stale products by active ones only', () => {
    const closed = { ...stale(null), active: false };
    expect(evaluate({ ...sound, products: [fresh, fresh, stale(400), closed, closed] }).score).toBe(90);
  });

  it('uses --stale-minutes', () => {
    expect(evaluate({ ...sound, products: [stale(100)] }, { staleMinutes: 99 }).score).toBe(70);
    for (const staleMinutes of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => evaluate(sound, { staleMinutes })).toThrowError(/staleMinutes must be/);
    }
  });

  it('adds deductions up, stops at 0 and grades at 80 and 50', () => {
    const all = { duplicates: seen(1), missing: seen(1), dailyRecords: 0, badRows: 5000, products: [stale(null)] };
    expect(evaluate({ ...sound, ...all, wanted: 100 })).toMatchObject({ score: 0, grade: 'critical' });
    expect(evaluate({ ...sound, dailyRecords: 0 })).toMatchObject({ score: 80, grade: 'healthy' });
    expect(evaluate({ ...sound, wanted: 100, missing: seen(1) })).toMatchObject({ score: 70, grade: 'degraded' });
    const half = evaluate({ ...sound, wanted: 100, missing: seen(1), dailyRecords: 0 });
    expect(half).toMatchObject({ score: 50, grade: 'degraded' });
    const worse = evaluate({ ...sound, wanted: 100, missing: seen(1), dailyRecords: 0, badRows: 5000 });
    expect(worse).toMatchObject({ score: 40, grade: 'critical' });
  });

  it('judges an empty table: no daily records, no bad share', () => {
    const empty = { ...sound, totalRecords: 0, dailyRecords: 0, wanted: 0, void: 0, products: [] };
    expect(evaluate(empty).deductions.map((deduction) => deduction.name)).toEqual(['no_daily_records']);
  });

  it('keeps the score between 0 and 100, and equal to what the listed deductions leave', () => {
    fc.assert(
      fc.property(summaryArbitrary, (summary) => {
        const { score, grade, deductions } = evaluate(summary);
        expect(score).toBeGreaterThanOrEqual(0);
        expect(score).toBeLessThanOrEqual(100);
        expect(score).toBe(Math.max(0, 100 - deductions.reduce((sum, deduction) => sum + deduction.points, 0)));
        expect(grade).toBe(score < 50 ? 'critical' : score < 80 ? 'degraded' : 'healthy');
      }),
    );
  });

  it('never gives more points to worse numbers', () => {
    type Worsen = (summary: QualitySummary, more: number) => QualitySummary;
    const worsenings: Worsen[] = [
      (summary, more) => ({ ...summary, duplicates: seen(summary.duplicates.count + more) }),
      (summary, more) => {
        const count = Math.min(summary.missing.count + more, summary.wanted - summary.void);
        return { ...summary, missing: seen(count) };
      },
      (summary, more) => ({ ...summary, dailyRecords: Math.max(0, summary.dailyRecords - more) }),
      (summary, more) => ({ ...summary, badRows: Math.min(summary.totalRecords, summary.badRows + more) }),
      (summary, more) => ({ ...summary, quarantined: summary.quarantined + more }),
      (summary, more) => ({
        ...summary,
        products: summary.products.map((product) => ({
          ...product,
          ageMinutes: product.ageMinutes === null ? null : product.ageMinutes + more,
        })),
      }),
    ];
    fc.assert(
      fc.property(
        summaryArbitrary,
        fc.constantFrom(...worsenings),
        fc.integer({ min: 1, max: 100_000 }),
        (summary, worsen, more) => {
          expect(evaluate(worsen(summary, more)).score).toBeLessThanOrEqual(evaluate(summary).score);
        },
      ),
    );
  });

  it('takes each kind of points at most once and independently of the others', () => {
    fc.assert(
      fc.property(summaryArbitrary, fc.nat({ max: 1000 }), (summary, count) => {
        const names = (one: QualitySummary) => evaluate(one).deductions.map((deduction) => deduction.name);
        expect(new Set(names(summary)).size).toBe(names(summary).length);
        const others = (one: QualitySummary) => names(one).filter((name) => name !== 'duplicates');
        expect(others({ ...summary, duplicates: seen(count) })).toEqual(others(summary));
      }),
    );
  });
});

describe('findings', () => {
  const faults: [keyof QualitySummary, string][] = [
    ['duplicates', 'primary key unique'],
    ['missing', 'ids missing'],
    ['nulls', 'nulls'],
    ['badNumbers', 'price and quantity finite and > 0'],
    ['unknownSides', 'side known'],
    ['implausibleTimes', 'trade_ts plausible'],
    ['rowsAgainstPresent', 'rows = present'],
    ['filesAgainstCommit', 'files match the commit'],
  ];
  it.each(faults)('%s fails the check «%s» alone, with count, sample and fix', (field, check) => {
    const { findings } = evaluate({ ...sound, [field]: seen(2, 'a', 'b', 'c', 'd', 'e', 'f') });
    const failed = findings.filter((finding) => finding.ok !== true);
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatchObject({ check, ok: false, count: 2, sample: ['a', 'b', 'c', 'd', 'e'] });
    expect(failed[0]?.fix).toMatch(/schemahub/);
  });

  it('names the stale products, the worst first', () => {
    const { findings } = evaluate({ ...sound, products: [stale(400), stale(null), stale(9000), fresh] });
    const freshness = findings.find((finding) => finding.check === 'freshness');
    expect(freshness).toMatchObject({ ok: false, count: 3 });
    expect(freshness?.sample).toEqual([
      'COINBASE/ABT-USD (no trade, limit 360)',
      'COINBASE/ABT-USD (9000 minutes, limit 360)',
      'COINBASE/ABT-USD (400 minutes, limit 360)',
    ]);
  });

  it('fails the daily volume at 0 only', () => {
    const volume = (dailyRecords: number) =>
      evaluate({ ...sound, dailyRecords }).findings.find((finding) => finding.check === 'daily volume');
    expect(volume(0)).toMatchObject({ ok: false, count: 0 });
    expect(volume(1)).toMatchObject({ ok: true, count: 1 });
  });

  it('reports what nobody measured as neither passed nor failed', () => {
    const { findings } = evaluate({ ...sound, filesAgainstCommit: { notMeasured: 'run with --full-scan' } });
    expect(findings.find((finding) => finding.check === 'files match the commit')).toEqual({
      check: 'files match the commit',
      ok: null,
      count: 0,
      sample: [],
      fix: 'Not measured: run with --full-scan',
    });
  });
});

describe('input', () => {
  const fields = Object.keys(sound) as (keyof QualitySummary)[];
  it.each(fields)('refuses a summary whose %s is absent, null, NaN or text', (field) => {
    for (const value of [undefined, null, Number.NaN, 'many', {}]) {
      const broken = { ...sound, [field]: value } as unknown as QualitySummary;
      expect(() => evaluate(broken)).toThrowError(
        expect.objectContaining({ name: 'QualityError', code: 'invalid-summary' }),
      );
    }
  });

  it('refuses impossible counts', () => {
    const broken: Partial<QualitySummary>[] = [
      { totalRecords: -1 },
      { totalRecords: 1.5 },
      { totalRecords: Number.POSITIVE_INFINITY },
      { duplicates: seen(Number.NaN) },
      { duplicates: { count: 1, sample: [1] } as unknown as Measured },
      { missing: seen(1_000_001) },
      { dailyRecords: 1_000_001 },
      { badRows: 1_000_001 },
      { products: [{ ...fresh, ageMinutes: Number.NaN }] },
      { products: [{ ...fresh, active: undefined as unknown as boolean }] },
      { products: [{ ...fresh, symbol: '' }] },
      { filesAgainstCommit: { notMeasured: '' } },
    ];
    for (const change of broken) {
      expect(() => evaluate({ ...sound, ...change })).toThrowError(
        expect.objectContaining({ code: 'invalid-summary' }),
      );
    }
    expect(() => evaluate(undefined as unknown as QualitySummary)).toThrowError(/must be an object/);
  });

  it('says which number was wrong', () => {
    expect(() => evaluate({ ...sound, totalRecords: Number.NaN })).toThrowError(
      /totalRecords must be a whole number from 0 to 2\^53−1, got NaN/,
    );
  });
});

describe('lambdaBody', () => {
  it('is the documented shape', () => {
    const result = evaluate({ ...sound, duplicates: seen(3), wanted: 100, missing: seen(2), products: [stale(null)] });
    expect(JSON.parse(JSON.stringify(lambdaBody(result)))).toEqual({
      health_score: 0,
      total_records: 1_000_000,
      details: {
        duplicates: 3,
        missing: 2,
        void: 10,
        stale_products: 1,
        daily_records: 5000,
        deductions: result.deductions,
      },
    });
  });
});
