import type { ArchivePeriod, TradeArchive, TradeFacts } from '@schemahub/core';
import type { EvidenceRequest } from '@schemahub/lake';
import { archiveOf, leaveArchive, msOf, openArchiveFile } from './archived-pages.js';
import { type IngestContext, timeText } from './context.js';
import { retried } from './same-trades.js';

/** Months since the year 0. */
function monthNumber(name: string): number {
  return Number(name.slice(0, 4)) * 12 + Number(name.slice(5, 7)) - 1;
}

function monthAt(number: number): ArchivePeriod {
  return { kind: 'month', name: new Date(Date.UTC(Math.floor(number / 12), number % 12)).toISOString().slice(0, 7) };
}

/** The oldest month with a file, by bisection: from its listing on a product has one for every month. */
async function oldestMonth(
  context: IngestContext,
  archive: TradeArchive,
  product: string,
  newest: number,
): Promise<ArchivePeriod | undefined> {
  const exists = (month: number): Promise<boolean> =>
    retried(context, product, () =>
      archive.exists(product, monthAt(month), { signal: context.stop, priority: 'head' }),
    );
  if (!(await exists(newest))) return undefined;
  let absent = monthNumber(archive.firstMonth) - 1;
  let found = newest;
  while (found - absent > 1) {
    const middle = absent + Math.floor((found - absent) / 2);
    if (await exists(middle)) found = middle;
    else absent = middle;
  }
  return monthAt(found);
}

/**
 * The first trade of the oldest file, where it lies below the first that the API serves [a trimmed history]: about eight
 * small requests and one file. Undefined where there is none, or where the archive is out of reach.
 */
export async function archivedFloor(
  context: IngestContext,
  product: string,
  served: TradeFacts,
): Promise<{ readonly id: number; readonly requests: readonly EvidenceRequest[] } | undefined> {
  const archive = archiveOf(context);
  if (archive === undefined) return undefined;
  try {
    const servedMonth = monthNumber(timeText(msOf(served)));
    const month = await oldestMonth(context, archive, product, servedMonth);
    const file = month && (await openArchiveFile(context, archive, product, month));
    if (file === undefined) return undefined;
    try {
      const id = file.ids.first;
      if (id === undefined || id >= served.id) return undefined;
      const date = file.date === undefined ? null : timeText(file.date);
      return { id, requests: [{ request: archive.origin + file.request, ids: [id], date }] };
    } finally {
      await file.close();
    }
  } catch (error) {
    leaveArchive(context, product, error);
    return undefined;
  }
}
