import { areAnswersApart, parseTradeTime } from '@schemahub/connector-kit';
import { ExchangeError, type ProbeAnswer } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import type { EvidenceRequest, VoidRun } from '@schemahub/lake';
import { type IngestContext, requestsAtOnce, timeText } from './context.js';
import { pool } from './pool.js';
import { retried } from './same-trades.js';

/** A maximal run of ids that are not held, below a held trade. */
export interface Hole {
  readonly first: number;
  readonly last: number;
  /** Whether the trade below it is held: only then can it be settled. */
  readonly hasLower: boolean;
}

/** Missing ids of a product, grouped by the held trades around them. */
export interface HolePlan {
  readonly holes: readonly Hole[];
  /** The greatest missing id, when it first needs a held trade above it: at an edge of what was asked, or at the head. */
  readonly openAbove: number | undefined;
}

/**
 * Which holes a set of missing ids makes. A hole reaches from held trade to held trade, over ids that are void already
 * or were not asked for.
 */
export function planHoles(missing: RangeSet, fetched: RangeSet): HolePlan {
  const holes: Hole[] = [];
  let openAbove: number | undefined;
  for (const { first, last } of missing) {
    const upper = fetched.ceiling(last);
    if (upper === undefined) {
      openAbove = last;
      continue;
    }
    const lower = fetched.floor(first);
    if (holes.at(-1)?.last === upper - 1) continue;
    holes.push({ first: lower === undefined ? first : lower + 1, last: upper - 1, hasLower: lower !== undefined });
  }
  return { holes, openAbove };
}

/** What a first or second answer says about a hole. */
export type HoleAnswer =
  | { readonly kind: 'empty' }
  | { readonly kind: 'young' }
  /** Ids to fetch, because a row was seen among them. */
  | { readonly kind: 'rows'; readonly first: number; readonly last: number }
  | { readonly kind: 'unclear' };

/**
 * Judges one answer to the two-row question on U = last + 1. Exactly {U, L} says that nothing is between. A row between
 * is to be fetched with all that is around it; so is the row below a hole whose lower neighbour is not held. Anything
 * else proves nothing.
 */
export function judgeAnswer(answer: ProbeAnswer, hole: Hole, youngMs: number): HoleAnswer {
  const [upper, next, ...more] = answer.ids;
  if (upper === undefined || next === undefined || next >= upper || more.length > 0) return { kind: 'unclear' };
  // A venue that pages upwards answers from the lower neighbour on.
  const isFromBelow = hole.hasLower && next === hole.first - 1 && upper <= hole.last;
  if (isFromBelow) return { kind: 'rows', first: hole.first, last: hole.last };
  if (upper !== hole.last + 1) return { kind: 'unclear' };
  if (next >= hole.first) return { kind: 'rows', first: hole.first, last: hole.last };
  if (!hole.hasLower) return { kind: 'rows', first: next, last: next };
  if (next !== hole.first - 1 || answer.date === undefined) return { kind: 'unclear' };
  const tradedMs = parseTradeTime(answer.anchorTime).micros / 1000;
  return answer.date - tradedMs < youngMs ? { kind: 'young' } : { kind: 'empty' };
}

export interface SettledHoles {
  readonly voids: readonly VoidRun[];
  /** Rows were seen inside, or at a lower edge: fetch these ids. */
  readonly rows: RangeSet;
  readonly unsettled: readonly { readonly hole: Hole; readonly reason: 'young' | 'unclear' }[];
}

interface Asked {
  readonly hole: Hole;
  readonly product: string;
  readonly stop: AbortSignal;
  readonly answers: { readonly answer: ProbeAnswer; readonly fresh: boolean }[];
  verdict: HoleAnswer;
}

function voidRun({ hole: { first, last }, answers }: Asked): VoidRun {
  const probes = answers.map(
    ({ answer: { request, ids, date }, fresh }): EvidenceRequest => ({
      request,
      ids,
      date: date === undefined ? null : timeText(date),
      ...(fresh ? { fresh_connection: true } : {}),
    }),
  );
  return { first, last, lower: first - 1, upper: last + 1, probes };
}

/** Two clean answers attest nothing when the exchange's own clock says that they are one [a cache, a lagging replica]. */
function judgeBoth({ answers, verdict }: Asked): HoleAnswer {
  if (verdict.kind !== 'empty') return verdict;
  return areAnswersApart(answers[0]?.answer.date, answers[1]?.answer.date) ? verdict : { kind: 'unclear' };
}

export interface ProductHoles {
  readonly product: string;
  /** The product's own end: its questions are then left unclear. */
  readonly stop: AbortSignal;
  readonly holes: readonly Hole[];
}

