import type { Checkpoint, CheckpointChange } from '@schemahub/checkpoint';
import { RangeSet } from '@schemahub/coverage';
import { type Evidence, writeEvidence } from '@schemahub/lake';
import { type IngestContext, timeText } from './context.js';

/** What a run learned about a product, apart from the rows themselves. */
export type News = Pick<
  CheckpointChange,
  'symbol' | 'origin' | 'asked' | 'anchor' | 'head' | 'closed' | 'recheckAdded'
> &
  Pick<Evidence, 'floor' | 'void'>;

/** The part of the news that the checkpoint lacks, as evidence. */
function evidenceOf(checkpoint: Checkpoint, news: News): Partial<Evidence> {
  const asked = news.asked?.difference(checkpoint.asked);
  const isHigher = news.head !== undefined && news.head.id > (checkpoint.head?.id ?? -1);
  const isOther = news.closed !== undefined && news.closed?.status !== checkpoint.closed?.status;
  return {
    ...(news.symbol !== undefined && news.symbol !== checkpoint.symbol ? { symbol: news.symbol } : {}),
    ...(news.origin !== undefined && news.origin !== checkpoint.origin ? { origin: news.origin } : {}),
    ...(asked !== undefined && !asked.isEmpty ? { asked: asked.toString() } : {}),
    ...(news.anchor !== undefined && checkpoint.anchor === undefined ? { anchor: news.anchor } : {}),
    ...(news.head !== undefined && isHigher ? { head: { id: news.head.id, seen_at: news.head.seenAt } } : {}),
    ...(isOther ? { closed: news.closed && { status: news.closed.status, seen_at: news.closed.seenAt } } : {}),
    ...(news.floor === undefined ? {} : { floor: news.floor }),
    ...(news.void === undefined || news.void.length === 0 ? {} : { void: news.void }),
  } as Partial<Evidence>;
}

/**
 * Now, and later than the newest evidence known: of what the venue says anew each time (symbol, origin, floor, closed)
 * the last counts, and adoption reads from the newest known on. A clock may be behind that of an earlier run.
 */
function timeAfter(newest: string | undefined, now: number): string {
  return timeText(newest === undefined ? now : Math.max(now, Date.parse(newest) + 1));
}

/** Writes evidence of what is news, then merges it into the checkpoint. Nothing new writes nothing. */
export async function record(context: IngestContext, checkpoint: Checkpoint, news: News): Promise<Checkpoint> {
  const { connector, store, layout, clock, checkpoints } = context;
  const { exchange } = connector;
  const { productId } = checkpoint;
  const evidence = evidenceOf(checkpoint, news);
  const isNews = Object.keys(evidence).length > 0;
  const time = timeAfter(checkpoint.lastUpdated, clock.now());
  if (isNews) {
    await writeEvidence(store, layout, { version: 1, exchange, product_id: productId, time, ...evidence });
  }
  const { floor, void: runs, closed, ...rest } = news;
  return await checkpoints.update(exchange, productId, {
    ...rest,
    // A status that was recorded keeps the time it was first seen.
    closed: 'closed' in evidence ? closed : undefined,
    floor: floor?.id,
    void: runs && RangeSet.fromRanges(runs),
    lastUpdated: isNews ? time : undefined,
  });
}
