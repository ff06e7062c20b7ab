import type { ArchivePeriod } from '@schemahub/core';

/** A stretch of missing trades, and when its ends happened. */
export interface MissingStretch {
  /** Ids in it, at most as many trades. */
  readonly ids: number;
  /** ms since 1970. */
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface PlanArchiveOptions {
  /** `auto`: where files are quicker than pages. */
  readonly mode: 'auto' | 'always';
  /** Trades of a page over the API, and pages a second. */
  readonly pageTrades: number;
  readonly pagesPerSecond: number;
  readonly nowMs: number;
}

const DAY_MS = 86_400_000;
/** A file and its checksum: two small waits, whatever they hold. */
const SECONDS_A_FILE = 1;
/** Trades a second of an archive file: an estimate for its download at 5 MB/s, unpacking and packing again. */
const ARCHIVE_TRADES_PER_SECOND = 100_000;
/** A month is one file up to here: more is fetched by days, so that a crash repeats little and scratch space stays small. */
const MONTH_TRADES = 4_000_000;

function dayName(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** The days and the months' days of periods, counted. */
function dayCount(periods: readonly ArchivePeriod[]): number {
  return periods.reduce((sum, period) => sum + (period.kind === 'day' ? 1 : daysOf(period).length), 0);
}

/** What files hold of a stretch, and how long they take: estimates from the stretch's own mean. */
export function estimateArchive(
  stretch: MissingStretch,
  periods: readonly ArchivePeriod[],
): { readonly trades: number; readonly seconds: number } {
  const { ids, fromMs, untilMs } = stretch;
  const spanMs = Math.max(1, untilMs - fromMs);
  // The first and the last day are downloaded whole, whatever is wanted of them.
  const downloaded = Math.max(ids, (ids / spanMs) * dayCount(periods) * DAY_MS);
  const seconds = periods.length * SECONDS_A_FILE + downloaded / ARCHIVE_TRADES_PER_SECOND;
  const last = periods.at(-1);
  if (last === undefined) return { trades: 0, seconds: 0 };
  const lastDay = last.kind === 'day' ? last.name : daysOf(last).at(-1)!.name;
  const covered = Math.min(untilMs, Date.parse(`${lastDay}T00:00:00Z`) + DAY_MS) - fromMs;
  return { trades: Math.round(ids * Math.min(1, Math.max(0, covered / spanMs))), seconds };
}

/** The days of a month, as periods. */
export function daysOf(month: ArchivePeriod): ArchivePeriod[] {
  const days: ArchivePeriod[] = [];
  for (let ms = Date.parse(`${month.name}-01T00:00:00Z`); dayName(ms).startsWith(month.name); ms += DAY_MS)
    days.push({ kind: 'day', name: dayName(ms) });
  return days;
}

/** Days that are over, whole months among them as one where they are small enough. */
function periodsOf({ fromMs, untilMs, ids }: MissingStretch, nowMs: number): ArchivePeriod[] {
  const first = Math.floor(fromMs / DAY_MS);
  const last = Math.min(Math.floor(untilMs / DAY_MS), Math.floor(nowMs / DAY_MS) - 1);
  const tradesPerDay = ids / Math.max(1, (untilMs - fromMs) / DAY_MS);
  const periods: ArchivePeriod[] = [];
  for (let day = first; day <= last; ) {
    const name = dayName(day * DAY_MS);
    const month: ArchivePeriod = { kind: 'month', name: name.slice(0, 7) };
    const { length } = daysOf(month);
    const isWhole = name.endsWith('-01') && day + length - 1 <= last;
    if (isWhole && tradesPerDay * length <= MONTH_TRADES) {
      periods.push(month);
      day += length;
    } else {
      periods.push({ kind: 'day', name });
      day += 1;
    }
  }
  return periods;
}

/**
 * The files to take for a stretch of missing trades, oldest first; none where pages over the API are quicker. Pure: the
 * estimate is the stretch's own mean, and a wrong one costs time only.
 */
export function planArchive(stretch: MissingStretch, options: PlanArchiveOptions): ArchivePeriod[] {
  const { mode, pageTrades, pagesPerSecond, nowMs } = options;
  const periods = periodsOf(stretch, nowMs);
  if (mode === 'always' || periods.length === 0) return periods;
  const { seconds: archiveSeconds } = estimateArchive(stretch, periods);
  const apiSeconds = stretch.ids / pageTrades / pagesPerSecond;
  return archiveSeconds < apiSeconds ? periods : [];
}