/** Asks once about a hole. A question that fails all its tries proves nothing; what ends the run is thrown. */
async function ask(run: IngestContext, one: Asked, freshConnection: boolean): Promise<void> {
  const { stop } = one;
  const context = { ...run, stop };
  const { connector, settings } = context;
  try {
    const answer = await retried(context, one.product, () =>
      connector.probe(one.product, one.hole.last + 1, {
        freshConnection,
        lower: one.hole.hasLower ? one.hole.first - 1 : undefined,
        priority: 'repair',
        signal: stop,
      }),
    );
    one.answers.push({ answer, fresh: freshConnection });
    one.verdict = judgeAnswer(answer, one.hole, settings.youngMs);
  } catch (error) {
    const isOwnEnd = stop.aborted && !run.stop.aborted;
    if (!isOwnEnd && (!(error instanceof ExchangeError) || error.kind === 'forbidden')) throw error;
    one.verdict = { kind: 'unclear' };
  }
}

function summarize(asked: readonly Asked[]): SettledHoles {
  const voids: VoidRun[] = [];
  const unsettled: { hole: Hole; reason: 'young' | 'unclear' }[] = [];
  let rows = RangeSet.empty;
  for (const one of asked) {
    const { hole, verdict } = one;
    if (verdict.kind === 'rows') rows = rows.union(RangeSet.of(verdict.first, verdict.last));
    else if (verdict.kind === 'empty') voids.push(voidRun(one));
    else unsettled.push({ hole, reason: verdict.kind });
  }
  return { voids, rows, unsettled };
}

/**
 * Asks about all holes of a run together: once over fresh connections, then, ≥ 5 s later, once more where the first
 * answer was clean. Both clean, and 5 s apart by the exchange's clock as well: the run is void. The wait is paid once,
 * however many holes there are.
 */
export async function probeHoles(
  context: IngestContext,
  products: readonly ProductHoles[],
): Promise<ReadonlyMap<string, SettledHoles>> {
  const { clock, settings, stop } = context;
  const asked: Asked[] = products.flatMap(({ product, stop, holes }) =>
    holes.map((hole): Asked => ({ hole, product, stop, answers: [], verdict: { kind: 'unclear' } })),
  );
  await pool(asked, requestsAtOnce(context), (one) => ask(context, one, true));
  const clean = asked.filter(({ verdict }) => verdict.kind === 'empty');
  if (clean.length > 0) {
    await clock.sleep(settings.probeWaitMs, stop);
    await pool(clean, requestsAtOnce(context), async (one) => {
      await ask(context, one, false);
      one.verdict = judgeBoth(one);
    });
  }
  return new Map(
    products.map(({ product }) => [product, summarize(asked.filter((one) => one.product === product))] as const),
  );
}

/**
 * Trades beside a void run that are held no longer, because their object was condemned: without them the run proves
 * nothing. They may lie outside of what was asked for, so that nothing else would fetch them again.
 */
export function lostNeighbours(runs: readonly VoidRun[], fetched: RangeSet): RangeSet {
  const isWhole = ({ lower, upper }: VoidRun): boolean => fetched.contains(lower) && fetched.contains(upper);
  const settled = RangeSet.fromRanges(runs.filter(isWhole)).union(fetched);
  const open = runs.filter(({ first, last }) => !RangeSet.of(first, last).difference(settled).isEmpty);
  return RangeSet.fromIds(open.flatMap(({ lower, upper }) => [lower, upper])).difference(fetched);
}

/** Whether the answers of a void run prove it, as a certificate asks: see `judgeVoidRun` of @schemahub/audit. */
export function isVoidProven({ lower, upper, probes }: VoidRun): boolean {
  const [first, second, ...more] = probes;
  const isExact = ({ ids }: EvidenceRequest): boolean => ids.length === 2 && ids[0] === upper && ids[1] === lower;
  const msOf = ({ date }: EvidenceRequest): number => (date === null ? Number.NaN : Date.parse(date));
  if (first === undefined || second === undefined || more.length > 0 || first.fresh_connection !== true) return false;
  return isExact(first) && isExact(second) && areAnswersApart(msOf(first), msOf(second));
}

/** Ids of void runs that no evidence proves: `repair` asks about them whatever their age, and writes the answer down. */
export function unprovenVoids(runs: readonly VoidRun[]): RangeSet {
  return RangeSet.fromRanges(runs).difference(RangeSet.fromRanges(runs.filter(isVoidProven)));
}

/** Void runs whose evidence is younger than `reprobeMs`, or proves nothing: `repair` asks about them again. */
export function voidsToAskAgain(
  runs: readonly VoidRun[],
  fetched: RangeSet,
  now: number,
  reprobeMs: number,
): readonly Hole[] {
  const unproven = unprovenVoids(runs);
  const isYoung = ({ probes }: VoidRun): boolean =>
    probes.some(({ date }) => date !== null && now - Date.parse(date) < reprobeMs);
  const isStill = ({ first, last, lower, upper }: VoidRun): boolean =>
    fetched.contains(lower) && fetched.contains(upper) && !fetched.intersects(first, last);
  const holes = new Map<number, Hole>();
  for (const run of runs) {
    const isDue = isYoung(run) || unproven.intersects(run.first, run.last);
    if (isDue && isStill(run)) holes.set(run.first, { first: run.first, last: run.last, hasLower: true });
  }
  return [...holes.values()];
}
