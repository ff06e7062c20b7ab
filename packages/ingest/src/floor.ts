import { confirmFloor, type FloorEvidence, findProvisionalFloor } from '@schemahub/connector-kit';
import type { CallPriority, Head, TradePage } from '@schemahub/core';
import type { EvidenceRequest } from '@schemahub/lake';
import { archivedFloor } from './archived-floor.js';
import { archiveOf } from './archived-pages.js';
import { type IngestContext, timeText } from './context.js';
import { retried, tradeUpTo } from './same-trades.js';

/** The floor, when it is not known yet: at once as far as one look tells, confirmed while windows are fetched. */
export interface FloorSearch {
  readonly floor: number | undefined;
  /** The first window, which is kept as data. */
  readonly page: TradePage | undefined;
  /** The settled floor with its evidence; undefined when it could not be settled in this run. */
  readonly confirmed: Promise<{ readonly id: number; readonly requests: readonly EvidenceRequest[] } | undefined>;
}

function requestsOf(evidence: readonly FloorEvidence[]): EvidenceRequest[] {
  return evidence.map(({ request, ids, date }) => ({ request, ids, date: date === undefined ? null : timeText(date) }));
}

/** Finds the lowest id that the exchange serves, over its API or from its archive (SPEC §2). */
export async function searchFloor(
  context: IngestContext,
  productId: string,
  head: Head,
  options: { readonly priority: CallPriority; readonly onFirstEmpty: () => void },
): Promise<FloorSearch> {
  const { connector, clock, settings, onEvent, stop } = context;
  const { priority, onFirstEmpty } = options;
  const asked = { connector, product: productId, priority, signal: stop };
  const found = await retried(context, productId, () =>
    findProvisionalFloor({ ...asked, head: head.trade.id, onFirstEmpty }),
  );
  const { floor: served, page } = found;
  if (served === undefined) return { floor: served, page, confirmed: Promise.resolve(undefined) };
  const oldest = served > 0 && archiveOf(context) ? await tradeUpTo(context, productId, served, priority) : undefined;
  const archived = oldest && (await archivedFloor(context, productId, oldest));
  const confirm = async (): Promise<Awaited<FloorSearch['confirmed']>> => {
    const settled = await retried(context, productId, () =>
      confirmFloor({ ...asked, floor: served, clock, waitMs: settings.probeWaitMs }),
    );
    const id = Math.min(settled.floor, archived?.id ?? settled.floor);
    onEvent({ type: 'floor-found', product: productId, floor: id, confirmed: settled.confirmed });
    if (!settled.confirmed) return undefined;
    const requests = [...requestsOf([...found.evidence, ...settled.evidence]), ...(archived?.requests ?? [])];
    return { id, requests };
  };
  const confirmed = confirm();
  // Awaited after the windows; until then its failure is nobody's news.
  confirmed.catch(() => undefined);
  return { floor: archived?.id ?? served, page, confirmed };
}
