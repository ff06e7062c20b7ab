import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { daysOf, estimateArchive, type MissingStretch, planArchive } from './plan-archive.js';

const day = (text: string): number => Date.parse(`${text}T00:00:00Z`);
const api = { mode: 'auto', pageTrades: 1000, pagesPerSecond: 4, nowMs: day('2026-11-20') + 3_600_000 } as const;

function names(stretch: MissingStretch, options: Partial<Parameters<typeof planArchive>[1]> = {}): string[] {
  return planArchive(stretch, { ...api, ...options }).map(({ name }) => name);
}

describe('which files are taken', () => {
  it('a busy day: 1,500 pages take six minutes, one file half a minute', () => {
    const busy = { ids: 1_500_000, fromMs: day('2026-11-10') + 1000, untilMs: day('2026-11-10') + 86_000_000 };
    expect(names(busy)).toEqual(['2026-11-10']);
  });

  it('a quiet year: 200 pages take less than the files of twelve months and the rest', () => {
    const quiet = { ids: 20_000, fromMs: day('2025-01-15'), untilMs: day('2025-12-20') };
    expect(names(quiet)).toEqual([]);
    expect(names(quiet, { mode: 'always' })).toHaveLength(17 + 10 + 20);
  });

  it('whole months as one file where they are small, as days where they are not', () => {
    const small = { ids: 3_000_000, fromMs: day('2026-07-30'), untilMs: day('2026-10-02') };
    expect(names(small)).toEqual(['2026-07-30', '2026-07-31', '2026-08', '2026-09', '2026-10-01', '2026-10-02']);
    const large = { ...small, ids: 300_000_000 };
    expect(names(large)).toHaveLength(2 + 31 + 30 + 2);
  });

  it('no day that is not over', () => {
    const now = { ids: 5_000_000, fromMs: day('2026-11-18'), untilMs: api.nowMs };
    expect(names(now)).toEqual(['2026-11-18', '2026-11-19']);
    expect(names({ ...now, fromMs: day('2026-11-20') })).toEqual([]);
    expect(names({ ...now, fromMs: day('2026-11-20') }, { mode: 'always' })).toEqual([]);
  });

  it('a slower API makes files worth while sooner', () => {
    const stretch = { ids: 25_000, fromMs: day('2026-11-10'), untilMs: day('2026-11-17') };
    expect(names(stretch, { pagesPerSecond: 10 })).toEqual([]);
    expect(names(stretch, { pagesPerSecond: 1 })).toHaveLength(8);
  });

  it('covers each day of the stretch once, in order', () => {
    const moments = fc.integer({ min: day('2017-07-14'), max: api.nowMs });
    fc.assert(
      fc.property(moments, moments, fc.integer({ min: 1, max: 1e9 }), (a, b, ids) => {
        const stretch = { ids, fromMs: Math.min(a, b), untilMs: Math.max(a, b) };
        const periods = planArchive(stretch, { ...api, mode: 'always' });
        const days = periods.flatMap((period) => (period.kind === 'day' ? [period] : daysOf(period)));
        const expected: string[] = [];
        for (let ms = stretch.fromMs - (stretch.fromMs % 86_400_000); ms <= stretch.untilMs; ms += 86_400_000)
          if (ms + 86_400_000 <= api.nowMs) expected.push(new Date(ms).toISOString().slice(0, 10));
        expect(days.map(({ name }) => name)).toEqual(expected);
      }),
    );
  });
});

describe('estimateArchive', () => {
  const [fromMs, untilMs] = ['2025-03-01T00:00:00Z', '2025-03-05T00:00:00Z'].map((text) => Date.parse(text)) as [
    number,
    number,
  ];
  const stretch = { ids: 400_000, fromMs, untilMs };
  it('counts the part of the stretch up to the end of the last file, and a second a file', () => {
    const days = ['2025-03-01', '2025-03-02', '2025-03-03'].map((name) => ({ kind: 'day' as const, name }));
    expect(estimateArchive(stretch, days)).toEqual({ trades: 300_000, seconds: 3 + 4 });
    expect(estimateArchive(stretch, [])).toEqual({ trades: 0, seconds: 0 });
    // Downloaded whole, whatever is wanted of it: 31 days at 100,000 a day.
    const month = [{ kind: 'month' as const, name: '2025-03' }];
    expect(estimateArchive(stretch, month)).toEqual({ trades: 400_000, seconds: 1 + 31 });
  });
});
