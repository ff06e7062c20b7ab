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
  const spanMs = Math.max(1, stretch.untilMs - stretch.fromMs);
  const days = periods.reduce((sum, period) => sum + (period.kind === 'day' ? 1 : daysOf(period).length), 0);
  // The first and the last day are downloaded whole, whatever is wanted of them.
  const downloaded = Math.max(stretch.ids, (stretch.ids / spanMs) * days * DAY_MS);
  const archiveSeconds = periods.length * SECONDS_A_FILE + downloaded / ARCHIVE_TRADES_PER_SECOND;
  const apiSeconds = stretch.ids / pageTrades / pagesPerSecond;
  return archiveSeconds < apiSeconds ? periods : [];
}
