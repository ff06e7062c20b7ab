import type { Checkpoint } from '@schemahub/checkpoint';
import { parseTradeTime } from '@schemahub/connector-kit';
import type { ProbeAnswer } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import type { EvidenceRequest, VoidRun } from '@schemahub/lake';
import { type IngestContext, timeText } from './context.js';
import { withRetries } from './retry.js';

/** A maximal run of ids that are not held, between two held trades. */
export interface Hole {
  readonly first: number;
  readonly last: number;
}

/** Missing ids of a product, grouped by the held trades around them. */
export interface HolePlan {
  /** Between two held trades: two small requests settle each. */
  readonly holes: readonly Hole[];
  /** Ids to fetch first, so that an edge of what was asked gets a held neighbour. */
  readonly openAbove: readonly number[];
}

/**
 * Which holes a set of missing ids makes. A hole reaches from held trade to held trade, over ids that are void already
 * or were not asked for. `openAbove`: the greatest missing id of a hole without a held trade above it.
 */
export function planHoles(missing: RangeSet, fetched: RangeSet): HolePlan {
  const holes: Hole[] = [];
  const openAbove: number[] = [];
  for (const { first, last } of missing) {
    const upper = fetched.ceiling(last);
    if (upper === undefined) {
      openAbove.push(last);
      continue;
    }
    const lower = fetched.floor(first);
    const hole = { first: lower === undefined ? first : lower + 1, last: upper - 1 };
    if (holes.at(-1)?.last !== hole.last) holes.push(hole);
  }
  return { holes, openAbove };
}

/** What a first or second answer says about a hole. */
export type HoleAnswer =
  | { readonly kind: 'empty' }
  | { readonly kind: 'young' }
  | { readonly kind: 'rows'; readonly next: number }
  | { readonly kind: 'unclear' };

/**
 * Judges one answer to the two-row question on U = last + 1. Exactly {U, L} says that nothing is between. A row between
 * is to be fetched. Anything else proves nothing.
 */
export function judgeAnswer(answer: ProbeAnswer, hole: Hole, youngMs: number): HoleAnswer {
  const [upper, next, ...more] = answer.ids;
  if (upper !== hole.last + 1 || next === undefined || more.length > 0) return { kind: 'unclear' };
  if (next >= hole.first) return { kind: 'rows', next };
  if (next !== hole.first - 1) return { kind: 'rows', next };
  if (answer.date === undefined) return { kind: 'unclear' };
  const traded = parseTradeTime(answer.anchorTime).micros / 1000;
  return answer.date - traded < youngMs ? { kind: 'young' } : { kind: 'empty' };
}

export interface SettledHoles {
  readonly voids: readonly VoidRun[];
  /** Rows were seen inside, or at its lower edge: fetch these ids. */
  readonly rows: RangeSet;
  readonly unsettled: readonly { readonly hole: Hole; readonly reason: 'young' | 'unclear' }[];
}

interface Asked {
  readonly hole: Hole;
  readonly product: string;
  readonly answers: ProbeAnswer[];
}

function asEvidence(answer: ProbeAnswer, fresh: boolean): EvidenceRequest {
  return {
    request: answer.request,
    ids: answer.ids,
    date: answer.date === undefined ? null : timeText(answer.date),
    ...(fresh ? { fresh_connection: true } : {}),
  };
}

function voidRun({ hole, answers }: Asked): VoidRun {
  return {
    first: hole.first,
    last: hole.last,
    lower: hole.first - 1,
    upper: hole.last + 1,
    probes: answers.map((answer, i) => asEvidence(answer, i === 0)),
  };
}

/** Ids to fetch for a row seen at or below a hole. */
function rowsToFetch(hole: Hole, next: number): RangeSet {
  return next >= hole.first ? RangeSet.of(hole.first, hole.last) : RangeSet.of(next);
}

export interface ProductHoles {
  readonly product: string;
  readonly holes: readonly Hole[];
}

/**
 * Asks about all holes of a run together: once over fresh connections, then, ≥ 5 s later, once more where the first
 * answer was clean. Both clean: the run is void. The wait is paid once, however many holes there are.
 */
export async function probeHoles(
  context: IngestContext,
  products: readonly ProductHoles[],
): Promise<ReadonlyMap<string, SettledHoles>> {
  const { clock, settings, stop } = context;
  const asked: Asked[] = products.flatMap(({ product, holes }) =>
    holes.map((hole) => ({ hole, product, answers: [] })),
  );
  const results = new Map<
    string,
    { voids: VoidRun[]; rows: RangeSet; unsettled: { hole: Hole; reason: 'young' | 'unclear' }[] }
  >();
  for (const { product } of products) results.set(product, { voids: [], rows: RangeSet.empty, unsettled: [] });

  const ask = async (one: Asked, freshConnection: boolean): Promise<boolean> => {
    const { connector, random, onEvent } = context;
    const answer = await withRetries({ clock, random, product: one.product, onEvent, signal: stop }, () =>
      connector.probe(one.product, one.hole.last + 1, { freshConnection, priority: 'repair', signal: stop }),
    );
    one.answers.push(answer);
    const verdict = judgeAnswer(answer, one.hole, settings.youngMs);
    const result = results.get(one.product)!;
    if (verdict.kind === 'empty') return true;
    if (verdict.kind === 'rows') result.rows = result.rows.union(rowsToFetch(one.hole, verdict.next));
    else result.unsettled.push({ hole: one.hole, reason: verdict.kind });
    return false;
  };

  const first = await Promise.all(asked.map((one) => ask(one, true)));
  const clean = asked.filter((_, i) => first[i]);
  if (clean.length > 0) {
    await clock.sleep(settings.probeWaitMs, stop);
    const second = await Promise.all(clean.map((one) => ask(one, false)));
    for (const [i, one] of clean.entries()) if (second[i]) results.get(one.product)!.voids.push(voidRun(one));
  }
  return results;
}

/** Void runs whose youngest evidence is younger than `reprobeMs`: `repair` asks about them again. */
export function youngVoids(runs: readonly VoidRun[], fetched: RangeSet, now: number, reprobeMs: number): Hole[] {
  return runs
    .filter(({ probes }) => probes.some(({ date }) => date !== null && now - Date.parse(date) < reprobeMs))
    .filter(
      ({ first, last, lower, upper }) =>
        fetched.contains(lower) && fetched.contains(upper) && !fetched.intersects(first, last),
    )
    .map(({ first, last }) => ({ first, last }));
}

/** The account of a product's range, from its checkpoint. */
export function missingOf(checkpoint: Checkpoint, wanted: RangeSet): RangeSet {
  return wanted.difference(checkpoint.fetched).difference(checkpoint.void);
}
